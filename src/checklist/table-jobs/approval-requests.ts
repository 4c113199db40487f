import { randomUUID } from 'node:crypto';
import { type Approval, type ApprovalPolicy, waitingOf } from '../../approvals/approval.ts';
import { type ApprovalLifecycle, createApprovalLifecycle } from '../../approvals/approval-lifecycle.ts';
import type { ApprovalStore } from '../../approvals/approval-store.ts';
import type { Clock } from '../../lib/clock.ts';
import { defined } from '../../lib/defined.ts';
import { succeed } from '../../lib/result.ts';
import type { AuditWriter } from '../audit/audit-writer.ts';
import { backupIdOf, describeForAudit, optionsOf } from '../contracts/table-action.ts';
import type { TableAnswer, TableControl, TableEvent } from '../contracts/table-control.ts';
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
export interface ApprovalRequests extends ApprovalLifecycle, Pick<TableControl, 'withdraw' | 'openApprovals'> {
  /** `except`: the interrupted job that this request continues; it does not block the request. */
  request(request: Parameters<TableControl['request']>[0], except?: string): Promise<TableAnswer<Approval>>;
  /** Has the message of every request that was decided or ended edited, once. */
  showEnded(): Promise<void>;
}

export function createApprovalRequests(ports: ApprovalRequestsPorts): ApprovalRequests {
  const { clock, approvals, audit, emit } = ports;
  const now = () => Math.round(clock.now());

  const lifecycle = createApprovalLifecycle({
    ...ports,
    isOurs: ({ action }) => action !== 'deploy',
    async onDecided(approval, by) {
      if (approval.state.kind === 'approved')
        audit.enqueue({ who: by, what: `approval ${approval.id} of a ${approval.action}`, outcome: 'approved' });
      else await emit({ kind: 'approval-changed', approval });
    },
    onEnded: (approval) => emit({ kind: 'approval-changed', approval }),
  });

  return {
    ...lifecycle,
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
        outcome: `asked: with ${describeForAudit(action)}`,
        ...defined({ why: reason }),
      });
      await approvals.create(approval);
      if (action.kind === 'flush' && !action.failedOnly) await ports.checklist.recordFlushRequest(approval.id, by);
      await emit({ kind: 'approval-changed', approval });
      return succeed(approval);
    },
    async openApprovals() {
      return waitingOf(await lifecycle.open(), clock.now());
    },
    async withdraw(approvalId, by) {
      const state = { kind: 'withdrawn', by, at: now() } as const;
      return (
        ((await lifecycle.end(approvalId, 'pending', state)) ??
          (await lifecycle.end(approvalId, 'approved', state))) !== undefined
      );
    },
    async showEnded() {
      for await (const approval of approvals.unshown()) {
        // While a message may be posted, whoever posts it shows the state that it finds.
        if (approval.ts === undefined && clock.now() < approval.expiresAt) continue;
        const isShown = approval.ts === undefined || (await emit({ kind: 'request-outdated', approval }));
        if (isShown) await approvals.setShown(approval.id);
      }
    },
  };
}
