import { randomUUID } from 'node:crypto';
import {
  type Approval,
  type ApprovalPolicy,
  type Click,
  decide,
  type FinalState,
  isWaiting,
} from '../../approvals/approval.ts';
import type { ApprovalStore } from '../../approvals/approval-store.ts';
import type { Clock } from '../../lib/clock.ts';
import { defined } from '../../lib/defined.ts';
import { refuse, succeed } from '../../lib/result.ts';
import type { AuditWriter } from '../audit/audit-writer.ts';
import {
  backupIdOf,
  describeBackups,
  optionsOf,
  type TableAnswer,
  type TableControl,
  type TableEvent,
} from '../contracts/table-control.ts';
import type { Checklist } from '../steps/checklist.ts';
import type { ApprovalFacts } from './approval-facts.ts';

export interface ApprovalRequestsPorts {
  readonly clock: Clock;
  readonly approvals: ApprovalStore;
  readonly facts: Pick<ApprovalFacts, 'gather'>;
  readonly policy: ApprovalPolicy;
  readonly approvalMs: number;
  /** The checklist that a flush belongs to. */
  readonly checklist: Pick<Checklist, 'ensureOpen' | 'recordFlushRequest'>;
  /** A request is in the audit before it exists. */
  readonly audit: Pick<AuditWriter, 'enqueue' | 'record'>;
  /** Resolves to whether everything that people must see is stored. */
  readonly emit: (event: TableEvent) => Promise<boolean>;
}

/** Requests for approval until they are approved or end. Starting what was approved is `startApproved`. */
export interface ApprovalRequests extends Pick<TableControl, 'withdraw' | 'withdrawApproved' | 'openApprovals'> {
  /** `except`: the interrupted job that this request continues; it does not block the request. */
  request(request: Parameters<TableControl['request']>[0], except?: string): Promise<TableAnswer<Approval>>;
  /** Decides a click, and stores and emits the new state. */
  decide(approvalId: string, click: Click): Promise<TableAnswer<Approval>>;
  /** Moves an open approval to a state that it never leaves; the approval if it was in the state `from`. */
  end(id: string, from: 'pending' | 'approved', state: FinalState): Promise<Approval | undefined>;
  /** Ends the requests whose time is over. */
  expire(): Promise<void>;
  /** Has the message of every request that was decided or ended edited, once. */
  showEnded(): Promise<void>;
  /** All that are pending, or approved and not used, oldest first, expired ones included. */
  open(): Promise<readonly Approval[]>;
}

export function createApprovalRequests(ports: ApprovalRequestsPorts): ApprovalRequests {
  const { clock, approvals, audit, emit } = ports;
  const now = () => Math.round(clock.now());

  const end: ApprovalRequests['end'] = async (id, from, state) => {
    const moved = await approvals.move(id, from, state);
    if (!moved.ok || !moved.approval) return;
    await emit({ kind: 'approval-changed', approval: moved.approval });
    return moved.approval;
  };

  const open = () => Array.fromAsync(approvals.open());

  return {
    end,
    open,
    async request({ action, by, alsoBy = [], reason, channel, approvalId = `a-${randomUUID().slice(0, 8)}` }, except) {
      const facts = await ports.facts.gather(action, () => ports.checklist.ensureOpen(by), except);
      if (!facts.ok) return facts;
      const requestedAt = now();
      const backupId = backupIdOf(action);
      const approval: Approval = {
        id: approvalId,
        action: action.kind,
        fingerprint: facts.value.fingerprint,
        options: optionsOf(action),
        requestedBy: by,
        ...(alsoBy.length > 0 ? { alsoRequestedBy: alsoBy } : {}),
        requestedAt,
        expiresAt: requestedAt + ports.approvalMs,
        channel,
        state: { kind: 'pending' },
        ...defined({ reason, backupId }),
      };
      await audit.record({
        who: by,
        what: `approval ${approvalId} of a ${action.kind}`,
        outcome: `asked: with ${describeBackups(action)}`,
        ...defined({ why: reason }),
      });
      await approvals.create(approval);
      if (action.kind === 'flush' && !action.failedOnly) await ports.checklist.recordFlushRequest(approval.id, by);
      await emit({ kind: 'approval-changed', approval });
      return succeed(approval);
    },
    async openApprovals() {
      return (await open()).filter((approval) => isWaiting(approval, clock.now()));
    },
    async decide(approvalId, click) {
      const approval = await approvals.read(approvalId);
      if (!approval || approval.action === 'deploy') return refuse({ reason: 'approval-gone', approvalId });
      const decision = decide(approval, click, ports.policy, now());
      if (!decision.ok) return refuse({ reason: 'click', refusal: decision.refusal, approval });
      const moved = await approvals.move(approvalId, 'pending', decision.value);
      const after = moved.approval ?? approval;
      if (!moved.ok)
        return refuse({ reason: 'click', refusal: { reason: 'decided', state: after.state }, approval: after });
      if (decision.value.kind === 'approved')
        audit.enqueue({ who: click.by, what: `approval ${approvalId} of a ${approval.action}`, outcome: 'approved' });
      else await emit({ kind: 'approval-changed', approval: after });
      return succeed(after);
    },
    async withdraw(approvalId, by) {
      const state = { kind: 'withdrawn', by, at: now() } as const;
      return ((await end(approvalId, 'pending', state)) ?? (await end(approvalId, 'approved', state))) !== undefined;
    },
    async withdrawApproved(by) {
      const withdrawn: Approval[] = [];
      for (const { id, state } of await open()) {
        if (state.kind !== 'approved') continue;
        const ended = await end(id, 'approved', { kind: 'withdrawn', by, at: now() });
        if (ended) withdrawn.push(ended);
      }
      return withdrawn;
    },
    async showEnded() {
      for await (const approval of approvals.unshown()) {
        // While a message may be posted, whoever posts it shows the state that it finds.
        if (approval.ts === undefined && clock.now() < approval.expiresAt) continue;
        const isShown = approval.ts === undefined || (await emit({ kind: 'request-outdated', approval }));
        if (isShown) await approvals.setShown(approval.id);
      }
    },
    async expire() {
      for (const approval of await open()) {
        if (isWaiting(approval, clock.now())) continue;
        if (approval.state.kind !== 'pending' && approval.state.kind !== 'approved') continue;
        await end(approval.id, approval.state.kind, { kind: 'expired', at: approval.expiresAt });
      }
    },
  };
}
