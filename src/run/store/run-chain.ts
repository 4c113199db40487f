import type { ImageSelection } from '../model/types.ts';
import { type RunRecord, type RunStore, runNumberOf } from './run-store.ts';

/** A chain longer than this is a defect of the records. */
const MOST_RUNS = 1_000;
/** How many runs are read for what is known of images; a whole one is among the last few. */
const MOST_HISTORY = 50;

export type RunChain = readonly [RunRecord, ...RunRecord[]];

/** Whether a run takes every image of the bucket. */
export const isWhole = ({ prefix, limit, sample, retry }: ImageSelection): boolean =>
  prefix === undefined && limit === undefined && sample === undefined && retry === undefined;

/**
 * A run with every run about the same images that was started: the one that began it all, its retries, and theirs. Two retries of
 * one run may have been planned side by side, and neither tells of the other. The newest first, the beginning last.
 * Undefined where there is no such run.
 */
export async function readChain(
  store: Pick<RunStore, 'read' | 'newestFirst'>,
  runId: string,
): Promise<RunChain | undefined> {
  const asked = await store.read(runId);
  if (!asked) return;
  const seen = new Map([[asked.runId, asked]]);
  let root = asked;
  for (let of = asked.plan.selection.retry?.of; of !== undefined && !seen.has(of) && seen.size < MOST_RUNS; ) {
    const earlier = await store.read(of);
    if (!earlier) break;
    seen.set(earlier.runId, earlier);
    root = earlier;
    of = earlier.plan.selection.retry?.of;
  }
  const later: RunRecord[] = [];
  for await (const run of store.newestFirst()) {
    if (!isLaterRun(run.runId, root.runId) || later.length >= MOST_RUNS) break;
    later.unshift(run);
  }
  for (const run of later) {
    const { retry } = run.plan.selection;
    if (retry && seen.has(retry.of) && run.startedAt !== undefined) seen.set(run.runId, run);
  }
  seen.delete(root.runId);
  const [newest, ...rest] = [...[...seen.values()].sort(newerFirst), root];
  return [newest ?? root, ...rest];
}

/**
 * The runs that tell how images stand now, the newest first: back to the last one that took every image and came to its end.
 * What was before that is settled by it.
 */
export async function readHistory(store: Pick<RunStore, 'newestFirst'>): Promise<readonly RunRecord[]> {
  const runs: RunRecord[] = [];
  for await (const run of store.newestFirst()) {
    if (run.startedAt === undefined) continue;
    runs.push(run);
    if (runs.length >= MOST_HISTORY || (isWhole(run.plan.selection) && run.state.kind === 'completed')) break;
  }
  return runs.sort(newerFirst);
}

const newerFirst = (a: RunRecord, b: RunRecord): number =>
  (b.startedAt ?? b.plan.plannedAt) - (a.startedAt ?? a.plan.plannedAt) || (isLaterRun(a.runId, b.runId) ? -1 : 1);

/** Whether the one was planned after the other. */
export const isLaterRun = (one: string, other: string): boolean => (runNumberOf(one) ?? 0) > (runNumberOf(other) ?? 0);

/** The run that began a chain. */
export const rootOf = (chain: RunChain): RunRecord => chain.at(-1) ?? chain[0];
