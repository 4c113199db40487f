import type { LambdaClient } from '@aws-sdk/client-lambda';
import { createInvokeClient } from '../aws.ts';
import { askBeforeSending } from '../may-send.ts';
import type { Profile } from '../profile/profile.ts';
import type { Invocation } from './invocation.ts';
import { createOcrFunction, describeFunction, type OcrFunction } from './ocr-function.ts';

/** How much longer than the timeout of the function the bot waits for a reply, ms: the function always ends first. */
const BEYOND_TIMEOUT_MS = 30_000;

export interface InvocationTarget {
  readonly functionName: string;
  /** The image bucket. */
  readonly bucket: string;
  readonly keyEncoding: 'raw' | 'url';
  readonly profile: Pick<Profile, 'invocation' | 'reply'>;
}

export interface OpenFunction extends OcrFunction {
  /** Closes the connections. */
  close(): void;
}

/**
 * The function with connections of its own, at most `maxSockets`, that wait longer than the function's own timeout.
 * Where `mayInvoke` returns false directly before a request leaves, `invoke` rejects with a NotSentError.
 * @throws what `describeFunction` throws.
 */
export async function openFunction(
  lambda: LambdaClient,
  target: InvocationTarget,
  maxSockets: number,
  mayInvoke: () => boolean = () => true,
): Promise<OpenFunction> {
  const { timeoutMs } = await describeFunction(lambda, target.functionName);
  const client = createInvokeClient({ like: lambda, timeoutMs: timeoutMs + BEYOND_TIMEOUT_MS, maxSockets });
  askBeforeSending(client.middlewareStack, mayInvoke);
  return { ...createOcrFunction({ client, ...target }), close: () => client.destroy() };
}

/** Invokes the function for one image, with a connection of its own. @throws what `openFunction` throws. */
export async function invokeOnce(
  lambda: LambdaClient,
  target: InvocationTarget,
  imageKey: string,
): Promise<Invocation> {
  const opened = await openFunction(lambda, target, 1);
  try {
    return await opened.invoke(imageKey);
  } finally {
    opened.close();
  }
}
