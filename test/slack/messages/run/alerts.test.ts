import { describe, expect, test } from 'vitest';
import type { RunEvent, RunState } from '../../../../src/run/model/types.ts';
import { alertOf } from '../../../../src/slack/messages/run/alerts.ts';
import { runSnapshot } from '../../../support/memory/scripted-run-control.ts';

const BY_ITSELF = { resumesByItself: true };
type End = Exclude<RunState, { kind: 'planned' } | { kind: 'running' }>;
const end = (state: End, leftInFlight = 0, change: Parameters<typeof runSnapshot>[0] = {}) =>
  alertOf(
    { kind: state.kind, snapshot: runSnapshot({ ...change, state, inFlight: 0 }), drive: 'd-1', leftInFlight },
    BY_ITSELF,
  );

test('reports of one end have one name, those of other drives and of other states have others', () => {
  const paused = { kind: 'paused', because: { kind: 'person', by: 'U0OPERATOR' } } as const;
  const event = { kind: 'paused', snapshot: runSnapshot({ state: paused }), drive: 'd-3', leftInFlight: 0 } as const;
  const again = { ...event, snapshot: runSnapshot({ state: paused, activeMs: 1 }), unwritten: true };
  const stopped = { ...event, kind: 'stopped' } as const;
  const names = [event, again, { ...event, drive: 'd-4' }, stopped].map((one) => alertOf(one, BY_ITSELF)?.once);
  expect(names[0]).toBeDefined();
  expect(names[1]).toBe(names[0]);
  expect(new Set(names).size).toBe(3);
});

describe('alerts', () => {
  test('a trip alerts the channel with the fact, the last error, the present state and what to do', () => {
    const alert = end({ kind: 'tripped', trippedBy: { kind: 'consecutive-failures', failures: 10 } });
    expect(alert).toEqual({
      to: 'channel',
      once: 'end d-1 tripped',
      message: {
        text: [
          'Rescan r-0142 stopped itself: 10 images failed in a row.',
          'Last error (20 of 24 failures are TEXTRACT_ERROR): `TEXTRACT_ERROR · Textract could not read the document`',
          '412 of 1,398 done (29 %), 24 failed, 986 images left.',
          'Nothing is running now. The table has 1,236 records (failures not counted).',
          'Started by <@U0OPERATOR>.',
        ].join('\n'),
        blocks: [
          {
            type: 'section',
            text: {
              type: 'mrkdwn',
              text: '*Rescan r-0142 stopped itself: 10 images failed in a row.*\nLast error (20 of 24 failures are TEXTRACT_ERROR): `TEXTRACT_ERROR · Textract could not read the document`\n412 of 1,398 done (29 %), 24 failed, 986 images left.\nNothing is running now. The table has 1,236 records (failures not counted).\nStarted by <@U0OPERATOR>.',
            },
          },
          {
            type: 'actions',
            elements: [
              {
                type: 'button',
                action_id: 'run_diagnose',
                text: { type: 'plain_text', text: 'Diagnose' },
                value: 'r-0142',
                style: 'primary',
              },
              {
                type: 'button',
                action_id: 'run_resume',
                text: { type: 'plain_text', text: 'Resume' },
                value: 'r-0142',
              },
              {
                type: 'button',
                action_id: 'failures_show',
                text: { type: 'plain_text', text: 'Show failures' },
                value: 'failures',
              },
              {
                type: 'button',
                action_id: 'run_status',
                text: { type: 'plain_text', text: 'Status' },
                value: 'r-0142',
              },
              {
                type: 'button',
                action_id: 'table_restore',
                text: { type: 'plain_text', text: 'Restore backup…' },
                value: 'restore',
              },
            ],
          },
        ],
      },
    });
  });

  test('a trip without growth compares what the function reported with the growth of the table', () => {
    const alert = end({ kind: 'tripped', trippedBy: { kind: 'no-growth', minutes: 10, entries: 96 } }, 0, {
      growth: { kind: 'counted', entriesAtStart: 96, entries: 96 },
    });
    expect(alert?.message.text).toBe(
      [
        'Rescan r-0142 stopped itself: the table has not grown for 10 min.',
        'The function reported 1,140 entries; the table did not grow.',
        '412 of 1,398 done (29 %), 24 failed, 986 images left.',
        'Nothing is running now. The table has 96 records (failures not counted).',
        'Started by <@U0OPERATOR>.',
      ].join('\n'),
    );
  });

  test('a fault alert says that no image was counted as failed, and where to look', () => {
    const fault = {
      reason: 'access-denied',
      message: 'not authorized: lambda:InvokeFunction',
      fix: 'Allow it.',
    } as const;
    const alert = end({ kind: 'paused', because: { kind: 'fault', fault } }, 1);
    expect(alert?.to).toBe('channel');
    expect(alert?.message.text).toBe(
      [
        'Rescan r-0142 is paused: AWS denies the bot a permission.',
        '`not authorized: lambda:InvokeFunction`',
        'Allow it.',
        '412 of 1,398 done (29 %). No image was counted as failed because of this. Fix the cause, then press Resume.',
        'The bot did not wait for 1 image in progress. A resume invokes it again.',
        'Started by <@U0OPERATOR>.',
      ].join('\n'),
    );
  });

  test('the alert about the end has the totals and the person who started the run', () => {
    expect(end({ kind: 'completed' }, 0, { total: 412 })?.message.text).toBe(
      [
        'Rescan r-0142 is complete: 412 of 412 done (100 %) in 13 min.',
        '380 processed, 8 rejected, 24 failed.',
        'Failed: 24 (5 %), 20 of them `TEXTRACT_ERROR · Textract could not read the document`',
        'The function reported 1,140 entries; the table grew by 1,140.',
        'Records in the table (failures not counted): 1,236 (+1,140 since the start). Cost: $1.24.',
        'Started by <@U0OPERATOR>. The report follows in the thread.',
      ].join('\n'),
    );
  });

  test('start, trip, fault and end go to the channel, other events to the thread, and progress nowhere', () => {
    const snapshot = runSnapshot();
    const warning = { kind: 'slow', value: 6.24, limit: 10 } as const;
    const events: RunEvent[] = [
      { kind: 'started', snapshot, hasLiveMessage: true },
      { kind: 'started', snapshot, hasLiveMessage: false },
      { kind: 'resumed', snapshot, rerunning: 0, repeating: 3, from: 'interrupted' },
      { kind: 'progress', snapshot },
      {
        kind: 'pace-changed',
        snapshot,
        by: 'U0OPERATOR',
        from: { kind: 'auto' },
        to: { kind: 'fixed', perMinute: 40 },
      },
      { kind: 'warning-began', snapshot, warning },
      { kind: 'warning-ended', snapshot, warning },
      { kind: 'first-failure', snapshot, failureType: 'TIMEOUT_ERROR', key: 'a.png', message: 'timed out' },
      {
        kind: 'connection-broken',
        snapshot,
        key: 'a.png',
        attempt: 1,
        message: 'socket hang up',
        next: 'retry',
        others: 0,
      },
      {
        kind: 'draining',
        snapshot,
        why: 'pause',
        by: 'U0APPROVER',
        next: { kind: 'paused', because: { kind: 'person', by: 'U0APPROVER' } },
      },
    ];
    expect(
      events.map((event) => alertOf(event, BY_ITSELF)).map((alert) => alert && [alert.to, alert.message.text]),
    ).toEqual([
      [
        'channel',
        'Rescan r-0142 started: 1,398 images, pace 60 images a minute.\nStarted by <@U0OPERATOR>. Live progress is in the message above, details in its thread.',
      ],
      ['channel', 'Rescan r-0142 started: 1,398 images, pace 60 images a minute.\nStarted by <@U0OPERATOR>.'],
      [
        'thread',
        'The bot resumed Rescan r-0142 by itself: 412 of 1,398 done (29 %).\nThe bot restarted (or lost its lock), so the run was picked up again.\n3 images that were in progress are invoked again.',
      ],
      undefined,
      ['thread', '<@U0OPERATOR> changed the pace from auto to 40 images a minute.'],
      ['thread', ':warning: Slow: 6.2 images a minute (limit 10).\n412 of 1,398 done (29 %).'],
      ['thread', ':white_check_mark: No longer slow: 31 images a minute.'],
      ['thread', 'First TIMEOUT_ERROR of this run.\n`a.png`: `timed out`'],
      [
        'thread',
        'The connection broke; the image is invoked again (attempt 2).\n`a.png`: `socket hang up`. The function may already have processed it.',
      ],
      ['thread', 'Pausing (<@U0APPROVER>). No more images start; waiting for 6 images in progress.'],
    ]);
  });

  test('the channel hears of a trip at once, with the images in progress, and the thread of their end', () => {
    const next = { kind: 'tripped', trippedBy: { kind: 'consecutive-failures', failures: 10 } } as const;
    const atOnce = alertOf({ kind: 'draining', snapshot: runSnapshot(), why: 'trip', next }, BY_ITSELF);
    expect(atOnce?.to).toBe('channel');
    expect(atOnce?.message.text).toMatch(
      /^Rescan r-0142 stopped itself: 10 images failed in a row\.\nNo more images start; waiting for 6 images in progress\.\n/,
    );
    const tripped = {
      kind: 'tripped',
      snapshot: runSnapshot({ state: next, inFlight: 0 }),
      drive: 'd-1',
      leftInFlight: 0,
    } as const;
    expect(alertOf({ ...tripped, isKnown: true }, BY_ITSELF)?.to).toBe('thread');
    expect(alertOf(tripped, BY_ITSELF)?.to).toBe('channel');
    const withoutRest = runSnapshot({ inFlight: 0 });
    expect(alertOf({ kind: 'draining', snapshot: withoutRest, why: 'trip', next }, BY_ITSELF)?.to).toBe('thread');
  });

  test('an interrupted run asks for a person only when it does not resume automatically', () => {
    expect(end({ kind: 'interrupted' })?.to).toBe('thread');
    const event = {
      kind: 'interrupted',
      snapshot: runSnapshot({ state: { kind: 'interrupted' } }),
      drive: 'd-1',
      leftInFlight: 0,
    } as const;
    expect(alertOf(event, { resumesByItself: false })?.to).toBe('channel');
  });
});
