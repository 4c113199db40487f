import type { RunEvent } from '../../run/model/types.ts';
import type { AutopilotEvent } from '../contracts/autopilot-control.ts';
import type { TableEvent } from '../contracts/table-control.ts';
import type { StepFinding, StepRecord } from '../model/step.ts';
import type { NewAuditEntry as Told } from './audit-writer.ts';

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
    const { id, action, state } = event.approval;
    // A request is in the audit before it exists.
    if (state.kind === 'pending') return;
    const who = 'by' in state ? state.by : 'bot';
    return { who, what: `approval ${id} of a ${action}`, outcome: state.kind };
  }
  if (event.kind === 'function-released' || event.kind === 'function-not-released') {
    const name = event.kind === 'function-released' ? event.released.functionName : event.functionName;
    const outcome = event.kind === 'function-released' ? `released: ${event.released.kind}` : 'could not be released';
    return { who: 'bot', what: `function ${name}, held by an older version`, outcome };
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
      return { who: job.by, what, outcome: resultText(event.result), ...why };
    case 'stopped':
      return { who: event.by, what, outcome: 'stopped', ...why };
    case 'failed':
      return { who: job.by, what, outcome: `failed: ${event.refusal.reason}`, ...why };
    case 'interrupted':
      return { who: 'bot', what, outcome: `interrupted, not resumed: ${event.because.reason}`, ...why };
    case 'progress':
      return;
  }
}

function resultText(result: Extract<TableEvent, { kind: 'finished' }>['result']): string {
  switch (result.kind) {
    case 'backup':
      return `${result.record.counts.total} records, ${result.record.verification.kind}, digest ${result.record.digest.sum}`;
    case 'flush':
      return `${result.deleted} records deleted, ${result.remaining.total} left`;
    case 'restore':
      return `${result.written} records written, ${result.removed} removed, digest ${result.digest}`;
    case 'restore-rows':
      return `${result.restored} records restored, ${result.taken} not restored because their key is in use`;
  }
}

/** What a step came to, or that it began, is in the audit. */
export function auditOfStep(checklistId: string, { step, state, by, found }: StepRecord): Told {
  const outcome = state === 'running' ? 'began' : found ? `${state}: ${foundFacts(found)}` : state;
  return { who: by, what: `step ${step} of checklist ${checklistId}`, outcome };
}

function foundFacts(found: StepFinding): string {
  switch (found.kind) {
    case 'backup':
      return `backup ${found.backupId}, ${found.records} records`;
    case 'quotas':
      return found.blocking.length === 0
        ? `nothing blocks, ${found.pacePerMinute} images a minute`
        : `blocking: ${found.blocking.join(', ')}`;
    case 'deploy':
      return `code ${found.codeSha256}${found.inPlace ? ', in place before' : ''}`;
    case 'rollback':
      return `rolled back to code ${found.codeSha256}`;
    case 'deploy-refused':
      return `refused: ${found.reason}`;
    case 'logging':
      return found.result;
    case 'sample':
      return `${found.failed} of ${found.images} images failed`;
    case 'flush':
      return `${found.deleted} records deleted, ${found.remaining} left`;
    case 'rescan':
      return `run ${found.runId}`;
    case 'validate':
      return found.verdict;
    case 'interrupted':
      return 'the bot went down';
    case 'error':
      return found.message;
  }
}

/** What a change of the autopilot is in the audit. */
export function auditOfAutopilot(event: AutopilotEvent): Told | undefined {
  const { record } = event;
  const what = `autopilot ${record.id}`;
  switch (event.kind) {
    case 'started':
      return { who: record.by, what, outcome: `started over ${record.forecast.images} images` };
    case 'approval-asked':
      return { who: record.by, what, outcome: `asked for approval ${event.approval.id} of a ${event.approval.action}` };
    case 'needs-person':
      return { who: 'bot', what, outcome: `waits for a person: ${event.blocker.kind}` };
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
