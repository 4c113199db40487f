import { createEmitter, type Listener } from '../../lib/async/emitter.ts';
import { defined } from '../../lib/defined.ts';
import { type Result, refuse, succeed } from '../../lib/result.ts';
import type { Fault } from '../../pipeline/invoke/invocation.ts';
import type { RunEvent, RunSnapshot } from '../../run/model/types.ts';
import type { Scope } from '../../run/scope/scope.ts';
import type { RunRecord } from '../../run/store/run-store.ts';
import type { AuditWriter } from '../audit/audit-writer.ts';
import type { TableJob } from '../contracts/table-control.ts';
import type { ChecklistOutcome, ChecklistRecord } from '../model/checklist-record.ts';
import { type ChecklistView, failedSteps, rescanFinding, rescanResult, viewSteps } from '../model/checklist-view.ts';
import {
  checkPreconditions,
  type GuardedStep,
  overrideKeysOf,
  type PreconditionCheck,
  unmetPreconditionsOf,
} from '../model/preconditions.ts';
import type { ClosedStep, OverridableStep, Override, StepName } from '../model/step.ts';
import { type FactPorts, gatherFacts, isActive, isOf } from './checklist-facts.ts';
import { closedView, openView } from './checklist-views.ts';
import { type HistoryEntry, readHistory } from './history.ts';
import { beginStep, type RunningStep } from './step-recorder.ts';
import { createTableJobRecorder, type TableJobRecorder } from './table-job-recorder.ts';

export interface ChecklistPorts extends FactPorts {
  /** An override and a close are in the audit log before they are stored. */
  readonly audit: Pick<AuditWriter, 'enqueue' | 'record'>;
  /** Every run that was planned, the last planned first. */
  readonly runs: () => AsyncIterable<RunRecord>;
}

/** A checklist was closed, and the request for approval of its flush must not be used any more. */
export interface FlushRequestObsolete {
  readonly approvalId: string;
  readonly by: string;
}

export type OverrideRefusal = { readonly reason: 'already-met' } | { readonly reason: 'fault'; readonly fault: Fault };

/** A checklist that was closed. */
export interface ClosedChecklist {
  readonly id: string;
  /** Whether its request for approval was withdrawn. */
  readonly withdrew: boolean;
  /** The id of its run, if that can still be resumed. */
  readonly resumableRunId?: string;
}
export type CloseRefusal =
  | { readonly reason: 'none-open' }
  | { readonly reason: 'run-active'; readonly runId: string }
  | { readonly reason: 'job-active'; readonly job: TableJob };

/**
 * The steps of one rescan: which are done, which are stale, which is next. Its first step opens it, its run closes it.
 */
export interface Checklist extends TableJobRecorder {
  /** The open checklist, else the last one, else an empty one. With `id`: that one, also when another one is open. */
  view(id?: string): Promise<ChecklistView>;
  /** Whether a step may begin, by facts that are read now. */
  preconditions(step: GuardedStep, options?: { keep?: boolean }): Promise<PreconditionCheck>;
  /** The id of the open checklist. Opens one if none is open. */
  ensureOpen(by: string): Promise<string>;
  openId(): Promise<string | undefined>;
  /** The ids of the backups that steps of the open checklist name. */
  backupsOfOpen(): Promise<readonly string[]>;
  /** Records a step of the open checklist as running. */
  begin(step: StepName, by: string): Promise<RunningStep>;
  prove(
    of: 'logging' | 'sample',
    proof: { by: string; codeSha256: string; images?: number; failed?: number; isAll?: boolean },
  ): Promise<void>;
  /** Removes a proof that no longer holds. */
  disprove(of: 'logging' | 'sample'): Promise<void>;
  /** Overrides the preconditions of a step that are unmet now, and no others. In the audit log before it applies. */
  override(step: OverridableStep, by: string, reason: string): Promise<Result<Override, OverrideRefusal>>;
  /** The scope of the open checklist; undefined where it covers everything. */
  scope(): Promise<Scope | undefined>;
  /** The step that has fixed the scope of the open checklist, if one has: its flush is asked for or done, or its run began. */
  whyScopeIsFixed(): Promise<'flush' | 'rescan' | undefined>;
  /** Sets the scope of the open checklist, and opens one if none is open; undefined: it covers everything. */
  setScope(scope: Scope | undefined, by: string): Promise<void>;
  /** Stores the request for approval that a flush of the open checklist waits for. */
  recordFlushRequest(approvalId: string, by: string): Promise<void>;
  /**
   * Closes the open checklist without its run, while no work of it is active. Its request for approval is withdrawn.
   */
  close(by: string): Promise<Result<ClosedChecklist, CloseRefusal>>;
  /** The last rescans, newest first: checklists, and the runs outside of them. */
  history(limit: number): Promise<readonly HistoryEntry[]>;
  onRunEvent(event: RunEvent): Promise<void>;
  /** Calls the listener, and waits for it, when a request for approval became obsolete. */
  watchObsoleteRequests(listener: Listener<FlushRequestObsolete>): () => void;
}

export function createChecklist(ports: ChecklistPorts): Checklist {
  const { store, clock, rules, audit } = ports;
  const obsoleteRequests = createEmitter<FlushRequestObsolete>((error, { approvalId }) =>
    ports.warn(`the obsolete request ${approvalId} was not withdrawn`, error),
  );
  const now = () => Math.round(clock.now());

  /**
   * The open checklist. If its run is complete, the bot stopped before it closed the checklist: it is closed here, so
   * that its flush does not permit the start of another run.
   */
  async function openRecord(): Promise<ChecklistRecord | undefined> {
    const open = await store.open();
    if (!open) return;
    const run = await ports.currentRun();
    if (run?.state.kind !== 'completed' || run.isPartial || !isOf(open, run)) return open;
    await closeWithRun(open, run);
    return;
  }

  /** Notes in the open checklist that it has this run, and whether the table keeps its records. Returns it with that. */
  async function noteRun(
    open: ChecklistRecord,
    { runId, startedBy, keepsRecords }: RunSnapshot,
  ): Promise<ChecklistRecord> {
    const { id, runIds, kept } = open;
    const isKept = keepsRecords && !kept;
    if (isKept)
      audit.enqueue({
        who: startedBy,
        what: `checklist ${id}`,
        outcome: 'changed: no flush, the table keeps its records',
      });
    if (!isKept && runIds.includes(runId)) return open;
    const noted = {
      runIds: [...new Set([...runIds, runId])],
      ...(isKept && { kept: { by: startedBy, at: now() } }),
    };
    await store.update(id, noted);
    return { ...open, ...noted };
  }

  async function closeWithRun(open: ChecklistRecord, run: RunSnapshot): Promise<void> {
    const at = Math.round(run.endedAt ?? clock.now());
    await store.setStep(open.id, {
      step: 'rescan',
      state: rescanResult(run),
      by: run.startedBy,
      at,
      found: rescanFinding(run),
    });
    // Noting that at its start may have failed.
    await closeAs(await noteRun(open, run), { kind: 'completed', runId: run.runId }, run.startedBy);
  }

  /**
   * Closes the checklist with its steps as they are; as failed, where its run is complete and a step has failed. Returns
   * whether a request for approval was withdrawn.
   */
  async function closeAs(open: ChecklistRecord, how: ChecklistOutcome, by: string): Promise<boolean> {
    const steps = viewSteps(await gatherFacts(ports, open, [], 'view'), rules).map(
      ({ stale: _, ...step }): ClosedStep => step,
    );
    const failed = how.kind === 'completed' ? failedSteps(steps) : [];
    const outcome = failed.length === 0 ? how : { ...how, failed };
    const what = `checklist ${open.id}`;
    if (outcome.kind === 'closed') await audit.record({ who: by, what, outcome: 'asked: to close it without its run' });
    if (!(await store.close(open.id, { outcome, at: now(), steps }))) return false;
    if (outcome.kind === 'completed') {
      const as = failed.length === 0 ? '' : ` as failed (${failed.join(', ')})`;
      audit.enqueue({ who: 'bot', what, outcome: `finished: closed${as} with run ${outcome.runId}` });
    }
    const approvalId = open.flushApproval;
    if (approvalId === undefined) return false;
    await obsoleteRequests.emit({ approvalId, by });
    return (await ports.approval(approvalId))?.state.kind === 'withdrawn';
  }

  async function ensureOpen(by: string): Promise<ChecklistRecord> {
    return (await openRecord()) ?? store.ensureOpen(by, clock.now());
  }

  async function lastRecord(): Promise<ChecklistRecord | undefined> {
    for await (const record of store.list(1)) return record;
    return undefined;
  }

  const begin = async (step: StepName, by: string) => beginStep(ports, (await ensureOpen(by)).id, step, by);
  const tableJobs = createTableJobRecorder({
    store,
    now,
    begin,
    ensureOpen: async (by) => (await ensureOpen(by)).id,
  });

  return {
    ...tableJobs,
    begin,
    async view(id) {
      const open = await openRecord();
      const shown = id === undefined ? (open ?? (await lastRecord())) : await store.read(id);
      return shown?.closedAt === undefined ? openView(ports, open) : closedView(ports, shown, shown.closedAt);
    },
    async preconditions(step, { keep = false } = {}) {
      const depth = step === 'flush' ? 'flush' : 'record';
      return checkPreconditions(step, { ...(await gatherFacts(ports, await openRecord(), [], depth)), keep }, rules);
    },
    async ensureOpen(by) {
      return (await ensureOpen(by)).id;
    },
    async openId() {
      return (await openRecord())?.id;
    },
    async backupsOfOpen() {
      const open = await store.open();
      const steps = open ? await store.steps(open.id) : [];
      return steps.flatMap(({ found }) => (found && 'backupId' in found ? [found.backupId] : []));
    },
    prove: (of, proof) => store.setProof(of, { ...proof, at: now() }),
    disprove: (of) => store.removeProof(of),
    async override(step, by, reason) {
      const before = await openRecord();
      const unread: Fault[] = [];
      const facts = await gatherFacts(ports, before, unread, 'flush');
      const { codeSha256 } = facts;
      if (codeSha256 === undefined) {
        const unknown = { reason: 'configuration', message: 'The function could not be read.', fix: '' } as const;
        return refuse({ reason: 'fault', fault: unread[0] ?? unknown });
      }
      const unmet = unmetPreconditionsOf(step, facts, rules);
      if (unmet.length === 0) return refuse({ reason: 'already-met' });
      const covers = unmet.flatMap(overrideKeysOf);
      const override: Override = { step, by, reason, codeSha256, covers, at: now() };
      const open = before ?? (await ensureOpen(by));
      const what = `override of ${step} in checklist ${open.id}`;
      await audit.record({ who: by, what, why: reason, outcome: `asked: to skip ${covers.join(', ')}` });
      await store.setOverride(open.id, override);
      return succeed(override);
    },
    async scope() {
      return (await openRecord())?.scope ?? undefined;
    },
    async whyScopeIsFixed() {
      const open = await openRecord();
      if (!open) return;
      const { flush, job, run, flushRequest } = await gatherFacts(ports, open, [], 'record');
      if (run && run.state.kind !== 'planned' && run.state.kind !== 'abandoned') return 'rescan';
      const isFlushed = flush?.state === 'done' || flush?.state === 'running' || flush?.state === 'failed';
      return isFlushed || job?.kind === 'flush' || flushRequest ? 'flush' : undefined;
    },
    async setScope(scope, by) {
      // One that another process closes at this moment does not take it: the next one does.
      while (!(await store.update((await ensureOpen(by)).id, { scope: scope ?? null })));
    },
    async recordFlushRequest(approvalId, by) {
      await store.update((await ensureOpen(by)).id, { flushApproval: approvalId });
    },
    async close(by) {
      const open = await openRecord();
      if (!open) return refuse({ reason: 'none-open' });
      const [run, job] = await Promise.all([ports.currentRun(), ports.currentJob()]);
      if (job) return refuse({ reason: 'job-active', job });
      const ownRun = run && isOf(open, run) ? run : undefined;
      if (ownRun && isActive(ownRun, rules)) return refuse({ reason: 'run-active', runId: ownRun.runId });
      const isOver = ownRun?.state.kind === 'completed' || ownRun?.state.kind === 'abandoned';
      const resumableRunId = ownRun && !isOver ? ownRun.runId : undefined;
      const withdrew = await closeAs(open, { kind: 'closed', by }, by);
      return succeed(defined({ id: open.id, withdrew, resumableRunId }));
    },
    history: (limit) => readHistory(ports, limit),
    async onRunEvent({ kind, snapshot }) {
      // A run over a part of the images is no rescan: it neither opens nor closes a checklist.
      if (snapshot.isPartial) return;
      if (kind === 'started')
        await noteRun(await store.ensureOpen(snapshot.startedBy, snapshot.startedAt ?? clock.now()), snapshot);
      // The process that started it may have died before it noted that.
      if (kind === 'resumed') {
        const open = await store.open();
        if (open && isOf(open, snapshot)) await noteRun(open, snapshot);
      }
      if (kind !== 'completed') return;
      const open = await store.open();
      if (open && isOf(open, snapshot)) await closeWithRun(open, snapshot);
    },
    watchObsoleteRequests: obsoleteRequests.watch,
  };
}
