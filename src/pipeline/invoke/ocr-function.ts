import { createHash } from 'node:crypto';
import { GetFunctionCommand, InvokeCommand, type LambdaClient } from '@aws-sdk/client-lambda';
import { asFaultError } from '../aws.ts';
import type { Invocation } from './invocation.ts';
import { readInvokeError } from './invoke-error.ts';
import { readReply } from './read-reply.ts';

/** The function that turns an image into records. */
export interface OcrFunction {
  /** Runs it once for the image and reads what came of it. Rejects with nothing that AWS or the network could do. */
  invoke(key: string, signal?: AbortSignal): Promise<Invocation>;
}

/**
 * The key as a real S3 event has it: UTF-8 in per cents, spaces as `+`, slashes kept, as Java's URLEncoder writes it.
 * (The function of pipeline.md takes keys raw: setting KEY_ENCODING.)
 */
export const encodeKeyAsEvent = (key: string): string =>
  encodeURIComponent(key.toWellFormed())
    .replace(/[!'()~]/g, (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`)
    .replaceAll('%2F', '/')
    .replaceAll('%20', '+');

/**
 * The function, called synchronously (RequestResponse: an Event is answered 202 whatever happens later) and once per call.
 * `client` is one of `createInvokeClient`: any other would repeat calls by itself.
 */
export function createOcrFunction(parts: {
  client: LambdaClient;
  functionName: string;
  bucket: string;
  keyEncoding: 'raw' | 'url';
}): OcrFunction {
  const { client, functionName, bucket, keyEncoding } = parts;
  const asked = { service: 'lambda', action: 'lambda:InvokeFunction', resource: functionName };
  return {
    async invoke(key, signal) {
      const name = keyEncoding === 'url' ? encodeKeyAsEvent(key) : key;
      const event = { Records: [{ s3: { bucket: { name: bucket }, object: { key: name } } }] };
      try {
        const reply = await client.send(
          new InvokeCommand({
            FunctionName: functionName,
            InvocationType: 'RequestResponse',
            Payload: Buffer.from(JSON.stringify(event)),
          }),
          signal ? { abortSignal: signal } : {},
        );
        const reading = readReply({
          ...(reply.StatusCode === undefined ? {} : { statusCode: reply.StatusCode }),
          ...(reply.FunctionError === undefined ? {} : { functionError: reply.FunctionError }),
          ...(reply.Payload === undefined ? {} : { payload: reply.Payload }),
        });
        return { reading, ...identified(reply.$metadata.requestId) };
      } catch (error) {
        return { reading: readInvokeError(error, asked), ...identified(requestIdOf(error)) };
      }
    },
  };
}

const identified = (requestId: string | undefined) => (requestId === undefined ? {} : { requestId });
function requestIdOf(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('$metadata' in error)) return undefined;
  const metadata = error.$metadata;
  const id = typeof metadata === 'object' && metadata !== null ? Reflect.get(metadata, 'requestId') : undefined;
  return typeof id === 'string' ? id : undefined;
}

/** How the function is set up. */
export interface FunctionFacts {
  readonly name: string;
  readonly arn: string;
  readonly timeoutMs: number;
  readonly memoryMb: number;
  /** Concurrency that is set aside for this function, and its limit; 0: it cannot run. */
  readonly reservedConcurrency?: number;
  /** Base64, of the package as deployed. */
  readonly codeSha256: string;
  readonly handler: string;
  readonly runtime?: string;
  readonly environment: Record<string, string>;
  readonly packageType: 'Zip' | 'Image';
  /** Where it writes its log, if Lambda says so. */
  readonly logGroup?: string;
  /** Successful, InProgress or Failed. */
  readonly lastUpdateStatus?: string;
  /** Active, Pending, Inactive or Failed. */
  readonly state?: string;
}

/**
 * What the function does, in one text that proofs are bound to: its code, its handler and how failure logging is set around it.
 * The same package does something else where somebody set the handler back.
 */
export function codeIdentity({ codeSha256, handler, environment }: FunctionFacts): string {
  const ours = Object.entries(environment).filter(([name]) => name.startsWith('RESCAN_'));
  const setting = createHash('sha256')
    .update(JSON.stringify([handler, ours.sort()]))
    .digest('hex');
  return `${codeSha256}/${setting.slice(0, 12)}`;
}

/**
 * How the function is set up now (lambda:GetFunction).
 * @throws FaultError (no such function, no permission, credentials, no network), or the SDK's error.
 */
export async function describeFunction(lambda: LambdaClient, functionName: string): Promise<FunctionFacts> {
  const answer = await lambda.send(new GetFunctionCommand({ FunctionName: functionName })).catch((error: unknown) => {
    throw asFaultError(error, { service: 'lambda', action: 'lambda:GetFunction', resource: functionName });
  });
  const { Configuration: facts = {}, Concurrency } = answer;
  const reserved = Concurrency?.ReservedConcurrentExecutions;
  // Lambda's own defaults (3 s, 128 MB) where a stand-in leaves them out.
  return {
    name: facts.FunctionName ?? functionName,
    arn: facts.FunctionArn ?? functionName,
    timeoutMs: (facts.Timeout ?? 3) * 1000,
    memoryMb: facts.MemorySize ?? 128,
    ...(reserved === undefined ? {} : { reservedConcurrency: reserved }),
    codeSha256: facts.CodeSha256 ?? '',
    handler: facts.Handler ?? '',
    ...(facts.Runtime === undefined ? {} : { runtime: facts.Runtime }),
    environment: { ...facts.Environment?.Variables },
    packageType: facts.PackageType ?? 'Zip',
    ...(facts.LoggingConfig?.LogGroup === undefined ? {} : { logGroup: facts.LoggingConfig.LogGroup }),
    ...(facts.LastUpdateStatus === undefined ? {} : { lastUpdateStatus: facts.LastUpdateStatus }),
    ...(facts.State === undefined ? {} : { state: facts.State }),
  };
}
