import { createHash } from 'node:crypto';
import { GetFunctionCommand, InvokeCommand, type LambdaClient } from '@aws-sdk/client-lambda';
import { defined } from '../../lib/defined.ts';
import { asFaultError } from '../aws.ts';
import { NotSentError } from '../may-send.ts';
import type { Payload, Profile } from '../profile/profile.ts';
import type { Invocation } from './invocation.ts';
import { readInvokeError } from './invoke-error.ts';
import { readReply } from './read-reply.ts';

/** The function that reads an image and writes its records. */
export interface OcrFunction {
  /**
   * Invokes the function once for the image. Never rejects because of AWS or the network.
   * @throws NotSentError where the process may not invoke any more
   */
  invoke(key: string, signal?: AbortSignal): Promise<Invocation>;
}

/**
 * The key as in an S3 event: percent-encoded UTF-8, spaces as `+`, slashes unchanged, like Java's URLEncoder. (The
 * function of pipeline.md takes raw keys; see the setting KEY_ENCODING.)
 */
export const encodeKeyAsEvent = (key: string): string =>
  encodeURIComponent(key.toWellFormed())
    .replace(/[!'()~]/g, (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`)
    .replaceAll('%2F', '/')
    .replaceAll('%20', '+');

/** The payload of an invocation: each text `{bucket}` or `{key}` of the template replaced, also as a part of a text. */
export function payloadOf(template: Payload, about: { readonly bucket: string; readonly key: string }): Payload {
  if (typeof template === 'string')
    return template.replace(/\{(bucket|key)\}/g, (_, name: string) => (name === 'key' ? about.key : about.bucket));
  if (Array.isArray(template)) return template.map((part) => payloadOf(part, about));
  if (typeof template !== 'object' || template === null) return template;
  return Object.fromEntries(Object.entries(template).map(([name, value]) => [name, payloadOf(value, about)]));
}

/** The payload of the invocation for one image. `bucket`: that of the images. */
export const imagePayload = (
  {
    bucket,
    keyEncoding,
    profile,
  }: { bucket: string; keyEncoding: 'raw' | 'url'; profile: Pick<Profile, 'invocation'> },
  key: string,
): Payload =>
  payloadOf(profile.invocation.payload, { bucket, key: keyEncoding === 'url' ? encodeKeyAsEvent(key) : key });

/**
 * The function, invoked synchronously (RequestResponse, because an Event is answered with 202 whatever happens later),
 * once per call. `client` must come from `createInvokeClient`: any other client would retry.
 */
export function createOcrFunction(parts: {
  client: LambdaClient;
  functionName: string;
  bucket: string;
  keyEncoding: 'raw' | 'url';
  profile: Pick<Profile, 'invocation' | 'reply'>;
}): OcrFunction {
  const { client, functionName, bucket, keyEncoding, profile } = parts;
  const asked = { service: 'lambda', action: 'lambda:InvokeFunction', resource: functionName };
  return {
    async invoke(key, signal) {
      const event = imagePayload({ bucket, keyEncoding, profile }, key);
      try {
        const reply = await client.send(
          new InvokeCommand({
            FunctionName: functionName,
            InvocationType: 'RequestResponse',
            Payload: Buffer.from(JSON.stringify(event)),
          }),
          signal ? { abortSignal: signal } : {},
        );
        const result = readReply(
          defined({
            statusCode: reply.StatusCode,
            functionError: reply.FunctionError,
            payload: reply.Payload,
          }),
          profile.reply,
        );
        return defined({ result, requestId: reply.$metadata.requestId });
      } catch (error) {
        if (error instanceof NotSentError) throw error;
        return defined({ result: readInvokeError(error, asked), requestId: requestIdOf(error) });
      }
    },
  };
}

function requestIdOf(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('$metadata' in error)) return undefined;
  const metadata = error.$metadata;
  const id = typeof metadata === 'object' && metadata !== null ? Reflect.get(metadata, 'requestId') : undefined;
  return typeof id === 'string' ? id : undefined;
}

/** The configuration of the function. */
export interface FunctionFacts {
  readonly name: string;
  readonly arn?: string;
  readonly timeoutMs: number;
  readonly memoryMb: number;
  /** The reserved concurrency, which is also its limit. 0: the function cannot run. */
  readonly reservedConcurrency?: number;
  /** Base64 of the SHA-256 of the deployed package. */
  readonly codeSha256: string;
  readonly handler: string;
  readonly environment: Record<string, string>;
  /** The log group, if Lambda returns it. */
  readonly logGroup?: string;
}

/**
 * Identifies what the function does, so that a proof is valid only for that: its code, its handler and the variables of
 * failure logging. The same package with another handler behaves differently.
 */
export function codeIdentity({ codeSha256, handler, environment }: FunctionFacts): string {
  const ourVariables = Object.entries(environment).filter(([name]) => name.startsWith('RESCAN_'));
  const configuration = createHash('sha256')
    .update(JSON.stringify([handler, ourVariables.sort()]))
    .digest('hex');
  return `${codeSha256}/${configuration.slice(0, 12)}`;
}

/**
 * Reads the configuration of the function (lambda:GetFunction).
 * @throws FaultError (missing function or permission, credentials, no network), or the SDK's error
 */
export async function describeFunction(lambda: LambdaClient, functionName: string): Promise<FunctionFacts> {
  const answer = await lambda.send(new GetFunctionCommand({ FunctionName: functionName })).catch((error: unknown) => {
    throw asFaultError(error, { service: 'lambda', action: 'lambda:GetFunction', resource: functionName });
  });
  const { Configuration: facts = {}, Concurrency } = answer;
  const reserved = Concurrency?.ReservedConcurrentExecutions;
  // Lambda's defaults (3 s, 128 MB), for emulators that do not return them.
  return defined({
    name: facts.FunctionName ?? functionName,
    arn: facts.FunctionArn,
    timeoutMs: (facts.Timeout ?? 3) * 1000,
    memoryMb: facts.MemorySize ?? 128,
    reservedConcurrency: reserved,
    codeSha256: facts.CodeSha256 ?? '',
    handler: facts.Handler ?? '',
    environment: { ...facts.Environment?.Variables },
    logGroup: facts.LoggingConfig?.LogGroup,
  });
}
