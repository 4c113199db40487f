import { defined } from '../../../lib/defined.ts';
import type { RunSnapshot, RunState } from '../../model/types.ts';
import { decodeCheckpoint, isDone } from '../../store/checkpoint.ts';
import { isWhole } from '../../store/run-chain.ts';
import type { RunRecord, RunStore } from '../../store/run-store.ts';
import {
  applyChunk,
  createLiveRun,
  type LiveRun,
  type RunDraft,
  type RunRules,
  rerunSinceGrowth,
  watchRows,
} from './live-run.ts';
import { takeSnapshot } from './run-views.ts';

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
  const read = await readRun(record, store, rules, now, fresh);
  const { processed, noRows } = read.sinceGrowth;
  const isRerun = fresh && trippedWithoutGrowth(record.state);
  const run = isRerun ? rerunSinceGrowth(read) : read;
  return {
    run: run.canaryPassed ? run : await watchCanary(run, store),
    rerunning: isRerun ? processed + noRows : 0,
  };
}

const trippedWithoutGrowth = (state: RunState): boolean =>
  state.kind === 'tripped' && state.trippedBy.kind === 'no-growth';

async function readRun(
  record: RunRecord,
  store: RunStore,
  rules: RunRules,
  now: number,
  fresh: boolean,
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
      canary: record.plan.canary,
    }),
    rules,
    now,
    checkpoint && { checkpoint, fresh },
  );
  for await (const chunk of store.journal(record.runId, run.journalSeq)) run = applyChunk(run, chunk, now);
  return run;
}

/** Has the rows of the canary images looked up, where no other image was started. Takes the run over. */
async function watchCanary(run: LiveRun, store: RunStore): Promise<LiveRun> {
  const draft: RunDraft = run;
  for await (const { records } of store.journal(run.terms.runId, 0))
    for (const record of records) if (isDone(run.progress, record.index)) watchRows(draft, record);
  return draft;
}

/** The snapshot of a run that this process does not drive. */
export async function readSnapshot(
  record: RunRecord,
  store: RunStore,
  rules: RunRules,
  now: number,
): Promise<RunSnapshot> {
  const run = await readRun(record, store, rules, now, false);
  return { ...takeSnapshot(run, record.state, now), ...defined({ endedAt: record.endedAt }) };
}
