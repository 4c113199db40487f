import { CloudWatchClient } from '@aws-sdk/client-cloudwatch';
import { CloudWatchLogsClient } from '@aws-sdk/client-cloudwatch-logs';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { LambdaClient } from '@aws-sdk/client-lambda';
import { ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3';
import { ServiceQuotasClient } from '@aws-sdk/client-service-quotas';
import { redact } from '../lib/redact.ts';
import { type Asked, carriedFault, FaultError, faultOf, field } from './fault.ts';
import type { Fault } from './invoke/invocation.ts';

/** The AWS clients of the bot. Each call made with them may be carried out twice without harm. */
export interface AwsClients {
  /** For the control table and the control plane: the SDK repeats a call by itself. */
  readonly dynamodb: DynamoDBClient;
  /** For the pipeline's table, whose calls go through `withBackoff`: one attempt, so that retries do not nest. */
  readonly bulkDynamodb: DynamoDBClient;
  /** For the control plane only; images go through `createInvokeClient`. */
  readonly lambda: LambdaClient;
  readonly s3: S3Client;
  readonly logs: CloudWatchLogsClient;
  readonly cloudwatch: CloudWatchClient;
  readonly serviceQuotas: ServiceQuotasClient;
}

const CONNECT_TIMEOUT_MS = 10_000;
const DEFAULT_SOCKETS = 100;

/** `timeoutMs`: silence of the service for so long ends the call with an error. */
const connections = (maxSockets: number, timeoutMs: number) => ({
  connectionTimeout: CONNECT_TIMEOUT_MS,
  requestTimeout: timeoutMs,
  throwOnRequestTimeout: true,
  socketTimeout: 0,
  // Waiting for a socket is what a paced caller does; no warning on stderr for it.
  socketAcquisitionWarningTimeout: timeoutMs,
  httpAgent: { keepAlive: true, maxSockets },
  httpsAgent: { keepAlive: true, maxSockets },
});

/**
 * The clients by the SDK's own conventions: region, profile, credentials and endpoints come from its own variables and files.
 * Retry rule: `standard`, up to 4 attempts, for throttling, 5xx and broken connections.
 */
export function createAwsClients(options: { functionTimeoutMs?: number; maxSockets?: number } = {}): AwsClients {
  const requestHandler = connections(options.maxSockets ?? DEFAULT_SOCKETS, options.functionTimeoutMs ?? 60_000);
  const common = { maxAttempts: 4, retryMode: 'standard', requestHandler } as const;
  return {
    dynamodb: new DynamoDBClient(common),
    bulkDynamodb: new DynamoDBClient({ ...common, maxAttempts: 1 }),
    lambda: new LambdaClient(common),
    s3: new S3Client({ ...common, forcePathStyle: endpointIsSet() }),
    logs: new CloudWatchLogsClient(common),
    cloudwatch: new CloudWatchClient(common),
    serviceQuotas: new ServiceQuotasClient(common),
  };
}

/** A bucket's name as a host name works with AWS only; an endpoint of one's own is asked by path. */
const endpointIsSet = (): boolean => Boolean(process.env.AWS_ENDPOINT_URL_S3 || process.env.AWS_ENDPOINT_URL);

/**
 * The client that runs images. One attempt, whatever AWS_MAX_ATTEMPTS says: a retry of the SDK's would run the image
 * twice behind the bot's back. `timeoutMs` must lie above the function's own timeout, for the same reason.
 * `maxSockets` connections are kept alive: at least as many as there are images in flight, or calls wait unseen.
 */
export function createInvokeClient(options: { timeoutMs: number; maxSockets: number }): LambdaClient {
  return new LambdaClient({
    maxAttempts: 1,
    retryMode: 'standard',
    requestHandler: connections(options.maxSockets, options.timeoutMs),
  });
}

/**
 * The fault that an error is, if it is one: credentials, a refused permission, a missing function, bucket or table, no
 * network, a wrong setting. Errors that carry a fault give their own; otherwise the error and its causes are asked in turn.
 */
export function readFault(error: unknown, asked: Asked): Fault | undefined {
  for (let [at, depth] = [error, 0]; at !== undefined && at !== null && depth < 5; at = field(at, 'cause'), depth++) {
    const fault = carriedFault(at) ?? faultOf(at, asked);
    if (fault) return fault;
  }
  return undefined;
}

/** The error as a FaultError if it is a fault, else itself: `.catch((error) => { throw asFaultError(error, asked) })`. */
export function asFaultError(error: unknown, asked: Asked): unknown {
  if (carriedFault(error)) return error;
  const fault = readFault(error, asked);
  return fault ? new FaultError(fault, error) : error;
}

/** That the bucket is there and may be read. @throws FaultError that says what is missing and which setting or permission mends it. */
export async function proveBucket(s3: S3Client, bucket: string): Promise<void> {
  const asked = { service: 's3', action: 's3:ListBucket', resource: bucket };
  await s3.send(new ListObjectsV2Command({ Bucket: bucket, MaxKeys: 1 })).catch((error: unknown) => {
    throw asFaultError(error, asked);
  });
}

/** What stands behind an error: a fault that is known, or else the error in its own words. Never throws. */
export const expectedFaultOr = (error: unknown, resource: string): Fault =>
  readFault(error, { service: 'AWS', action: 'a call', resource }) ?? {
    reason: 'configuration',
    message: redact(error instanceof Error ? error.message : String(error)),
    fix: 'Look at the log of the bot for what is behind it.',
  };
