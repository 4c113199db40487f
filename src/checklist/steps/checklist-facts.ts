import type { Approval } from '../../approvals/approval.ts';
import type { Clock } from '../../lib/clock.ts';
import { defined } from '../../lib/defined.ts';
import type { Fault } from '../../pipeline/invoke/invocation.ts';
import type { RunSnapshot } from '../../run/model/types.ts';
import type { TableJob } from '../contracts/table-control.ts';
import type { ChecklistRecord } from '../model/checklist-record.ts';
import { isBackupUsed, type ViewFacts } from '../model/checklist-view.ts';
import type { PreconditionFacts, PreconditionRules } from '../model/preconditions.ts';
import type { ChecklistStore } from './checklist-store.ts';

/** Where the facts of the checklist come from. Each may throw: what cannot be read never counts as done. */
export interface FactPorts {
  readonly rules: PreconditionRules;
  readonly store: ChecklistStore;
  readonly clock: Clock;
  readonly codeSha256: () => Promise<string>;
  readonly lastBackup: () => Promise<PreconditionFacts['backup']>;
  readonly countRecords: () => Promise<number | 'not-counted'>;
  /** The quotas that block a rescan now. */
  readonly blockingQuotas: () => Promise<readonly string[]>;
  readonly currentRun: () => Promise<RunSnapshot | undefined>;
  readonly currentJob: () => Promise<TableJob | undefined>;
  readonly approval: (id: string) => Promise<Approval | undefined>;
  readonly readFault: (error: unknown) => Fault;
  readonly warn: (message: string, cause: unknown) => void;
}

/**
 * What to read: `record`: the control table; `view`: also AWS; `flush`: also the quotas and the count of all records.
 */
export type Depth = 'record' | 'view' | 'flush';

/**
 * Whether a run belongs to this checklist: its id is stored, or it started later (a crash can come before the id is
 * stored).
 */
export const isOf = ({ runIds, openedAt }: ChecklistRecord, { runId, startedAt }: RunSnapshot): boolean =>
  runIds.includes(runId) || (startedAt !== undefined && startedAt >= openedAt);

/** Whether a run is driven now or will resume without a person. */
export const isActive = ({ state }: RunSnapshot, { autoResume }: PreconditionRules): boolean =>
  state.kind === 'running' || (state.kind === 'interrupted' && autoResume);

/**
 * Reads all facts that a checklist is judged by. What AWS does not return is left out, and its fault is added to
 * `unread`.
 * @throws ControlTableError when the control table cannot be read.
 */
export async function gatherFacts(
  ports: FactPorts,
  record: ChecklistRecord | undefined,
  unread: Fault[],
  depth: Depth,
): Promise<ViewFacts> {
  const { store, clock, rules } = ports;
  const read = <T>(what: () => Promise<T>): Promise<T | undefined> =>
    what().catch((error: unknown) => {
      ports.warn('a fact of the checklist could not be read', error);
      const fault = ports.readFault(error);
      if (!unread.some(({ message }) => message === fault.message)) unread.push(fault);
      return undefined;
    });
  const [run, job, approval, logging, sample, stepRecords, overrides, reset] = await Promise.all([
    ports.currentRun(),
    ports.currentJob(),
    record?.flushApproval === undefined ? undefined : ports.approval(record.flushApproval),
    store.proof('logging'),
    store.proof('sample'),
    record ? store.steps(record.id) : [],
    record ? store.overrides(record.id) : [],
    store.reset(),
  ]);
  const flush = stepRecords.find(({ step }) => step === 'flush');
  const work =
    job && job.work.kind !== 'backup' && job.work.kind !== 'prune'
      ? { kind: job.work.kind, by: job.by, startedAt: job.startedAt }
      : undefined;
  const tableFacts = defined({ flush, job: work, reset });
  const readsAws = depth !== 'record';
  const active = run && isActive(run, rules) ? run : undefined;
  const isPastBackup = isBackupUsed(tableFacts) || record?.kept !== undefined || active !== undefined;
  const [codeSha256, backup, records, blocking] = await Promise.all([
    readsAws ? read(ports.codeSha256) : undefined,
    readsAws ? read(ports.lastBackup) : undefined,
    // Counting scans the table, so it is done only when the count decides something.
    depth === 'flush' || (readsAws && !isPastBackup) ? read(ports.countRecords) : ('not-counted' as const),
    depth === 'flush' ? read(ports.blockingQuotas) : undefined,
  ]);
  const ownRun = record && run && isOf(record, run) ? run : undefined;
  const isAsked = approval?.state.kind === 'pending' || approval?.state.kind === 'approved';
  return {
    now: clock.now(),
    stepRecords,
    overrides,
    ...tableFacts,
    ...defined({
      codeSha256,
      backup,
      records,
      quotas: blocking && { blocking },
      logging,
      sample: sample && { ...sample, images: sample.images ?? 0, failed: sample.failed ?? 0 },
      activeRun: active?.runId,
      lastRun: run?.startedAt === undefined ? undefined : { runId: run.runId, startedAt: run.startedAt },
      run: ownRun,
      runIsWhole: ownRun && ownRun.isPartial !== true,
      keptBy: record?.kept,
      flushRequest:
        approval && isAsked
          ? {
              by: approval.requestedBy,
              at: approval.requestedAt,
              until: approval.expiresAt,
              isPending: approval.state.kind === 'pending',
            }
          : undefined,
    }),
  };
}
