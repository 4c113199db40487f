import { z } from 'zod';
import { APPROVED_ACTIONS, type Approval } from '../../../approvals/approval.ts';
import type { TableEvent } from '../../../checklist/contracts/table-control.ts';
import { redact } from '../../../lib/redact.ts';
import type { RunEvent, RunSnapshot } from '../../../run/model/types.ts';
import { numbersOf } from '../../../run/rules/numbers.ts';
import { doneOf } from '../../../run/rules/totals.ts';
import { type Message, plainFact } from '../../messages/kit/message.ts';
import { alertOf } from '../../messages/run/alerts.ts';
import { actionName } from '../../messages/table/describe-table.ts';
import { brokenOffMessage, finishedMessage, interruptedMessage } from '../../messages/table/table-messages.ts';

const count = z.number();
/** What a webhook tells of, as it is stored until it is delivered. Texts are redacted; there are no keys of images. */
export const webhookEventSchema = z.object({
  /** The same for the same event, whichever process reports it and however often. */
  id: z.string(),
  /** For example `run.tripped`. */
  event: z.string(),
  /** Epoch ms. */
  at: z.number(),
  summary: z.string(),
  /** What it means for a person on call: a problem of `subject` began, or is over. Absent: neither. */
  incident: z.enum(['begins', 'ends']).exactOptional(),
  /** The run, job or request that it is about. */
  subject: z.string(),
  run: z
    .object({
      id: z.string(),
      state: z.string(),
      images: count,
      done: count,
      processed: count,
      rejected: count,
      failed: count,
      withoutRows: count,
      left: count,
      failuresByType: z.record(z.string(), count),
    })
    .exactOptional(),
  job: z.object({ id: z.string(), kind: z.string() }).exactOptional(),
  approval: z.object({ id: z.string(), action: z.enum(APPROVED_ACTIONS), expiresAt: z.number() }).exactOptional(),
});
export type WebhookEvent = z.infer<typeof webhookEventSchema>;

/** A text of a message without Slack's formatting: mentions become ids, dates their plain form. */
const plainText = (message: Message): string =>
  plainFact(message)
    .replaceAll(/<(?:!date\^[^|>]*\|)([^>]*)>/g, '$1')
    .replaceAll(/<(?:[@#]|!subteam\^)([A-Z0-9]+)(?:\|[^>]*)?>/g, '$1')
    .replaceAll(/<https?:[^|>]*\|([^>]*)>/g, '$1')
    .replaceAll(/:[a-z_]+: /g, '');

const RUN_EVENTS = {
  started: 'run.started',
  resumed: 'run.resumed',
  draining: 'run.stopping',
  tripped: 'run.tripped',
  paused: 'run.paused',
  stopped: 'run.stopped',
  interrupted: 'run.interrupted',
  completed: 'run.completed',
  abandoned: 'run.abandoned',
} as const satisfies Partial<Record<RunEvent['kind'], string>>;
const isReported = (kind: RunEvent['kind']): kind is keyof typeof RUN_EVENTS => Object.hasOwn(RUN_EVENTS, kind);

/**
 * What a webhook tells of an event of a run; undefined for progress and details. `resumesByItself`: then an interruption is no
 * incident, because the bot continues the run after its restart.
 */
export function eventOfRun(
  event: RunEvent,
  at: number,
  options: { resumesByItself: boolean },
): WebhookEvent | undefined {
  const { kind, snapshot } = event;
  if (!isReported(kind)) return;
  const alert = alertOf(event, options);
  // A drain is reported of where it is an alarm; its end follows.
  if (event.kind === 'draining' && !alert?.isEarly) return;
  const { runId, totals } = snapshot;
  const incident = incidentOf(event, options.resumesByItself);
  return {
    // A run that pauses, resumes and pauses again without progress has two different events.
    id: `${runId}#${kind}#${doneOf(totals)}#${totals.calls}#${Math.round(snapshot.activeMs)}`,
    event: RUN_EVENTS[kind],
    at: Math.round(at),
    summary: redact(alert ? plainText(alert.message) : `Rescan ${runId}: ${kind}.`),
    subject: runId,
    ...(incident && { incident }),
    run: factsOf(snapshot),
  };
}

function incidentOf(event: RunEvent, resumesByItself: boolean): WebhookEvent['incident'] {
  const { state } = event.snapshot;
  switch (event.kind) {
    case 'draining':
    case 'tripped':
      return 'begins';
    case 'paused':
      return state.kind === 'paused' && state.because.kind === 'fault' ? 'begins' : undefined;
    case 'interrupted':
      return resumesByItself && !event.unwritten ? undefined : 'begins';
    case 'resumed':
    case 'stopped':
    case 'completed':
    case 'abandoned':
      return 'ends';
    case 'started':
    case 'left':
    case 'progress':
    case 'pace-changed':
    case 'canary-passed':
    case 'warning-began':
    case 'warning-ended':
    case 'first-failure':
    case 'connection-broken':
      return;
  }
}

function factsOf(run: RunSnapshot): NonNullable<WebhookEvent['run']> {
  const { totals } = run;
  const { failed, left, withoutRows } = numbersOf(run);
  return {
    id: run.runId,
    state: run.state.kind,
    images: run.total,
    done: doneOf(totals),
    processed: totals.processed,
    rejected: totals.rejected,
    failed,
    withoutRows,
    left,
    failuresByType: { ...totals.failedByType },
  };
}

/** What a webhook tells of a table job or a request for approval; undefined for progress and what only Slack shows. */
export function eventOfTable(event: TableEvent, at: number): WebhookEvent | undefined {
  switch (event.kind) {
    case 'approval-changed':
      return eventOfApproval(event.approval, at);
    case 'finished':
      return jobEvent(event, at, finishedMessage(event.job, event.result, event.elapsedMs), 'ends');
    case 'failed':
      return jobEvent(event, at, brokenOffMessage(event), 'begins');
    case 'stopped':
      return jobEvent(event, at, brokenOffMessage(event), 'ends');
    case 'interrupted':
      return jobEvent(event, at, interruptedMessage(event), 'begins');
    case 'started':
    case 'resumed':
    case 'progress':
    case 'unsettled':
    case 'function-released':
    case 'function-not-released':
    case 'request-outdated':
      return;
  }
}

function jobEvent(
  { kind, job }: Extract<TableEvent, { kind: 'finished' | 'failed' | 'stopped' | 'interrupted' }>,
  at: number,
  message: Message,
  incident: NonNullable<WebhookEvent['incident']>,
): WebhookEvent {
  // A job that another one continues is about the same problem.
  const subject = (job.work.kind === 'backup' ? undefined : job.work.continues) ?? job.id;
  return {
    id: `${job.id}#${kind}`,
    event: `job.${kind}`,
    at: Math.round(at),
    summary: redact(plainText(message)),
    incident,
    subject,
    job: { id: job.id, kind: job.work.kind },
  };
}

export function eventOfApproval(approval: Approval, at: number): WebhookEvent | undefined {
  const { id, action, state, expiresAt } = approval;
  // Its job tells the rest.
  if (state.kind === 'used') return;
  const kind = state.kind === 'pending' ? 'requested' : state.kind;
  return {
    id: `${id}#${kind}`,
    event: `approval.${kind}`,
    at: Math.round(at),
    summary: `Approval ${id} of a ${actionName(action)}: ${kind}.`,
    subject: id,
    approval: { id, action, expiresAt },
  };
}
