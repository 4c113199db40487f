import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { DynamoDbError } from '../dynamodb/store.ts';
import { LambdaRefusal } from '../lambda/lambda-http.ts';
import type { World } from '../world.ts';
import { StateError } from './errors.ts';

/** The services that tasks call, without the faults of the bot's connection. */
export interface TaskServices {
  /** @throws LambdaRefusal */
  invoke(
    functionName: string,
    payload: Buffer,
    qualifier: string | undefined,
  ): Promise<{ requestId: string; version: string; payload: string; functionError: string | undefined }>;
  /** @throws DynamoDbError */
  dynamodb(operation: string, input: unknown): Promise<object>;
  /** Returns the HTTP status with which S3 answers HEAD, and the size of the object. */
  headObject(bucket: string, key: string): Promise<{ status: number; size: number | undefined }>;
}

const LAMBDA = 'arn:aws:states:::lambda:invoke';
const DIRECT_LAMBDA = /^arn:aws:lambda:[a-z0-9-]+:\d{12}:function:[\w:-]+$/;
const OPTIMIZED = /^arn:aws:states:::dynamodb:(getItem|putItem|updateItem|deleteItem)$/;
const HEAD_OBJECT = 'arn:aws:states:::aws-sdk:s3:headObject';
const SDK =
  /^arn:aws:states:::aws-sdk:dynamodb:(getItem|putItem|updateItem|deleteItem|query|scan|batchGetItem|batchWriteItem|transactWriteItems)$/;

/** Whether the local Step Functions can call this resource. */
export const isKnownResource = (resource: string): boolean =>
  resource === LAMBDA ||
  resource === HEAD_OBJECT ||
  [DIRECT_LAMBDA, OPTIMIZED, SDK].some((pattern) => pattern.test(resource));

const invokeSchema = z.strictObject({
  FunctionName: z.string(),
  Payload: z.unknown().optional(),
  Qualifier: z.string().optional(),
  InvocationType: z.literal('RequestResponse').optional(),
  LogType: z.enum(['None', 'Tail']).optional(),
  ClientContext: z.string().optional(),
});
const headSchema = z.strictObject({ Bucket: z.string(), Key: z.string() });
const functionErrorSchema = z.looseObject({ errorType: z.string().min(1) });

/** Errors with a class of their own in the SDK; the error of a task has their name. Others have that of the service. */
const LAMBDA_ERRORS =
  /^(TooManyRequestsException|ResourceNotFoundException|ServiceException|ResourceConflictException|ResourceNotReadyException|RequestTooLargeException|InvalidParameterValueException|InvalidRequestContentException|UnsupportedMediaTypeException|KMS\w+|EC2\w+|ENILimitReachedException|SubnetIPAddressLimitReachedException|InvalidRuntimeException|InvalidZipFileException|SnapStart\w+|EFS\w+)$/;
const DYNAMODB_ERRORS =
  /^(ConditionalCheckFailedException|ProvisionedThroughputExceededException|ResourceNotFoundException|TransactionCanceledException|TransactionConflictException|TransactionInProgressException|IdempotentParameterMismatchException|ItemCollectionSizeLimitExceededException|RequestLimitExceeded|LimitExceededException|ResourceInUseException|InternalServerError|ThrottlingException)$/;

/** What the optimized integrations and those of the SDK add to each result. */
const metadata = (requestId: string) => ({
  SdkHttpMetadata: {
    AllHttpHeaders: { 'x-amzn-RequestId': [requestId] },
    HttpHeaders: { 'x-amzn-RequestId': requestId },
    HttpStatusCode: 200,
  },
  SdkResponseMetadata: { RequestId: requestId },
});
const causeOf = (message: string, service: string, status: number, code: string): string =>
  `${message} (Service: ${service}; Status Code: ${status}; Error Code: ${code}; Request ID: ${randomUUID()}; Proxy: null)`;

/**
 * Calls the resource of a task as the role of the state machine: with the permissions of `stepFunctions.denied`, and
 * without the faults that only the bot has (no network, expired credentials). Errors have the names and causes that Step
 * Functions gives them. @throws StateError
 */
export function createTaskCaller(services: TaskServices, world: () => World) {
  const denied = (action: string): string | undefined =>
    world().stepFunctions.denied.includes(action)
      ? `User: arn:aws:sts::016164185850:assumed-role/rescan-bot-state-machine/states is not authorized to perform: ${action}`
      : undefined;

  async function invoke(input: unknown): Promise<unknown> {
    const asked = invokeSchema.safeParse(input);
    if (!asked.success)
      throw new StateError('States.Runtime', `The Parameters of ${LAMBDA} are not valid: ${asked.error.message}`);
    const { FunctionName, Payload = {}, Qualifier } = asked.data;
    const reason = denied('lambda:InvokeFunction');
    if (reason !== undefined)
      throw new StateError('Lambda.AWSLambdaException', causeOf(reason, 'AWSLambda', 403, 'AccessDeniedException'));
    const reply = await called(FunctionName, Payload, Qualifier);
    if (reply.functionError !== undefined) throw functionError(reply.payload);
    return {
      ExecutedVersion: reply.version,
      Payload: parsed(reply.payload),
      ...metadata(reply.requestId),
      StatusCode: 200,
    };
  }

  async function called(functionName: string, payload: unknown, qualifier: string | undefined) {
    try {
      return await services.invoke(functionName, Buffer.from(JSON.stringify(payload)), qualifier);
    } catch (error) {
      if (!(error instanceof LambdaRefusal)) throw error;
      const name = LAMBDA_ERRORS.test(error.type) ? error.type : 'AWSLambdaException';
      throw new StateError(`Lambda.${name}`, causeOf(error.message, 'AWSLambda', error.status, error.type));
    }
  }

  /** `prefix`: how error names begin; `fallback`: the name of an error that the SDK has no class for. */
  async function dynamodb(action: string, input: unknown, prefix: string, fallback: string): Promise<unknown> {
    const operation = `${action.charAt(0).toUpperCase()}${action.slice(1)}`;
    const failure = (type: string, message: string) =>
      new StateError(
        `${prefix}.${DYNAMODB_ERRORS.test(type) ? type : fallback}`,
        causeOf(message, 'AmazonDynamoDBv2', 400, type),
      );
    const reason = denied(`dynamodb:${operation}`);
    if (reason !== undefined) throw failure('AccessDeniedException', reason);
    try {
      return { ...(await services.dynamodb(operation, input)), ...metadata(randomUUID()) };
    } catch (error) {
      if (!(error instanceof DynamoDbError)) throw error;
      const type = String(error.body.__type).split('#').at(-1) ?? '';
      throw failure(type, error.message);
    }
  }

  /** S3 tells only who may list the bucket that a key does not exist. */
  async function headObject(input: unknown): Promise<unknown> {
    const asked = headSchema.safeParse(input);
    if (!asked.success)
      throw new StateError('States.Runtime', `The Parameters of ${HEAD_OBJECT} are not valid: ${asked.error.message}`);
    const head = await services.headObject(asked.data.Bucket, asked.data.Key);
    const isHidden = head.status === 404 && denied('s3:ListBucket') !== undefined;
    const status = isHidden || denied('s3:GetObject') !== undefined ? 403 : head.status;
    if (status === 200) return { ContentLength: head.size, ...metadata(randomUUID()) };
    const name = status === 404 ? 'NoSuchKeyException' : 'S3Exception';
    // HEAD has no body, and so the error no text.
    throw new StateError(`S3.${name}`, `null (Service: S3, Status Code: ${status}, Request ID: ${randomUUID()})`);
  }

  return async (resource: string, input: unknown): Promise<unknown> => {
    if (resource === LAMBDA) return invoke(input);
    if (resource === HEAD_OBJECT) return headObject(input);
    const [, optimized] = OPTIMIZED.exec(resource) ?? [];
    if (optimized !== undefined) return dynamodb(optimized, input, 'DynamoDB', 'AmazonDynamoDBException');
    const [, sdk] = SDK.exec(resource) ?? [];
    if (sdk !== undefined) return dynamodb(sdk, input, 'DynamoDb', 'DynamoDbException');
    if (!DIRECT_LAMBDA.test(resource)) throw new StateError('States.Runtime', `The local AWS cannot call ${resource}`);
    const reply = await called(resource, input, undefined);
    if (reply.functionError !== undefined) throw functionError(reply.payload);
    return parsed(reply.payload);
  };
}

/** The error of a function that failed. A timeout or a crash without an error type is `Lambda.Unknown`. */
function functionError(payload: string): StateError {
  const typed = functionErrorSchema.safeParse(parsed(payload));
  return typed.success
    ? new StateError(typed.data.errorType, payload)
    : new StateError(
        'Lambda.Unknown',
        `The cause could not be determined because Lambda did not return an error type. Returned payload: ${payload}`,
      );
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
