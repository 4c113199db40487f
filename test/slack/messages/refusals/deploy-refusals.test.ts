import { describe, expect, test } from 'vitest';
import type { DeployRefusal } from '../../../../src/pipeline/package/deploy-errors.ts';
import type { PackageProblem } from '../../../../src/pipeline/package/package-zip.ts';
import { deployRefusalLines } from '../../../../src/slack/messages/refusals/deploy-refusals.ts';

const HOSTILE = '<!channel> `x` <https://evil.example|click> '.repeat(50);

describe('a refused deploy', () => {
  test.each<[DeployRefusal, string]>([
    [
      { reason: 'image-package' },
      'Nothing was deployed: the function is a container image, not a zip, so the bot cannot add failure logging to it.',
    ],
    [
      { reason: 'runtime-not-python', runtime: 'nodejs22.x' },
      'Nothing was deployed: the function’s runtime is `nodejs22.x`, but the failure logging is Python.',
    ],
    [
      { reason: 'signed-code' },
      'Nothing was deployed: the function’s code is signed, so Lambda would refuse a package that the bot changed.',
    ],
    [
      { reason: 'qualified', functionName: 'ocr:prod', qualifier: 'prod' },
      'Nothing was deployed: `ocr:prod` names the version or alias `prod`, which a deploy of the function does not change.',
    ],
    [
      { reason: 'key-clash', attribute: 'ImageKey' },
      'Nothing was deployed: the table’s key attribute is named `ImageKey`, and so is an attribute of failure records.',
    ],
    [
      { reason: 'environment-unreadable', why: 'AccessDeniedException' },
      'Nothing was deployed: the function’s environment cannot be read, so the bot does not overwrite it. `AccessDeniedException`',
    ],
    [
      { reason: 'not-taken', action: 'lambda:PublishVersion', why: 'CodeStorageExceededException: full' },
      'Lambda refused `lambda:PublishVersion`: `CodeStorageExceededException: full`',
    ],
    [{ reason: 'function-failed', why: 'KMS' }, 'Nothing was deployed: the function is in the state Failed. `KMS`'],
    [{ reason: 'update-in-progress' }, 'Nothing was deployed: another update of the function is in progress.'],
    [{ reason: 'no-package' }, 'Nothing was deployed: Lambda did not provide the function’s package.'],
    [
      { reason: 'package-not-given', status: 403 },
      'Nothing was deployed: the function’s package could not be downloaded (HTTP 403). Try again.',
    ],
    [{ reason: 'given-not-found', name: 's3://b/k.zip' }, 'Nothing was deployed: `s3://b/k.zip` does not exist.'],
    [
      { reason: 'handler-not-found', handler: 'a.b' },
      'Nothing was deployed: the package does not contain the handler `a.b`, so the function would not work.',
    ],
    [
      { reason: 'too-large', bytes: 262_144_001, most: 262_144_000 },
      'Nothing was deployed: the package would be 262 MB unpacked (limit of Lambda 262 MB).',
    ],
    [
      { reason: 'environment-too-large', bytes: 4_100, most: 4_096 },
      'Nothing was deployed: the function’s environment would be 4,100 bytes (limit of Lambda 4,096).',
    ],
    [
      { reason: 'changed-since-preview', expected: 'aa=', found: 'bb=' },
      'Nothing was deployed: the function was changed after the preview (expected `aa=`, found `bb=`).',
    ],
    [
      { reason: 'stored-package-gone', key: 'p/1.zip' },
      'Nothing was rolled back: the saved package is missing or was changed: `p/1.zip`.',
    ],
    [
      { reason: 'update-failed', why: 'EFS' },
      'Lambda could not apply the update: `EFS`. The previous code is still running.',
    ],
  ])('says why: %j', (refusal, first) => {
    expect(deployRefusalLines(refusal)[0]).toBe(first);
  });

  test.each<[PackageProblem, string]>([
    [{ reason: 'not-a-zip' }, 'it is not a zip file.'],
    [{ reason: 'path-outside', path: '../x' }, 'it contains a path outside of the package, `../x`.'],
    [{ reason: 'too-large', path: 'bomb', most: 262_144_000 }, 'its files are larger than 262 MB (at `bomb`).'],
    [{ reason: 'too-many-files', files: 60_000, most: 50_000 }, 'it contains 60,000 files (limit 50,000).'],
    [{ reason: 'duplicate-path', path: 'a' }, 'it contains `a` twice.'],
    [{ reason: 'encrypted', path: 'a' }, 'its file `a` is encrypted.'],
    [{ reason: 'damaged', path: 'a' }, 'its file `a` is damaged.'],
  ])('names the zip and what is wrong with it: %j', (problem, why) => {
    expect(deployRefusalLines({ reason: 'package-unreadable', name: 'new.zip', problem })).toEqual([
      `Nothing was deployed: \`new.zip\` cannot be used, because ${why}`,
    ]);
  });

  test('takes names from outside for text', () => {
    const problem = { reason: 'path-outside', path: HOSTILE } as const;
    expect(deployRefusalLines({ reason: 'package-unreadable', name: HOSTILE, problem }).join()).not.toContain(
      '<!channel>',
    );
  });
});
