import { describe, expect, test } from 'vitest';
import { checkView } from '../../../../sandbox/slack/rules/block-check.ts';
import type { StepRefusal } from '../../../../src/checklist/contracts/step-control.ts';
import { deployView, readDeployId, rollbackView } from '../../../../src/slack/forms/deploy-view.ts';
import {
  deployEndMessage,
  deployedMessage,
  deployInterruptedMessage,
  deployPlanLines,
  fileLines,
  lateEndMessage,
  rollbackPlanLines,
  rolledBackMessage,
} from '../../../../src/slack/messages/checklist/deploy-message.ts';
import { deployInProgress, plannedDeploy } from '../../../support/messages/checklist-builders.ts';

const { plan } = plannedDeploy();
const MANY = { count: 5_000, names: Array.from({ length: 30 }, () => '<!channel> `x` '.repeat(9)) };
const EMPTY = { count: 0, names: [] };
const HOSTILE = '<!channel> `x` <https://evil.example|click> '.repeat(50);

describe('the preview of a deploy', () => {
  test('shows code, handler, size and environment, before and after', () => {
    expect(deployPlanLines({ ...plan, ocrVersion: { before: '2.6.1', after: '3.0.0' }, given: 'new.zip' })).toEqual([
      '*Function* `TimesheetOCR-ocr-dev`',
      '*Your code* `new.zip` is deployed too',
      '*Code* `Zm9ybWVyIGNvZGUg` → `bmV4dCBjb2RlIG9m`',
      '*Handler* `lambda_function.lambda_handler` → `rescan_failure_logging.handler`',
      '*Package* 4.1 KB → 8.2 KB, 30 KB unpacked',
      '*OCR version* `2.6.1` → `3.0.0`',
      '*Environment added*\n• RESCAN_TABLE = `TimesheetOCR-dev`',
      'A version is published before and after; `/rescan deploy rollback` undoes the deploy.',
      ':warning: From now on deploy this function only with `/rescan deploy`. An upload by any other means (console, CI, Terraform) removes our wrapper, and *every image will fail* until you run `/rescan deploy` again.',
    ]);
  });

  test('says what stays', () => {
    const lines = deployPlanLines({ ...plan, former: { ...plan.next } });
    expect(lines).toContain('*Code* `bmV4dCBjb2RlIG9m` → unchanged');
    expect(lines).toContain('*Handler* `rescan_failure_logging.handler` → unchanged');
    expect(lines).toContain('*OCR version* `unknown` → `unknown`');
  });

  test('shows which files are added, changed and missing', () => {
    const { blocks } = deployView(plannedDeploy(), 'C1');
    const text = (text: string) => ({ type: 'section', text: { type: 'mrkdwn', text } });
    expect(blocks.slice(1, 5)).toEqual([
      text('*Files added* `rescan_failure_logging.py`, `rescan_failure_record.py`'),
      text('*Files changed* none'),
      text('*Files missing* none'),
      text('9 files stay as they are, byte for byte.'),
    ]);
  });

  test('warns of files that would be missing, and names entries that are stored under another name', () => {
    const names = Array.from({ length: 12 }, (_, at) => `data/${at}.json`);
    const lines = fileLines({
      files: { added: EMPTY, changed: EMPTY, missing: { count: 40, names }, same: 1 },
      fromOutside: { count: 1, names: ['../OCR_VERSION.txt'] },
    });
    expect(lines[2]).toMatch(
      /^:warning: \*Files missing\* `data\/0.json`, .*`data\/7.json` and 32 more: the running package has them, the new one does not$/,
    );
    expect(lines.slice(3)).toEqual([
      '1 file stays as it is, byte for byte.',
      '`../OCR_VERSION.txt` is stored without the leading `../`, as `unzip` does.',
    ]);
    expect(fileLines({})).toEqual([
      ':warning: The running package cannot be read, so its files cannot be compared with the new ones.',
    ]);
  });

  test('of what is in place says that nothing would change', () => {
    const view = deployView({ id: 'd-1', plan: { ...plan, inPlace: true } }, 'C1');
    expect(JSON.stringify(view)).toContain('already installed, so nothing would change');
    expect(JSON.stringify(view)).not.toContain('*Handler*');
  });

  test('the preview of a deploy fits a modal with hostile names', () => {
    const environment = Object.fromEntries(Array.from({ length: 4 }, (_, at) => [`RESCAN_${at}`, HOSTILE]));
    const hostile = {
      ...plan,
      given: HOSTILE,
      next: { ...plan.next, environment },
      ocrVersion: { before: HOSTILE, after: HOSTILE },
      files: { added: MANY, changed: MANY, missing: MANY, same: 3 },
      fromOutside: MANY,
    };
    for (const view of [
      deployView({ id: 'd-1', plan: hostile }, 'C1'),
      rollbackView({ id: 'd-1', plan: hostile }, 'C1'),
    ]) {
      expect(checkView(view)).toEqual([]);
      expect(JSON.stringify(view)).not.toContain('<!channel>');
    }
  });
});

describe('the preview of a rollback', () => {
  test('shows what comes back', () => {
    expect(rollbackPlanLines(plan)).toEqual([
      '*Function* `TimesheetOCR-ocr-dev`',
      '*Code* `bmV4dCBjb2RlIG9m` → `Zm9ybWVyIGNvZGUg`, exactly the code from before the deploy',
      '*Handler* `rescan_failure_logging.handler` → `lambda_function.lambda_handler`',
      '*Environment* RESCAN_TABLE are removed',
    ]);
    const former = { ...plan.former, environment: { RESCAN_TABLE: 'older' } };
    expect(rollbackPlanLines({ ...plan, former }).at(-1)).toBe('*Environment* RESCAN_TABLE get their earlier values');
    expect(rollbackPlanLines({ ...plan, ocrVersion: { before: '2.6.1', after: '3.0.0' } })).toContain(
      '*OCR version* `3.0.0` → `2.6.1`',
    );
  });

  test('says that code which somebody deployed since stays, and carries which', () => {
    const keeps = 'dGVhbSBjb2RlIG9mIHRoZSBmdW5jdGlvbi4uLi4uLi4=';
    expect(rollbackPlanLines(plan, { keeps, ocrVersion: '3.0.0' })[1]).toBe(
      '*Code* `dGVhbSBjb2RlIG9m` (OCR version `3.0.0`) stays, because somebody deployed it after the bot’s `bmV4dCBjb2RlIG9m`',
    );
    const { private_metadata: carried = '' } = rollbackView({ id: 'd-1', plan, keeps }, 'C1');
    expect(readDeployId(carried)).toEqual({ id: 'd-1', channel: 'C1', keeps });
  });
});

describe('what was done', () => {
  test('of a deploy names code and versions, and offers the proof', () => {
    const message = deployedMessage(
      { codeSha256: plan.next.codeSha256, versionBefore: '6', versionAfter: '7' },
      'U0OPERATOR',
    );
    expect(message.text).toBe(
      [
        'Failure logging is deployed.',
        'The function’s code is now `bmV4dCBjb2RlIG9m`, published as version `7` (previous: `6`). Deployed by <@U0OPERATOR>.',
        'A test invocation proved that the package can be loaded. It processed no image.',
        'Next: test it. The test invokes the function once for an image that does not exist and looks for the record.',
        ':warning: From now on deploy this function only with `/rescan deploy`. An upload by any other means (console, CI, Terraform) removes our wrapper, and *every image will fail* until you run `/rescan deploy` again.',
      ].join('\n'),
    );
    expect(JSON.stringify(message.blocks)).toContain('Test failure logging');
  });

  test('of a rollback names the code, and what counts no more', () => {
    expect(rolledBackMessage({ codeSha256: plan.former.codeSha256, versionAfter: '8' }, 'U0OPERATOR').text).toBe(
      [
        'Rolled back: the function’s code, handler and environment are as before.',
        'The function’s code is `Zm9ybWVyIGNvZGUg`, published as version `8`. Rolled back by <@U0OPERATOR>.',
        'Earlier tests of failure logging no longer count. Test again with `/rescan test-logging`.',
      ].join('\n'),
    );
  });
});

describe('a rollback around code that was deployed since', () => {
  test('does not say that the code is back', () => {
    expect(rolledBackMessage({ codeSha256: plan.former.codeSha256, keptCode: true }, 'U0OPERATOR').text).toMatch(
      /^Rolled back: the function’s handler and environment are as before; the code that was deployed since is kept\./,
    );
  });
});

describe('the message of a deploy', () => {
  const deploy = deployInProgress();
  test('is the one of the result when it is completed', () => {
    const deployed = { codeSha256: plan.next.codeSha256 };
    expect(deployEndMessage(deploy, { kind: 'finished', deployed })).toEqual(
      deployedMessage(deployed, 'U0OPERATOR', plan),
    );
    expect(deployEndMessage({ ...deploy, kind: 'rollback' }, { kind: 'finished', deployed })).toEqual(
      rolledBackMessage(deployed, 'U0OPERATOR'),
    );
  });

  test('says which files were added, changed and dropped', () => {
    const files = { added: EMPTY, changed: EMPTY, missing: { count: 1, names: ['team_roster.json'] }, same: 7 };
    expect(deployedMessage({ codeSha256: 'x' }, 'U1', { files }).text).toContain(
      'Files: 0 added, 0 changed, 7 as before, 1 missing (`team_roster.json`).',
    );
  });

  test('says how far it came, and why no further', () => {
    const refusal = { reason: 'deploy', refusal: { reason: 'update-in-progress' }, reached: 'configuration' } as const;
    expect(deployEndMessage(deploy, { kind: 'failed', refusal }).text).toBe(
      [
        'The deploy to `TimesheetOCR-ocr-dev` failed.',
        'Nothing was deployed: another update of the function is in progress.',
        'Try again when it is done.',
        'It stopped there: while changing handler and environment. `/rescan deploy` finishes it; `/rescan deploy rollback` undoes it.',
        'Requested by <@U0OPERATOR>.',
      ].join('\n'),
    );
  });

  test('names the error of a package that cannot be loaded, and whether it was rolled back', () => {
    const broken = { reason: 'not-loadable', errorType: 'Runtime.ImportModuleError', message: 'No module x' } as const;
    const text = (undone: 'undone' | { failed: StepRefusal }) =>
      deployEndMessage(deploy, { kind: 'failed', refusal: { reason: 'deploy', refusal: broken, undone } }).text.split(
        '\n',
      );
    expect(text('undone').slice(0, -1)).toEqual([
      'The deploy to `TimesheetOCR-ocr-dev` failed and was rolled back.',
      'The new package cannot be loaded: `Runtime.ImportModuleError` `No module x`',
      'A test invocation after the deploy found that. It processed no image.',
      'The bot rolled the function back: code, handler and environment are as before the deploy.',
    ]);
    expect(text({ failed: { reason: 'deploy', refusal: { reason: 'update-in-progress' } } })).toContain(
      ':warning: The bot could not roll the function back, so *every image fails*. Use `/rescan deploy rollback`.',
    );
  });

  test('says that it was interrupted, and what prevents that it is finished', () => {
    const until = { reason: 'stop-file', path: '/tmp/STOP' } as const;
    expect(deployInterruptedMessage({ kind: 'interrupted', deploy, until }).text).toMatch(
      /^The deploy to `TimesheetOCR-ocr-dev` was interrupted\. It is not finished\.\n[\s\S]*STOP/,
    );
    const end = { kind: 'finished', deployed: { codeSha256: 'x' } } as const;
    expect(lateEndMessage(deploy, end, 'interrupted').text).toBe(
      '<@U0OPERATOR>: the deploy to `TimesheetOCR-ocr-dev` was interrupted, and has now finished.',
    );
    expect(lateEndMessage(deploy, end, 'not-shown').text).toBe(
      '<@U0OPERATOR>: the deploy to `TimesheetOCR-ocr-dev` has finished. It could not be shown earlier.',
    );
  });

  test('warns when the package could not be tested', () => {
    expect(deployedMessage({ codeSha256: 'x', untested: 'TooManyRequestsException' }, 'U1').text).toContain(
      ':warning: It is not known whether the package can be loaded, because the function could not be invoked: `TooManyRequestsException`',
    );
  });
});
