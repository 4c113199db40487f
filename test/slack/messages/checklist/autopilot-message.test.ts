import { describe, expect, test } from 'vitest';
import { checkBlocks } from '../../../../sandbox/slack/rules/block-check.ts';
import type { AutopilotBlocker } from '../../../../src/checklist/contracts/autopilot-control.ts';
import {
  autopilotMessage,
  autopilotPlanMessage,
  autopilotRefusalMessage,
  autopilotStoppedMessage,
  needsPersonMessage,
  receiptMessage,
} from '../../../../src/slack/messages/checklist/autopilot-message.ts';
import { withinLimits } from '../../../../src/slack/messages/kit/limits.ts';
import { autopilotRecord, checklistView } from '../../../support/checklist-builders.ts';
import { runSnapshot } from '../../../support/scripted-run-control.ts';
import { flushJob, NOW } from '../../../support/table-builders.ts';

const HOUR = 3_600_000;
const buttons = (message: { blocks: readonly unknown[] }) =>
  [...JSON.stringify(message.blocks).matchAll(/"action_id":"([^"]+)"/g)].map((match) => match[1]);
const linesOf = ({ text }: { text: string }) => text.split('\n');

describe('the plan of an autopilot', () => {
  test('says what it would do, what is to be expected and what that rests on', () => {
    const { forecast } = autopilotRecord();
    const message = autopilotPlanMessage(
      autopilotRecord({
        forecast: {
          ...forecast,
          expectedCostUsd: 4.19,
          restsOn: ['6 s an image (the mean of 10 images of r-0001).', '<!channel>'],
        },
      }),
    );
    expect(linesOf(message)).toEqual([
      'The autopilot would do the whole rescan: 1,398 images.',
      'Nothing has happened yet. In this order, each step only if the one before it holds: backup, quotas, a test of the failure logging (deployed if it does not work), a few images, *flush with the approval of a second person*, the first images as a canary, then all others, and a validation at the end.',
      'It stops where a person is needed, and goes on by itself after that.',
      'Expected: about 42 min at 33 images a minute',
      'Expected cost: about $4.19',
      'Expected failures: about 42 (3 %)',
      '6 s an image (the mean of 10 images of r-0001).',
      '&lt;!channel&gt;',
      'Asked for by <@U0OPERATOR>.',
    ]);
    expect(buttons(message)).toEqual(['autopilot_start', 'autopilot_cancel']);
  });

  test('says what is not known', () => {
    const { forecast } = autopilotRecord();
    const { expectedFailures: _, ...unknown } = forecast;
    const lines = linesOf(autopilotPlanMessage(autopilotRecord({ forecast: unknown })));
    expect(lines.slice(-3)).toEqual([
      'Expected cost: not known yet',
      'Expected failures: not known yet',
      'Asked for by <@U0OPERATOR>.',
    ]);
  });
});

describe('the message of an autopilot', () => {
  const view = checklistView({ sample: { state: 'running', by: 'U0OPERATOR', at: NOW } });
  const running = autopilotRecord({ state: 'running', startedAt: NOW - HOUR });

  test('under way says at which step, as one live plan, and can be stopped', () => {
    const message = autopilotMessage(running, view, NOW);
    expect(linesOf(message)).toEqual([
      'The autopilot is under way: Try a few images.',
      ':white_circle: *Back up the table* (to do)',
      ':white_circle: *Check the quotas* (to do)',
      ':white_circle: *Deploy failure logging* (to do)',
      ':white_circle: *Prove failure logging* (to do)',
      ':hourglass_flowing_sand: *Try a few images* (under way): <@U0OPERATOR>, 0 s ago',
      ':white_circle: *Flush the table* (to do)',
      ':white_circle: *Rescan every image* (to do)',
      ':white_circle: *Validate* (to do)',
      'Started by <@U0OPERATOR>, 1 h ago.',
    ]);
    expect(message.blocks.map(({ type }) => type)).toEqual(['section', 'plan', 'context', 'actions']);
    expect(buttons(message)).toEqual(['autopilot_stop']);
  });

  test('that waits for a person can be told to go on', () => {
    const message = autopilotMessage({ ...running, blocker: '{}' }, view, NOW);
    expect(linesOf(message)[0]).toBe('The autopilot waits for a person.');
    expect(buttons(message)).toEqual(['autopilot_go_on', 'autopilot_stop']);
  });

  test('with a run says how far that is', () => {
    const message = autopilotMessage(running, { ...view, run: runSnapshot() }, NOW);
    expect(linesOf(message)[1]).toMatch(/^Rescan r-0142: 412 of 1,398/);
  });

  test.each([
    [autopilotRecord(), 'The autopilot waits to be started.'],
    [autopilotRecord({ state: 'cancelled' }), 'The autopilot was cancelled before it began.'],
    [autopilotRecord({ state: 'finished' }), 'The autopilot is through: every step is done.'],
    [autopilotRecord({ state: 'stopped', stoppedBy: 'U0APPROVER' }), 'The autopilot was stopped by <@U0APPROVER>.'],
    [
      autopilotRecord({ state: 'stopped', stoppedBy: 'the stop file /tmp/<!here>' }),
      'The autopilot was stopped by the stop file /tmp/&lt;!here&gt;.',
    ],
  ])('in another state has no buttons: %#', (record, fact) => {
    const message = autopilotMessage(record, checklistView(), NOW);
    expect(linesOf(message)[0]).toBe(fact);
    expect(buttons(message)).toEqual([]);
  });
});

describe('an autopilot that needs a person', () => {
  const AGAIN = 'Mend it, then let it try again. <@U0OPERATOR> started it.';
  const BY_ITSELF = 'It goes on by itself when that is mended. <@U0OPERATOR> started it.';
  test.each<[AutopilotBlocker, string[]]>([
    [
      {
        kind: 'waiting',
        reason: { kind: 'step-failed', step: 'sample', found: { kind: 'sample', images: 3, failed: 2 } },
      },
      [
        'The autopilot waits for a person: Try a few images failed.',
        '2 of 3 images failed',
        '`/rescan sample` tries again and shows what each image came to.',
        BY_ITSELF,
      ],
    ],
    [
      { kind: 'waiting', reason: { kind: 'flush-not-approved', state: 'denied' } },
      [
        'The autopilot waits for a person: its request to flush was denied.',
        'Nothing was deleted. Try again to ask once more.',
        BY_ITSELF,
      ],
    ],
    [
      { kind: 'waiting', reason: { kind: 'run-rests', runId: 'r-0142', state: 'tripped' } },
      [
        'The autopilot waits for a person: Rescan r-0142 stopped itself.',
        '`/rescan resume` goes on with it, and so does the autopilot.',
        BY_ITSELF,
      ],
    ],
    [
      {
        kind: 'table-refused',
        step: 'backup',
        refusal: { reason: 'location', bucket: 'control', why: 'not-writable' },
      },
      ['The autopilot waits for a person: Back up the table was refused.', expect.stringContaining('`control`'), AGAIN],
    ],
    [
      {
        kind: 'step-refused',
        step: 'deploy',
        refusal: { reason: 'deploy', refusal: { reason: 'update-in-progress' } },
      },
      [
        'The autopilot waits for a person: Deploy failure logging could not be done.',
        'Somebody is updating the function right now. Try again when that is through.',
        AGAIN,
      ],
    ],
    [
      { kind: 'step-refused', step: 'sample', refusal: { reason: 'step-active' } },
      [
        'The autopilot waits for a person: Try a few images could not be done.',
        'The bot is at another step on this function: nothing was done.',
        'Try again when that is at its end.',
        AGAIN,
      ],
    ],
    [
      {
        kind: 'start-refused',
        step: 'rescan',
        refusal: { reason: 'preconditions', step: 'start', unmet: [{ reason: 'not-flushed', fix: 'flush' }] },
      },
      [
        'The autopilot waits for a person: the run was not started.',
        'The rescan was not begun: one thing is missing. Nothing was changed.',
        '• the table was not flushed in this rescan: `/rescan flush` asks for one; `/rescan start keep` rescans over what is there.',
        AGAIN,
      ],
    ],
  ])('says for what, and how it goes on: %#', (hindrance, lines) => {
    const message = needsPersonMessage(autopilotRecord(), hindrance);
    const said = linesOf(message);
    expect(said[0]).toBe(lines[0]);
    expect(said.at(-1)).toBe(lines.at(-1));
    for (const line of lines) expect(said).toContainEqual(line);
    expect(buttons(message)).toEqual(['autopilot_go_on', 'autopilot_stop']);
    expect(checkBlocks(withinLimits(message).blocks, 'message')).toEqual([]);
  });
});

describe('the receipt', () => {
  const finished = autopilotRecord({ state: 'finished', startedAt: NOW, endedAt: NOW + HOUR });
  const run = runSnapshot();

  test('sets what came of it against what was to be expected', () => {
    const record = { ...finished, forecast: { ...finished.forecast, expectedCostUsd: 4.19 } };
    expect(linesOf(receiptMessage(record, run, { verdict: 'good', head: 'ab'.repeat(32) }))).toEqual([
      'The autopilot is through: Rescan r-0142 did 412 images, 24 failed.',
      'Time of the run: 13 min (forecast 42 min)',
      'Time in all: 1 h, with the waiting for people',
      'Cost: $1.24 (forecast $4.19)',
      'Failures: 24 (forecast 42)',
      'Images: 412 (forecast 1,398)',
      'Entries stored: 1,140',
      'Validation: every image is accounted for',
      'Started by <@U0OPERATOR>. `/rescan history` keeps it.',
      `Head of the audit: \`${'ab'.repeat(32)}\``,
    ]);
  });

  test('says where there was no forecast, no failure, no validation', () => {
    const { expectedFailures: _, ...forecast } = finished.forecast;
    const clean = runSnapshot({ totals: { ...run.totals, failed: 0, failedByType: {} } });
    const lines = linesOf(receiptMessage({ ...finished, forecast }, clean));
    expect(lines[0]).toBe('The autopilot is through: Rescan r-0142 did 388 images, none failed.');
    expect(lines).toContain('Cost: $1.24 (no forecast)');
    expect(lines).toContain('Failures: 0 (no forecast)');
    expect(lines).toContain('Validation: not done: `/rescan validate`');
  });

  test('without its run says how long it took', () => {
    expect(receiptMessage(finished, undefined).text).toBe(
      'The autopilot is through after 1 h.\nStarted by <@U0OPERATOR>.',
    );
  });
});

describe('an answer of the autopilot', () => {
  const DONE = 'What is done stays done: `/rescan checklist` shows it, and `/rescan autopilot` would go on from there.';
  test('to a stop says all that it ended, and nothing else', () => {
    const record = autopilotRecord({ state: 'stopped' });
    expect(
      linesOf(autopilotStoppedMessage({ record, withdrew: true, job: flushJob(), run: runSnapshot(), faults: [] })),
    ).toEqual([
      'The autopilot is stopped: it begins nothing more.',
      'Its request to flush was taken back: nobody can approve it any more.',
      'The flush under way stops between two batches.',
      'Rescan r-0142 is stopping too: no image starts any more. `/rescan resume` goes on with it.',
      DONE,
    ]);
    expect(linesOf(autopilotStoppedMessage({ record, withdrew: false, faults: [] }))).toEqual([
      'The autopilot is stopped: it begins nothing more.',
      DONE,
    ]);
    const fault = { reason: 'control-table', message: 'DynamoDB does not answer.', fix: '' } as const;
    expect(linesOf(autopilotStoppedMessage({ record, withdrew: false, faults: [fault] }))[1]).toMatch(
      /^:warning: Not all of it could be stopped yet/,
    );
  });

  test.each([
    [
      { reason: 'active', record: autopilotRecord() } as const,
      'The autopilot is under way already, started by <@U0OPERATOR>: nothing was started.\n`/rescan autopilot stop` stops it.',
    ],
    [{ reason: 'not-active' } as const, 'No autopilot is under way.\n`/rescan autopilot` says what one would do.'],
    [
      { reason: 'plan-gone' } as const,
      'This plan was started, cancelled or replaced before: nothing was done.\n`/rescan autopilot` makes a new one.',
    ],
    [
      { reason: 'stop-file', path: '/tmp/STOP' } as const,
      'The stop file `/tmp/STOP` is there: nothing starts while it exists.',
    ],
  ])('that refuses says why: %#', (refusal, text) => {
    expect(autopilotRefusalMessage(refusal).text).toBe(text);
  });
});
