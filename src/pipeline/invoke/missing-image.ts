import { HeadObjectCommand, NotFound, type S3Client } from '@aws-sdk/client-s3';
import { asFaultError } from '../aws.ts';
import type { Invocation, InvocationResult } from './invocation.ts';

type Invoke = (key: string, signal: AbortSignal) => Promise<Invocation>;

/** Whether the object exists. @throws FaultError, or the SDK's error */
export async function objectExists(s3: S3Client, bucket: string, key: string, signal: AbortSignal): Promise<boolean> {
  try {
    await s3.send(new HeadObjectCommand({ Bucket: bucket, Key: key }), { abortSignal: signal });
    return true;
  } catch (error) {
    if (error instanceof NotFound) return false;
    throw asFaultError(error, { service: 's3', action: 's3:GetObject', resource: `${bucket}/${key}` });
  }
}

const MISSING = /\bNoSuch(Key|Version)\b|specified key does not exist|\(404\) when calling the \w*Object operation/;

/**
 * Whether the object of the image may be missing: the function says so, or S3 denied it the object, which is the answer
 * for a missing object where the function may not list the bucket (Amazon S3 API reference, "GetObject").
 */
export function maybeMissing(result: InvocationResult): boolean {
  if (result.kind === 'suspected') return result.failure !== undefined;
  if (result.kind !== 'outcome' || result.outcome.kind !== 'failed') return false;
  const { errorCode = '', message } = result.outcome;
  return MISSING.test(`${errorCode} ${message}`);
}

/**
 * Invokes, and asks S3 itself where the object of the image may be missing: then its outcome is `gone`. Where S3 cannot
 * tell, the reply of the function counts. `warn` hears why.
 */
export const withMissingImages =
  (
    invoke: Invoke,
    exists: (key: string, signal: AbortSignal) => Promise<boolean>,
    warn: (message: string, cause: unknown) => void,
  ): Invoke =>
  async (key, signal) => {
    const invocation = await invoke(key, signal);
    if (signal.aborted || !maybeMissing(invocation.result)) return invocation;
    const isThere = await exists(key, signal).catch((error: unknown) => {
      if (!signal.aborted) warn(`S3 does not tell whether ${JSON.stringify(key)} exists`, error);
      return true;
    });
    return isThere ? invocation : { ...invocation, result: { kind: 'outcome', outcome: { kind: 'gone' } } };
  };
