import { DeleteObjectsCommand } from '@aws-sdk/client-s3';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createAwsClients } from '../../../src/pipeline/aws.ts';
import { listImages } from '../../../src/pipeline/images.ts';
import { readSettings } from '../../../src/settings.ts';
import { type RunsRig, startRunsRig } from '../../support/rigs/runs-rig.ts';

let rig: RunsRig;
beforeEach(async () => {
  rig = await startRunsRig({ images: 60 });
});
afterEach(() => rig.close());

const PACE = { kind: 'fixed', perMinute: 600 } as const;
const SETTINGS = readSettings({
  SLACK_BOT_TOKEN: 'xoxb-1',
  SLACK_APP_TOKEN: 'xapp-1',
  SLACK_CHANNELS: 'C01',
});

/** Deletes the images of these positions in the listing. */
async function deleteImages(from: number, to: number): Promise<void> {
  const { s3 } = createAwsClients();
  const { imageBucket: bucket, imageExtensions: extensions, excludedPrefixes } = SETTINGS;
  const images = await Array.fromAsync(listImages(s3, { bucket, extensions, excludedPrefixes }));
  const Objects = images.slice(from, to + 1).map(({ key }) => ({ Key: key }));
  await s3.send(new DeleteObjectsCommand({ Bucket: bucket, Delete: { Objects } }));
}

describe('images that are deleted while the run is under way', () => {
  test.each([
    ['S3 answers NoSuchKey', true],
    ['S3 denies access, because the function may not list the bucket', false],
  ])('have the outcome gone, and the run completes: %s', async (_what, functionMayList) => {
    rig.aws.turn({ functionMayList });
    const bot = await rig.copy();
    await rig.start(bot, { pace: PACE });
    await rig.untilDone(bot, 5);
    await deleteImages(30, 44);
    const { snapshot } = await bot.listensTo('completed');
    expect(snapshot.totals).toMatchObject({ gone: 15, failed: 0, noRows: 0 });
    expect(snapshot.totals.processed + snapshot.totals.rejected).toBe(45);
    expect(bot.events.filter(({ kind }) => kind === 'tripped' || kind === 'paused')).toEqual([]);
  });
});

test('access that is denied to objects that exist pauses the run as a fault of the function’s role', async () => {
  const bot = await rig.copy();
  await rig.start(bot, { pace: PACE });
  await rig.untilDone(bot, 5);
  const message = 'An error occurred (AccessDenied) when calling the GetObject operation: Access Denied';
  rig.aws.turn({ failures: [{ kind: 'textract', message }] });
  const { snapshot } = await bot.listensTo('paused');
  expect(snapshot.state).toMatchObject({ because: { fault: { reason: 'function-denied' } } });
  expect(snapshot.totals.failed).toBe(0);
  expect(snapshot.totals.gone ?? 0).toBe(0);
});

test('a reply that is too large is a failure of its own type, and its rows are in the table', async () => {
  const bot = await rig.copy();
  rig.aws.turn({ failures: [{ kind: 'reply-too-large', rate: 0.1 }] });
  await rig.start(bot, { pace: PACE });
  const { snapshot } = await bot.listensTo('completed');
  expect(Object.keys(snapshot.totals.failedByType)).toEqual(['REPLY_TOO_LARGE']);
});

test('images that the function calls not valid are processed and counted as needing a review', async () => {
  const bot = await rig.copy();
  rig.aws.turn({ failures: [{ kind: 'needs-review' }] });
  await rig.start(bot, { pace: PACE });
  const { totals } = (await bot.listensTo('completed')).snapshot;
  expect(totals).toMatchObject({ needsReview: totals.processed, failed: 0 });
  expect(totals.processed + totals.rejected).toBe(60);
});

test('a proxy that answers a share of the requests with a page of HTML pauses nothing, and no image fails', async () => {
  const bot = await rig.copy();
  await rig.start(bot, { pace: PACE });
  await rig.untilDone(bot, 5);
  rig.aws.turn({ proxyErrors: 0.04 });
  const { totals } = (await bot.listensTo('completed')).snapshot;
  expect(totals.failed).toBe(0);
  const broken = bot.events.filter((event) => event.kind === 'connection-broken');
  expect(broken.every(({ message }) => message === 'AWS answered 503 (HTML from a proxy?)')).toBe(true);
});
