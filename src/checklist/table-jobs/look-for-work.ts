import type { LambdaClient } from '@aws-sdk/client-lambda';
import { type Approval, isWaiting, refusalOfUse } from '../../approvals/approval.ts';
import type { ApprovalStore } from '../../approvals/approval-store.ts';
import { changedFacts, type Fingerprint } from '../../approvals/fingerprint.ts';
import type { Job, JobStore, RecreateJob } from '../../backup/jobs/job.ts';
import { releaseHeldFunction } from '../../backup/jobs/release-held-function.ts';
import { isDeleted, undoPreparation } from '../../backup/recreate/recreate.ts';
import type { Clock, Random } from '../../lib/clock.ts';
import { defined } from '../../lib/defined.ts';
import { type Result, refuse, succeed } from '../../lib/result.ts';
import type { Fault } from '../../pipeline/invoke/invocation.ts';
import type { TableClients } from '../../pipeline/whole-table/describe-in-full.ts';
import { actionOf, optionsOf } from '../contracts/table-action.ts';
import {
  type ApprovedJob,
  type JobEnd,
  progressIdOf,
  type ResumeRefusal,
  type TableEvent,
  type TableRefusal,
} from '../contracts/table-control.ts';
import type { UnmetPrecondition } from '../model/preconditions.ts';
import type { Checklist } from '../steps/checklist.ts';
import type { ApprovalFacts } from './approval-facts.ts';
import type { ApprovalRequests } from './approval-requests.ts';
import { type Decision, isUntouchedBefore, type JobDriver, type JobDriverPorts } from './job-driver.ts';
import type { JobRecord, StoredJob } from './job-record.ts';
import { refusalOf, refusalOrFault } from './table-errors.ts';
import { CHANGED_BY_JOBS } from './table-facts.ts';

export interface LookForWorkPorts extends TableClients {
  readonly lambda: LambdaClient;
  readonly functionName: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly pollMs: number;
  readonly approvals: Pick<ApprovalStore, 'read' | 'open' | 'complete'>;
  readonly requests: Pick<ApprovalRequests, 'end' | 'request' | 'open'>;
  readonly facts: Pick<ApprovalFacts, 'gather'>;
  readonly checklist: Pick<Checklist, 'openId'>;
  readonly record: Pick<JobRecord, 'read' | 'remove'>;
  readonly jobs: JobStore;
  readonly driver: JobDriver;
  /** How a job ended by what is stored beside its backup; undefined where it has not ended. */
  readonly readEnded: (job: ApprovedJob) => Promise<JobEnd | undefined>;
  readonly stopFileExists: () => Promise<boolean>;
  readonly stopFile: string;
  /** See JobDriverPorts. */
  readonly storedStop: JobDriverPorts['storedStop'];
  readonly readFault: (error: unknown) => Fault;
  /** Resolves to whether everything that people must hear is stored and shown. */
  readonly emit: (event: TableEvent) => Promise<boolean>;
}

/** An approval that was given this long ago and is not used has no process that starts it, unless that holds the lease, ms. */
const START_GRACE_MS = 5_000;
/** How long to wait before a function that could not be released is tried again, ms. */
const RELEASE_AGAIN_MS = 60_000;

/**
 * Finds what processes that died left behind, and settles it under the lease, so that nobody works on it any more:
 * - a function that an older version of the bot had stopped is released;
 * - a job that had ended is reported;
 * - a job that had started resumes within the time of its approval; later a new request asks to continue it;
 * - an approval whose action had not started ends;
 * - progress that belongs to no job any more is removed.
 */
export function createWorkFinder(ports: LookForWorkPorts): { lookForWork(): Promise<void> } {
  const { clock, record, jobs, driver, requests, emit } = ports;
  const now = () => Math.round(clock.now());
  let release: { readonly reported: boolean; readonly againAt: number } = { reported: false, againAt: 0 };

  /** False while an open approval cannot be read: it may continue any job, so no progress is removed. */
  const isEveryApprovalRead = () =>
    Array.fromAsync(ports.approvals.open({ strict: true })).then(
      () => true,
      () => false,
    );

  /** What there is to settle; undefined: nothing. */
  async function survey() {
    const [stored, left, open] = await Promise.all([record.read(), jobs.list(), requests.open()]);
    const isHeld = clock.now() >= release.againAt && left.some(({ kind }) => kind === 'hold');
    const unstarted = open.filter(
      ({ id, state }) => state.kind === 'approved' && clock.now() - state.at > START_GRACE_MS && id !== stored?.job.id,
    );
    const waiting = open.filter((approval) => isWaiting(approval, clock.now()));
    const owners = new Set([
      ...waiting.map((approval) => actionOf(approval).continues),
      stored && progressIdOf(stored.job),
    ]);
    const unowned = left.filter(({ id, kind }) => !isOwnedElsewhere(kind) && !owners.has(id));
    const orphans = unowned.length > 0 && (await isEveryApprovalRead()) ? unowned : [];
    return stored || isHeld || unstarted.length > 0 || orphans.length > 0
      ? { stored, isHeld, unstarted, orphans }
      : undefined;
  }

  async function settle(): Promise<Decision<undefined>> {
    // Read again: until the lease was taken, another process may have settled it, or started a job.
    const found = await survey();
    if (!found) return { value: undefined };
    if (found.isHeld) await releaseFunction();
    for (const { id } of found.unstarted) await endUnstarted(id);
    for (const { id } of found.orphans) await jobs.remove(id);
    if (!found.stored) return { value: undefined };
    const { stored } = found;
    return driver.settleLeft(stored.job, () => settleJob(stored));
  }

  async function releaseFunction(): Promise<void> {
    const { functionName } = ports;
    try {
      const released = await releaseHeldFunction(ports, functionName);
      if (released) await emit({ kind: 'function-released', released });
    } catch (error) {
      if (!release.reported) await emit({ kind: 'function-not-released', functionName, fault: ports.readFault(error) });
      release = { reported: true, againAt: clock.now() + RELEASE_AGAIN_MS };
    }
  }

  const endUnstarted = (approvalId: string) =>
    requests.end(approvalId, 'approved', { kind: 'void', at: now(), changed: [], because: 'never-started' });

  async function settleJob({ job, stopBy, end }: StoredJob): Promise<Decision<undefined>> {
    const nothing = { value: undefined };
    if (end) {
      await driver.reportEnd(job, end);
      return nothing;
    }
    // The process died before the control table had the end, or the control table was restored from an earlier time.
    const ended = await ports.readEnded(job);
    if (ended) {
      await driver.reportEnd(job, ended);
      return nothing;
    }
    const approval = await ports.approvals.read(job.id);
    if (approval && approval.state.kind !== 'used') {
      const isVoid = await endUnstarted(job.id);
      // Used since it was read, by a process that had lost its lease: the next look resumes it.
      if (approval.state.kind === 'approved' && !isVoid) return nothing;
      await record.remove(job.id);
      return nothing;
    }
    // A table that was deleted is created again, even if the job was stopped or its approval has expired: that destroys nothing.
    const recreation = await recreationOf(job);
    if (recreation && (await isDeleted(ports, recreation))) return { drive: job, isResumed: true, mustFinish: true };
    const notUndone = recreation && (await undo(recreation));
    if (notUndone) {
      await driver.reportEnd(job, { kind: 'failed', refusal: notUndone, isTableKept: true });
      return nothing;
    }
    const stop =
      stopBy ??
      ((await ports.stopFileExists()) ? `the stop file ${ports.stopFile}` : undefined) ??
      (await ports.storedStop(job));
    if (stop !== undefined) {
      const isUntouched = await isUntouchedBefore(jobs, job, true);
      // One that has deleted the table is driven above.
      const reach = { ...(isUntouched && { isUntouched }), ...(isRecreation(job) && { isTableKept: true as const }) };
      await driver.reportEnd(job, { kind: 'stopped', by: stop, ...reach });
      return nothing;
    }
    const because = await refusalToResume(job, approval);
    if (!because) return { drive: job, isResumed: true };
    await interrupt(job, because);
    return nothing;
  }

  async function recreationOf(job: ApprovedJob): Promise<RecreateJob | undefined> {
    const progress = await jobs.read(progressIdOf(job));
    return progress?.kind === 'recreate' ? progress : undefined;
  }

  /** Undoes what a job changed that did not delete the table; why that failed, if it did. */
  async function undo(recreation: RecreateJob): Promise<TableRefusal | undefined> {
    try {
      await undoPreparation(ports, recreation, { pollMs: ports.pollMs, mayFinish() {} });
      return;
    } catch (error) {
      const { message, fix } = ports.readFault(error);
      const change = `Its deletion protection, or the table of the rehearsal, could not be put back: ${message} ${fix}`;
      return { reason: 'table-in-use', table: recreation.table, changes: [change] };
    }
  }

  /**
   * The facts for a job that is to resume. A backup or a table that cannot be used stays so until a person acts, so its error is a
   * refusal here. @throws the errors of AWS: the job is looked at again later.
   */
  const gather = ({ work, id }: ApprovedJob) =>
    ports.facts
      .gather(work, () => ports.checklist.openId(), id)
      .catch((error: unknown) => {
        const refusal = refusalOf(error);
        if (!refusal) throw error;
        return refuse(refusal);
      });

  /** @throws as `gather`. */
  async function refusalToResume(job: ApprovedJob, approval: Approval | undefined): Promise<ResumeRefusal | undefined> {
    if (!approval) return { reason: 'approval-gone' };
    if (!job.fingerprint) return { reason: 'older-version' };
    const { work, fingerprint } = job;
    const use = { action: work.kind, options: optionsOf(work), fingerprint };
    const refusal = refusalOfUse(approval, use, clock.now(), 'used');
    if (refusal) return refusal;
    const facts = await gather(job);
    if (!facts.ok) {
      requireRead(facts.refusal);
      return { reason: 'blocked', refusal: facts.refusal };
    }
    const changed = changedFacts(withoutCount(fingerprint), withoutCount(facts.value.fingerprint));
    return changed.length === 0 ? undefined : { reason: 'changed', changed };
  }

  async function interrupt(job: ApprovedJob, because: ResumeRefusal): Promise<void> {
    const progress = await jobs.read(progressIdOf(job));
    const done =
      progress?.kind === 'flush' ? progress.deleted : progress?.kind === 'restore' ? progress.written : undefined;
    const next = await askToContinue(job);
    // The job stays until it can be asked for, or is refused for a reason that stays.
    if (!next.ok) requireRead(next.refusal);
    if (!(await emit({ kind: 'interrupted', job, because, next, ...defined({ done }) })))
      throw new Error(`The interruption of ${job.work.kind} ${job.id} could not be shown; it is tried again.`);
    await record.remove(job.id);
  }

  async function askToContinue(job: ApprovedJob): Promise<Result<Approval, TableRefusal>> {
    let approvalId = nextId(job.id);
    let asked = await ports.approvals.read(approvalId);
    // One that expired before anybody saw it is asked for again.
    while (asked?.state.kind === 'expired') {
      approvalId = nextId(approvalId);
      asked = await ports.approvals.read(approvalId);
    }
    // Asked for before the process died, or before it could be shown.
    if (asked) {
      await ports.approvals.complete(approvalId);
      return succeed(asked);
    }
    const { work, by, reason, location } = job;
    const action = { ...work, continues: progressIdOf(job) };
    // Whoever asked for the action counts as a requester of its continuation, too.
    const alsoBy = (await ports.approvals.read(job.id))?.alsoRequestedBy;
    const request = { action, by, channel: location.channel, approvalId, ...defined({ reason, alsoBy }) };
    return requests.request(request, job.id).catch((error: unknown) => refuse(refusalOrFault(error, ports.readFault)));
  }

  return {
    async lookForWork() {
      // Only if needed: the lease excludes runs.
      if (!driver.current() && (await survey())) await driver.underLease(settle);
    },
  };
}

const isRecreation = ({ work }: ApprovedJob): boolean => work.kind === 'flush' && work.recreate === true;

/** The progress of an export belongs to a backup, which ends it itself. */
const isOwnedElsewhere = (kind: Job['kind']): boolean => kind === 'hold' || kind === 'export';

/** What could not be read may be readable a moment later: nothing is decided on that. @throws Error where that is the reason. */
function requireRead(refusal: TableRefusal): void {
  if (refusal.reason === 'fault') throw new Error(refusal.fault.message);
  if (refusal.reason !== 'preconditions') return;
  const unread = refusal.unmet.filter(({ reason }) => UNREAD.has(reason));
  if (unread.length > 0) throw new Error(`Could not read: ${unread.map(({ reason }) => reason).join(', ')}`);
}

const UNREAD: ReadonlySet<UnmetPrecondition['reason']> = new Set([
  'table-unread',
  'quotas-unknown',
  'function-unknown',
]);

/** The job changes the number of records itself. */
const withoutCount = (fingerprint: Fingerprint): Fingerprint =>
  fingerprint.filter(({ name }) => !CHANGED_BY_JOBS.has(name));

/** `a-1f3c` → `a-1f3c-2` → `a-1f3c-3`: the same for every process that asks. */
function nextId(id: string): string {
  const [, base = id, number = '1'] = /^(a-[^-]+)-(\d+)$/.exec(id) ?? [];
  return `${base}-${Number(number) + 1}`;
}
