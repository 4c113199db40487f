import { expect, test } from 'vitest';
import { createLiveRun } from '../../../src/run/engines/reducer/live-run.ts';
import { takeCheckpoint } from '../../../src/run/engines/reducer/run-views.ts';
import { readLatestExperience } from '../../../src/run/plan/past-runs.ts';
import { noTotals } from '../../../src/run/rules/totals.ts';
import { encodeCheckpoint } from '../../../src/run/store/checkpoint.ts';
import type { RunRecord } from '../../../src/run/store/run-store.ts';
import { startRig } from '../../support/rigs/engine-rig.ts';

const { run: rigRun, clock } = startRig();
const record = (runId: string, totals: Partial<typeof noTotals>): RunRecord => {
  const run = { ...createLiveRun(rigRun.terms, rigRun.rules, clock.now()), totals: { ...noTotals, ...totals } };
  return {
    runId,
    state: { kind: 'completed' },
    plan: {
      runId,
      selection: {},
      total: 60,
      totalBytes: 1,
      leftOut: 0,
      paceSetting: { kind: 'auto' },
      ceilingPerMinute: 160,
      paceBecause: [],
      expectedPerMinute: 60,
      expectedMs: 1,
      forecastRestsOn: [],
      plannedBy: 'U1',
      plannedAt: 1,
    },
    startedAt: 1,
    maxInFlight: 1,
    ceilingPerMinute: 160,
    paceSetting: { kind: 'auto' },
    fence: 1,
    checkpoint: encodeCheckpoint(takeCheckpoint(run, clock.now())),
  };
};
const storeOf = (...records: RunRecord[]) => ({
  async *newestFirst() {
    yield* records;
  },
});

test('A forecast uses the last run with enough images, also when a retry of a few images came after it', async () => {
  const whole = record('r-0001', { processed: 50, noRows: 5, failed: 5, costUsd: 3, invokeMs: 120_000 });
  const retry = record('r-0002', { processed: 4, costUsd: 0.2, invokeMs: 4_000 });
  expect(await readLatestExperience(storeOf(retry, whole))).toEqual({
    runId: 'r-0001',
    images: 60,
    failedShare: 10 / 60,
    secondsPerImage: 2,
    cost: { runId: 'r-0001', perImageUsd: 0.05 },
  });
});

test('Without a run that has enough images there is no experience', async () => {
  expect(await readLatestExperience(storeOf(record('r-0001', { processed: 9 })))).toBeUndefined();
  expect(await readLatestExperience(storeOf())).toBeUndefined();
});

test('A run that reported no cost does not hide what an earlier one reported', async () => {
  const earlier = record('r-0001', { processed: 20, costUsd: 1, invokeMs: 20_000 });
  const silent = record('r-0002', { failed: 40, invokeMs: 80_000 });
  expect(await readLatestExperience(storeOf(silent, earlier))).toMatchObject({
    runId: 'r-0002',
    secondsPerImage: 2,
    cost: { runId: 'r-0001', perImageUsd: 0.05 },
  });
  expect(await readLatestExperience(storeOf(silent))).not.toHaveProperty('cost');
});
