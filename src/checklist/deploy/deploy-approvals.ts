import { randomUUID } from 'node:crypto';
import { type Approval, type ApprovalPolicy, refusalOfUse } from '../../approvals/approval.ts';
import { type ApprovalLifecycle, createApprovalLifecycle } from '../../approvals/approval-lifecycle.ts';
import type { ApprovalStore } from '../../approvals/approval-store.ts';
import type { Fingerprint } from '../../approvals/fingerprint.ts';
import type { Clock } from '../../lib/clock.ts';
import { defined } from '../../lib/defined.ts';
import { type Result, refuse, succeed } from '../../lib/result.ts';
import type { DeployFacts } from '../../pipeline/package/deploy-facts.ts';
import { bringsCode, type DeployPlan } from '../../pipeline/package/function-package.ts';
import type { Names } from '../../pipeline/package/package-files.ts';
import type { AuditOutcome } from '../audit/audit-outcome.ts';
import type { AuditWriter } from '../audit/audit-writer.ts';
import type { StepRefusal } from '../contracts/step-control.ts';
import type { DeployRecord } from './deploy-store.ts';
import { planOf } from './finish-deploy.ts';

export interface DeployApprovalPorts {
  readonly clock: Clock;
  readonly approvals: ApprovalStore;
  readonly audit: Pick<AuditWriter, 'record' | 'enqueue'>;
  readonly readFacts: (plan: DeployPlan) => Promise<DeployFacts>;
  readonly policy: ApprovalPolicy;
  readonly approvalMs: number;
}

/** Approvals of deploys that bring code which is not the running one. */
export interface DeployApprovals extends Pick<ApprovalLifecycle, 'decide' | 'end' | 'withdrawApproved'> {
  request(
    record: DeployRecord,
    by: string,
    about: { readonly channel: string; readonly reason?: string },
  ): Promise<Result<Approval, StepRefusal>>;
  /**
   * Marks the approval of a deploy as used, if it covers the deploy as everything is now. Once used it stays so. The next
   * process may begin the deploy only while the approval still covers it, and finishes one that has changed the code.
   */
  use(record: DeployRecord): Promise<StepRefusal | undefined>;
  /** Ends requests whose time is over, and approvals that no process has started. */
  endForgotten(): Promise<void>;
}

/** The names of the facts that an approval of a deploy is bound to; the message shows them. */
export const DEPLOY_FACT = {
  function: 'function',
  package: 'package',
  sha256: 'SHA-256 of the zip',
  deployed: 'code after the deploy',
  running: 'running code',
  revision: 'revision',
  handler: 'handler',
  rollback: 'rollback target',
  version: 'OCR version',
  added: 'files added',
  changed: 'files changed',
  missing: 'files missing',
} as const;

/** An approval that was given this long ago and is not used has no process that starts it, ms. */
const START_GRACE_MS = 30_000;

const optionsOf = ({ id }: DeployRecord): string => JSON.stringify({ kind: 'deploy', deployId: id });

const named = ({ count, names }: Names): string =>
  count === 0 ? 'none' : `${names.slice(0, 8).join(', ')}${count > 8 ? ` and ${count - 8} more` : ''}`;

function fingerprintOf(plan: DeployPlan, facts: DeployFacts): Fingerprint {
  const { given = '', givenSha256 = '', next, former, ocrVersion, files } = plan;
  const compared = files
    ? [
        { name: DEPLOY_FACT.added, value: named(files.added) },
        { name: DEPLOY_FACT.changed, value: named(files.changed) },
        { name: DEPLOY_FACT.missing, value: named(files.missing) },
      ]
    : [];
  return [
    { name: DEPLOY_FACT.function, value: facts.functionArn },
    { name: DEPLOY_FACT.package, value: given },
    { name: DEPLOY_FACT.sha256, value: givenSha256 },
    { name: DEPLOY_FACT.deployed, value: next.codeSha256 },
    { name: DEPLOY_FACT.running, value: facts.codeSha256 },
    { name: DEPLOY_FACT.revision, value: facts.revisionId },
    { name: DEPLOY_FACT.handler, value: facts.handler },
    { name: DEPLOY_FACT.rollback, value: facts.areStored ? former.codeSha256 : 'not stored' },
    { name: DEPLOY_FACT.version, value: `${ocrVersion.before ?? 'unknown'} to ${ocrVersion.after ?? 'unknown'}` },
    ...compared,
  ];
}

/** Whether the function has other code than when the deploy was planned. A plan that leaves the code as it is brings none. */
const hasOtherCode = ({ former, next }: DeployPlan, { codeSha256 }: DeployFacts): boolean =>
  codeSha256 !== former.codeSha256 || codeSha256 === next.codeSha256;

export function createDeployApprovals(ports: DeployApprovalPorts): DeployApprovals {
  const { clock, approvals, audit } = ports;
  const now = () => Math.round(clock.now());
  const whatOf = ({ id }: Pick<Approval, 'id'>) => `approval ${id} of a deploy`;

  const note = (approval: Approval, by: string, outcome: AuditOutcome) =>
    audit.enqueue({ who: by, what: whatOf(approval), outcome });
  const lifecycle = createApprovalLifecycle({
    ...ports,
    isOurs: ({ action }) => action === 'deploy',
    onDecided: async (approval, by) => note(approval, by, approval.state.kind === 'denied' ? 'denied' : 'approved'),
    async onEnded(approval, state) {
      if (state.kind === 'used') return;
      const changed = state.kind === 'void' ? state.changed.map(({ name }) => name) : [];
      const word = state.kind === 'void' ? 'voided' : state.kind;
      const by = 'by' in state ? state.by : 'bot';
      note(approval, by, changed.length > 0 ? `${word}: ${changed.join(', ')} changed` : word);
    },
  });
  const { end } = lifecycle;

  return {
    ...lifecycle,
    async request(record, by, { channel, reason }) {
      const plan = planOf(record);
      // A plan of an older version does not name the hash of the zip.
      if (record.state !== 'planned' || plan.givenSha256 === undefined || !bringsCode(plan))
        return refuse({ reason: 'deploy-gone' });
      const facts = await ports.readFacts(plan);
      if (facts.codeSha256 !== plan.former.codeSha256) {
        const { codeSha256: expected } = plan.former;
        return refuse({
          reason: 'deploy',
          refusal: { reason: 'changed-since-preview', expected, found: facts.codeSha256 },
        });
      }
      const requestedAt = now();
      const approval: Approval = {
        id: `a-${randomUUID().slice(0, 8)}`,
        action: 'deploy',
        fingerprint: fingerprintOf(plan, facts),
        options: optionsOf(record),
        requestedBy: by,
        requestedAt,
        expiresAt: requestedAt + ports.approvalMs,
        channel,
        state: { kind: 'pending' },
        ...defined({ reason }),
      };
      const outcome: AuditOutcome = `asked: ${plan.given}, SHA-256 ${plan.givenSha256}`;
      await audit.record({ who: by, what: whatOf(approval), outcome, ...defined({ why: reason }) });
      await approvals.create(approval);
      return succeed(approval);
    },
    async use(record) {
      const plan = planOf(record);
      if (!bringsCode(plan)) return;
      const { approvalId } = record;
      const approval = approvalId === undefined ? undefined : await approvals.read(approvalId);
      if (!approval) return { reason: 'approval-needed' };
      const options = optionsOf(record);
      // Used for exactly this deploy: the process died after that.
      const isUsed = approval.state.kind === 'used' && approval.options === options;
      const facts = await ports.readFacts(plan);
      // The new code was deployed with it, or somebody deployed other code, which the deploy refuses.
      if (isUsed && hasOtherCode(plan, facts)) return;
      const use = { action: 'deploy', options, fingerprint: fingerprintOf(plan, facts) } as const;
      const refusal = refusalOfUse(approval, use, clock.now(), isUsed ? 'used' : 'approved');
      if (isUsed) return refusal && { reason: 'approval', refusal };
      if (refusal) {
        const changed = refusal.reason === 'changed' ? [...refusal.changed] : [];
        const because = changed.length > 0 ? 'changed' : 'refused';
        await end(approval.id, 'approved', { kind: 'void', at: now(), changed, because });
        return { reason: 'approval', refusal };
      }
      const { state } = approval;
      if (state.kind !== 'approved') return { reason: 'approval', refusal: { reason: 'wrong-state', state } };
      await audit.record({
        who: state.by,
        what: `deploy ${record.id}`,
        outcome: `approved: with ${approval.id}, SHA-256 ${plan.givenSha256}`,
      });
      const moved = await approvals.move(approval.id, 'approved', { ...state, kind: 'used', usedAt: now() });
      if (moved.ok) return;
      const after = moved.approval?.state ?? state;
      // The reply to our own write was lost.
      if (after.kind === 'used' && record.state === 'deploying') return;
      return { reason: 'approval', refusal: { reason: 'wrong-state', state: after } };
    },
    async endForgotten() {
      await lifecycle.expire();
      for (const { id, state } of await lifecycle.open())
        if (state.kind === 'approved' && clock.now() - state.at > START_GRACE_MS)
          await end(id, 'approved', { kind: 'void', at: now(), changed: [], because: 'never-started' });
    },
  };
}
