import { expect, test } from 'vitest';
import type { RunEvent, RunSnapshot } from '../../../../src/run/model/types.ts';
import {
  eventOfApproval,
  eventOfRun,
  eventOfTable,
  webhookEventSchema,
} from '../../../../src/slack/notifications/webhook/events.ts';
import { jsonBody, pagerDutyBody } from '../../../../src/slack/notifications/webhook/send.ts';
import { runSnapshot } from '../../../support/memory/scripted-run-control.ts';
import { flushApproval, flushJob } from '../../../support/messages/table-builders.ts';

const AT = Date.UTC(2026, 0, 5, 9, 30);
const trip = { kind: 'tripped', trippedBy: { kind: 'consecutive-failures', failures: 10 } } as const;
const fault = { reason: 'credentials', message: 'The credentials expired', fix: 'renew' } as const;
const reported = (event: RunEvent, resumesByItself = false) => eventOfRun(event, AT, { resumesByItself });
const end = (
  kind: 'paused' | 'stopped' | 'tripped' | 'interrupted' | 'completed' | 'abandoned',
  change: Partial<RunSnapshot>,
) => reported({ kind, snapshot: runSnapshot(change), drive: 'd-1', leftInFlight: 0 });

test.each([
  ['a trip', end('tripped', { state: trip }), 'run.tripped', 'begins'],
  [
    'a pause because of a fault',
    end('paused', { state: { kind: 'paused', because: { kind: 'fault', fault } } }),
    'run.paused',
    'begins',
  ],
  [
    'a pause by a person',
    end('paused', { state: { kind: 'paused', because: { kind: 'person', by: 'U1' } } }),
    'run.paused',
    undefined,
  ],
  [
    'an interruption that waits for a person',
    end('interrupted', { state: { kind: 'interrupted' } }),
    'run.interrupted',
    'begins',
  ],
  ['a completion', end('completed', { state: { kind: 'completed' } }), 'run.completed', 'ends'],
  ['an abandoned run', end('abandoned', { state: { kind: 'abandoned', by: 'U1' } }), 'run.abandoned', 'ends'],
  ['a stop', end('stopped', { state: { kind: 'stopped', by: { kind: 'person', by: 'U1' } } }), 'run.stopped', 'ends'],
])('%s is one event with its meaning for a person on call', (_name, event, name, incident) => {
  expect(event).toMatchObject({ event: name, subject: 'r-0142' });
  expect(event?.incident).toBe(incident);
  expect(webhookEventSchema.parse(JSON.parse(JSON.stringify(event)))).toEqual(event);
});

test('an interruption after which the bot resumes by itself is no incident, and the resume ends one', () => {
  const snapshot = runSnapshot({ state: { kind: 'interrupted' } });
  expect(reported({ kind: 'interrupted', snapshot, drive: 'd-1', leftInFlight: 0 }, true)?.incident).toBeUndefined();
  const resumed = {
    kind: 'resumed',
    snapshot: runSnapshot(),
    repeating: 0,
    rerunning: 0,
    from: 'interrupted',
  } as const;
  expect(reported(resumed)).toMatchObject({ event: 'run.resumed', incident: 'ends' });
});

test('a trip with images in progress is reported at once, and progress, details and a drain before a stop are not', () => {
  const snapshot = runSnapshot({ inFlight: 6 });
  expect(reported({ kind: 'draining', why: 'trip', next: trip, snapshot })).toMatchObject({
    event: 'run.stopping',
    incident: 'begins',
  });
  expect(reported({ kind: 'draining', why: 'stop', next: trip, snapshot })).toBeUndefined();
  expect(reported({ kind: 'progress', snapshot })).toBeUndefined();
});

test('the same end has the same id whoever reports it, and a second pause without progress has another one', () => {
  const idOf = (activeMs: number) => end('tripped', { state: trip, activeMs })?.id;
  expect(idOf(1_000)).toBe(idOf(1_000));
  expect(idOf(1_000)).not.toBe(idOf(1_400));
});

test('a failed or interrupted table job begins an incident, and a finished or stopped one ends it', () => {
  const job = flushJob();
  const failed = eventOfTable({ kind: 'failed', job, refusal: { reason: 'no-job' } }, AT);
  expect(failed).toMatchObject({ event: 'job.failed', incident: 'begins', job: { id: 'a-1', kind: 'flush' } });
  expect(eventOfTable({ kind: 'stopped', job, by: 'U1' }, AT)).toMatchObject({
    event: 'job.stopped',
    incident: 'ends',
  });
  expect(eventOfTable({ kind: 'started', job }, AT)).toBeUndefined();
});

test.each([
  [{ kind: 'pending' }, 'approval.requested'],
  [{ kind: 'denied', by: 'U1', at: 1 }, 'approval.denied'],
  [{ kind: 'expired', at: 1 }, 'approval.expired'],
] as const)(
  'a request for approval that is %o is the event %s, without the reason and without people',
  (state, event) => {
    const reported = eventOfApproval(flushApproval({ state, reason: 'OCR 2.6.1' }), AT);
    expect(reported).toMatchObject({ event, approval: { id: 'a-1', action: 'flush' } });
    expect(JSON.stringify(reported)).not.toMatch(/U0OPERATOR|OCR 2\.6\.1/);
  },
);

test('a body has the facts of the run and an idempotency key, and no key of an image, no mention and no secret', () => {
  const leaking = {
    reason: 'credentials',
    message: 'password=hunter2 was refused for <!channel>',
    fix: 'renew',
  } as const;
  const event = end('paused', { state: { kind: 'paused', because: { kind: 'fault', fault: leaking } } });
  if (!event) throw new Error('no event');
  const body = jsonBody(event, 'ocr');
  expect(body).toMatchObject({
    version: 1,
    id: `ocr/${event.id}`,
    event: 'run.paused',
    at: '2026-01-05T09:30:00.000Z',
    pipeline: 'ocr',
    run: {
      id: 'r-0142',
      state: 'paused',
      images: 1_398,
      processed: 380,
      failed: 24,
      failuresByType: { TEXTRACT_ERROR: 20 },
    },
  });
  expect(JSON.stringify(body)).not.toMatch(/hunter2|<@|<!|\.png|Nik Coultas/);
});

test('PagerDuty gets a trigger and a resolve with the same key for the same run, within its limits', () => {
  const key = 'R'.repeat(32);
  const [tripped, completed] = [end('tripped', { state: trip }), end('completed', { state: { kind: 'completed' } })];
  if (!tripped || !completed) throw new Error('no event');
  expect(pagerDutyBody({ ...tripped, summary: 'x'.repeat(2_000) }, key, 'ocr')).toMatchObject({
    routing_key: key,
    event_action: 'trigger',
    dedup_key: 'ocr/r-0142',
    payload: {
      summary: 'x'.repeat(1_024),
      source: 'ocr',
      severity: 'critical',
      timestamp: '2026-01-05T09:30:00.000Z',
      class: 'run.tripped',
    },
  });
  expect(pagerDutyBody(completed, key, 'ocr')).toEqual({
    routing_key: key,
    event_action: 'resolve',
    dedup_key: 'ocr/r-0142',
  });
});
