import { ApplicationAutoScalingClient } from '@aws-sdk/client-application-auto-scaling';
import { CloudWatchClient } from '@aws-sdk/client-cloudwatch';
import { CloudWatchLogsClient } from '@aws-sdk/client-cloudwatch-logs';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { LambdaClient } from '@aws-sdk/client-lambda';
import { ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3';
import { ServiceQuotasClient } from '@aws-sdk/client-service-quotas';
import { SFNClient } from '@aws-sdk/client-sfn';
import type { MiddlewareStack } from '@smithy/types';
import { defined } from '../lib/defined.ts';
import type { FollowedClock } from '../lib/followed-clock.ts';
import { redact } from '../lib/redact.ts';
import { type Asked, carriedFault, FaultError, faultOf, field } from './fault.ts';
import type { Fault } from './invoke/invocation.ts';

/** The AWS clients of the bot. Each call made with them may be carried out twice without harm. */
export interface AwsClients {
  /** For the control table and the control plane: the SDK repeats a call by itself. */
  readonly dynamodb: DynamoDBClient;
  /** For the pipeline's table, whose calls go through `withBackoff`: one attempt, so that retries do not nest. */
  readonly bulkDynamodb: DynamoDBClient;
  /** For the control plane only; images are processed by a client of `createInvokeClient`. */
  readonly lambda: LambdaClient;
  readonly s3: S3Client;
  readonly logs: CloudWatchLogsClient;
  readonly cloudwatch: CloudWatchClient;
  readonly serviceQuotas: ServiceQuotasClient;
  /** The auto scaling of provisioned tables: one attempt, as `bulkDynamodb`. */
  readonly autoScaling: ApplicationAutoScalingClient;
  readonly sfn: SFNClient;
}

const CONNECT_TIMEOUT_MS = 10_000;
const MAX_SOCKETS = 100;
const MAX_CAUSES = 5;

/** `timeoutMs`: a call fails when the service is silent for this long. */
const connections = (maxSockets: number, timeoutMs: number) => ({
  connectionTimeout: CONNECT_TIMEOUT_MS,
  requestTimeout: timeoutMs,
  throwOnRequestTimeout: true,
  socketTimeout: 0,
  // A paced caller waits for sockets normally, so this must not print a warning.
  socketAcquisitionWarningTimeout: timeoutMs,
  // Node keeps 256 free sockets otherwise, and closes the others: a run with more in flight would open new ones all the time.
  httpAgent: { keepAlive: true, maxSockets, maxFreeSockets: maxSockets },
  httpsAgent: { keepAlive: true, maxSockets, maxFreeSockets: maxSockets },
});

/** The account of a pipeline, where it is not the one of the environment. An empty text: as the environment says. */
export interface AwsConnection {
  readonly awsRegion: string;
  readonly awsProfile: string;
  readonly awsEndpointUrl: string;
}

/**
 * The clients, configured by the SDK's own conventions: region, profile, credentials and endpoints come from `connection`,
 * else from the SDK's variables and files. With a profile the keys of the environment are not used. Except for `bulkDynamodb` and `autoScaling` they retry throttling, 5xx and broken connections (mode `standard`, up
 * to 4 attempts).
 * @param clock Follows the clock of AWS by the `Date` header of each reply.
 */
export function createAwsClients(clock?: Pick<FollowedClock, 'ask'>, connection?: AwsConnection): AwsClients {
  const requestHandler = connections(MAX_SOCKETS, 60_000);
  const { awsRegion, awsProfile, awsEndpointUrl } = connection ?? {};
  const account = defined({
    region: awsRegion || undefined,
    profile: awsProfile || undefined,
    endpoint: awsEndpointUrl || undefined,
  });
  const common = { ...account, maxAttempts: 4, retryMode: 'standard', requestHandler } as const;
  const clients = {
    dynamodb: new DynamoDBClient(common),
    bulkDynamodb: new DynamoDBClient({ ...common, maxAttempts: 1 }),
    lambda: new LambdaClient(common),
    s3: new S3Client({ ...common, forcePathStyle: Boolean(awsEndpointUrl) || endpointIsSet() }),
    logs: new CloudWatchLogsClient(common),
    cloudwatch: new CloudWatchClient(common),
    serviceQuotas: new ServiceQuotasClient(common),
    sfn: new SFNClient(common),
    autoScaling: new ApplicationAutoScalingClient({ ...common, maxAttempts: 1 }),
  };
  if (clock) {
    readDates(clients.dynamodb.middlewareStack, clock);
    readDates(clients.bulkDynamodb.middlewareStack, clock);
    readDates(clients.lambda.middlewareStack, clock);
    readDates(clients.s3.middlewareStack, clock);
  }
  return clients;
}

/** Shows the `Date` header of each reply, also of a refusal, to the clock. */
function readDates<Input extends object, Output extends object>(
  stack: MiddlewareStack<Input, Output>,
  clock: Pick<FollowedClock, 'ask'>,
): void {
  stack.add(
    (next) => async (args) => {
      const note = clock.ask();
      const result = await next(args);
      const date = field(field(result.response, 'headers'), 'date');
      const shows = typeof date === 'string' ? Date.parse(date) : Number.NaN;
      if (!Number.isNaN(shows)) note(shows);
      return result;
    },
    { step: 'deserialize', priority: 'low', name: 'clockOfAws' },
  );
}

/** Bucket names as host names work only with AWS itself. Other endpoints need path-style requests. */
const endpointIsSet = (): boolean => Boolean(process.env.AWS_ENDPOINT_URL_S3 || process.env.AWS_ENDPOINT_URL);

/**
 * The client that invokes the function for images, in the account of `like`. It makes one attempt, whatever AWS_MAX_ATTEMPTS
 * says, because a retry of the SDK would process the image twice without the bot knowing. For the same reason `timeoutMs`
 * must be longer than the timeout of the function. `maxSockets` must be at least the number of images in flight, or calls
 * wait for a connection. The signatures follow the clock of `like`: the SDK corrects it only when it repeats a call.
 */
export function createInvokeClient(options: {
  like: LambdaClient;
  timeoutMs: number;
  maxSockets: number;
}): LambdaClient {
  const { region, credentials, endpoint, systemClockOffset } = options.like.config;
  return new LambdaClient({
    ...defined({ region, credentials, endpoint }),
    systemClockOffset,
    maxAttempts: 1,
    retryMode: 'standard',
    requestHandler: connections(options.maxSockets, options.timeoutMs),
  });
}

/**
 * The fault behind an error, if any: credentials, a missing permission, function, bucket or table, no network, a wrong
 * setting. An error with a fault of its own returns that; otherwise the error and its causes are examined in turn.
 */
export function readFault(error: unknown, asked: Asked): Fault | undefined {
  let cause = error;
  for (let depth = 0; depth < MAX_CAUSES && cause !== undefined && cause !== null; depth++) {
    const fault = carriedFault(cause) ?? faultOf(cause, asked);
    if (fault) return fault;
    cause = field(cause, 'cause');
  }
  return undefined;
}

/**
 * A FaultError if the error is a fault, otherwise the error itself: `.catch((error) => { throw asFaultError(error,
 * asked) })`.
 */
export function asFaultError(error: unknown, asked: Asked): unknown {
  if (carriedFault(error)) return error;
  const fault = readFault(error, asked);
  return fault ? new FaultError(fault, error) : error;
}

/**
 * Checks that the bucket exists and can be read. @throws FaultError that names what is missing and the setting or
 * permission.
 */
export async function checkBucket(s3: S3Client, bucket: string): Promise<void> {
  const asked = { service: 's3', action: 's3:ListBucket', resource: bucket };
  await s3.send(new ListObjectsV2Command({ Bucket: bucket, MaxKeys: 1 })).catch((error: unknown) => {
    throw asFaultError(error, asked);
  });
}

/** The fault behind an error, or a fault with the text of the error when it is unknown. Never throws. */
export const expectedFaultOr = (error: unknown, resource: string): Fault =>
  readFault(error, { service: 'AWS', action: 'a call', resource }) ?? {
    reason: 'configuration',
    message: redact(error instanceof Error ? error.message : String(error)),
    fix: 'Check the log of the bot for the cause.',
  };
