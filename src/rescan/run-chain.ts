import type { RunRecord, RunStore } from './run-store.ts';

/** A run and the runs whose images it does again, the newest first: the last one is the run that began it all. */
export type RunChain = readonly [RunRecord, ...RunRecord[]];

/** A chain longer than this is a defect of the records. */
const MOST_RUNS = 1_000;

/** The chain of a run; undefined where there is no such run. */
export async function readChain(store: Pick<RunStore, 'read'>, runId: string): Promise<RunChain | undefined> {
  const first = await store.read(runId);
  if (!first) return;
  const chain: [RunRecord, ...RunRecord[]] = [first];
  const seen = new Set([first.runId]);
  for (let retry = first.plan.selection.retry; retry && !seen.has(retry.of) && seen.size < MOST_RUNS; ) {
    const earlier = await store.read(retry.of);
    if (!earlier) break;
    chain.push(earlier);
    seen.add(earlier.runId);
    retry = earlier.plan.selection.retry;
  }
  return chain;
}

/** The run that began a chain. */
export const rootOf = (chain: RunChain): RunRecord => chain.at(-1) ?? chain[0];
