import { describe, expect, test } from 'vitest';
import type { ImageSelection, RunState } from '../../../src/run/model/types.ts';
import { readChain, readHistory } from '../../../src/run/store/run-chain.ts';
import type { RunRecord } from '../../../src/run/store/run-store.ts';
import { runPlan } from '../../support/memory/scripted-run-control.ts';

function run(
  number: number,
  selection: ImageSelection = {},
  changes: { startedAt?: number; state?: RunState } = {},
): RunRecord {
  const runId = `r-${String(number).padStart(4, '0')}`;
  const { startedAt = number * 1_000, state = { kind: 'completed' } } = changes;
  return {
    runId,
    state,
    plan: { ...runPlan({ runId, selection }), paceBecause: [], forecastRestsOn: [] },
    maxInFlight: 1,
    ceilingPerMinute: 60,
    paceSetting: { kind: 'auto' },
    fence: 1,
    ...(startedAt > 0 ? { startedAt } : {}),
  };
}
const retryOf = (of: string): ImageSelection => ({ retry: { of, what: 'cause', attempt: 2 } });
const storeOf = (...runs: readonly RunRecord[]) => ({
  read: async (runId: string) => runs.find((candidate) => candidate.runId === runId),
  async *newestFirst() {
    yield* runs.toSorted((a, b) => (a.runId < b.runId ? 1 : -1));
  },
});
const ids = (found: readonly RunRecord[] | undefined) => found?.map(({ runId }) => runId);

describe('runs about the same images', () => {
  test('a chain has the first run and all its retries, also those that were planned side by side', async () => {
    const store = storeOf(
      run(1),
      run(2, retryOf('r-0001')),
      run(3, retryOf('r-0001')),
      run(4, retryOf('r-0002')),
      run(5),
    );
    for (const asked of ['r-0001', 'r-0003', 'r-0004'])
      expect(ids(await readChain(store, asked))).toEqual(['r-0004', 'r-0003', 'r-0002', 'r-0001']);
    expect(ids(await readChain(store, 'r-0005'))).toEqual(['r-0005']);
  });

  test('a chain is ordered by start time, and plans that were not started are not in it', async () => {
    const early = run(2, retryOf('r-0001'), { startedAt: 9_000 });
    const never = run(4, retryOf('r-0001'), { startedAt: 0, state: { kind: 'planned' } });
    expect(ids(await readChain(storeOf(run(1), early, run(3, retryOf('r-0001')), never), 'r-0001'))).toEqual([
      'r-0002',
      'r-0003',
      'r-0001',
    ]);
  });

  test('a chain ends at a missing record, and at a circle of records', async () => {
    expect(ids(await readChain(storeOf(run(3, retryOf('r-0002'))), 'r-0003'))).toEqual(['r-0003']);
    expect(ids(await readChain(storeOf(run(3, retryOf('the table'))), 'r-0003'))).toEqual(['r-0003']);
    const circle = storeOf(run(1, retryOf('r-0002')), run(2, retryOf('r-0001')));
    expect(ids(await readChain(circle, 'r-0001'))?.toSorted()).toEqual(['r-0001', 'r-0002']);
    expect(await readChain(storeOf(), 'r-0001')).toBeUndefined();
  });
});

describe('the history of runs', () => {
  test('the history goes back to the last completed run over all images', async () => {
    const stopped: RunState = { kind: 'abandoned', by: 'U1' };
    const store = storeOf(
      run(1),
      run(2),
      run(3, retryOf('r-0002')),
      run(4, {}, { state: stopped }),
      run(5, { sample: 3 }),
      run(6, {}, { startedAt: 0 }),
    );
    expect(ids(await readHistory(store))).toEqual(['r-0005', 'r-0004', 'r-0003', 'r-0002']);
    expect(await readHistory(storeOf())).toEqual([]);
  });
});
