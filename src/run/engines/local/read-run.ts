import { defined } from '../../../lib/defined.ts';
import type { RunSnapshot } from '../../model/types.ts';
import { decodeCheckpoint } from '../../store/checkpoint.ts';
import { isWhole } from '../../store/run-chain.ts';
import type { RunRecord, RunStore } from '../../store/run-store.ts';
import { applyChunk, createLiveRun, type LiveRun, type RunRules } from './live-run.ts';
import { takeSnapshot } from './run-views.ts';

/**
 * The run of a record: its checkpoint, with the outcomes that the journal has beyond it. `fresh`: a person resumes it.
 */
export async function readLiveRun(
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

/** The snapshot of a run that this process does not drive. */
export async function readSnapshot(
  record: RunRecord,
  store: RunStore,
  rules: RunRules,
  now: number,
): Promise<RunSnapshot> {
  const run = await readLiveRun(record, store, rules, now, false);
  return { ...takeSnapshot(run, record.state, now), ...defined({ endedAt: record.endedAt }) };
}
