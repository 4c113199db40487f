import { defined } from '../../lib/defined.ts';
import type { RunSnapshot, RunState } from '../model/types.ts';
import { closedBreaker } from '../rules/breaker.ts';
import { CheckpointError, decodeCheckpoint, isDone } from '../store/checkpoint.ts';
import { generationOf, machineLane, seqOf } from '../store/lanes.ts';
import { isWhole } from '../store/run-chain.ts';
import type { JournalChunk, RunRecord, RunStore } from '../store/run-store.ts';
import { applyChunk, rerunSinceGrowth, watchRows } from './reducer/counting.ts';
import { createLiveRun, type LiveRun, type RunDraft, type RunRules } from './reducer/live-run.ts';
import { takeSnapshot } from './reducer/run-views.ts';

/**
 * The run of a record as it is driven from now on: its checkpoint, with the outcomes that the journal has beyond it.
 * `fresh`: a person resumes it. After a trip without growth the images processed since the last growth are processed
 * again then (`rerunning`: how many).
 */
export async function readLiveRun(
  record: RunRecord,
  store: RunStore,
  rules: RunRules,
  now: number,
  fresh: boolean,
): Promise<{ readonly run: LiveRun; readonly rerunning: number }> {
  // What the machine recorded meanwhile is found by following it, so that every rule judges it.
  const read: RunDraft = await readRun(record, store, rules, now, { fresh, pages: 0 });
  if (fresh) startAnew(read);
  const { processed, noRows } = read.sinceGrowth;
  const isRerun = fresh && trippedWithoutGrowth(record.state);
  const run = isRerun ? rerunSinceGrowth(read) : read;
  return {
    run: run.canaryPassed ? run : await watchCanary(run, store),
    rerunning: isRerun ? processed + noRows : 0,
  };
}

/** A person resumed the run: no outcome from before trips it again, also none that came after its checkpoint. */
function startAnew(run: RunDraft): void {
  run.tripOnRecord = undefined;
  run.breaker = closedBreaker();
  run.failuresBeforeResume = { failed: run.totals.failed, withoutRows: run.totals.noRows };
}

/** The checkpoint of a run that is driven is seconds old. */
const PAGES_FOR_A_SNAPSHOT = 10;

const trippedWithoutGrowth = (state: RunState): boolean =>
  state.kind === 'tripped' && state.trippedBy.kind === 'no-growth';

async function readRun(
  record: RunRecord,
  store: RunStore,
  rules: RunRules,
  now: number,
  { fresh, pages }: { readonly fresh: boolean; readonly pages: number },
): Promise<LiveRun> {
  const { selection } = record.plan;
  const checkpoint = record.checkpoint === undefined ? undefined : decodeCheckpoint(record.checkpoint);
  let run = createLiveRun(
    defined({
      runId: record.runId,
      total: record.plan.total,
      startedBy: record.startedBy ?? record.plan.plannedBy,
      startedAt: record.startedAt ?? now,
      paceSetting: record.paceSetting,
      ceilingPerMinute: record.ceilingPerMinute,
      maxInFlight: record.maxInFlight,
      growthKind: record.entriesAtStart === 0 ? ('counted' as const) : ('probed' as const),
      entriesAtStart: record.entriesAtStart,
      // A run over the scope of its checklist is all that the checklist asks for.
      isPartial: isWhole(selection) || selection.scope !== undefined ? undefined : (true as const),
      keepsRecords: record.plan.keep ? (true as const) : undefined,
      canary: record.plan.canary,
      engine: record.plan.engine === 'step-functions' ? record.plan.engine : undefined,
    }),
    rules,
    now,
    checkpoint && { checkpoint, fresh },
  );
  if (run.remote) run.remote.mayBeOpen = record.executionFacts !== undefined;
  for await (const chunk of beyondCheckpoint(run, store, pages)) run = applyChunk(run, chunk, now);
  return run;
}

/** The part of the journal that the run has not counted. Of what a machine recorded, at most so many pages. */
async function* beyondCheckpoint(run: LiveRun, store: RunStore, pages: number): AsyncGenerator<JournalChunk> {
  const { terms, progress, journalSeq, remote } = run;
  if (!remote) return yield* store.journal(terms.runId, journalSeq);
  const lane = machineLane(generationOf(journalSeq));
  if (pages > 0) yield* store.lane(terms.runId, lane, seqOf(lane, progress.lowWater) - 1, pages);
  yield* store.lane(terms.runId, lane + 1, journalSeq);
}

/** Has the rows of the canary images looked up, where no other image was started. Takes the run over. */
async function watchCanary(run: LiveRun, store: RunStore): Promise<LiveRun> {
  const draft: RunDraft = run;
  for await (const { records } of store.journal(run.terms.runId, 0))
    for (const record of records) if (isDone(run.progress, record.index)) watchRows(draft, record);
  return draft;
}

/**
 * The snapshot of a run that this process does not drive. Where its checkpoint cannot be read, it has what the journal says: people can
 * see and stop such a run, and only driving it fails.
 */
export async function readSnapshot(
  record: RunRecord,
  store: RunStore,
  rules: RunRules,
  now: number,
): Promise<RunSnapshot> {
  const read = (from: RunRecord) => readRun(from, store, rules, now, { fresh: false, pages: PAGES_FOR_A_SNAPSHOT });
  const run = await read(record).catch((error: unknown) => {
    if (!(error instanceof CheckpointError)) throw error;
    const { checkpoint: _, ...rest } = record;
    return read(rest);
  });
  return { ...takeSnapshot(run, record.state, now), ...defined({ endedAt: record.endedAt }) };
}
