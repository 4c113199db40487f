import { CopyObjectCommand, DeleteObjectsCommand } from '@aws-sdk/client-s3';
import { afterEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../../../src/lib/clock.ts';
import { createAwsClients } from '../../../../src/pipeline/aws.ts';
import { listImages } from '../../../../src/pipeline/images.ts';
import { TIMESHEETS } from '../../../../src/pipeline/profile/timesheets.ts';
import type { EngineKind } from '../../../../src/run/model/types.ts';
import { createManifestStore } from '../../../../src/run/plan/manifest-store.ts';
import { lastOutcomes } from '../../../../src/run/store/last-outcomes.ts';
import { createRunStore, type RunStore } from '../../../../src/run/store/run-store.ts';
import { readSettings } from '../../../../src/settings.ts';
import { openControlTable } from '../../../../src/state/table/control-table.ts';
import { type Copy, LOCATION, type RunsRig, startRunsRig, value } from '../../../support/rigs/runs-rig.ts';

const ENGINES = ['local', 'step-functions'] as const;
const FAST = { kind: 'fixed', perMinute: 3_000 } as const;
const SETTINGS = readSettings({ SLACK_BOT_TOKEN: 'xoxb-1', SLACK_APP_TOKEN: 'xapp-1', SLACK_CHANNELS: 'C01' });
const { imageBucket: bucket, imageExtensions: extensions, excludedPrefixes } = SETTINGS;

let rig: RunsRig;
afterEach(() => rig.close());

async function openStore(): Promise<RunStore> {
  const { dynamodb } = createAwsClients();
  const table = await openControlTable({ dynamodb, tableName: SETTINGS.controlTable, clock: systemClock });
  return createRunStore(table, SETTINGS.ocrFunction, TIMESHEETS.reply);
}
const images = () => Array.fromAsync(listImages(createAwsClients().s3, { bucket, extensions, excludedPrefixes }));

/** The outcome of each image of a run, as everything after the run reads it. */
async function outcomesOf(runId: string, total: number): Promise<Record<string, unknown>> {
  const store = await openStore();
  const records = await Array.fromAsync(lastOutcomes(() => store.journal(runId, 0), total));
  return Object.fromEntries(records.map(({ key, outcome }) => [key, outcome]));
}

describe.each(ENGINES)('the engine %s', (engine) => {
  test('processes every image once, from plan to completed', async () => {
    rig = await startRunsRig({ images: 60, engine });
    const bot = await rig.copy();
    const plan = value(await bot.runs.plan({ selection: {}, paceSetting: FAST, by: 'U1', location: LOCATION }));
    expect(plan.engine).toBe(engine === 'local' ? undefined : engine);
    value(await bot.runs.start(plan.runId, 'U2', { location: LOCATION }));
    const end = await bot.listensTo('completed');
    const totals = { processed: 58, rejected: 2, failed: 0, calls: 60 };
    expect(end.snapshot).toMatchObject({ state: { kind: 'completed' }, totals, startedBy: 'U2' });
    expect(end.snapshot.growth.entries).toBeGreaterThan(150);
    expect((await rig.invocations()).counts).toEqual(Array(60).fill(1));
  });

  test('retries throttled images, and counts the throttles', async () => {
    rig = await startRunsRig({ images: 40, engine });
    rig.aws.turn({ latencyMs: 5, failures: [{ kind: 'throttling-in-500', rate: 0.2 }] });
    const bot = await rig.copy();
    await rig.start(bot);
    const { totals } = (await bot.listensTo('completed')).snapshot;
    expect(totals).toMatchObject({ failed: 0, calls: 40 + totals.throttles });
    expect(totals.throttles).toBeGreaterThan(0);
    expect((await rig.invocations()).total).toBe(totals.calls);
  });

  test('gives an image that was deleted meanwhile the outcome gone', async () => {
    rig = await startRunsRig({ images: 40, engine });
    const bot = await rig.copy();
    const plan = value(await bot.runs.plan({ selection: {}, paceSetting: FAST, by: 'U1', location: LOCATION }));
    const Objects = (await images()).slice(30, 35).map(({ key }) => ({ Key: key }));
    await createAwsClients().s3.send(new DeleteObjectsCommand({ Bucket: bucket, Delete: { Objects } }));
    value(await bot.runs.start(plan.runId, 'U1', { location: LOCATION }));
    const { totals } = (await bot.listensTo('completed')).snapshot;
    expect(totals).toMatchObject({ gone: 5, failed: 0, noRows: 0 });
  });

  test('retries the failed images of a run, and no others', async () => {
    rig = await startRunsRig({ images: 40, engine });
    const [first, second, third] = await images();
    const broken = [first, second, third].flatMap((image) => image?.key ?? []);
    rig.aws.turn({ failures: broken.map((match) => ({ kind: 'textract', match })) });
    const bot = await rig.copy();
    const runId = await rig.start(bot);
    expect((await bot.listensTo('completed')).snapshot.totals).toMatchObject({ failed: 3 });
    rig.aws.turn({ failures: [] });
    bot.events.length = 0;
    const retry = value(
      await bot.runs.plan({
        selection: { retry: { of: runId, what: 'every failed image', attempt: 2 } },
        images: (async function* () {
          for (const key of broken) yield { key, size: 1 };
        })(),
        paceSetting: FAST,
        by: 'U1',
        location: LOCATION,
      }),
    );
    value(await bot.runs.start(retry.runId, 'U1', { location: LOCATION }));
    const end = await bot.listensTo('completed');
    expect(end.snapshot).toMatchObject({ runId: retry.runId, totals: { processed: 3, failed: 0 } });
    expect((await rig.invocations()).total).toBe(43);
  });

  test('never processes two images of one person and week at the same time', async () => {
    rig = await startRunsRig({ images: 20, engine });
    const { s3 } = createAwsClients();
    for (const { key } of (await images()).slice(0, 6)) {
      const CopySource = `${bucket}/${encodeURIComponent(key)}`;
      await s3.send(new CopyObjectCommand({ Bucket: bucket, CopySource, Key: `again/${key}` }));
    }
    const bot = await rig.copy();
    await rig.start(bot);
    await bot.listensTo('completed');
    bot.events.length = 0;
    rig.aws.turn({ latencyMs: 60 });
    const runId = await rig.start(bot);
    await bot.listensTo('completed');
    const manifests = createManifestStore(s3, { bucket: SETTINGS.controlBucket, prefix: SETTINGS.controlPrefix });
    const groups = Map.groupBy(await Array.fromAsync(manifests.read(runId, 0)), ({ group }) => group);
    const pairs = [...groups].filter(([group]) => group !== undefined).map(([, members]) => members);
    expect(pairs.length).toBeGreaterThanOrEqual(5);
    const records = await Array.fromAsync((await openStore()).journal(runId, 0));
    const byKey = new Map(records.flatMap((chunk) => chunk.records.map((record) => [record.key, record])));
    for (const members of pairs) {
      const spans = members.flatMap(({ key }) => byKey.get(key) ?? []).sort((a, b) => a.startedAt - b.startedAt);
      for (const [at, span] of spans.entries()) {
        const before = spans[at - 1];
        if (before) expect(span.startedAt).toBeGreaterThanOrEqual(before.startedAt + before.durationMs);
      }
    }
  });
});

test('both engines have the same outcomes and totals for the same images and failures', async () => {
  const results: unknown[] = [];
  for (const engine of ENGINES) {
    const result = await resultOf(engine);
    results.push(result);
    if (engine === 'local') await rig.close();
  }
  expect(results[1]).toEqual(results[0]);
});

async function resultOf(engine: EngineKind): Promise<unknown> {
  rig = await startRunsRig({ images: 80, engine });
  const keys = (await images()).map(({ key }) => key);
  const match = (at: number) => keys[at] ?? '';
  rig.aws.turn({
    failures: [
      ...[3, 17, 40].map((at) => ({ kind: 'textract', match: match(at) })),
      { kind: 'timeout', match: match(25) },
      { kind: 'out-of-memory', match: match(55) },
      { kind: 'parsing', match: match(60) },
      { kind: 'needs-review', match: match(70) },
    ],
  });
  const bot: Copy = await rig.copy();
  const runId = await rig.start(bot);
  const { totals, topFailure } = (await bot.listensTo('completed')).snapshot;
  const { invokeMs: _, ...counted } = totals;
  const text = JSON.stringify({ counted, topFailure, outcomes: await outcomesOf(runId, 80) });
  // Request ids and times differ.
  return JSON.parse(text.replaceAll(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|20\d\d-\d\d-\d\dT[\d:.]+Z/g, '…'));
}
