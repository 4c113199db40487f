import { expect, test } from 'vitest';
import type { Refusal } from '../../../../src/run/model/run-control.ts';
import { permissionRefusalMessage, refusalMessage } from '../../../../src/slack/messages/refusals/refusals.ts';
import { startRefusalMessage } from '../../../../src/slack/messages/refusals/start-refusals.ts';
import { runSnapshot } from '../../../support/memory/scripted-run-control.ts';

const run = runSnapshot();
const stopped = runSnapshot({ state: { kind: 'stopped', by: { kind: 'person', by: 'U0OPERATOR' } } });
const fault = { reason: 'function-missing', message: 'Function not found: x', fix: 'Look at OCR_FUNCTION.' } as const;

const refusals: [Refusal, string][] = [
  [
    { reason: 'run-active', run },
    'Not started: Rescan r-0142 is running: 412 of 1,398 done (29 %). Only one run at a time.\nWait until it ends, or stop it with `/rescan stop`.',
  ],
  [
    { reason: 'run-open', run: stopped },
    'Not started: Rescan r-0142 was stopped by <@U0OPERATOR>: 412 of 1,398 done (29 %) and can still be resumed.\nResume it with `/rescan resume`, or plan a new run with `/rescan start` and abandon this one with the button there.',
  ],
  [{ reason: 'no-run' }, 'No run is open, so nothing was changed.\nPlan one with `/rescan start`.'],
  [
    { reason: 'nothing-to-resume' },
    'There is no run to resume: none was ever started.\nPlan one with `/rescan start`.',
  ],
  [
    { reason: 'nothing-to-resume', run: runSnapshot({ state: { kind: 'completed' }, total: 412 }) },
    'There is no run to resume: Rescan r-0142 is complete: 412 of 412 done (100 %).\nPlan a new run with `/rescan start`.',
  ],
  [
    { reason: 'not-running', run: stopped },
    'Nothing was changed: Rescan r-0142 is not running. It was stopped by <@U0OPERATOR>: 412 of 1,398 done (29 %).\nSee it with `/rescan status`.',
  ],
  [
    { reason: 'plan-gone', runId: 'r-0142', state: 'running' },
    'Nothing was done: Rescan r-0142 was already started.\nSee the current run with `/rescan status`, or make a new plan with `/rescan start`.',
  ],
  [
    { reason: 'plan-gone', runId: 'r-0142', state: 'abandoned' },
    'Nothing was done: Rescan r-0142 was cancelled.\nSee the current run with `/rescan status`, or make a new plan with `/rescan start`.',
  ],
  [
    { reason: 'empty-bucket', bucket: 'images' },
    'Nothing was planned: the bucket `images` is empty.\nCheck the setting `IMAGE_BUCKET`.',
  ],
  [
    { reason: 'no-match', bucket: 'images', listed: 1_400, selection: { prefix: '2031/' } },
    'Nothing was planned: none of the 1,400 objects in `images` is an image to run (under `2031/`).\nCheck `prefix=` (upper and lower case and slashes matter) and the settings `IMAGE_EXTENSIONS` and `EXCLUDED_PREFIXES`.',
  ],
  [
    { reason: 'pace-over-ceiling', asked: 500, ceiling: 160, because: ['Nova Lite: 200 × 80 % = 160'] },
    'The pace was not changed: 500 images a minute is above the ceiling of 160.\nNova Lite: 200 × 80 % = 160',
  ],
  [
    { reason: 'stop-file', path: '/tmp/STOP_RESCAN' },
    'Nothing was started: the stop file `/tmp/STOP_RESCAN` exists.\nRemove it on the machine where the bot runs, then try again.',
  ],
  [
    { reason: 'no-run', isHalt: true },
    'No run is open, so nothing was changed.\nA start or resume that was requested before and has not begun is refused.\nPlan one with `/rescan start`.',
  ],
  [
    { reason: 'halted-since', request: 'stop', by: 'U9' },
    'Not started: <@U9> asked for a stop after this was requested and before it began.\nSee the current state with `/rescan status`. If the run is still wanted, start or resume it again.',
  ],
  [
    { reason: 'maybe-started', runId: 'r-0142', fault },
    'It is not known whether Rescan r-0142 was started: the OCR function cannot be found.\nIt may be running, or begin as soon as the control table can be read. See it with `/rescan status`, and stop it with `/rescan stop`.\n`Function not found: x`\nLook at OCR_FUNCTION.',
  ],
  [{ reason: 'shutting-down' }, 'Nothing was started, because the bot is restarting.\nTry again in half a minute.'],
  [
    { reason: 'lease-held', holder: 'host/12' },
    'Nothing was changed: other work of the bot (`host/12`) may still be in progress.\nTry again in half a minute.',
  ],
  [
    { reason: 'lease-held', holder: 'host/12', waitMs: 9_000 },
    'Nothing was changed: other work of the bot (`host/12`) may still be in progress.\nIf it has ended, this process can take over in 9 s. Try again then.',
  ],
  [
    {
      reason: 'halt-unread',
      request: 'stop',
      fault,
      stopFile: '/tmp/STOP',
      stored: { kind: 'file', path: '/tmp/S.json' },
    },
    'The run cannot be read: the OCR function cannot be found. This process drives no run.\nThe stop is stored in the file `/tmp/S.json` on the machine of this process, because the control bucket cannot be written, either. The bot does not resume what was in progress by itself on this machine. A bot on another machine does not see the file.\n`Function not found: x`\nLook at OCR_FUNCTION.',
  ],
  [
    { reason: 'fault', fault },
    'Nothing was done: the OCR function cannot be found.\n`Function not found: x`\nLook at OCR_FUNCTION.',
  ],
];

test.each(refusals)('the message for the refusal %o', (refusal, text) => {
  expect(refusalMessage(refusal).text).toBe(text);
});

test('a refusal because of an empty list of operators names the setting', () => {
  const message = permissionRefusalMessage({ reason: 'nobody', role: 'operator', setting: 'OPERATORS' });
  expect(message.text).toBe(
    'Nothing was done: nobody may do this, because the setting `OPERATORS` is empty.\nWhoever runs the bot can add user ids or user groups to it.',
  );
});

test('a start of which nobody knows whether it began is no refusal: the audit does not say that nothing was done', () => {
  const refusal = { reason: 'maybe-started', runId: 'r-0142', fault } as const;
  expect(refusalMessage(refusal)).not.toHaveProperty('isRefusal');
  expect(startRefusalMessage(refusal)).toEqual(refusalMessage(refusal));
});
