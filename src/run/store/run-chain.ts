import type { ImageSelection } from '../model/types.ts';
import { type JournalChunk, type RunRecord, type RunStore, runNumberOf } from './run-store.ts';

/** Longer chains are cut: the records must be wrong. */
const MAX_CHAIN = 1_000;
/** Runs that `readHistory` reads at the most. A run over all images is usually among the last few. */
const MAX_HISTORY = 50;

export type RunChain = readonly [RunRecord, ...RunRecord[]];

/** Whether a run takes every image of the bucket. */
export const isWhole = ({ prefix, limit, sample, retry, scope }: ImageSelection): boolean =>
  [prefix, limit, sample, retry, scope].every((filter) => filter === undefined);

/**
 * A run and every started run about the same images: the first run, its retries, and their retries. Two retries of one
 * run may have been planned side by side; neither names the other. The newest first, the first run last. Undefined if
 * there is no such run.
 */
export async function readChain(
  store: Pick<RunStore, 'read' | 'newestFirst'>,
  runId: string,
): Promise<RunChain | undefined> {
  const asked = await store.read(runId);
  if (!asked) return;
  const found = new Map([[asked.runId, asked]]);
  let root = asked;
  for (let of = asked.plan.selection.retry?.of; of !== undefined && !found.has(of) && found.size < MAX_CHAIN; ) {
    const earlier = await store.read(of);
    if (!earlier) break;
    found.set(earlier.runId, earlier);
    root = earlier;
    of = earlier.plan.selection.retry?.of;
  }
  const later: RunRecord[] = [];
  for await (const run of store.newestFirst()) {
    if (!isLaterRun(run.runId, root.runId) || later.length >= MAX_CHAIN) break;
    later.unshift(run);
  }
  for (const run of later) {
    const { retry } = run.plan.selection;
    if (retry && found.has(retry.of) && run.startedAt !== undefined) found.set(run.runId, run);
  }
  found.delete(root.runId);
  const [newest, ...rest] = [...[...found.values()].sort(newerFirst), root];
  return [newest ?? root, ...rest];
}

/**
 * The runs that determine the present outcome of each image, the newest first: back to the last completed run over all
 * images, which replaces everything before it.
 */
export async function readHistory(store: Pick<RunStore, 'newestFirst'>): Promise<readonly RunRecord[]> {
  const runs: RunRecord[] = [];
  for await (const run of store.newestFirst()) {
    if (run.startedAt === undefined) continue;
    runs.push(run);
    if (runs.length >= MAX_HISTORY || (isWhole(run.plan.selection) && run.state.kind === 'completed')) break;
  }
  return runs.sort(newerFirst);
}

/** When the last run over all images ended, epoch ms: nothing was rewritten as a whole since. Undefined if there was none. */
export async function lastWholeRunEndedAt(store: Pick<RunStore, 'newestFirst'>): Promise<number | undefined> {
  const whole = (await readHistory(store)).find(({ plan }) => isWhole(plan.selection));
  return whole?.endedAt ?? whole?.startedAt;
}

/**
 * The outcomes of these runs, the oldest first, so that the newest outcome of an image comes last; undefined where no run was started.
 */
export async function readKnownOutcomes(
  store: Pick<RunStore, 'newestFirst' | 'journal'>,
): Promise<AsyncIterable<JournalChunk> | undefined> {
  const runs = await readHistory(store);
  if (runs.length === 0) return;
  return (async function* () {
    for (const { runId } of runs.toReversed()) yield* store.journal(runId, 0);
  })();
}

const newerFirst = (a: RunRecord, b: RunRecord): number =>
  (b.startedAt ?? b.plan.plannedAt) - (a.startedAt ?? a.plan.plannedAt) || (isLaterRun(a.runId, b.runId) ? -1 : 1);

/** Whether `one` was planned after `other`. */
export const isLaterRun = (one: string, other: string): boolean => (runNumberOf(one) ?? 0) > (runNumberOf(other) ?? 0);

/** The first run of a chain. */
export const rootOf = (chain: RunChain): RunRecord => chain.at(-1) ?? chain[0];
