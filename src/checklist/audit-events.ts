import type { RunEvent } from '../rescan/types.ts';
import type { AuditFacts } from './audit.ts';
import type { AutopilotEvent } from './autopilot-control.ts';
import type { TableEvent } from './table-control.ts';

type Told = Omit<AuditFacts, 'at'>;

/** What a change of a run is in the audit; undefined for what changes nothing. */
export function auditOfRun(event: RunEvent): Told | undefined {
  const { snapshot } = event;
  const { processed, rejected, failed } = snapshot.totals;
  const what = `run ${snapshot.runId}`;
  const counts = `${processed} processed, ${rejected} rejected, ${failed} failed of ${snapshot.total}`;
  switch (event.kind) {
    case 'started':
      return { who: snapshot.startedBy, what, outcome: `started over ${snapshot.total} images` };
    case 'resumed':
      return { who: event.by ?? 'bot', what, outcome: `resumed from ${event.from}` };
    case 'pace-changed':
      return { who: event.by, what, outcome: `pace changed to ${JSON.stringify(event.to)}` };
    case 'paused':
    case 'stopped':
    case 'tripped':
    case 'interrupted':
    case 'completed':
    case 'abandoned':
      return { who: whoEnded(event), what, outcome: `${event.kind}: ${counts}` };
    case 'progress':
    case 'canary-passed':
    case 'warning-began':
    case 'warning-ended':
    case 'first-failure':
    case 'connection-broken':
    case 'draining':
      return;
  }
}

function whoEnded({ snapshot: { state } }: RunEvent): string {
  if (state.kind === 'abandoned') return state.by;
  if (state.kind === 'paused' && state.because.kind === 'person') return state.because.by;
  if (state.kind === 'stopped') return state.by.kind === 'person' ? state.by.by : state.by.kind;
  return 'bot';
}

/** What a change of a job on the table is in the audit, or of an approval. */
export function auditOfTable(event: TableEvent): Told | undefined {
  if (event.kind === 'approval-changed') {
    const { id, act, state } = event.approval;
    const who = 'by' in state ? state.by : 'bot';
    return { who, what: `approval ${id} of a ${act}`, outcome: state.kind };
  }
  const { job } = event;
  const what = `${job.work.kind} ${job.id}`;
  const why = job.reason === undefined ? {} : { why: job.reason };
  const approved = job.approvedBy === undefined ? '' : `, approved by ${job.approvedBy}`;
  switch (event.kind) {
    case 'started':
      return { who: job.by, what, outcome: `began${approved}`, ...why };
    case 'resumed':
      return { who: 'bot', what, outcome: 'goes on after the bot went down', ...why };
    case 'finished':
      return { who: job.by, what, outcome: resultWords(event.result), ...why };
    case 'stopped':
      return { who: event.by, what, outcome: 'stopped', ...why };
    case 'failed':
      return { who: job.by, what, outcome: `failed: ${event.refusal.reason}`, ...why };
    case 'progress':
      return;
  }
}

function resultWords(result: Extract<TableEvent, { kind: 'finished' }>['result']): string {
  switch (result.kind) {
    case 'backup':
      return `${result.record.counts.total} records, ${result.record.verification.kind}, digest ${result.record.digest.sum}`;
    case 'flush':
      return `${result.deleted} records deleted, ${result.remaining.total} left`;
    case 'restore':
      return `${result.written} records written, ${result.removed} removed, digest ${result.digest}`;
    case 'put-back':
      return `${result.restored} records put back, ${result.taken} left as something stands there by now`;
  }
}

/** What a change of the autopilot is in the audit. */
export function auditOfAutopilot(event: AutopilotEvent): Told | undefined {
  const { record } = event;
  const what = `autopilot ${record.id}`;
  switch (event.kind) {
    case 'approval-asked':
      return { who: record.by, what, outcome: `asked for approval ${event.approval.id} of a ${event.approval.act}` };
    case 'needs-person':
      return { who: 'bot', what, outcome: `waits for a person: ${event.hindrance.kind}` };
    case 'stopped':
      return { who: record.stoppedBy ?? 'bot', what, outcome: 'stopped' };
    case 'validated':
      return { who: record.by, what, outcome: `validated: ${event.validation.verdict}` };
    case 'finished':
      return { who: record.by, what, outcome: 'finished' };
    case 'changed':
    case 'run-planned':
      return;
  }
}
