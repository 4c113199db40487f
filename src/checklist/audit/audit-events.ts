import type { ApprovalState } from '../../approvals/approval.ts';
import { isUnread } from '../../backup/format/export-record.ts';
import { defined } from '../../lib/defined.ts';
import { keepNewest } from '../../lib/memory/newest.ts';
import type { RunEvent } from '../../run/model/types.ts';
import type { AutopilotEvent } from '../contracts/autopilot-control.ts';
import type { JobProgress, TableEvent } from '../contracts/table-control.ts';
import type { AuditOutcome } from './audit-outcome.ts';
import type { AuditWriter, NewAuditEntry } from './audit-writer.ts';

const MOST_ENDS = 100;

/** Listeners that write the events of runs, table jobs and the autopilot to the audit log. */
export function createAuditor(audit: Pick<AuditWriter, 'enqueue'>) {
  const write = (entry: NewAuditEntry | undefined) => {
    if (entry) audit.enqueue(entry);
  };
  /** The ends of drives that are in the audit. An end is announced again where the note of that failed. */
  const ends = new Set<string>();
  return {
    onRunEvent(event: RunEvent) {
      const entry = auditOfRun(event);
      if (entry && 'drive' in event) {
        const end = `${event.drive} ${entry.who} ${entry.outcome}`;
        if (ends.has(end)) return;
        ends.add(end);
        keepNewest(ends, MOST_ENDS);
      }
      write(entry);
    },
    onTableEvent: (event: TableEvent) => write(auditOfTable(event)),
    onAutopilotEvent: (event: AutopilotEvent) => write(auditOfAutopilot(event)),
  };
}

/** The audit entry for an event of a run; undefined for an event that changes nothing. */
export function auditOfRun(event: RunEvent): NewAuditEntry | undefined {
  const { snapshot } = event;
  const { processed, rejected, failed } = snapshot.totals;
  const what = `run ${snapshot.runId}`;
  const counts = `${processed} processed, ${rejected} rejected, ${failed} failed of ${snapshot.total} images`;
  switch (event.kind) {
    case 'started':
      return { who: snapshot.startedBy, what, outcome: `begun: ${snapshot.total} images` };
    case 'resumed':
      return { who: event.by ?? 'bot', what, outcome: `resumed: it was ${event.from}` };
    case 'pace-changed':
      return {
        who: event.by,
        what,
        outcome: `changed: the pace is ${event.to.kind === 'auto' ? 'auto' : `${event.to.perMinute} images a minute`}`,
      };
    case 'completed':
      return { who: whoEnded(event), what, outcome: `finished: ${counts}` };
    case 'paused':
    case 'stopped':
    case 'tripped':
    case 'interrupted':
    case 'abandoned':
      return { who: whoEnded(event), what, outcome: `${event.kind}: ${counts}` };
    case 'progress':
    case 'canary-passed':
    case 'warning-began':
    case 'warning-ended':
    case 'first-failure':
    case 'connection-broken':
    case 'draining':
    case 'left':
      return;
  }
}

function whoEnded({ snapshot: { state } }: RunEvent): string {
  if (state.kind === 'abandoned') return state.by;
  if (state.kind === 'paused' && state.because.kind === 'person') return state.because.by;
  if (state.kind === 'stopped') return state.by.kind === 'person' ? state.by.by : state.by.kind;
  return 'bot';
}

/** The audit entry for an event of a table job or of an approval; undefined for an event that changes nothing. */
export function auditOfTable(event: TableEvent): NewAuditEntry | undefined {
  if (event.kind === 'request-outdated') return;
  if (event.kind === 'approval-changed') {
    const { id, action, state } = event.approval;
    // The request is in the audit log before it exists.
    if (state.kind === 'pending') return;
    const who = 'by' in state ? state.by : 'bot';
    const why = state.kind === 'denied' ? defined({ why: state.reason }) : {};
    return { who, what: `approval ${id} of a ${action}`, outcome: outcomeOfApproval(state), ...why };
  }
  if (event.kind === 'function-released' || event.kind === 'function-not-released') {
    const name = event.kind === 'function-released' ? event.released.functionName : event.functionName;
    const outcome =
      event.kind === 'function-released'
        ? (`released: ${event.released.kind}` as const)
        : (`failed: not released (${event.fault.message})` as const);
    return { who: 'bot', what: `function ${name}, held by an older version`, outcome };
  }
  const { job } = event;
  const what = `${job.work.kind} ${job.id}`;
  const why = defined({ why: job.reason });
  switch (event.kind) {
    case 'started':
      return {
        who: job.by,
        what,
        outcome: job.approvedBy === undefined ? 'begun' : `begun: approved by ${job.approvedBy}`,
        ...why,
      };
    case 'resumed':
      return { who: 'bot', what, outcome: 'resumed: the bot had stopped', ...why };
    case 'finished':
      return { who: job.by, what, outcome: `finished: ${describeResult(event.result)}`, ...why };
    case 'stopped':
      return { who: event.by, what, outcome: `stopped${afterProgress(event.progress)}`, ...why };
    case 'failed':
      return {
        who: job.by,
        what,
        outcome: `failed: ${event.refusal.reason}${afterProgress(event.progress).replace(': ', ', ')}`,
        ...why,
      };
    case 'unsettled':
      return { who: 'bot', what, outcome: `failed: not settled yet (${event.fault.message})`, ...why };
    case 'interrupted':
      return { who: 'bot', what, outcome: `interrupted: not resumed (${event.because.reason})`, ...why };
    case 'progress':
      return;
  }
}

/** How far a job was; empty where nothing is known. */
const afterProgress = (progress: JobProgress | undefined): '' | `: ${string}` =>
  progress ? `: ${progress.stage}, ${progress.done} of ${progress.total}` : '';

/** What became of a request. One that was approved and not carried out says why. */
function outcomeOfApproval(state: Exclude<ApprovalState, { kind: 'pending' }>): AuditOutcome {
  switch (state.kind) {
    case 'approved':
    case 'denied':
    case 'withdrawn':
    case 'expired':
      return state.kind;
    case 'used':
      return 'begun: the approval is used';
    case 'void': {
      const changed = state.changed.map(({ name, before, after }) => `${name} was ${before}, is ${after}`);
      const why = changed.length > 0 ? changed.join('; ') : (state.because ?? 'changed');
      return `voided: not carried out (${why})`;
    }
  }
}

function describeResult(result: Extract<TableEvent, { kind: 'finished' }>['result']): string {
  switch (result.kind) {
    case 'backup':
      return `${result.record.counts.total} records, ${result.record.verification.kind}, ${isUnread(result.record) ? result.record.exportArn : `digest ${result.record.digest.sum}`}`;
    case 'flush':
      return `${result.deleted} records deleted, ${result.remaining.total} left`;
    case 'restore':
      return `${result.written} records written, ${result.removed} removed, digest ${result.digest}`;
    case 'restore-rows':
      return [
        `${result.restored} records restored, ${result.taken} not restored because their key is in use`,
        `${result.overwritten ?? 0} overwritten, ${result.changedSince ?? 0} left because they changed`,
      ].join(', ');
    case 'prune':
      return `${result.backups} backups deleted, ${result.records} records in all`;
  }
}

/** The audit entry for an event of the autopilot; undefined for an event that changes nothing. */
export function auditOfAutopilot(event: AutopilotEvent): NewAuditEntry | undefined {
  const { record } = event;
  const what = `autopilot ${record.id}`;
  switch (event.kind) {
    case 'started':
      return { who: record.by, what, outcome: `begun: ${record.forecast.images} images` };
    case 'approval-asked':
      return { who: record.by, what, outcome: `asked: approval ${event.approval.id} of a ${event.approval.action}` };
    case 'needs-person':
      return { who: 'bot', what, outcome: `paused: it waits for a person (${event.blocker.kind})` };
    case 'stopped':
      return { who: record.stoppedBy ?? 'bot', what, outcome: 'stopped' };
    case 'validated':
      return { who: record.by, what, outcome: `finished: validation, ${event.validation.verdict}` };
    case 'finished':
      return { who: record.by, what, outcome: 'finished' };
    case 'changed':
    case 'run-planned':
      return;
  }
}
