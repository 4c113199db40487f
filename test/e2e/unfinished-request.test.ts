import { setTimeout as sleep } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { startTestSandbox } from '../support/rigs/sandbox.ts';

const withinMs = 90_000;
/** A second notice would come within this time after a start. */
const NOTICE_MS = 25_000;

test('a person whose request the bot accepted and did not finish before it was killed gets one direct message', {
  timeout: 400_000,
}, async () => {
  const here = await startTestSandbox({ images: 12 });
  onTestFinished(() => here.close());
  const { people, world } = here;
  await people.command('operator', '/rescan status');
  await people.sees(/No rescan is running/, { withinMs });
  await world.set({ s3: { listingKeys: 1, listingMs: 10_000 } });
  await people.command('operator', '/rescan start keep');
  await people.bot('kill');
  await people.bot('start');
  const notice = await people.sees(/no longer responds/, { channel: 'D0OPERATOR', withinMs });
  expect(notice.text).toMatch(/`\/rescan start keep`\.\nThe request may have been carried out or not\./);

  // What it says to do works.
  await world.set({ s3: { listingMs: 0 } });
  await people.bot('stop');
  await people.bot('start');
  const started = Date.now();
  await people.command('operator', '/rescan start keep');
  await people.sees(/would invoke the function for/, { withinMs });
  await sleep(started + NOTICE_MS - Date.now());
  const notices = (await people.messages('D0OPERATOR')).filter(({ text }) => text.includes('no longer responds'));
  expect(notices).toHaveLength(1);
});
