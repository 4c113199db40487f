import { z } from 'zod';
import { type ChangedFact, changedFacts, type Fingerprint } from './fingerprint.ts';

/** What may be asked for. A new destructive act is a new word here, and the compiler shows every place that must know it. */
export const APPROVAL_ACTS = ['flush', 'restore'] as const;
export type ApprovalAct = (typeof APPROVAL_ACTS)[number];

const decided = { by: z.string(), at: z.number() };
const factSchema = z.object({ name: z.string(), value: z.string() });

/** The state of an approval; only `pending` can be decided, only `approved` can be used, and each only once. */
export const approvalStateSchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('pending') }),
  z.object({ kind: z.literal('approved'), ...decided }),
  z.object({ kind: z.literal('denied'), ...decided }),
  z.object({ kind: z.literal('expired'), at: z.number() }),
  z.object({ kind: z.literal('withdrawn'), ...decided }),
  z.object({
    kind: z.literal('void'),
    at: z.number(),
    changed: z.array(z.object({ name: z.string(), before: z.string(), after: z.string() })),
  }),
  z.object({ kind: z.literal('used'), ...decided, usedAt: z.number() }),
]);
export type ApprovalState = z.infer<typeof approvalStateSchema>;

export const approvalSchema = z.object({
  id: z.string(),
  act: z.enum(APPROVAL_ACTS),
  fingerprint: z.array(factSchema).readonly(),
  /** The act's options exactly as they will be carried out; the act's own room parses them. */
  options: z.string(),
  requestedBy: z.string(),
  requestedAt: z.number(),
  expiresAt: z.number(),
  reason: z.string().exactOptional(),
  /** The very message whose buttons count. `ts` is known once it is posted. */
  channel: z.string(),
  ts: z.string().exactOptional(),
  /** The backup that must be kept while this is open. */
  backupId: z.string().exactOptional(),
  state: approvalStateSchema,
});
/** A second person's yes to one exact, described act: asked for, decided once, used once, or gone. */
export type Approval = z.infer<typeof approvalSchema>;

export type ApprovalPolicy = 'second-person' | 'self';

/** A click on Approve or Deny, as the verified envelope tells it; `standing` is looked up at the click. */
export interface Click {
  readonly decision: 'approve' | 'deny';
  readonly by: string;
  readonly channel: string;
  readonly ts: string;
  /** `approver`: on the approvers' list, an active member of the workspace, no bot and no guest. */
  readonly standing: 'approver' | 'operator' | 'neither';
}

export type ClickRefusal =
  | { readonly reason: 'decided'; readonly state: ApprovalState }
  | { readonly reason: 'expired'; readonly at: number }
  | { readonly reason: 'own-request' }
  | { readonly reason: 'not-an-approver' }
  | { readonly reason: 'wrong-message' };

export type Decision =
  | { readonly ok: true; readonly state: Extract<ApprovalState, { kind: 'approved' | 'denied' | 'withdrawn' }> }
  | { readonly ok: false; readonly refusal: ClickRefusal };

/**
 * What a click on an approval comes to. Fails closed: what is not clearly a second person's decision on that very message
 * in time is refused. Who asked may take the request back with Deny, and with the policy `self` approve it.
 */
export function decide(approval: Approval, click: Click, policy: ApprovalPolicy, now: number): Decision {
  const refused = (refusal: ClickRefusal): Decision => ({ ok: false, refusal });
  if (approval.channel !== click.channel || approval.ts !== click.ts) return refused({ reason: 'wrong-message' });
  if (approval.state.kind !== 'pending') return refused({ reason: 'decided', state: approval.state });
  if (now >= approval.expiresAt) return refused({ reason: 'expired', at: approval.expiresAt });
  const own = click.by === approval.requestedBy;
  if (click.decision === 'deny' && own) return { ok: true, state: { kind: 'withdrawn', by: click.by, at: now } };
  if (own && policy === 'second-person') return refused({ reason: 'own-request' });
  if (click.standing !== 'approver' && !(own && policy === 'self' && click.standing === 'operator'))
    return refused({ reason: 'not-an-approver' });
  return { ok: true, state: { kind: click.decision === 'approve' ? 'approved' : 'denied', by: click.by, at: now } };
}

export type UseRefusal =
  | { readonly reason: 'not-approved'; readonly state: ApprovalState }
  | { readonly reason: 'expired'; readonly at: number }
  | { readonly reason: 'other-act'; readonly act: ApprovalAct }
  | { readonly reason: 'changed'; readonly changed: readonly ChangedFact[] };

/** Whether an approval holds for carrying out `act` on the world as it is now (`fingerprint`, gathered again). */
export function mayUse(
  approval: Approval,
  act: ApprovalAct,
  fingerprint: Fingerprint,
  now: number,
): { readonly ok: true } | { readonly ok: false; readonly refusal: UseRefusal } {
  const refused = (refusal: UseRefusal) => ({ ok: false, refusal }) as const;
  if (approval.act !== act) return refused({ reason: 'other-act', act: approval.act });
  if (approval.state.kind !== 'approved') return refused({ reason: 'not-approved', state: approval.state });
  if (now >= approval.expiresAt) return refused({ reason: 'expired', at: approval.expiresAt });
  const changed = changedFacts(approval.fingerprint, fingerprint);
  return changed.length === 0 ? { ok: true } : refused({ reason: 'changed', changed });
}

/** Whether the request still waits for someone: it keeps its backup from being pruned. */
export const isWaiting = (approval: Approval, now: number): boolean =>
  (approval.state.kind === 'pending' || approval.state.kind === 'approved') && now < approval.expiresAt;
