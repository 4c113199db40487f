import { type Approval, refusalOfUse } from '../../approvals/approval.ts';
import type { ApprovalStore } from '../../approvals/approval-store.ts';
import type { Clock } from '../../lib/clock.ts';
import { defined } from '../../lib/defined.ts';
import { type Result, refuse, succeed } from '../../lib/result.ts';
import type { Fault } from '../../pipeline/invoke/invocation.ts';
import type { AuditWriter } from '../audit/audit-writer.ts';
import { actionOf, describeForAudit, optionsOf } from '../contracts/table-action.ts';
import type { ApprovedJob, TableJob, TableRefusal } from '../contracts/table-control.ts';
import type { Checklist } from '../steps/checklist.ts';
import type { ApprovalFacts, FactsForApproval } from './approval-facts.ts';
import type { ApprovalRequests } from './approval-requests.ts';
import type { Decision, JobDriver } from './job-driver.ts';
import type { JobRecord } from './job-record.ts';
import { refusalOrFault } from './table-errors.ts';

export interface StartApprovedPorts {
  readonly clock: Clock;
  readonly approvals: Pick<ApprovalStore, 'read' | 'move'>;
  readonly requests: Pick<ApprovalRequests, 'end'>;
  readonly facts: Pick<ApprovalFacts, 'gather' | 'changedSince'>;
  /** Read after the claim: a backup reads the record of the job after its own claim, so one of both sees the other. */
  readonly activeBackup: () => Promise<TableJob | undefined>;
  readonly checklist: Pick<Checklist, 'openId'>;
  /** What is about to be deleted or overwritten is in the audit first. */
  readonly audit: Pick<AuditWriter, 'record'>;
  readonly record: Pick<JobRecord, 'claim' | 'read' | 'remove'>;
  readonly driver: Pick<JobDriver, 'underLease' | 'reportEnd'>;
  readonly stopFileExists: () => Promise<boolean>;
  readonly stopFile: string;
  readonly readFault: (error: unknown) => Fault;
  readonly warn: (message: string, cause: unknown) => void;
}

/**
 * Starts what was approved, if everything is still as it was when the approval was asked for: takes the lease, gathers the
 * facts again, compares them with the approval, claims the job record, marks the approval used, and drives the job under the
 * same lease. Whatever fails before the approval is used leaves no claim and no lease, and ends the approval.
 *
 * The record is claimed before the approval is used, so that a stop finds the one or the other at every moment, and so that
 * after a crash the state of the approval tells whether the job had started: `lookForWork` resumes a used one only.
 */
export async function startApproved(
  ports: StartApprovedPorts,
  approval: Approval,
): Promise<Result<ApprovedJob, TableRefusal>> {
  const { clock, requests } = ports;
  const started = await start(ports, approval).catch((error: unknown) => {
    ports.warn(`approval ${approval.id} could not be carried out`, error);
    return refuse(refusalOrFault(error, ports.readFault));
  });
  if (started.ok || started.refusal.reason === 'start-unclear') return started;
  const { refusal } = started;
  const changed = refusal.reason === 'use' && refusal.refusal.reason === 'changed' ? refusal.refusal.changed : [];
  const because = changed.length > 0 ? 'changed' : 'refused';
  await requests.end(approval.id, 'approved', {
    kind: 'void',
    at: Math.round(clock.now()),
    changed: [...changed],
    because,
  });
  return started;
}

async function start(ports: StartApprovedPorts, approval: Approval): Promise<Result<ApprovedJob, TableRefusal>> {
  const { clock, record, driver } = ports;
  const action = actionOf(approval);
  if (await ports.stopFileExists()) return refuse({ reason: 'stop-file', path: ports.stopFile });
  const job: ApprovedJob = {
    id: approval.id,
    work: action,
    by: approval.requestedBy,
    location: { channel: approval.channel, ...defined({ ts: approval.ts }) },
    startedAt: Math.round(clock.now()),
    approvedUntil: approval.expiresAt,
    ...defined({ reason: approval.reason, approvedBy: deciderOf(approval) }),
  };
  const decided = await driver.underLease(async (lost): Promise<Decision<TableRefusal>> => {
    const stored = await record.read();
    if (stored?.end) await driver.reportEnd(stored.job, stored.end);
    const facts = await ports.facts.gather(action, () => ports.checklist.openId());
    if (!facts.ok) return { value: facts.refusal };
    const use = { action: action.kind, options: optionsOf(action), fingerprint: facts.value.fingerprint };
    const refusal = refusalOfUse(approval, use, clock.now());
    if (refusal) return { value: { reason: 'use', refusal } };
    const mine = withFacts(job, facts.value);
    if (lost.aborted) return { value: { reason: 'busy', holder: 'another bot process' } };
    if (!(await record.claim(mine))) return { value: await otherJob(record) };
    const notStarted = (await refusalAfterClaim(ports, mine)) ?? (await markUsed(ports, mine, approval));
    if (!notStarted) return { drive: mine, isResumed: false };
    // With an unclear end of that write the claim stays: `lookForWork` reads the approval again.
    if (notStarted.reason !== 'start-unclear') await record.remove(job.id);
    return { value: notStarted };
  }, job);
  if (!decided.ok) return decided;
  return decided.value ? refuse(decided.value) : succeed(job);
}

/** What others may have begun or changed before they could see the job. @throws what the ports throw: `lookForWork` then removes the claim. */
async function refusalAfterClaim(ports: StartApprovedPorts, job: ApprovedJob): Promise<TableRefusal | undefined> {
  const backup = await ports.activeBackup();
  if (backup) return { reason: 'job-active', job: backup };
  return ports.facts.changedSince(job.work, job.checklistId, () => ports.checklist.openId());
}

const deciderOf = ({ state }: Approval): string | undefined => (state.kind === 'approved' ? state.by : undefined);

const withFacts = (job: ApprovedJob, { fingerprint, checklistId }: FactsForApproval): ApprovedJob => ({
  ...job,
  fingerprint,
  ...defined({ checklistId }),
});

async function otherJob(record: Pick<JobRecord, 'read'>): Promise<TableRefusal> {
  const other = await record.read();
  return other ? { reason: 'job-active', job: other.job } : { reason: 'busy', holder: 'another bot process' };
}

/** Uses the approval up for this job, with the audit entry before; why that did not happen, if it did not. */
async function markUsed(
  ports: Pick<StartApprovedPorts, 'audit' | 'approvals' | 'clock' | 'readFault'>,
  job: ApprovedJob,
  { id, reason, state }: Approval,
): Promise<TableRefusal | undefined> {
  const { approvals, clock } = ports;
  try {
    await ports.audit.record({
      who: job.approvedBy ?? job.by,
      what: `${job.work.kind}${job.work.kind === 'flush' && job.work.recreate ? ' recreate' : ''} ${id}`,
      outcome: `approved: it starts now, with ${describeForAudit(job.work)}`,
      ...defined({ why: reason }),
    });
  } catch (error) {
    return refusalOrFault(error, ports.readFault);
  }
  const usedAt = Math.round(clock.now());
  const at = state.kind === 'approved' ? state.at : usedAt;
  try {
    const taken = await approvals.move(id, 'approved', { kind: 'used', by: job.approvedBy ?? job.by, at, usedAt });
    if (taken.ok) return;
    return { reason: 'use', refusal: { reason: 'wrong-state', state: taken.approval?.state ?? state } };
  } catch (error) {
    return { reason: 'start-unclear', fault: ports.readFault(error) };
  }
}
