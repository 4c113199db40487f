import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { systemClock } from '../../../src/lib/clock.ts';
import { TIMESHEETS } from '../../../src/pipeline/profile/timesheets.ts';
import { drive } from '../../../src/run/engines/local/engine.ts';
import { createLiveRun, type RunRules } from '../../../src/run/engines/reducer/live-run.ts';
import type { OutcomeRecord } from '../../../src/run/model/types.ts';
import { createRunStore, type RunStore } from '../../../src/run/store/run-store.ts';
import { openControlTable } from '../../../src/state/table/control-table.ts';
import { type LocalDynamo, startDynalite, testCredentials } from '../../support/aws/dynalite.ts';
import { startFaultProxy } from '../../support/aws/fault-proxy.ts';

let dynamo: LocalDynamo;
let end = async () => {};
/** Number of replies of the control table that will be lost. */
let losing = 0;
/** Called after a request was executed and before its reply is lost. */
let onLoss = () => {};
let store: RunStore;

beforeEach(async () => {
  losing = 0;
  onLoss = () => {};
  dynamo = await startDynalite();
  const proxy = await startFaultProxy(dynamo.url, {
    isLost({ operation }) {
      if (operation !== 'PutItem' || losing === 0) return false;
      losing -= 1;
      onLoss();
      return true;
    },
  });
  // One attempt, so that each lost reply looks like a failed write.
  const client = new DynamoDBClient({
    endpoint: proxy.url,
    region: 'us-east-1',
    credentials: testCredentials,
    maxAttempts: 1,
  });
  end = async () => {
    client.destroy();
    await proxy.stop();
    await dynamo.stop();
  };
  store = createRunStore(
    await openControlTable({ dynamodb: client, tableName: 'control', clock: systemClock }),
    'fn',
    TIMESHEETS.reply,
  );
});
afterEach(() => end());

const rules: RunRules = {
  breaker: { consecutive: 10, window: 20, percent: 50 },
  growth: { checkImages: 1_000, warnMs: 3_600_000, tripMs: 7_200_000 },
  warnings: { imagesPerMinute: 0, failurePercent: 100, throttlePercent: 100, withoutGrowthMs: 3_600_000 },
  throttleLimit: 8,
  checkpointOutcomes: 1_000,
  checkpointMs: 3_600_000,
  rowsWaitMs: 10_000,
  shutdownDrainMs: 0,
};

/** Drives a run of `images` images with the real journal. A reply waits for `onInvoked`. */
function driveRun(images: number, onInvoked: (index: number) => Promise<void>) {
  const terms = {
    runId: 'r-0001',
    total: images,
    startedBy: 'U1',
    startedAt: systemClock.now(),
    paceSetting: { kind: 'fixed', perMinute: 1_000_000 },
    ceilingPerMinute: 1_000_000,
    maxInFlight: 10,
    growthKind: 'probed',
  } as const;
  return drive(createLiveRun(terms, rules, systemClock.now()), {
    clock: systemClock,
    random: () => 0.5,
    async *manifest(from) {
      for (let index = from; index < images; index++) yield { index, key: String(index), size: 1 };
    },
    async invoke(key) {
      await onInvoked(Number(key));
      return { result: { kind: 'outcome', outcome: { kind: 'processed' } } };
    },
    append: (chunk) => store.append('r-0001', { ...chunk, writer: 'me' }),
    saveCheckpoint: async () => {},
    checkGrowth: async () => ({ kind: 'nothing' }),
    lookUpRows: async () => [],
    async *missingRows() {},
    saveHalt: async () => {},
    holdsLease: () => true,
    readFault: (error) => ({ reason: 'control-table', message: String(error), fix: 'look' }),
    emit: () => {},
    warn: () => {},
  });
}

const outcome = (index: number): OutcomeRecord => ({
  index,
  key: `image ${index}.png`,
  outcome: { kind: 'processed', entriesStored: 3 },
  startedAt: 1,
  durationMs: 2,
  throttles: 0,
});

async function onRecord(): Promise<number[]> {
  const found: number[] = [];
  for await (const chunk of store.journal('r-0001', 0)) found.push(...chunk.records.map(({ index }) => index));
  return found;
}

test('outcomes that arrive while an append only seems to fail are on record before they count', async () => {
  losing = 1;
  const lost = new Promise<void>((resolve) => {
    onLoss = resolve;
  });
  const driving = driveRun(3, async (index) => {
    if (index > 0) await lost;
  });
  const end = await driving.ended;
  expect(end).toEqual({ halt: { kind: 'completed' }, leftInFlight: 0 });
  expect(losing).toBe(0);
  expect(driving.run().totals.processed).toBe(3);
  expect((await onRecord()).toSorted()).toEqual([0, 1, 2]);
});

test('a chunk that another process wrote under the next number counts, and the own outcome follows', async () => {
  await store.append('r-0001', { seq: 1, writer: 'before me', startedThrough: 0, records: [outcome(1)] });
  const driving = driveRun(2, async (index) => {
    if (index === 1) await new Promise(() => {});
  });
  while ((await onRecord()).length < 2) await systemClock.sleep(5);
  driving.halt({ kind: 'stop', by: { kind: 'control-table' }, now: true });
  expect((await driving.ended).leftInFlight).toBe(1);
  expect(driving.run().totals.processed).toBe(2);
  expect(await onRecord()).toEqual([1, 0]);
});
