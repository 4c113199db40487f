import { defined } from '../../lib/defined.ts';
import type { RunRecord } from '../../run/store/run-store.ts';
import type { ChecklistRecord } from '../model/checklist-record.ts';
import type { ClosedStep } from '../model/step.ts';
import type { ChecklistStore } from './checklist-store.ts';

/** A run that was started outside of every checklist: a retry, or a run over a part of the images. */
export interface PastRun extends Pick<RunRecord, 'runId' | 'state' | 'endedAt' | 'startedBy'> {
  readonly selection: RunRecord['plan']['selection'];
  readonly images: number;
  readonly startedAt: number;
}

/** `validation`: the step that validated the run of a checklist, also where that was after its close. */
export type HistoryEntry =
  | { readonly kind: 'checklist'; readonly record: ChecklistRecord; readonly validation?: ClosedStep }
  | { readonly kind: 'run'; readonly run: PastRun };

/** Records of runs that are read at the most; plans that were never started are among them. */
const MAX_RUNS_READ = 60;

/** The last rescans, newest first: checklists, and the runs outside of them. At most `limit`. */
export async function readHistory(
  ports: {
    readonly store: Pick<ChecklistStore, 'list' | 'steps'>;
    /** Every run that was planned, the last planned first. */
    readonly runs: () => AsyncIterable<RunRecord>;
  },
  limit: number,
): Promise<readonly HistoryEntry[]> {
  const entries: HistoryEntry[] = [];
  const inChecklists = new Set<string>();
  let oldest = Number.POSITIVE_INFINITY;
  for await (const record of ports.store.list(limit)) {
    const steps = record.closedAt === undefined ? [] : await ports.store.steps(record.id);
    const validation = steps.find(({ step }) => step === 'validate');
    entries.push({ kind: 'checklist', record, ...defined({ validation }) });
    for (const runId of record.runIds) inChecklists.add(runId);
    oldest = record.openedAt;
  }
  // Where there are more checklists, earlier runs may belong to those.
  const since = entries.length < limit ? Number.NEGATIVE_INFINITY : oldest;
  let left = MAX_RUNS_READ;
  let others = 0;
  for await (const run of ports.runs()) {
    if (left-- === 0 || others === limit || run.plan.plannedAt < since) break;
    const { startedAt } = run;
    if (startedAt === undefined || inChecklists.has(run.runId)) continue;
    others += 1;
    entries.push({ kind: 'run', run: pastRunOf(run, startedAt) });
  }
  return entries.sort((one, other) => timeOf(other) - timeOf(one)).slice(0, limit);
}

const pastRunOf = ({ runId, state, startedBy, endedAt, plan }: RunRecord, startedAt: number): PastRun => ({
  runId,
  state,
  startedAt,
  selection: plan.selection,
  images: plan.total,
  ...defined({ startedBy, endedAt }),
});

const timeOf = (entry: HistoryEntry): number => (entry.kind === 'run' ? entry.run.startedAt : entry.record.openedAt);
