import { InvokeCommand, type LambdaClient } from '@aws-sdk/client-lambda';
import { z } from 'zod';
import type { Clock } from '../../lib/clock.ts';
import { parseJson, readJson } from '../../lib/json.ts';
import { redact } from '../../lib/redact.ts';
import { createInvokeClient } from '../aws.ts';
import { readInvokeError } from '../invoke/invoke-error.ts';

/** The attribute of an event that our handler answers itself, without calling the handler of the team. */
export const CHECK_ATTRIBUTE = 'rescanBotCheck';

/** What a test invocation right after a deploy found. */
export type LoadCheck =
  /** Our handler answered, so it and the handler of the team are loaded. */
  | { readonly kind: 'loaded' }
  /** Lambda cannot load the package, or our handler does not answer. */
  | { readonly kind: 'broken'; readonly errorType: string; readonly message: string }
  /** The function could not be invoked, so nothing is known. */
  | { readonly kind: 'unknown'; readonly why: string };

/** The errors of Lambda's Python runtime that do not pass: the package itself is the cause. */
const FINAL_ERRORS: ReadonlySet<string> = new Set([
  'Runtime.ImportModuleError',
  'Runtime.HandlerNotFound',
  'Runtime.UserCodeSyntaxError',
  'Runtime.MalformedHandlerName',
]);
const ATTEMPTS = 4;
/** How much longer than the timeout of the function the bot waits for a reply, ms: the function always ends first. */
const BEYOND_TIMEOUT_MS = 30_000;
const crashSchema = z.looseObject({ errorType: z.string().catch(''), errorMessage: z.string().catch('') });

/**
 * Invokes the function with an event that our handler answers itself: no image is processed and no record is written. Another
 * error than one of the import may pass (a slow start), so it is tried again before it counts.
 * @throws `signal.reason` when aborted
 */
export async function checkLoads(
  { lambda, clock, signal }: { readonly lambda: LambdaClient; readonly clock: Clock; readonly signal?: AbortSignal },
  about: { readonly functionName: string; readonly timeoutSeconds: number; readonly codeSha256: string },
): Promise<LoadCheck> {
  const timeoutMs = about.timeoutSeconds * 1_000 + BEYOND_TIMEOUT_MS;
  const client = createInvokeClient({ like: lambda, timeoutMs, maxSockets: 1 });
  try {
    for (let attempt = 1; ; attempt++) {
      const found = await checkOnce(client, about, signal);
      const isFinal = found.kind === 'loaded' || (found.kind === 'broken' && FINAL_ERRORS.has(found.errorType));
      if (isFinal || attempt === ATTEMPTS) return found;
      await clock.sleep(1_000 * 2 ** attempt, signal);
      signal?.throwIfAborted();
    }
  } finally {
    client.destroy();
  }
}

async function checkOnce(
  client: ReturnType<typeof createInvokeClient>,
  { functionName, codeSha256 }: { readonly functionName: string; readonly codeSha256: string },
  signal: AbortSignal | undefined,
): Promise<LoadCheck> {
  const command = new InvokeCommand({
    FunctionName: functionName,
    InvocationType: 'RequestResponse',
    Payload: Buffer.from(JSON.stringify({ [CHECK_ATTRIBUTE]: codeSha256 })),
  });
  try {
    const { FunctionError: functionError, Payload } = await client.send(command, signal ? { abortSignal: signal } : {});
    const text = Buffer.from(Payload ?? []).toString();
    if (functionError !== undefined) {
      const { errorType, errorMessage } = readJson(crashSchema, text) ?? { errorType: '', errorMessage: text };
      return { kind: 'broken', errorType: errorType || functionError, message: redact(errorMessage) };
    }
    const answer = z.looseObject({ [CHECK_ATTRIBUTE]: z.literal(codeSha256) }).safeParse(parseJson(text));
    return answer.success
      ? { kind: 'loaded' }
      : { kind: 'broken', errorType: 'OtherHandler', message: `another handler answered: ${redact(text)}` };
  } catch (error) {
    signal?.throwIfAborted();
    const asked = { service: 'lambda', action: 'lambda:InvokeFunction', resource: functionName };
    const found = readInvokeError(error, asked);
    const why =
      found.kind === 'fault'
        ? found.fault.message
        : found.kind === 'outcome' && 'message' in found.outcome
          ? found.outcome.message
          : 'message' in found
            ? found.message
            : String(error);
    return { kind: 'unknown', why: redact(why) };
  }
}
