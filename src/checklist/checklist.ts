import type { Approval } from '../approvals/approval.ts';
import type { Clock } from '../clock.ts';
import type { Fault } from '../pipeline/reading.ts';
import type { RunEvent, RunSnapshot } from '../rescan/types.ts';
import type { ChecklistOutcome, ChecklistRecord, ChecklistStore } from './checklist-store.ts';
import { type ChecklistView, nextStep, type ViewFacts, viewSteps } from './checklist-view.ts';
import { evaluateGate, type Gate, type GateFacts, type GateRules } from './gates.ts';
import type { Found, OverridableStep, StepName } from './step.ts';
import { beginStep, type StepUnderWay } from './step-recorder.ts';
import type { JobResult, TableEvent, TableJob } from './table-control.ts';

/** What the checklist looks at. Each may throw: what cannot be read is not taken for done. */
export interface ChecklistPorts {
  readonly store: ChecklistStore;
  readonly clock: Clock;
  readonly rules: GateRules;
  readonly codeSha256: () => Promise<string>;
  readonly lastBackup: () => Promise<GateFacts['backup']>;
  /** Undefined where the table is too large to count for this. */
  readonly countRecords: () => Promise<number | undefined>;
  /** What blocks a rescan by the quotas as they are now. */
  readonly blockingQuotas: () => Promise<readonly string[]>;
  readonly currentRun: () => Promise<RunSnapshot | undefined>;
  readonly currentJob: () => Promise<TableJob | undefined>;
  readonly approval: (id: string) => Promise<Approval | undefined>;
  readonly readFault: (error: unknown) => Fault;
  readonly warn: (message: string, cause: unknown) => void;
}

/** The steps of one rescan: what is done, what still holds, what is next. It is opened by its first step and closed with its run. */
export interface Checklist {
  /** The rescan that is open; else the last one; else an empty one. */
  view(): Promise<ChecklistView>;
  /** Whether a step may begin now, with everything gathered anew. */
  gate(step: 'flush' | 'start' | 'restore', options?: { keep?: boolean }): Promise<Gate>;
  /** The open rescan's id; opened where there is none. */
  ensureOpen(by: string): Promise<string>;
  openId(): Promise<string | undefined>;
  /** Puts a step of the open rescan on record as under way. */
  begin(step: StepName, by: string): Promise<StepUnderWay>;
  prove(
    of: 'logging' | 'sample',
    proof: { by: string; codeSha256: string; images?: number; failed?: number },
  ): Promise<void>;
  /** What was proven is not any more. */
  disprove(of: 'logging' | 'sample'): Promise<void>;
  /** This rescan keeps what the table holds: no flush is needed to start it. */
  keep(by: string): Promise<void>;
  override(step: OverridableStep, by: string, reason: string): Promise<void>;
  /** Notes the approval that a flush of the open rescan waits for. */
  noteFlushAsked(approvalId: string, by: string): Promise<void>;
  /** Closes the open rescan without its run; its id, or undefined where none is open. */
  close(by: string): Promise<string | undefined>;
  history(limit: number): AsyncIterable<ChecklistRecord>;
  hearRun(event: RunEvent): Promise<void>;
  hearTable(event: TableEvent): Promise<void>;
  /** A job on the table has ended well; on record when this resolves. */
  noteDone(job: TableJob, result: JobResult): Promise<void>;
}

export function createChecklist(ports: ChecklistPorts): Checklist {
  const { store, clock, rules } = ports;
  const underWay = new Map<string, StepUnderWay>();

  async function viewFacts(
    record: ChecklistRecord | undefined,
    troubles: Fault[],
    options: { quotas: boolean },
  ): Promise<ViewFacts> {
    const read = <T>(what: () => Promise<T>): Promise<T | undefined> =>
      what().catch((error: unknown) => {
        ports.warn('the checklist could not read something', error);
        const fault = ports.readFault(error);
        if (!troubles.some(({ message }) => message === fault.message)) troubles.push(fault);
        return undefined;
      });
    const [codeSha256, backup, counted, blocking, run, job, approval] = await Promise.all([
      read(ports.codeSha256),
      read(ports.lastBackup),
      read(ports.countRecords),
      options.quotas ? read(ports.blockingQuotas) : undefined,
      ports.currentRun(),
      ports.currentJob(),
      record?.flushApproval === undefined ? undefined : ports.approval(record.flushApproval),
    ]);
    const [logging, sample, stepRecords, overrides] = await Promise.all([
      store.proof('logging'),
      store.proof('sample'),
      record ? store.steps(record.id) : [],
      record ? store.overrides(record.id) : [],
    ]);
    const mine = record && run?.startedAt !== undefined && run.startedAt >= record.openedAt ? run : undefined;
    const flush = stepRecords.find(({ step }) => step === 'flush');
    const isAsked = approval?.state.kind === 'pending' || approval?.state.kind === 'approved';
    return {
      now: clock.now(),
      stepRecords,
      overrides,
      ...(codeSha256 === undefined ? {} : { codeSha256 }),
      ...(backup ? { backup } : {}),
      ...(counted === undefined ? {} : { records: counted }),
      ...(blocking ? { quotas: { blocking } } : {}),
      ...(logging ? { logging } : {}),
      ...(sample ? { sample: { ...sample, images: sample.images ?? 0, failed: sample.failed ?? 0 } } : {}),
      ...(flush ? { flush } : {}),
      ...(run?.state.kind === 'running' ? { activeRun: run.runId } : {}),
      ...(mine ? { run: mine, runIsWhole: mine.isPartial !== true } : {}),
      ...(job && job.work.kind !== 'backup'
        ? { job: { kind: job.work.kind, by: job.by, startedAt: job.startedAt } }
        : {}),
      ...(record?.kept ? { keptBy: record.kept } : {}),
      ...(approval && isAsked ? { flushAsked: { by: approval.requestedBy, at: approval.requestedAt } } : {}),
    };
  }

  async function lastRecord(): Promise<ChecklistRecord | undefined> {
    for await (const record of store.list(1)) return record;
    return undefined;
  }

  async function record(step: StepName, state: 'done' | 'failed', by: string, found: Found): Promise<void> {
    const { id } = await store.ensureOpen(by, clock.now());
    await store.setStep(id, { step, state, by, at: Math.round(clock.now()), found });
  }

  const checklist: Checklist = {
    async view() {
      const open = await store.open();
      const record = open ?? (await lastRecord());
      const troubles: Fault[] = [];
      const facts = await viewFacts(open, troubles, { quotas: false });
      if (!open && record?.closedAt !== undefined)
        return {
          id: record.id,
          openedBy: record.openedBy,
          openedAt: record.openedAt,
          steps: await closedSteps(record),
          next: 'backup',
          closedAt: record.closedAt,
          ...(record.outcome ? { outcome: record.outcome } : {}),
          ...(facts.run ? { run: facts.run } : {}),
          troubles,
        };
      const steps = viewSteps(facts, rules);
      const next = nextStep(steps);
      return {
        ...(open ? { id: open.id, openedBy: open.openedBy, openedAt: open.openedAt } : {}),
        steps,
        ...(next === undefined ? {} : { next }),
        ...(facts.run ? { run: facts.run } : {}),
        troubles,
      };
    },
    async gate(step, { keep = false } = {}) {
      const open = await store.open();
      return evaluateGate(step, { ...(await viewFacts(open, [], { quotas: step === 'flush' })), keep }, rules);
    },
    async ensureOpen(by) {
      return (await store.ensureOpen(by, clock.now())).id;
    },
    async openId() {
      return (await store.open())?.id;
    },
    async begin(step, by) {
      return beginStep(ports, await checklist.ensureOpen(by), step, by);
    },
    prove: (of, proof) => store.setProof(of, { ...proof, at: Math.round(clock.now()) }),
    disprove: (of) => store.removeProof(of),
    async keep(by) {
      const id = await checklist.ensureOpen(by);
      await store.note(id, { kept: { by, at: Math.round(clock.now()) } });
    },
    async override(step, by, reason) {
      const id = await checklist.ensureOpen(by);
      const codeSha256 = await ports.codeSha256();
      await store.setOverride(id, { step, by, reason, codeSha256, at: Math.round(clock.now()) });
    },
    async noteFlushAsked(approvalId, by) {
      await store.note(await checklist.ensureOpen(by), { flushApproval: approvalId });
    },
    async close(by) {
      const open = await store.open();
      if (!open) return;
      await store.close(open.id, { kind: 'closed', by }, clock.now());
      return open.id;
    },
    history: (limit) => store.list(limit),
    async hearRun(event) {
      const { snapshot } = event;
      if (event.kind === 'started') {
        const open = await store.ensureOpen(snapshot.startedBy, snapshot.startedAt ?? clock.now());
        await store.note(open.id, { runIds: [...open.runIds, snapshot.runId] });
      }
      if (event.kind !== 'completed' || snapshot.isPartial) return;
      const open = await store.open();
      if (!open?.runIds.includes(snapshot.runId)) return;
      await store.setStep(open.id, {
        step: 'rescan',
        state: 'done',
        by: snapshot.startedBy,
        at: Math.round(clock.now()),
        found: { kind: 'rescan', runId: snapshot.runId },
      });
      const outcome: ChecklistOutcome = { kind: 'completed', runId: snapshot.runId };
      await store.close(open.id, outcome, clock.now());
    },
    async hearTable(event) {
      if (event.kind === 'approval-changed') return;
      const { job } = event;
      if (job.work.kind !== 'backup') {
        if (event.kind !== 'failed' && event.kind !== 'stopped') return;
        if (job.work.kind !== 'flush' || job.work.failedOnly) return;
        const message = event.kind === 'stopped' ? 'It was stopped.' : `It broke off: ${event.refusal.reason}.`;
        return record('flush', 'failed', job.by, { kind: 'trouble', message });
      }
      if (event.kind === 'started') underWay.set(job.id, await checklist.begin('backup', job.by));
      const step = underWay.get(job.id);
      if (!step || event.kind === 'started' || event.kind === 'progress' || event.kind === 'resumed') return;
      underWay.delete(job.id);
      if (event.kind === 'finished' && event.result.kind === 'backup') {
        const { id: backupId, counts } = event.result.record;
        return step.end('done', { kind: 'backup', backupId, records: counts.total });
      }
      return step.end('failed', { kind: 'trouble', message: 'It broke off.' });
    },
    async noteDone(job, result) {
      if (job.work.kind !== 'flush' || job.work.failedOnly || result.kind !== 'flush') return;
      const { deleted, remaining } = result;
      const { backupId } = job.work;
      await record('flush', 'done', job.by, { kind: 'flush', deleted, remaining: remaining.total, backupId });
    },
  };

  /** A closed rescan as it was left: what is on record, judged by nothing that came after it. */
  async function closedSteps({ id, kept }: ChecklistRecord): Promise<ChecklistView['steps']> {
    const stepRecords = await store.steps(id);
    const facts: ViewFacts = {
      now: clock.now(),
      overrides: [],
      stepRecords,
      ...(kept ? { keptBy: kept } : {}),
    };
    return viewSteps(facts, { ...rules, sampleImages: 1 });
  }

  return checklist;
}
