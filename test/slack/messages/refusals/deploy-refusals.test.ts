import { describe, expect, test } from 'vitest';
import { checkView } from '../../../../sandbox/slack/rules/block-check.ts';
import type { DeployRefusal } from '../../../../src/pipeline/package/deploy-errors.ts';
import type { PackageProblem } from '../../../../src/pipeline/package/package-zip.ts';
import { deployView, readDeployId, rollbackView } from '../../../../src/slack/forms/deploy-view.ts';
import { lateEndMessage } from '../../../../src/slack/messages/checklist/late-deploy.ts';
import {
  deployedMessage,
  deployPlanLines,
  deployRefusalLines,
  rollbackPlanLines,
  rolledBackMessage,
} from '../../../../src/slack/messages/refusals/deploy-refusals.ts';
import { plannedDeploy } from '../../../support/checklist-builders.ts';

const { plan } = plannedDeploy();
const HOSTILE = '<!channel> `x` <https://evil.example|click> '.repeat(50);

describe('the preview of a deploy', () => {
  test('shows code, handler, size and environment, before and after', () => {
    expect(deployPlanLines({ ...plan, ocrVersion: { before: '2.6.1', after: '3.0.0' }, given: 'new.zip' })).toEqual([
      '*Function* `TimesheetOCR-ocr-dev`',
      '*Your code* `new.zip` is deployed with it',
      '*Code* `Zm9ybWVyIGNvZGUg` → `bmV4dCBjb2RlIG9m`',
      '*Handler* `lambda_function.lambda_handler` → `rescan_failure_logging.handler`',
      '*Package* 4.1 KB → 8.2 KB, 30 KB unpacked',
      '*OCR version* `2.6.1` → `3.0.0`',
      '*Environment added*\n• RESCAN_TABLE = `TimesheetOCR-dev`',
      'Every other file of the package stays as it is, byte for byte. A version is published before and after; `/rescan deploy rollback` undoes it.',
      'Deploy new code of yours by `/rescan deploy` from then on: a zip that you upload yourself lacks the handler, and every image would fail until `/rescan deploy` puts it back.',
    ]);
  });

  test('says what stays', () => {
    const lines = deployPlanLines({ ...plan, former: { ...plan.next } });
    expect(lines).toContain('*Code* `bmV4dCBjb2RlIG9m` → stays');
    expect(lines).toContain('*Handler* `rescan_failure_logging.handler` → stays');
    expect(lines).toContain('*OCR version* `not told` → `not told`');
  });

  test('of what is in place says that nothing would change', () => {
    const view = deployView({ id: 'd-1', plan: { ...plan, inPlace: true } }, 'C1');
    expect(JSON.stringify(view)).toContain('already in place: nothing would change');
    expect(JSON.stringify(view)).not.toContain('*Handler*');
  });

  test('fits a modal whatever names are like', () => {
    const environment = Object.fromEntries(Array.from({ length: 4 }, (_, at) => [`RESCAN_${at}`, HOSTILE]));
    const hostile = {
      ...plan,
      given: HOSTILE,
      next: { ...plan.next, environment },
      ocrVersion: { before: HOSTILE, after: HOSTILE },
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
      '*Code* `bmV4dCBjb2RlIG9m` → `Zm9ybWVyIGNvZGUg`, the very bytes that ran before',
      '*Handler* `rescan_failure_logging.handler` → `lambda_function.lambda_handler`',
      '*Environment* RESCAN_TABLE are taken out',
    ]);
    const former = { ...plan.former, environment: { RESCAN_TABLE: 'older' } };
    expect(rollbackPlanLines({ ...plan, former }).at(-1)).toBe('*Environment* RESCAN_TABLE become what they were');
    expect(rollbackPlanLines({ ...plan, ocrVersion: { before: '2.6.1', after: '3.0.0' } })).toContain(
      '*OCR version* `3.0.0` → `2.6.1`',
    );
  });

  test('says that code which somebody deployed since stays, and carries which', () => {
    const keeps = 'dGVhbSBjb2RlIG9mIHRoZSBmdW5jdGlvbi4uLi4uLi4=';
    expect(rollbackPlanLines(plan, { keeps, ocrVersion: '3.0.0' })[1]).toBe(
      '*Code* `dGVhbSBjb2RlIG9m` stays, OCR version `3.0.0`: somebody deployed it after the bot’s `bmV4dCBjb2RlIG9m`, and it is not thrown away',
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
        'Failure logging is deployed around the function.',
        'Its code is `bmV4dCBjb2RlIG9m` now, published as version `7` (before: `6`). Deployed by <@U0OPERATOR>.',
        'It is not proven yet: the test invokes the function once and looks for the record.',
        'Deploy new code of yours by `/rescan deploy` from then on: a zip that you upload yourself lacks the handler, and every image would fail until `/rescan deploy` puts it back.',
      ].join('\n'),
    );
    expect(JSON.stringify(message.blocks)).toContain('Test failure logging');
  });

  test('of a rollback names the code, and what counts no more', () => {
    expect(rolledBackMessage({ codeSha256: plan.former.codeSha256, versionAfter: '8' }, 'U0OPERATOR').text).toBe(
      [
        'The function is back as it was: code, handler and environment.',
        'Its code is `Zm9ybWVyIGNvZGUg`, published as version `8`. Rolled back by <@U0OPERATOR>.',
        'What was proven of its failure logging counts no more.',
      ].join('\n'),
    );
  });
});

describe('a rollback around code that was deployed since', () => {
  test('does not say that the code is back', () => {
    expect(rolledBackMessage({ codeSha256: plan.former.codeSha256, keptCode: true }, 'U0OPERATOR').text).toMatch(
      /^The function’s handler and environment are back as they were; the code that was deployed since stayed\./,
    );
  });
});

describe('the end of a deploy whose process died', () => {
  const end = { by: 'U0OPERATOR', plan, channel: 'C1' } as const;
  test('is told as if nothing had happened where it came about', () => {
    const answer = { ok: true, value: { codeSha256: plan.next.codeSha256 } } as const;
    expect(lateEndMessage({ ...end, kind: 'deploy', answer })).toEqual(deployedMessage(answer.value, 'U0OPERATOR'));
    expect(lateEndMessage({ ...end, kind: 'rollback', answer })).toEqual(rolledBackMessage(answer.value, 'U0OPERATOR'));
  });

  test('or how far it came, and why no further', () => {
    const refusal = { reason: 'deploy', refusal: { reason: 'update-in-progress' }, reached: 'configuration' } as const;
    expect(lateEndMessage({ ...end, kind: 'deploy', answer: { ok: false, refusal } }).text).toBe(
      [
        'The deploy of `TimesheetOCR-ocr-dev` broke off, and could not be brought to its end.',
        'Somebody is updating the function right now. Try again when that is through.',
        'It broke off: it was at changing handler and environment. `/rescan deploy` looks how the function stands, `/rescan deploy rollback` undoes it.',
      ].join('\n'),
    );
  });
});

describe('a refused deploy', () => {
  test.each<[DeployRefusal, string]>([
    [
      { reason: 'image-package' },
      'The function is a container image, not a zip: the bot cannot add failure logging to it.',
    ],
    [
      { reason: 'runtime-not-python', runtime: 'nodejs22.x' },
      'The function’s runtime is `nodejs22.x`; the failure logging is Python.',
    ],
    [
      { reason: 'signed-code' },
      'The function’s code is signed: a package changed by the bot would be refused. Sign and deploy it yourself.',
    ],
    [
      { reason: 'qualified', functionName: 'ocr:prod', qualifier: 'prod' },
      '`ocr:prod` is the version or alias `prod`: a deploy changes the function itself, which a rescan of that alias would not run.',
    ],
    [
      { reason: 'key-clash', attribute: 'ImageKey' },
      'The table’s key attribute is named `ImageKey`, as an attribute of the records of failures is: no record could hold both.',
    ],
    [
      { reason: 'environment-unreadable', why: 'AccessDeniedException' },
      'The function’s environment cannot be read, so the bot will not write it: `AccessDeniedException`',
    ],
    [
      { reason: 'not-taken', action: 'lambda:PublishVersion', why: 'CodeStorageExceededException: full' },
      'Lambda refuses `lambda:PublishVersion`: `CodeStorageExceededException: full`',
    ],
    [{ reason: 'function-failed', why: 'KMS' }, 'The function is in the state Failed: `KMS`. Mend it first.'],
    [{ reason: 'update-in-progress' }, 'Somebody is updating the function right now. Try again when that is through.'],
    [
      { reason: 'no-package' },
      'Lambda gave no place to fetch the function’s package from. The bot needs `lambda:GetFunction`.',
    ],
    [{ reason: 'package-not-given', status: 403 }, 'Lambda did not give the package: HTTP 403. Try again.'],
    [{ reason: 'given-not-found', name: 's3://b/k.zip' }, 'There is no `s3://b/k.zip`.'],
    [
      { reason: 'handler-not-found', handler: 'a.b' },
      'The handler `a.b` cannot be found in the package, so the function would not work with it.',
    ],
    [
      { reason: 'too-large', bytes: 262_144_001, most: 262_144_000 },
      'Unpacked the package would be 262 MB; Lambda takes 262 MB.',
    ],
    [
      { reason: 'environment-too-large', bytes: 4_100, most: 4_096 },
      'The function’s environment would be 4,100 bytes; Lambda takes 4,096.',
    ],
    [
      { reason: 'changed-since-preview', expected: 'aa=', found: 'bb=' },
      'The function is not what was looked at: `aa=` was expected, `bb=` is there. Somebody changed it meanwhile.',
    ],
    [{ reason: 'stored-package-gone', key: 'p/1.zip' }, 'The package that was kept is gone or was changed: `p/1.zip`.'],
    [
      { reason: 'update-failed', why: 'EFS' },
      'Lambda could not carry the update out: `EFS`. The former code goes on running.',
    ],
  ])('says why: %j', (refusal, first) => {
    expect(deployRefusalLines(refusal)[0]).toBe(first);
  });

  test.each<[PackageProblem, string]>([
    [{ reason: 'not-a-zip' }, 'it is no zip file.'],
    [{ reason: 'path-outside', path: '../x' }, 'it holds a path outside of itself, `../x`.'],
    [{ reason: 'too-large', path: 'bomb', most: 262_144_000 }, 'unpacked it is larger than 262 MB (at `bomb`).'],
    [{ reason: 'too-many-files', files: 60_000, most: 50_000 }, 'it holds 60,000 files; at most 50,000 are taken.'],
    [{ reason: 'duplicate-path', path: 'a' }, 'it holds `a` twice.'],
    [{ reason: 'encrypted', path: 'a' }, '`a` in it is encrypted.'],
    [{ reason: 'damaged', path: 'a' }, '`a` in it is damaged.'],
  ])('names the zip and what is wrong with it: %j', (problem, words) => {
    expect(deployRefusalLines({ reason: 'package-unreadable', name: 'new.zip', problem })).toEqual([
      `\`new.zip\` cannot be used: ${words}`,
    ]);
  });

  test('takes names from outside for text', () => {
    const problem = { reason: 'path-outside', path: HOSTILE } as const;
    expect(deployRefusalLines({ reason: 'package-unreadable', name: HOSTILE, problem }).join()).not.toContain(
      '<!channel>',
    );
  });
});
