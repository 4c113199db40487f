import { describe, expect, test } from 'vitest';
import type { Invocation } from '../../../src/pipeline/invoke/invocation.ts';
import { withMissingImages } from '../../../src/pipeline/invoke/missing-image.ts';

const failed = (message: string): Invocation => ({
  requestId: '1',
  result: { kind: 'outcome', outcome: { kind: 'failed', failureType: 'OCR_ERROR', errorCode: 'ClientError', message } },
});
const noSuchKey = failed('An error occurred (NoSuchKey) when calling the GetObject operation: no such key');
const denied: Invocation = {
  requestId: '2',
  result: {
    kind: 'suspected',
    fault: { reason: 'function-denied', message: 'no', fix: 'look' },
    failure: { kind: 'failed', failureType: 'OCR_ERROR', message: 'Access Denied' },
  },
};

/** The result of an invocation with this reply, what S3 was asked, and the warnings. */
async function ask(reply: Invocation, exists: () => Promise<boolean>) {
  const asked: string[] = [];
  const warnings: string[] = [];
  const invoke = withMissingImages(
    async () => reply,
    (key) => {
      asked.push(key);
      return exists();
    },
    (message) => warnings.push(message),
  );
  const invocation = await invoke('a.png', new AbortController().signal);
  return { invocation, asked, warnings };
}

describe('an image that the function does not find', () => {
  test.each([
    ['NoSuchKey', noSuchKey],
    ['a HeadObject with 404', failed('An error occurred (404) when calling the HeadObject operation: Not Found')],
    ['AccessDenied', denied],
  ])('is gone where S3 says so: %s', async (_what, reply) => {
    const { invocation, asked } = await ask(reply, async () => false);
    expect(invocation.result).toEqual({ kind: 'outcome', outcome: { kind: 'gone' } });
    expect(invocation.requestId).toBe(reply.requestId);
    expect(asked).toEqual(['a.png']);
  });

  test.each([noSuchKey, denied])('keeps the reply of the function where S3 has the object', async (reply) => {
    expect((await ask(reply, async () => true)).invocation).toBe(reply);
  });

  test('keeps the reply of the function where S3 does not answer, with a warning', async () => {
    const { invocation, warnings } = await ask(noSuchKey, async () => Promise.reject(new Error('no route')));
    expect(invocation).toBe(noSuchKey);
    expect(warnings).toEqual(['S3 does not tell whether "a.png" exists']);
  });
});

test('Other replies ask S3 nothing', async () => {
  for (const reply of [
    failed('Textract could not read the document'),
    failed('An error occurred (ResourceNotFoundException) when calling the GetSecretValue operation: no such key'),
    { result: { kind: 'outcome', outcome: { kind: 'rejected', reason: 'NoSuchKey' } } } as const,
    { result: { kind: 'throttled', source: 'function', message: '429' } } as const,
  ])
    expect((await ask(reply, async () => false)).asked).toEqual([]);
});
