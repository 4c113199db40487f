import { expect, test } from 'vitest';
import type { Refusal } from '../../../../src/run/model/run-control.ts';
import { permissionRefusalMessage, refusalMessage } from '../../../../src/slack/messages/refusals/refusals.ts';
import { runSnapshot } from '../../../support/scripted-run-control.ts';

const run = runSnapshot();
const stopped = runSnapshot({ state: { kind: 'stopped', by: { kind: 'person', by: 'U0OPERATOR' } } });
const fault = { reason: 'function-missing', message: 'Function not found: x', fix: 'Look at OCR_FUNCTION.' } as const;

const refusals: [Refusal, string][] = [
  [
    { reason: 'run-active', run },
    'Rescan r-0142 is running: 412 of 1,398 done (29 %). Only one run at a time: nothing was started.\nWait for its end, or stop it with `/rescan stop`.',
  ],
  [
    { reason: 'run-open', run: stopped },
    'Rescan r-0142 was stopped by <@U0OPERATOR>: 412 of 1,398 done (29 %), and is still open: nothing was started.\nResume it with `/rescan resume`, or abandon it with the button under the new plan.',
  ],
  [{ reason: 'no-run' }, 'No run is open: nothing was changed.\n`/rescan start` plans one.'],
  [
    { reason: 'nothing-to-resume' },
    'There is nothing to resume: no run was ever started here.\n`/rescan start` plans one.',
  ],
  [
    { reason: 'nothing-to-resume', run: runSnapshot({ state: { kind: 'completed' }, total: 412 }) },
    'There is nothing to resume: Rescan r-0142 is complete: 412 of 412 done (100 %).\n`/rescan start` plans a new run.',
  ],
  [
    { reason: 'not-running', run: stopped },
    'Rescan r-0142 is not running: it was stopped by <@U0OPERATOR>: 412 of 1,398 done (29 %). Nothing was changed.\n`/rescan status` shows it.',
  ],
  [
    { reason: 'plan-gone', runId: 'r-0142', state: 'running' },
    'Rescan r-0142 was started before: nothing was done twice.\n`/rescan status` shows what is there, `/rescan start` makes a new plan.',
  ],
  [
    { reason: 'plan-gone', runId: 'r-0142', state: 'abandoned' },
    'Rescan r-0142 was cancelled before: nothing was done.\n`/rescan status` shows what is there, `/rescan start` makes a new plan.',
  ],
  [
    { reason: 'empty-bucket', bucket: 'images' },
    'The bucket `images` is empty: there is nothing to run.\nIs it the right one? The setting is `IMAGE_BUCKET`.',
  ],
  [
    { reason: 'no-match', bucket: 'images', looked: 1_400, selection: { prefix: '2031/' } },
    'None of the 1,400 objects looked at in `images` is an image to run (under `2031/`): nothing was planned.\nLook at `prefix=` (case and slashes count), and at the settings `IMAGE_EXTENSIONS` and `EXCLUDED_PREFIXES`.',
  ],
  [
    { reason: 'pace-over-ceiling', asked: 500, ceiling: 160, because: ['Nova Lite: 200 × 80 % = 160'] },
    'A pace of 500 images a minute is over the ceiling of 160: nothing was changed.\nNova Lite: 200 × 80 % = 160',
  ],
  [
    { reason: 'stop-file', path: '/tmp/STOP_RESCAN' },
    'The stop file `/tmp/STOP_RESCAN` is there: nothing starts while it exists.\nRemove it on the machine of the bot, then try again.',
  ],
  [
    { reason: 'lease-held', holder: 'host/12' },
    'Another copy of the bot (`host/12`) drives this pipeline: nothing was changed.\nTry again in half a minute; if that copy is gone, its right ends by itself.',
  ],
  [
    { reason: 'fault', fault },
    'Nothing was done: the OCR function cannot be found.\n`Function not found: x`\nLook at OCR_FUNCTION.',
  ],
];

test.each(refusals)('%o is worded', (refusal, words) => {
  expect(refusalMessage(refusal).text).toBe(words);
});

test('an empty list of operators is said to be the setting’s doing', () => {
  const message = permissionRefusalMessage({ reason: 'nobody', role: 'operator', setting: 'OPERATORS' });
  expect(message.text).toBe(
    'Nobody may act on runs here, as the setting `OPERATORS` is empty: nothing was done.\nWhoever runs the bot can put user ids or user groups into it.',
  );
});
