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
import { runSnapshot } from '../../../support/memory/scripted-run-control.ts';
import { autopilotRecord, checklistView } from '../../../support/messages/checklist-builders.ts';
import { flushJob, NOW } from '../../../support/messages/table-builders.ts';

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
      'Nothing has happened yet. It would do these steps in order, each only after the one before has succeeded: backup, quota check, test of failure logging (installed if needed), a sample of images, *flush after the approval of a second person*, the first images, all other images, validation.',
      'Where it needs a person it waits, and continues afterwards.',
      'Estimated time: about 42 min at 33 images a minute',
      'Estimated cost: about $4.19',
      'Estimated failures: about 42 (3 %)',
      '6 s an image (the mean of 10 images of r-0001).',
      '&lt;!channel&gt;',
      'Planned by <@U0OPERATOR>.',
    ]);
    expect(buttons(message)).toEqual(['autopilot_start', 'autopilot_cancel']);
  });

  test('says what is not known', () => {
    const { forecast } = autopilotRecord();
    const { expectedFailures: _, ...unknown } = forecast;
    const lines = linesOf(autopilotPlanMessage(autopilotRecord({ forecast: unknown })));
    expect(lines.slice(-3)).toEqual([
      'Estimated cost: unknown',
      'Estimated failures: unknown',
      'Planned by <@U0OPERATOR>.',
    ]);
  });
});

describe('the message of an autopilot', () => {
  const view = checklistView({ sample: { state: 'running', by: 'U0OPERATOR', at: NOW } });
  const running = autopilotRecord({ state: 'running', startedAt: NOW - HOUR });

  test('under way says at which step, as one live plan, and can be stopped', () => {
    const message = autopilotMessage(running, view, NOW);
    expect(linesOf(message)).toEqual([
      'The autopilot is running. Current step: Run a sample of images.',
      ':white_circle: *Back up the table* (to do)',
      ':white_circle: *Check quotas* (to do)',
      ':white_circle: *Deploy failure logging* (to do)',
      ':white_circle: *Test failure logging* (to do)',
      ':hourglass_flowing_sand: *Run a sample of images* (in progress): <@U0OPERATOR>, under 1 s ago',
      ':white_circle: *Flush the table* (to do)',
      ':white_circle: *Rescan every image* (to do)',
      ':white_circle: *Validate* (to do)',
      'Started by <@U0OPERATOR>, 1 h ago.',
    ]);
    expect(message.blocks.map(({ type }) => type)).toEqual(['section', 'plan', 'context', 'actions']);
    expect(buttons(message)).toEqual(['autopilot_stop']);
  });

  test('that waits for a person has a button to continue', () => {
    const message = autopilotMessage({ ...running, blocker: '{}' }, view, NOW);
    expect(linesOf(message)[0]).toBe('The autopilot is waiting for a person.');
    expect(buttons(message)).toEqual(['autopilot_go_on', 'autopilot_stop']);
  });

  test('with a run says how far that is', () => {
    const message = autopilotMessage(running, { ...view, run: runSnapshot() }, NOW);
    expect(linesOf(message)[1]).toMatch(/^Rescan r-0142: 412 of 1,398/);
  });

  test.each([
    [autopilotRecord(), 'The autopilot is planned. Press Start to begin.'],
    [autopilotRecord({ state: 'cancelled' }), 'The autopilot was cancelled before it started.'],
    [autopilotRecord({ state: 'finished' }), 'The autopilot has finished.'],
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
  const STARTER = '<@U0OPERATOR> started the autopilot.';
  test.each<[AutopilotBlocker, string[]]>([
    [
      {
        kind: 'waiting',
        reason: { kind: 'step-failed', step: 'sample', found: { kind: 'sample', images: 3, failed: 2 } },
      },
      [
        'The autopilot is waiting for a person: the step “Run a sample of images” failed.',
        '2 of 3 images failed.',
        '`/rescan sample` shows the outcome of each image.',
        'Fix this, then press Try again. If you do the step yourself, the autopilot continues by itself.',
        STARTER,
      ],
    ],
    [
      { kind: 'waiting', reason: { kind: 'flush-not-approved', state: 'denied', by: 'U0APPROVER' } },
      [
        'The flush was denied by <@U0APPROVER>; nothing was deleted.',
        'The autopilot is waiting for a person.',
        STARTER,
      ],
    ],
    [
      { kind: 'waiting', reason: { kind: 'run-halted', runId: 'r-0142', state: 'tripped' } },
      [
        'The autopilot is waiting for a person: Rescan r-0142 stopped itself.',
        'When the run is resumed with `/rescan resume`, the autopilot continues by itself.',
        STARTER,
      ],
    ],
    [
      {
        kind: 'table-refused',
        step: 'backup',
        refusal: { reason: 'location', bucket: 'control', why: 'not-writable' },
      },
      [
        'The autopilot is waiting for a person: the step “Back up the table” was refused.',
        expect.stringContaining('`control`'),
        STARTER,
      ],
    ],
    [
      {
        kind: 'step-refused',
        step: 'deploy',
        refusal: { reason: 'deploy', refusal: { reason: 'update-in-progress' } },
      },
      [
        'The autopilot is waiting for a person: the step “Deploy failure logging” could not be done.',
        'Nothing was deployed: another update of the function is in progress.',
        STARTER,
      ],
    ],
    [
      { kind: 'step-refused', step: 'sample', refusal: { reason: 'step-active' } },
      [
        'The autopilot is waiting for a person: the step “Run a sample of images” could not be done.',
        'Nothing was done: another step on this function is not finished.',
        'Try again when that is done. See it with `/rescan checklist`.',
        STARTER,
      ],
    ],
    [
      {
        kind: 'start-refused',
        step: 'rescan',
        refusal: { reason: 'preconditions', step: 'start', unmet: [{ reason: 'not-flushed', fix: 'flush' }] },
      },
      [
        'The autopilot is waiting for a person: the run was not started.',
        'The run was not started: the table was not flushed in this rescan. Request a flush with `/rescan flush`, or keep the records with `/rescan start keep`.',
        STARTER,
      ],
    ],
  ])('says for what, and how it goes on: %#', (blocker, lines) => {
    const message = needsPersonMessage(autopilotRecord(), blocker);
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

  test('the receipt compares the results with the forecast', () => {
    const record = { ...finished, forecast: { ...finished.forecast, expectedCostUsd: 4.19 } };
    expect(
      linesOf(
        receiptMessage(record, run, { validation: { kind: 'validate', verdict: 'good' }, head: 'ab'.repeat(32) }),
      ),
    ).toEqual([
      'The autopilot has finished. Rescan r-0142: 412 of 1,398 done (29 %), 24 failed.',
      'The function reported 1,140 entries; the table grew by 1,140.',
      'Running time: 13 min; forecast 42 min',
      'Total time: 1 h, including the time waiting for people',
      'Cost: $1.24; forecast $4.19',
      'Failed or without rows: 24; forecast 42',
      'Images: 412; forecast 1,398',
      'Validation: every image is accounted for',
      'Started by <@U0OPERATOR>. `/rescan history` lists it.',
      `Last hash of the audit: \`${'ab'.repeat(32)}\``,
    ]);
  });

  test('says where there was no forecast, no failure, no validation', () => {
    const { expectedFailures: _, ...forecast } = finished.forecast;
    const clean = runSnapshot({ totals: { ...run.totals, failed: 0, failedByType: {} } });
    const lines = linesOf(receiptMessage({ ...finished, forecast }, clean));
    expect(lines[0]).toBe('The autopilot has finished. Rescan r-0142: 388 of 1,398 done (27 %), none failed.');
    expect(lines).toContain('Cost: $1.24; no forecast');
    expect(lines).toContain('Failed or without rows: 0; no forecast');
    expect(lines).toContain('Validation: not done: run `/rescan validate`');
  });

  test('without its run says how long it took', () => {
    expect(receiptMessage(finished, undefined).text).toBe(
      'The autopilot has finished after 1 h.\nStarted by <@U0OPERATOR>.',
    );
  });
});

describe('an answer of the autopilot', () => {
  const DONE = 'Finished steps are kept: `/rescan checklist` shows them, and `/rescan autopilot` continues after them.';
  test('to a stop says all that it ended, and nothing else', () => {
    const record = autopilotRecord({ state: 'stopped' });
    expect(
      linesOf(autopilotStoppedMessage({ record, withdrew: true, job: flushJob(), run: runSnapshot(), faults: [] })),
    ).toEqual([
      'The autopilot is stopped and starts no more steps.',
      'Its request for the flush was withdrawn.',
      'The flush is stopping after its current batch.',
      'Rescan r-0142 is stopping too: no more images start. `/rescan resume` continues it.',
      DONE,
    ]);
    expect(linesOf(autopilotStoppedMessage({ record, withdrew: false, faults: [] }))).toEqual([
      'The autopilot is stopped and starts no more steps.',
      DONE,
    ]);
    const fault = { reason: 'control-table', message: 'DynamoDB does not answer.', fix: '' } as const;
    expect(linesOf(autopilotStoppedMessage({ record, withdrew: false, faults: [fault] }))[1]).toMatch(
      /^:warning: Not everything could be stopped yet: the control table cannot be used\. The bot tries again\./,
    );
  });

  test.each([
    [
      { reason: 'active', record: autopilotRecord() } as const,
      'Not started: the autopilot is already running, started by <@U0OPERATOR>.\nStop it with `/rescan autopilot stop`.',
    ],
    [{ reason: 'not-active' } as const, 'The autopilot is not running.\n`/rescan autopilot` shows what it would do.'],
    [
      { reason: 'plan-gone' } as const,
      'Nothing was done: this plan was already started, cancelled or replaced.\nMake a new one with `/rescan autopilot`.',
    ],
    [
      { reason: 'stop-file', path: '/tmp/STOP' } as const,
      'Nothing was started: the stop file `/tmp/STOP` exists.\nRemove it on the machine where the bot runs, then try again.',
    ],
  ])('that refuses says why: %#', (refusal, text) => {
    expect(autopilotRefusalMessage(refusal).text).toBe(text);
  });
});
