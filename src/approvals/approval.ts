import { z } from 'zod';
import { defined } from '../lib/defined.ts';
import { type Result, refuse, succeed } from '../lib/result.ts';
import { type ChangedFact, changedFacts, type Fingerprint } from './fingerprint.ts';

/** Actions that need an approval. */
export const APPROVED_ACTIONS = ['flush', 'restore', 'prune', 'deploy'] as const;
export type ApprovedAction = (typeof APPROVED_ACTIONS)[number];

const decided = { by: z.string(), at: z.number() };
export const factSchema = z.object({ name: z.string(), value: z.string() });

/** The state of an approval. Only `pending` can be decided, only `approved` can be used, and each only once. */
export const approvalStateSchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('pending') }),
  z.object({ kind: z.literal('approved'), ...decided }),
  /** `reason`: what the person who denied it wrote, if anything. */
  z.object({ kind: z.literal('denied'), ...decided, reason: z.string().exactOptional() }),
  z.object({ kind: z.literal('expired'), at: z.number() }),
  z.object({ kind: z.literal('withdrawn'), ...decided }),
  z.object({
    kind: z.literal('void'),
    at: z.number(),
    changed: z.array(z.object({ name: z.string(), before: z.string(), after: z.string() })),
    /** `never-started`: the bot restarted between the approval and the start. Absent in records of older versions. */
    because: z.enum(['changed', 'refused', 'never-started']).exactOptional(),
  }),
  z.object({ kind: z.literal('used'), ...decided, usedAt: z.number() }),
]);
export type ApprovalState = z.infer<typeof approvalStateSchema>;
/** The states that an approval never leaves. */
export type FinalState = Exclude<ApprovalState, { kind: 'pending' | 'approved' }>;

export const approvalSchema = z.object({
  id: z.string(),
  action: z.enum(APPROVED_ACTIONS),
  fingerprint: z.array(factSchema).readonly(),
  /** The action with all its options, as JSON, exactly as it will be carried out. */
  options: z.string(),
  requestedBy: z.string(),
  /** Others who asked for it as well, as whoever let the autopilot try again. They count as requesters. */
  alsoRequestedBy: z.array(z.string()).readonly().exactOptional(),
  requestedAt: z.number(),
  expiresAt: z.number(),
  reason: z.string().exactOptional(),
  /** The message whose buttons count. `ts` is known once it is posted. */
  channel: z.string(),
  ts: z.string().exactOptional(),
  /** The backup that must be kept while this is open. */
  backupId: z.string().exactOptional(),
  state: approvalStateSchema,
});
/** A second person's consent to one exact action: asked for, decided once, used at most once. */
export type Approval = z.infer<typeof approvalSchema>;

export type ApprovalPolicy = 'second-person' | 'self';

/** Everyone who asked for it, and may therefore not approve it. */
export const requestersOf = ({
  requestedBy,
  alsoRequestedBy = [],
}: Pick<Approval, 'requestedBy' | 'alsoRequestedBy'>): readonly string[] => [requestedBy, ...alsoRequestedBy];

/** A click on Approve or Deny, as Slack's signed envelope reports it. */
export interface Click {
  readonly decision: 'approve' | 'deny';
  /** Why it is denied, in the words of the person. */
  readonly reason?: string;
  readonly by: string;
  /** The same person as a requester, although their ids may differ, as on Enterprise Grid. Absent: the ids are compared. */
  readonly isRequester?: boolean;
  readonly channel: string;
  readonly ts: string;
  /** Looked up at the click. `approver`: listed in APPROVERS and an active member of the workspace, no bot and no guest. */
  readonly approverCheck: 'approver' | 'operator' | 'neither';
}

export type ClickRefusal =
  | { readonly reason: 'decided'; readonly state: ApprovalState }
  | { readonly reason: 'expired'; readonly at: number }
  | { readonly reason: 'own-request' }
  | { readonly reason: 'not-an-approver' }
  | { readonly reason: 'wrong-message' };

/**
 * The new state of an approval after a click. Fails closed: what is not clearly a second person's decision, in time, on the
 * message of the request is refused. The requester withdraws the request with Deny, and may approve it under the policy `self`.
 */
export function decide(
  approval: Approval,
  click: Click,
  policy: ApprovalPolicy,
  now: number,
): Result<Extract<ApprovalState, { kind: 'approved' | 'denied' | 'withdrawn' }>, ClickRefusal> {
  if (approval.channel !== click.channel || approval.ts !== click.ts) return refuse({ reason: 'wrong-message' });
  if (approval.state.kind !== 'pending') return refuse({ reason: 'decided', state: approval.state });
  if (now >= approval.expiresAt) return refuse({ reason: 'expired', at: approval.expiresAt });
  const isOwn = click.isRequester === true || requestersOf(approval).includes(click.by);
  if (click.decision === 'deny' && isOwn) return succeed({ kind: 'withdrawn', by: click.by, at: now });
  if (isOwn && policy === 'second-person') return refuse({ reason: 'own-request' });
  const mayDecide =
    click.approverCheck === 'approver' || (isOwn && policy === 'self' && click.approverCheck === 'operator');
  if (!mayDecide) return refuse({ reason: 'not-an-approver' });
  if (click.decision === 'approve') return succeed({ kind: 'approved', by: click.by, at: now });
  return succeed({ kind: 'denied', by: click.by, at: now, ...defined({ reason: click.reason }) });
}

export type UseRefusal =
  | { readonly reason: 'wrong-state'; readonly state: ApprovalState }
  | { readonly reason: 'expired'; readonly at: number }
  | { readonly reason: 'other-action'; readonly action: ApprovedAction }
  | { readonly reason: 'changed'; readonly changed: readonly ChangedFact[] };

/** What is about to be done, to be compared with what was approved. */
export interface Use {
  readonly action: ApprovedAction;
  /** As in the approval: the action with all its options, as JSON. */
  readonly options: string;
  /** Gathered again. */
  readonly fingerprint: Fingerprint;
}

/**
 * Why an approval does not cover this use; undefined where it does. Action, options and fingerprint are compared in full, so
 * that an approval in a control table that was restored from a backup covers nothing but the state that it was given on.
 * `needed`: `approved` to start an action, `used` to resume one that was started with it.
 */
export function refusalOfUse(
  approval: Approval,
  use: Use,
  now: number,
  needed: 'approved' | 'used' = 'approved',
): UseRefusal | undefined {
  if (approval.action !== use.action) return { reason: 'other-action', action: approval.action };
  if (approval.state.kind !== needed) return { reason: 'wrong-state', state: approval.state };
  if (now >= approval.expiresAt) return { reason: 'expired', at: approval.expiresAt };
  const changed = changedFacts(
    [...approval.fingerprint, { name: 'options', value: approval.options }],
    [...use.fingerprint, { name: 'options', value: use.options }],
  );
  return changed.length === 0 ? undefined : { reason: 'changed', changed };
}

/** Whether the request is still open: it keeps its backup from being pruned. */
export const isWaiting = (approval: Approval, now: number): boolean =>
  (approval.state.kind === 'pending' || approval.state.kind === 'approved') && now < approval.expiresAt;

/** The requests that are still open, oldest first: their ids are random, so the control table lists them in no order. */
export const waitingOf = (approvals: readonly Approval[], now: number): readonly Approval[] =>
  approvals.filter((approval) => isWaiting(approval, now)).toSorted((a, b) => a.requestedAt - b.requestedAt);
