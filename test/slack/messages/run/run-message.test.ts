import { describe, expect, test } from 'vitest';
import { runMessage } from '../../../../src/slack/messages/run/run-message.ts';
import { runSnapshot } from '../../../support/memory/scripted-run-control.ts';

const mrkdwn = (text: string) => ({ type: 'mrkdwn', text });
const button = (action_id: string, text: string, style?: string) => ({
  type: 'button',
  action_id,
  text: { type: 'plain_text', text },
  value: 'r-0142',
  ...(style ? { style } : {}),
});

describe('the message of a run', () => {
  test.each([
    [0, '0 (+0 since the start)'],
    [1, 'not counted in the last 1 image (0 before)'],
    [21, 'not counted in the last 21 images (0 before)'],
  ])('the run message says how old its count of records is: %i images', (imagesSinceCount, shown) => {
    const growth = { kind: 'counted', entriesAtStart: 0, entries: 0, imagesSinceCount } as const;
    expect(runMessage(runSnapshot({ growth })).text).toContain(
      `Records in the table (failures not counted): ${shown}\n`,
    );
    const ended = runMessage(runSnapshot({ growth, state: { kind: 'completed' } }));
    expect(ended.text).toContain('Records in the table (failures not counted): 0 (+0 since the start)\n');
  });

  test('the message of a healthy run shows progress, speed and buttons', () => {
    const run = runSnapshot({
      totals: { ...runSnapshot().totals, processed: 404, failed: 0, failedByType: {} },
    });
    const { topFailure: _top, lastFailure: _last, ...good } = run;
    expect(runMessage(good)).toEqual({
      text: [
        'Rescan r-0142 is running: 412 of 1,398 done (29 %).',
        '`█████░░░░░░░░░░░░░░░`',
        'Processed: 404',
        'Rejected: 8',
        'Failed: 0',
        'Records in the table (failures not counted): 1,236 (+1,140 since the start, +92 a minute)',
        'Speed: 31 images a minute, 6 in progress',
        'Pace: 60 images a minute (ceiling 160)',
        'Time left: about 32 min',
        'Cost so far: $1.24',
        'Started by: <@U0OPERATOR>',
      ].join('\n'),
      blocks: [
        {
          type: 'section',
          text: mrkdwn('*Rescan r-0142 is running: 412 of 1,398 done (29 %).*\n`█████░░░░░░░░░░░░░░░`'),
        },
        {
          type: 'section',
          fields: [
            mrkdwn('*Processed*\n404'),
            mrkdwn('*Rejected*\n8'),
            mrkdwn('*Failed*\n0'),
            mrkdwn('*Records in the table (failures not counted)*\n1,236 (+1,140 since the start, +92 a minute)'),
            mrkdwn('*Speed*\n31 images a minute, 6 in progress'),
            mrkdwn('*Pace*\n60 images a minute (ceiling 160)'),
            mrkdwn('*Time left*\nabout 32 min'),
            mrkdwn('*Cost so far*\n$1.24'),
            mrkdwn('*Started by*\n<@U0OPERATOR>'),
          ],
        },
        {
          type: 'actions',
          elements: [
            button('run_pause', 'Pause'),
            button('run_slower', 'Slower'),
            button('run_faster', 'Faster'),
            button('run_stop', 'Stop', 'danger'),
          ],
        },
      ],
    });
  });

  test('the message of a run that stopped itself shows why, the last error and every warning, and offers to diagnose', () => {
    const message = runMessage(
      runSnapshot({
        state: { kind: 'tripped', trippedBy: { kind: 'failure-rate', failed: 11, window: 20 } },
        inFlight: 0,
        warnings: [
          { kind: 'failures', value: 55, limit: 10 },
          { kind: 'throttling', value: 31.2, limit: 20 },
        ],
      }),
    );
    expect(message).toEqual({
      text: [
        'Rescan r-0142 stopped itself: 11 of the last 20 images failed.',
        '`█████░░░░░░░░░░░░░░░` 412 of 1,398 done (29 %)',
        'Last error: `TEXTRACT_ERROR · Textract could not read the document`',
        'Processed: 380',
        'Rejected: 8',
        'Failed: 24 (5 %), 20 of them `TEXTRACT_ERROR · Textract could not read the document`',
        'Records in the table (failures not counted): 1,236 (+1,140 since the start)',
        'Pace: 60 images a minute (ceiling 160)',
        'Running time: 13 min',
        'Cost so far: $1.24',
        'Started by: <@U0OPERATOR>',
        ':warning: Failures: 55 % of the last images failed (limit 10 %).',
        ':warning: Throttling: 31 % of the calls were throttled (limit 20 %).',
      ].join('\n'),
      blocks: [
        {
          type: 'section',
          text: mrkdwn(
            '*Rescan r-0142 stopped itself: 11 of the last 20 images failed.*\n`█████░░░░░░░░░░░░░░░` 412 of 1,398 done (29 %)\nLast error: `TEXTRACT_ERROR · Textract could not read the document`',
          ),
        },
        {
          type: 'section',
          fields: [
            mrkdwn('*Processed*\n380'),
            mrkdwn('*Rejected*\n8'),
            mrkdwn('*Failed*\n24 (5 %), 20 of them `TEXTRACT_ERROR · Textract could not read the document`'),
            mrkdwn('*Records in the table (failures not counted)*\n1,236 (+1,140 since the start)'),
            mrkdwn('*Pace*\n60 images a minute (ceiling 160)'),
            mrkdwn('*Running time*\n13 min'),
            mrkdwn('*Cost so far*\n$1.24'),
            mrkdwn('*Started by*\n<@U0OPERATOR>'),
          ],
        },
        {
          type: 'context',
          elements: [
            mrkdwn(
              ':warning: Failures: 55 % of the last images failed (limit 10 %).\n:warning: Throttling: 31 % of the calls were throttled (limit 20 %).',
            ),
          ],
        },
        { type: 'actions', elements: [button('run_diagnose', 'Diagnose', 'primary'), button('run_resume', 'Resume')] },
      ],
    });
  });

  test.each([
    [
      { state: { kind: 'paused', because: { kind: 'person', by: 'U0APPROVER' } } } as const,
      'Rescan r-0142 was paused by <@U0APPROVER>: 412 of 1,398 done (29 %).',
      ['run_resume', 'run_stop'],
    ],
    [
      { draining: true } as const,
      'Rescan r-0142 starts no more images and waits for 6 images in progress: 412 of 1,398 done (29 %).',
      ['run_stop_now'],
    ],
    [
      { state: { kind: 'stopped', by: { kind: 'stop-file', path: '/tmp/STOP_RESCAN' } } } as const,
      'Rescan r-0142 was stopped by the stop file `/tmp/STOP_RESCAN`: 412 of 1,398 done (29 %).',
      ['run_resume'],
    ],
    [
      { state: { kind: 'stopped', by: { kind: 'control-table' } } } as const,
      'Rescan r-0142 was stopped by an edit of the control table: 412 of 1,398 done (29 %).',
      ['run_resume'],
    ],
    [
      { state: { kind: 'interrupted' } } as const,
      'Rescan r-0142 was interrupted by a restart of the bot: 412 of 1,398 done (29 %).',
      ['run_resume'],
    ],
    [{ state: { kind: 'completed' }, total: 412 } as const, 'Rescan r-0142 is complete: 412 of 412 done (100 %).', []],
    [
      { state: { kind: 'abandoned', by: 'U0OPERATOR' } } as const,
      'Rescan r-0142 was abandoned by <@U0OPERATOR>: 412 of 1,398 done (29 %).',
      [],
    ],
  ])('the run message says the state first and offers only buttons that apply: %o', (change, fact, buttons) => {
    const message = runMessage(runSnapshot(change));
    expect(message.text.split('\n')[0]).toBe(fact);
    const ids = [...JSON.stringify(message.blocks).matchAll(/"action_id":"([^"]+)"/g)].map((match) => match[1]);
    expect(ids).toEqual(buttons);
  });

  test('the message of a run with a fault shows the error of AWS and where to look', () => {
    const fault = {
      reason: 'credentials',
      message: 'ExpiredToken: The security token included in the request is expired',
      fix: 'Renew the credentials behind AWS_PROFILE.',
    } as const;
    const { text } = runMessage(runSnapshot({ state: { kind: 'paused', because: { kind: 'fault', fault } } }));
    expect(text.split('\n').slice(0, 4)).toEqual([
      'Rescan r-0142 is paused because AWS rejects the bot’s credentials: 412 of 1,398 done (29 %).',
      '`█████░░░░░░░░░░░░░░░`',
      '`ExpiredToken: The security token included in the request is expired`',
      'Renew the credentials behind AWS_PROFILE.',
    ]);
  });
});
