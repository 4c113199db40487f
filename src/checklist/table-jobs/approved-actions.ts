import { randomUUID } from 'node:crypto';
import { type Approval, type ApprovalPolicy, decide, isWaiting, mayUse } from '../../approvals/approval.ts';
import type { ApprovalStore } from '../../approvals/approval-store.ts';
import { findBackup, requireUsable } from '../../backup/catalogue/catalogue.ts';
import type { BackupLocation } from '../../backup/catalogue/location.ts';
import type { BackupRecord } from '../../backup/format/backup-record.ts';
import type { Clock } from '../../lib/clock.ts';
import type { AuditWriter } from '../audit/audit-writer.ts';
import {
  type TableAction,
  type TableAnswer,
  type TableControl,
  type TableEvent,
  type TableJob,
  type TableNow,
  type TableRefusal,
  tableActSchema,
} from '../contracts/table-control.ts';
import type { PreconditionCheck } from '../model/preconditions.ts';
import type { Override } from '../model/step.ts';
import type { Checklist } from '../steps/checklist.ts';
import type { JobRunner } from './job-runner.ts';
import { fingerprintOf } from './table-facts.ts';

export interface ApprovedActionsPorts {
  readonly location: BackupLocation;
  readonly clock: Clock;
  readonly approvals: ApprovalStore;
  readonly policy: ApprovalPolicy;
  readonly approvalMs: number;
  readonly maxBackupAgeMs: number;
  /** The hash of the function's code: an approval is bound to it. */
  readonly codeSha256: () => Promise<string>;
  /** Whether the checklist lets it begin, with everything gathered anew. */
  readonly preconditions: (step: 'flush' | 'restore') => Promise<PreconditionCheck>;
  /** The rescan that a flush belongs to. */
  readonly checklist: Pick<Checklist, 'ensureOpen' | 'openId' | 'recordFlushRequest' | 'recordTableChange'>;
  /** What is about to be deleted or overwritten is in the audit before, or it is not done. */
  readonly audit: Pick<AuditWriter, 'enqueue' | 'record'>;
  readonly readTable: () => Promise<TableNow>;
  /** What keeps a flush or a restore from being asked for at all, beyond the backup itself. */
  readonly inTheWay: (now: TableNow) => Promise<TableRefusal | undefined>;
  readonly runner: Pick<JobRunner, 'begin'>;
  readonly emit: (event: TableEvent) => Promise<void>;
}

/** Destructive acts from the request to the moment they begin: asked for, decided by a second person, carried out as approved. */
export interface ApprovedActs
  extends Pick<TableControl, 'request' | 'click' | 'withdraw' | 'withdrawApproved' | 'openApprovals'> {
  /** What the checklist misses for an act; and what was passed over for it. */
  preconditionsOf(act: Pick<TableAction, 'kind'> & { failedOnly?: boolean }): Promise<GateOutcome>;
  tooOld(backup: BackupRecord): TableRefusal | undefined;
  /** Whether a job that was left by another process may go on; ends the approval of one that had not begun. */
  mayGoOn(job: TableJob): Promise<boolean>;
  lookForExpired(): Promise<void>;
}
export type GateOutcome = { readonly refusal: TableRefusal } | { readonly overridden: readonly Override[] };

const refuse = (refusal: TableRefusal): { ok: false; refusal: TableRefusal } => ({ ok: false, refusal });
const value = <T>(it: T): TableAnswer<T> => ({ ok: true, value: it });

export function createApprovedActs(ports: ApprovedActionsPorts): ApprovedActs {
  const { location, clock, approvals, audit, emit } = ports;
  const now = () => Math.round(clock.now());

  async function preconditionsOf(act: Pick<TableAction, 'kind'> & { failedOnly?: boolean }): Promise<GateOutcome> {
    // A flush of failed-image records needs no more than the backup.
    if (act.failedOnly) return { overridden: [] };
    const preconditions = await ports.preconditions(act.kind);
    if (preconditions.kind === 'pass') return { overridden: preconditions.overridden };
    // Where only the backup is wanting there is a refusal of its own for that, with the digest and the differences.
    return preconditions.unmet.every(({ fix }) => fix === 'backup')
      ? { overridden: [] }
      : { refusal: { reason: 'preconditions', step: act.kind, unmet: preconditions.unmet } };
  }

  function tooOld(backup: BackupRecord): TableRefusal | undefined {
    const ageMs = clock.now() - backup.startedAt;
    return ageMs > ports.maxBackupAgeMs
      ? { reason: 'backup-too-old', backupId: backup.id, ageMs, mostMs: ports.maxBackupAgeMs }
      : undefined;
  }

  /** The state of the world that an act is approved on; or why it may not be asked for, or not begin, on it. */
  async function groundOf(act: TableAction, checklistId: () => Promise<string | undefined>) {
    const table = await ports.readTable();
    const way = await ports.inTheWay(table);
    if (way) return { refusal: way };
    const preconditions = await preconditionsOf(act);
    if ('refusal' in preconditions) return preconditions;
    const backup = await findBackup(location, act.backupId);
    requireUsable(backup, table.arn);
    const old = act.kind === 'flush' ? tooOld(backup) : undefined;
    if (old) return { refusal: old };
    const id = act.kind === 'flush' ? await checklistId() : undefined;
    const { overridden } = preconditions;
    const fingerprint = fingerprintOf(table, backup, act, {
      codeSha256: await ports.codeSha256(),
      checklistId: id,
      overridden,
    });
    return { fingerprint, backup, ...(id === undefined ? {} : { checklistId: id }) };
  }

  /** Carries out what was approved, if the world is still what it was approved on. */
  async function execute(approval: Approval, approvedBy: string): Promise<{ job?: TableJob; refused?: TableRefusal }> {
    const act = tableActSchema.parse(JSON.parse(approval.options));
    const checklistId = act.kind === 'flush' ? await ports.checklist.openId() : undefined;
    const job: TableJob = {
      id: approval.id,
      work: act,
      by: approval.requestedBy,
      approvedBy,
      location: { channel: approval.channel, ...(approval.ts === undefined ? {} : { ts: approval.ts }) },
      startedAt: now(),
      ...(approval.reason === undefined ? {} : { reason: approval.reason }),
      ...(checklistId === undefined ? {} : { checklistId }),
    };
    const refused = await ports.runner.begin(job, {
      async check() {
        const ground = await groundOf(act, () => ports.checklist.openId());
        if ('refusal' in ground) return ground.refusal;
        const usable = mayUse(approval, act.kind, ground.fingerprint, clock.now());
        return usable.ok ? undefined : { reason: 'use', refusal: usable.refusal };
      },
      // A stop takes back what is approved up to here, and finds the job from here on.
      async confirm() {
        await audit.record({
          who: approvedBy,
          what: `${act.kind} ${approval.id}`,
          outcome: `approved, and about to begin on backup ${act.backupId}`,
          ...(approval.reason === undefined ? {} : { why: approval.reason }),
        });
        const { state } = approval;
        const usedAt = now();
        const used = {
          kind: 'used',
          by: approvedBy,
          at: state.kind === 'approved' ? state.at : usedAt,
          usedAt,
        } as const;
        const taken = await approvals.move(approval.id, 'approved', used);
        if (!taken.ok)
          return {
            reason: 'use',
            refusal: { reason: 'not-approved', state: taken.approval?.state ?? approval.state },
          };
        await ports.checklist.recordTableChange(job);
        return;
      },
    });
    if (!refused) return { job };
    const changed = refused.reason === 'use' && refused.refusal.reason === 'changed' ? refused.refusal.changed : [];
    await end(approval.id, 'approved', { kind: 'void', at: now(), changed: [...changed] });
    return { refused };
  }

  async function end(
    id: string,
    from: 'pending' | 'approved',
    state: Exclude<Approval['state'], { kind: 'pending' | 'approved' }>,
  ): Promise<Approval | undefined> {
    const moved = await approvals.move(id, from, state);
    if (!moved.ok || !moved.approval) return;
    await emit({ kind: 'approval-changed', approval: moved.approval });
    return moved.approval;
  }

  async function withdraw(approvalId: string, by: string): Promise<boolean> {
    const state = { kind: 'withdrawn', by, at: now() } as const;
    return ((await end(approvalId, 'pending', state)) ?? (await end(approvalId, 'approved', state))) !== undefined;
  }

  return {
    preconditionsOf,
    tooOld,
    async request({ act, by, reason, channel, approvalId = `a-${randomUUID().slice(0, 8)}` }) {
      const ground = await groundOf(act, () => ports.checklist.ensureOpen(by));
      if ('refusal' in ground) return refuse(ground.refusal);
      const why = reason === undefined ? {} : { reason };
      const requestedAt = now();
      const approval: Approval = {
        id: approvalId,
        act: act.kind,
        fingerprint: ground.fingerprint,
        options: JSON.stringify(act),
        requestedBy: by,
        requestedAt,
        expiresAt: requestedAt + ports.approvalMs,
        channel,
        backupId: act.backupId,
        state: { kind: 'pending' },
        ...why,
      };
      await audit.record({
        who: by,
        what: `approval ${approvalId} of a ${act.kind}`,
        outcome: `asked for, on backup ${act.backupId}`,
        ...(reason === undefined ? {} : { why: reason }),
      });
      await approvals.create(approval);
      if (act.kind === 'flush' && !act.failedOnly) await ports.checklist.recordFlushRequest(approval.id, by);
      await emit({ kind: 'approval-changed', approval });
      return value(approval);
    },
    async openApprovals() {
      const open: Approval[] = [];
      for await (const approval of approvals.open()) if (isWaiting(approval, clock.now())) open.push(approval);
      return open;
    },
    async click(approvalId, click) {
      const approval = await approvals.read(approvalId);
      if (!approval) return refuse({ reason: 'approval-gone', approvalId });
      const decision = decide(approval, click, ports.policy, now());
      if (!decision.ok) return refuse({ reason: 'click', refusal: decision.refusal, approval });
      const moved = await approvals.move(approvalId, 'pending', decision.state);
      const after = moved.approval ?? approval;
      if (!moved.ok)
        return refuse({ reason: 'click', refusal: { reason: 'decided', state: after.state }, approval: after });
      if (decision.state.kind !== 'approved') {
        await emit({ kind: 'approval-changed', approval: after });
        return value({ approval: after });
      }
      audit.enqueue({ who: click.by, what: `approval ${approvalId} of a ${approval.act}`, outcome: 'approved' });
      const outcome = await execute(after, click.by);
      return value({ approval: (await approvals.read(approvalId)) ?? after, ...outcome });
    },
    withdraw,
    async withdrawApproved(by) {
      const taken: Approval[] = [];
      for await (const approval of approvals.open()) {
        if (approval.state.kind !== 'approved') continue;
        const back = await end(approval.id, 'approved', { kind: 'withdrawn', by, at: now() });
        if (back) taken.push(back);
      }
      return taken;
    },
    async mayGoOn({ id }) {
      const approval = await approvals.read(id);
      if (approval?.state.kind === 'used') return true;
      const changed = [{ name: 'the bot', before: 'was about to begin', after: 'went down before it began' }];
      await end(id, 'approved', { kind: 'void', at: now(), changed });
      return false;
    },
    async lookForExpired() {
      for await (const approval of approvals.open()) {
        if (isWaiting(approval, clock.now())) continue;
        if (approval.state.kind !== 'pending' && approval.state.kind !== 'approved') continue;
        await end(approval.id, approval.state.kind, { kind: 'expired', at: approval.expiresAt });
      }
    },
  };
}
