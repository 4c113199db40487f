import type { Clock } from '../lib/clock.ts';
import { type Result, refuse, succeed } from '../lib/result.ts';
import {
  type Approval,
  type ApprovalPolicy,
  type Click,
  type ClickRefusal,
  decide,
  type FinalState,
  isWaiting,
  requestersOf,
} from './approval.ts';
import type { ApprovalStore } from './approval-store.ts';

/** Why a click decided nothing. */
export type DecideRefusal =
  | { readonly reason: 'approval-gone'; readonly approvalId: string }
  | { readonly reason: 'click'; readonly refusal: ClickRefusal; readonly approval: Approval };

export interface ApprovalLifecyclePorts {
  readonly approvals: Pick<ApprovalStore, 'read' | 'move' | 'open'>;
  readonly policy: ApprovalPolicy;
  readonly clock: Clock;
  /** Whether a request belongs here. No other one is decided. */
  readonly isOurs: (approval: Approval) => boolean;
  /** Called after a request was approved or denied, and waited for. */
  readonly onDecided: (approval: Approval, by: string) => Promise<unknown>;
  /** Called after a request reached a state that it never leaves, and waited for. */
  readonly onEnded: (approval: Approval, state: FinalState) => Promise<unknown>;
}

/** Requests for approval from the first click to their end. What is asked for, and what an approval starts, is not known here. */
export interface ApprovalLifecycle {
  /** Decides a click and stores the new state. Of several clicks one decides, and only on all requesters there are then. */
  decide(id: string, click: Click): Promise<Result<Approval, DecideRefusal>>;
  /** Moves an open approval to a state that it never leaves; the approval if it was in the state `from`. */
  end(id: string, from: 'pending' | 'approved', state: FinalState): Promise<Approval | undefined>;
  /** Ends every approval that was given and is not used, so that nothing starts with it; those that were ended. */
  withdrawApproved(by: string): Promise<readonly Approval[]>;
  /** Ends the requests whose time is over. */
  expire(): Promise<void>;
  /** All that are pending, or approved and not used, in no order, expired ones included. */
  open(): Promise<readonly Approval[]>;
}

export function createApprovalLifecycle(ports: ApprovalLifecyclePorts): ApprovalLifecycle {
  const { approvals, clock } = ports;
  const now = () => Math.round(clock.now());
  const open = () => Array.fromAsync(approvals.open());

  const end: ApprovalLifecycle['end'] = async (id, from, state) => {
    const moved = await approvals.move(id, from, state);
    if (!moved.ok || !moved.approval) return;
    await ports.onEnded(moved.approval, state);
    return moved.approval;
  };

  return {
    end,
    open,
    async decide(id, click) {
      for (;;) {
        const approval = await approvals.read(id);
        if (!approval || !ports.isOurs(approval)) return refuse({ reason: 'approval-gone', approvalId: id });
        const decision = decide(approval, click, ports.policy, now());
        if (!decision.ok) return refuse({ reason: 'click', refusal: decision.refusal, approval });
        const moved = await approvals.move(id, 'pending', decision.value, approval);
        const after = moved.approval ?? approval;
        if (moved.ok) {
          await ports.onDecided(after, click.by);
          return succeed(after);
        }
        // Somebody became a requester meanwhile, perhaps the person who clicked.
        if (after.state.kind === 'pending' && requestersOf(after).length > requestersOf(approval).length) continue;
        return refuse({ reason: 'click', refusal: { reason: 'decided', state: after.state }, approval: after });
      }
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
    async expire() {
      for (const approval of await open()) {
        const { id, state, expiresAt } = approval;
        if (isWaiting(approval, clock.now()) || (state.kind !== 'pending' && state.kind !== 'approved')) continue;
        await end(id, state.kind, { kind: 'expired', at: expiresAt });
      }
    },
  };
}
