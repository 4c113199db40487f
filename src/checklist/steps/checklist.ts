import type { Result } from '../../lib/result.ts';
import type { Fault } from '../../pipeline/invoke/invocation.ts';
import type { RunEvent, RunSnapshot } from '../../run/model/types.ts';
import type { AuditWriter } from '../audit/audit-writer.ts';
import type { JobResult, TableEvent, TableJob } from '../contracts/table-control.ts';
import { type ChecklistView, nextStep, viewSteps } from '../model/checklist-view.ts';
import {
  checkPreconditions,
  type GuardedStep,
  overrideKeysOf,
  type PreconditionCheck,
  unmetPreconditionsOf,
} from '../model/preconditions.ts';
import {
  type ClosedStep,
  type OverridableStep,
  type Override,
  STEPS,
  type StepFinding,
  type StepName,
} from '../model/step.ts';
import { type FactPorts, gatherFacts, isActive, isOf } from './checklist-facts.ts';
import type { ChecklistOutcome, ChecklistRecord } from './checklist-store.ts';
import { beginStep, type RunningStep } from './step-recorder.ts';

export interface ChecklistPorts extends FactPorts {
  /** Takes a request for approval back that nobody can use any more. */
  readonly withdraw: (approvalId: string, by: string) => Promise<boolean>;
  /** What somebody passes over or closes is in the audit before it holds. */
  readonly audit: Pick<AuditWriter, 'enqueue' | 'record'>;
}

export type OverrideRefusal = { readonly reason: 'already-met' } | { readonly reason: 'fault'; readonly fault: Fault };

/** A checklist that was closed. `resting`: its run, where that can still be resumed. */
export interface ClosedChecklist {
  readonly id: string;
  readonly withdrew: boolean;
  readonly resting?: string;
}
export type CloseRefusal =
  | { readonly reason: 'none-open' }
  | { readonly reason: 'run-active'; readonly runId: string }
  | { readonly reason: 'job-active'; readonly job: TableJob };

/** The steps of one rescan: what is done, what still holds, what is next. It is opened by its first step and closed with its run. */
export interface Checklist {
  /** The rescan that is open; else the last one; else an empty one. With `id`: that one, also where another is open by now. */
  view(id?: string): Promise<ChecklistView>;
  /** Whether a step may begin now, with everything gathered anew. */
  preconditions(step: GuardedStep, options?: { keep?: boolean }): Promise<PreconditionCheck>;
  /** The open rescan's id; opened where there is none. */
  ensureOpen(by: string): Promise<string>;
  openId(): Promise<string | undefined>;
  /** Puts a step of the open rescan on record as under way. */
  begin(step: StepName, by: string): Promise<RunningStep>;
  prove(
    of: 'logging' | 'sample',
    proof: { by: string; codeSha256: string; images?: number; failed?: number; isAll?: boolean },
  ): Promise<void>;
  /** What was proven is not any more. */
  disprove(of: 'logging' | 'sample'): Promise<void>;
  /** This rescan keeps what the table holds: no flush is needed to start it. */
  keepRecords(by: string): Promise<void>;
  /** Passes over what a step misses now, and nothing that it may come to miss; in the audit before it holds. */
  override(step: OverridableStep, by: string, reason: string): Promise<Result<Override, OverrideRefusal>>;
  /** Notes the approval that a flush of the open rescan waits for. */
  recordFlushRequest(approvalId: string, by: string): Promise<void>;
  /** Closes the open rescan without its run, while nothing works on it; requests for approval that belong to it end. */
  close(by: string): Promise<Result<ClosedChecklist, CloseRefusal>>;
  history(limit: number): AsyncIterable<ChecklistRecord>;
  onRunEvent(event: RunEvent): Promise<void>;
  onTableEvent(event: TableEvent): Promise<void>;
  /** A flush or restore is about to change the table; on record when this resolves. */
  recordTableChange(job: TableJob): Promise<void>;
  /** A job on the table has ended well; on record when this resolves. */
  recordResult(job: TableJob, result: JobResult): Promise<void>;
}

export function createChecklist(ports: ChecklistPorts): Checklist {
  const { store, clock, rules } = ports;
  const underWay = new Map<string, RunningStep>();
  const now = () => Math.round(clock.now());

  /** The open rescan. One whose run is complete is closed here where the bot went down before it could: it opens no gate. */
  async function openNow(): Promise<ChecklistRecord | undefined> {
    const open = await store.open();
    if (!open) return;
    const run = await ports.currentRun();
    if (run?.state.kind !== 'completed' || run.isPartial || !isOf(open, run)) return open;
    await closeWithRun(open, run);
    return;
  }

  async function closeWithRun(open: ChecklistRecord, run: RunSnapshot): Promise<void> {
    const found = { kind: 'rescan', runId: run.runId } as const;
    const at = Math.round(run.endedAt ?? clock.now());
    await store.setStep(open.id, { step: 'rescan', state: 'done', by: run.startedBy, at, found });
    await closeAs(open, { kind: 'completed', runId: run.runId }, run.startedBy);
  }

  /** Closes it with its steps as they stand; whether a request for approval ended with it. */
  async function closeAs(open: ChecklistRecord, outcome: ChecklistOutcome, by: string): Promise<boolean> {
    const steps = viewSteps(await gatherFacts(ports, open, [], 'view'), rules).map(
      ({ stale: _, ...step }): ClosedStep => step,
    );
    const what = `checklist ${open.id}`;
    if (outcome.kind === 'closed') await ports.audit.record({ who: by, what, outcome: 'to be closed without its run' });
    if (!(await store.close(open.id, { outcome, at: now(), steps }))) return false;
    if (outcome.kind === 'completed')
      ports.audit.enqueue({ who: 'bot', what, outcome: `closed with run ${outcome.runId}` });
    return open.flushApproval !== undefined && ports.withdraw(open.flushApproval, by);
  }

  async function ensureOpen(by: string): Promise<ChecklistRecord> {
    return (await openNow()) ?? store.ensureOpen(by, clock.now());
  }

  async function lastRecord(): Promise<ChecklistRecord | undefined> {
    for await (const record of store.list(1)) return record;
    return undefined;
  }

  /** Of the rescan that the job belongs to, also where that is closed by now. */
  async function recordFlush(job: TableJob, state: 'done' | 'failed', found: StepFinding): Promise<void> {
    const id = job.checklistId ?? (await ensureOpen(job.by)).id;
    await store.setStep(id, { step: 'flush', state, by: job.by, at: now(), found });
  }

  async function closedView(record: ChecklistRecord, closedAt: number): Promise<ChecklistView> {
    const { id, openedBy, openedAt, outcome } = record;
    const records = await store.steps(id);
    const asLeft =
      record.steps ??
      STEPS.map((step) => records.find((seen) => seen.step === step) ?? { step, state: 'to-do' as const });
    const steps = asLeft.map((step): ClosedStep => {
      // A validation comes after the end.
      const since = step.step === 'validate' ? records.find((candidate) => candidate.step === 'validate') : undefined;
      return since ?? step;
    });
    const validate = steps.find(({ step }) => step === 'validate');
    const isUnproven = outcome?.kind === 'completed' && validate?.state === 'to-do';
    const run = await ports.currentRun();
    return {
      id,
      openedBy,
      openedAt,
      closedAt,
      steps,
      next: isUnproven ? 'validate' : 'backup',
      unread: [],
      ...(outcome ? { outcome } : {}),
      ...(run && isOf(record, run) ? { run } : {}),
    };
  }

  async function openView(open: ChecklistRecord | undefined): Promise<ChecklistView> {
    const troubles: Fault[] = [];
    const facts = await gatherFacts(ports, open, troubles, 'view');
    const steps = viewSteps(facts, rules);
    const next = nextStep(steps);
    return {
      ...(open ? { id: open.id, openedBy: open.openedBy, openedAt: open.openedAt } : {}),
      steps,
      ...(next === undefined ? {} : { next }),
      ...(facts.run ? { run: facts.run } : {}),
      unread: troubles,
    };
  }

  const checklist: Checklist = {
    async view(id) {
      const open = await openNow();
      const wanted = id === undefined ? (open ?? (await lastRecord())) : await store.read(id);
      return wanted?.closedAt === undefined ? openView(open) : closedView(wanted, wanted.closedAt);
    },
    async preconditions(step, { keep = false } = {}) {
      const depth = step === 'flush' ? 'flush' : 'record';
      return checkPreconditions(step, { ...(await gatherFacts(ports, await openNow(), [], depth)), keep }, rules);
    },
    async ensureOpen(by) {
      return (await ensureOpen(by)).id;
    },
    async openId() {
      return (await openNow())?.id;
    },
    async begin(step, by) {
      const { id } = await ensureOpen(by);
      return beginStep(ports, id, step, by);
    },
    prove: (of, proof) => store.setProof(of, { ...proof, at: now() }),
    disprove: (of) => store.removeProof(of),
    async keepRecords(by) {
      const { id } = await ensureOpen(by);
      ports.audit.enqueue({ who: by, what: `checklist ${id}`, outcome: 'the table keeps what it holds' });
      await store.update(id, { kept: { by, at: now() } });
    },
    async override(step, by, reason) {
      const before = await openNow();
      const troubles: Fault[] = [];
      const facts = await gatherFacts(ports, before, troubles, 'flush');
      const [fault] = troubles;
      const { codeSha256 } = facts;
      if (codeSha256 === undefined) {
        const unknown = { reason: 'configuration', message: 'The function cannot be looked at.', fix: '' } as const;
        return { ok: false, refusal: { reason: 'fault', fault: fault ?? unknown } };
      }
      const missing = unmetPreconditionsOf(step, facts, rules);
      if (missing.length === 0) return { ok: false, refusal: { reason: 'already-met' } };
      const covers = missing.flatMap(overrideKeysOf);
      const override: Override = { step, by, reason, codeSha256, covers, at: now() };
      const open = before ?? (await ensureOpen(by));
      const what = `override of ${step} in checklist ${open.id}`;
      await ports.audit.record({ who: by, what, why: reason, outcome: `to be passed over: ${covers.join(', ')}` });
      await store.setOverride(open.id, override);
      return { ok: true, value: override };
    },
    async recordFlushRequest(approvalId, by) {
      await store.update((await ensureOpen(by)).id, { flushApproval: approvalId });
    },
    async close(by) {
      const open = await openNow();
      if (!open) return { ok: false, refusal: { reason: 'none-open' } };
      const [run, job] = await Promise.all([ports.currentRun(), ports.currentJob()]);
      if (job) return { ok: false, refusal: { reason: 'job-active', job } };
      const mine = run && isOf(open, run) ? run : undefined;
      if (mine && isActive(mine, rules)) return { ok: false, refusal: { reason: 'run-active', runId: mine.runId } };
      const isOver = mine?.state.kind === 'completed' || mine?.state.kind === 'abandoned';
      const resting = mine && !isOver ? { resting: mine.runId } : {};
      const withdrew = await closeAs(open, { kind: 'closed', by }, by);
      return { ok: true, value: { id: open.id, withdrew, ...resting } };
    },
    history: (limit) => store.list(limit),
    async onRunEvent({ kind, snapshot }) {
      // A run over some of the images is no rescan: it neither opens a checklist nor closes one.
      if (snapshot.isPartial) return;
      if (kind === 'started') {
        const open = await store.ensureOpen(snapshot.startedBy, snapshot.startedAt ?? clock.now());
        await store.update(open.id, { runIds: [...open.runIds, snapshot.runId] });
      }
      if (kind !== 'completed') return;
      const open = await store.open();
      if (open && isOf(open, snapshot)) await closeWithRun(open, snapshot);
    },
    async onTableEvent(event) {
      if (!('job' in event)) return;
      const { job } = event;
      if (job.work.kind !== 'backup') {
        if (event.kind !== 'failed' && event.kind !== 'stopped' && event.kind !== 'interrupted') return;
        if (job.work.kind !== 'flush' || job.work.failedOnly) return;
        return recordFlush(job, 'failed', { kind: 'error', message: whyItEnded(event) });
      }
      if (event.kind === 'started') underWay.set(job.id, await checklist.begin('backup', job.by));
      const step = underWay.get(job.id);
      if (!step || event.kind === 'started' || event.kind === 'progress' || event.kind === 'resumed') return;
      underWay.delete(job.id);
      if (event.kind === 'finished' && event.result.kind === 'backup') {
        const { id: backupId, counts } = event.result.record;
        return step.end('done', { kind: 'backup', backupId, records: counts.total });
      }
      return step.end('failed', { kind: 'error', message: 'It broke off.' });
    },
    async recordTableChange({ work }) {
      const isWhole = work.kind === 'flush' ? !work.failedOnly : work.kind === 'restore' && work.mode !== 'rows';
      if (work.kind !== 'backup' && isWhole) await store.setReset({ kind: work.kind, at: now() });
    },
    async recordResult(job, result) {
      if (job.work.kind !== 'flush' || job.work.failedOnly || result.kind !== 'flush') return;
      const { deleted, remaining } = result;
      const { backupId } = job.work;
      await recordFlush(job, 'done', { kind: 'flush', deleted, remaining: remaining.total, backupId });
    },
  };
  return checklist;
}

/** Why a flush came to no good end, in one sentence; its own message in the channel says more. */
function whyItEnded(event: Extract<TableEvent, { kind: 'failed' | 'stopped' | 'interrupted' }>): string {
  if (event.kind === 'stopped') return 'It was stopped before its end.';
  if (event.kind === 'interrupted') return 'It was interrupted and needs a new approval to continue.';
  const { refusal } = event;
  switch (refusal.reason) {
    case 'fault':
      return `It broke off: ${refusal.fault.message}`;
    case 'differs':
      return 'Nothing was deleted: the table differed from its backup by more than it may.';
    case 'backup-damaged':
      return `It broke off: backup ${refusal.backupId} is damaged.`;
    case 'backup-not-found':
      return `It broke off: backup ${refusal.backupId} is gone.`;
    default:
      return `It broke off (${refusal.reason}).`;
  }
}
