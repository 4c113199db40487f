import type { Approval } from '../../approvals/approval.ts';
import type { Clock } from '../../lib/clock.ts';
import type { Fault } from '../../pipeline/invoke/invocation.ts';
import type { RunSnapshot } from '../../run/model/types.ts';
import type { TableJob } from '../contracts/table-control.ts';
import { hasServed, type ViewFacts } from '../model/checklist-view.ts';
import type { PreconditionFacts, PreconditionRules } from '../model/preconditions.ts';
import type { ChecklistRecord, ChecklistStore } from './checklist-store.ts';

/** What the checklist looks at. Each may throw: what cannot be read is not taken for done. */
export interface FactPorts {
  readonly rules: PreconditionRules;
  readonly store: ChecklistStore;
  readonly clock: Clock;
  readonly codeSha256: () => Promise<string>;
  readonly lastBackup: () => Promise<PreconditionFacts['backup']>;
  readonly countRecords: () => Promise<number | 'not-counted'>;
  /** What blocks a rescan by the quotas as they are now. */
  readonly blockingQuotas: () => Promise<readonly string[]>;
  readonly currentRun: () => Promise<RunSnapshot | undefined>;
  readonly currentJob: () => Promise<TableJob | undefined>;
  readonly approval: (id: string) => Promise<Approval | undefined>;
  readonly readFault: (error: unknown) => Fault;
  readonly warn: (message: string, cause: unknown) => void;
}

/** How far to look: what is on record alone; also what the steps hang on in AWS; also the quotas, and every record counted. */
export type Depth = 'record' | 'view' | 'flush';

/** Whether a run is of this rescan: it was noted when it started, or started since (a crash can come before the note). */
export const isOf = ({ runIds, openedAt }: ChecklistRecord, { runId, startedAt }: RunSnapshot): boolean =>
  runIds.includes(runId) || (startedAt !== undefined && startedAt >= openedAt);

/** Whether a run is driven, or will go on by itself. */
export const isActive = ({ state }: RunSnapshot, { autoResume }: PreconditionRules): boolean =>
  state.kind === 'running' || (state.kind === 'interrupted' && autoResume);

/**
 * Everything a rescan is judged by, gathered anew. What AWS does not tell is left out and goes to `troubles`; what the control
 * table does not tell is thrown.
 */
export async function gatherFacts(
  ports: FactPorts,
  record: ChecklistRecord | undefined,
  troubles: Fault[],
  depth: Depth,
): Promise<ViewFacts> {
  const { store, clock } = ports;
  const read = <T>(what: () => Promise<T>): Promise<T | undefined> =>
    what().catch((error: unknown) => {
      ports.warn('the checklist could not read something', error);
      const fault = ports.readFault(error);
      if (!troubles.some(({ message }) => message === fault.message)) troubles.push(fault);
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
    job && job.work.kind !== 'backup' ? { kind: job.work.kind, by: job.by, startedAt: job.startedAt } : undefined;
  const begun = { ...(flush ? { flush } : {}), ...(work ? { job: work } : {}), ...(reset ? { reset } : {}) };
  const looksAtAws = depth !== 'record';
  const isPastBackup = hasServed(begun) || record?.kept !== undefined || (run && isActive(run, ports.rules));
  const [codeSha256, backup, records, blocking] = await Promise.all([
    looksAtAws ? read(ports.codeSha256) : undefined,
    looksAtAws ? read(ports.lastBackup) : undefined,
    // A scan of the table: only where something hangs on it.
    depth === 'flush' || (looksAtAws && !isPastBackup) ? read(ports.countRecords) : ('not-counted' as const),
    depth === 'flush' ? read(ports.blockingQuotas) : undefined,
  ]);
  const mine = record && run && isOf(record, run) ? run : undefined;
  const isAsked = approval?.state.kind === 'pending' || approval?.state.kind === 'approved';
  return {
    now: clock.now(),
    stepRecords,
    overrides,
    ...begun,
    ...(codeSha256 === undefined ? {} : { codeSha256 }),
    ...(backup ? { backup } : {}),
    ...(records === undefined ? {} : { records }),
    ...(blocking ? { quotas: { blocking } } : {}),
    ...(logging ? { logging } : {}),
    ...(sample ? { sample: { ...sample, images: sample.images ?? 0, failed: sample.failed ?? 0 } } : {}),
    ...(run && isActive(run, ports.rules) ? { activeRun: run.runId } : {}),
    ...(run?.startedAt === undefined ? {} : { lastRun: { runId: run.runId, startedAt: run.startedAt } }),
    ...(mine ? { run: mine, runIsWhole: mine.isPartial !== true } : {}),
    ...(record?.kept ? { keptBy: record.kept } : {}),
    ...(approval && isAsked ? { flushAsked: { by: approval.requestedBy, at: approval.requestedAt } } : {}),
  };
}
