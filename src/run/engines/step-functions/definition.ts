import { createHash } from 'node:crypto';
import { and, contains, type Definition, isPresent, type Json, not, oneOf, or, retryOf } from './asl.ts';
import type { ChildType } from './child-type.ts';
import {
  LAMBDA_BROKEN,
  LAMBDA_REFUSED,
  LAMBDA_THROTTLES,
  MAY_RUN_CONDITION,
  mayBeMissing,
  mayBeThrottled,
  mayRun,
  NO_STOP,
  RECORD_NAMES,
  TEXT,
  UNNAMED_ERROR,
} from './rules.ts';

/**
 * The Amazon States Language definition of the engine `step-functions` (see the README in this folder). Everything about
 * one run is in the input of an execution, so one state machine serves all runs. JSONPath, because the interpreters that
 * run it in tests do not know JSONata.
 */

/** How long a halted image waits before its child fails, seconds: images in flight end meanwhile, and no others start. */
const HALT_WAIT_SECONDS = 10;
/** Above the longest timeout of a Lambda function (900 s), and for EXPRESS just below the end of the child. */
const INVOKE_TIMEOUT_SECONDS = { STANDARD: 960, EXPRESS: 285 } as const;
/** Attempts of the Retry for Lambda's own throttling. When they are used up, the loop through the gate takes over. */
const LAMBDA_RETRIES = 3;

/** The errors of DynamoDB that pass by themselves. */
const DYNAMODB_PASSES = [
  'ProvisionedThroughputExceededException',
  'ThrottlingException',
  'RequestLimitExceeded',
  'RequestLimitExceededException',
  'InternalServerError',
  'InternalServerErrorException',
  'ItemCollectionSizeLimitExceededException',
  'SdkClientException',
].map((name) => `DynamoDB.${name}`);
/** An error of DynamoDB without a class of its own: a missing permission, for example. */
const UNNAMED_DYNAMODB_ERROR = 'DynamoDB.AmazonDynamoDBException';
const CONDITION_FAILED = 'DynamoDB.ConditionalCheckFailedException';

const DYNAMODB_RETRY = [
  retryOf([...DYNAMODB_PASSES, 'States.Timeout'], 1, 12),
  retryOf([UNNAMED_DYNAMODB_ERROR], 1, 3),
];

const RUN_KEY = { pk: { 'S.$': '$.run.pk' }, sk: { S: 'run' } };

/** Writes the entry of an image, once. The output says whether the image succeeded. */
function record(ok: boolean, received: Definition, states: StateBuilder): Definition {
  return {
    Type: 'Task',
    Resource: states.resource('dynamodb:putItem'),
    Parameters: {
      'TableName.$': '$.run.table',
      Item: {
        pk: { 'S.$': '$.run.pk' },
        sk: { 'S.$': '$.image.s' },
        writer: { 'S.$': "States.Format('sfn#{}', $.run.execution)" },
        key: { 'S.$': '$.image.k' },
        startedAt: { 'S.$': '$.outcome.at' },
        endedAt: { 'S.$': '$$.State.EnteredTime' },
        throttles: { 'N.$': "States.Format('{}', $.throttles)" },
        ...received,
      },
      ConditionExpression: 'attribute_not_exists(pk)',
    },
    Retry: DYNAMODB_RETRY,
    // Somebody recorded it before: a second copy of this child, or this one before its reply was lost.
    Catch: [{ ErrorEquals: [CONDITION_FAILED], Next: 'AlreadyRecorded' }],
    ResultSelector: { ok },
    End: true,
  };
}

interface StateBuilder {
  /** The ARN of a service integration. */
  readonly resource: (integration: string) => string;
}

/** The states of one image. Its input is `{ image, run, throttles }`. */
function imageStates(childType: ChildType, states: StateBuilder): Definition {
  const { resource } = states;
  const payload = '$.invoked.result.Payload';
  const requestId = '$.invoked.result.SdkResponseMetadata.RequestId';
  const hasStatusAndBody = and(
    isPresent(`${payload}.statusCode`),
    { Variable: `${payload}.statusCode`, IsNumeric: true },
    isPresent(`${payload}.body`),
    { Variable: `${payload}.body`, IsString: true },
  );
  const isSuccess = and(hasStatusAndBody, { Variable: `${payload}.statusCode`, NumericEquals: 200 });
  const success: Definition = {
    kind: { S: 'body' },
    status: { S: '200' },
    text: { 'S.$': `${payload}.body` },
    retries: { 'N.$': "States.Format('{}', $.invoked.retries)" },
  };
  const received: Definition = Object.fromEntries(
    ['kind', 'status', 'text', 'error', 'requestId'].map((name) => [name, { 'S.$': `$.received.${name}` }]),
  );
  /** Keeps what was received in one form, for the states that judge and record it. */
  const keep = (next: string, parameters: Definition): Definition => ({
    Type: 'Pass',
    Parameters: Object.fromEntries([
      ...['status', 'text', 'error', 'requestId']
        .filter((name) => !Object.hasOwn(parameters, `${name}.$`))
        .map((name): [string, Json] => [name, '']),
      ...Object.entries(parameters),
    ]),
    ResultPath: '$.received',
    Next: next,
  });
  const body = { kind: 'body', 'status.$': `States.Format('{}', ${payload}.statusCode)`, 'text.$': `${payload}.body` };
  const other = { kind: 'payload', 'text.$': `States.JsonToString(${payload})` };
  const countThrottles = (count: number): Definition => ({
    Type: 'Pass',
    Parameters: {
      'image.$': '$.image',
      'run.$': '$.run',
      'throttles.$': `States.MathAdd($.throttles, ${count})`,
      'wait.$': 'States.MathRandom(0, States.ArrayGetItem($.run.backoff, $.throttles))',
    },
    Next: 'Backoff',
  });
  const waitSeconds = '$.gate.Item.waitSeconds.N';
  const hasWait = and(isPresent(waitSeconds), not({ Variable: waitSeconds, StringEquals: '0' }));
  const isRepeated = { Variable: '$.throttles', NumericLessThanPath: '$.run.throttleRetries' };
  return {
    ReadRun: {
      Type: 'Task',
      Resource: resource('dynamodb:getItem'),
      Parameters: {
        'TableName.$': '$.run.table',
        Key: RUN_KEY,
        ConsistentRead: true,
        ProjectionExpression: 'stateKind, machineFault, waitSeconds, #execution, #pause, #stop',
        ExpressionAttributeNames: RECORD_NAMES,
      },
      Retry: DYNAMODB_RETRY,
      ResultPath: '$.gate',
      Next: 'ReadOutcome',
    },
    ReadOutcome: {
      Type: 'Task',
      Resource: resource('dynamodb:getItem'),
      Parameters: {
        'TableName.$': '$.run.table',
        Key: { pk: { 'S.$': '$.run.pk' }, sk: { 'S.$': '$.image.s' } },
        ConsistentRead: true,
        ProjectionExpression: 'pk',
      },
      Retry: DYNAMODB_RETRY,
      ResultSelector: { 'found.$': '$', 'at.$': '$$.State.EnteredTime' },
      ResultPath: '$.outcome',
      Next: 'Gate',
    },
    Gate: {
      Type: 'Choice',
      Choices: [
        { ...isPresent('$.outcome.found.Item'), Next: 'AlreadyRecorded' },
        { ...and(mayRun, hasWait, not(isPresent('$.waited'))), Next: 'KeepPace' },
        { ...mayRun, Next: 'Invoke' },
      ],
      Default: 'WaitHalted',
    },
    KeepPace: {
      Type: 'Pass',
      Parameters: {
        'image.$': '$.image',
        'run.$': '$.run',
        'throttles.$': '$.throttles',
        'wait.$': 'States.StringToJson($.gate.Item.waitSeconds.N)',
        waited: true,
      },
      Next: 'Backoff',
    },
    WaitHalted: { Type: 'Wait', Seconds: HALT_WAIT_SECONDS, Next: 'Halted' },
    // Not a Fail state: a redriven execution would enter that again. This task passes when the run may run again.
    Halted: {
      Type: 'Task',
      Resource: resource('dynamodb:updateItem'),
      Parameters: {
        'TableName.$': '$.run.table',
        Key: RUN_KEY,
        UpdateExpression: 'SET machineSeenAt = :at',
        ConditionExpression: MAY_RUN_CONDITION,
        ExpressionAttributeNames: RECORD_NAMES,
        ExpressionAttributeValues: {
          ':at': { 'S.$': '$$.State.EnteredTime' },
          ':running': { S: 'running' },
          ':execution': { 'S.$': '$.run.execution' },
          ...NO_STOP,
        },
      },
      Retry: DYNAMODB_RETRY,
      ResultPath: null,
      Next: 'ReadRun',
    },
    Invoke: {
      Type: 'Task',
      Resource: resource('lambda:invoke'),
      Parameters: { 'FunctionName.$': '$.run.functionName', 'Payload.$': '$.image.p' },
      TimeoutSeconds: INVOKE_TIMEOUT_SECONDS[childType],
      Retry: [retryOf(LAMBDA_THROTTLES, 1, LAMBDA_RETRIES), retryOf([...LAMBDA_BROKEN, UNNAMED_ERROR], 1, 2)],
      // States.ALL does not catch States.DataLimitExceeded: a reply above 256 KiB.
      Catch: [
        { ErrorEquals: ['States.DataLimitExceeded'], ResultPath: '$.invoked', Next: 'HasCause' },
        { ErrorEquals: ['States.ALL'], ResultPath: '$.invoked', Next: 'HasCause' },
      ],
      ResultSelector: { 'result.$': '$', 'retries.$': '$$.State.RetryCount' },
      ResultPath: '$.invoked',
      Next: 'Judge',
    },
    Judge: {
      Type: 'Choice',
      Choices: [
        { ...and(isSuccess, isPresent(requestId)), Next: 'RecordSuccess' },
        { ...isSuccess, Next: 'RecordSuccessWithoutId' },
        { ...and(hasStatusAndBody, isPresent(requestId)), Next: 'KeepReply' },
        { ...hasStatusAndBody, Next: 'KeepReplyWithoutId' },
      ],
      Default: 'KeepOtherPayload',
    },
    RecordSuccess: record(true, { ...success, requestId: { 'S.$': requestId } }, states),
    RecordSuccessWithoutId: record(true, success, states),
    KeepReply: keep('JudgeFailure', { ...body, 'requestId.$': requestId }),
    KeepReplyWithoutId: keep('JudgeFailure', body),
    KeepOtherPayload: keep('JudgeFailure', other),
    HasCause: {
      Type: 'Choice',
      Choices: [{ ...isPresent('$.invoked.Cause'), Next: 'KeepError' }],
      Default: 'KeepErrorWithoutCause',
    },
    KeepError: keep('JudgeError', { kind: 'error', 'error.$': '$.invoked.Error', 'text.$': '$.invoked.Cause' }),
    KeepErrorWithoutCause: keep('JudgeError', { kind: 'error', 'error.$': '$.invoked.Error' }),
    JudgeError: {
      Type: 'Choice',
      Choices: [
        { ...oneOf('$.received.error', LAMBDA_THROTTLES), Next: 'LambdaThrottled' },
        {
          ...or(
            oneOf('$.received.error', ['Lambda.Unknown', 'States.Timeout', 'States.DataLimitExceeded']),
            oneOf('$.received.error', [...LAMBDA_REFUSED, ...LAMBDA_BROKEN]),
            and({ Variable: '$.received.error', StringEquals: UNNAMED_ERROR }, contains(TEXT, 'Status Code: 5')),
          ),
          Next: 'JudgeFailure',
        },
        {
          ...or(
            { Variable: '$.received.error', StringMatches: 'Lambda.*' },
            { Variable: '$.received.error', StringMatches: 'States.*' },
          ),
          Next: 'NoteFault',
        },
      ],
      // The class of an exception: the function crashed.
      Default: 'JudgeFailure',
    },
    JudgeFailure: {
      Type: 'Choice',
      Choices: [
        { ...and(isRepeated, mayBeThrottled), Next: 'Throttled' },
        { ...mayBeMissing, Next: 'AskS3' },
      ],
      Default: 'RecordFailure',
    },
    Throttled: countThrottles(1),
    LambdaThrottled: {
      Type: 'Choice',
      Choices: [{ ...isRepeated, Next: 'CountRetries' }],
      Default: 'RecordFailure',
    },
    CountRetries: countThrottles(LAMBDA_RETRIES + 1),
    // Back to the gate: a stop holds after each wait.
    Backoff: { Type: 'Wait', SecondsPath: '$.wait', Next: 'ReadRun' },
    AskS3: {
      Type: 'Task',
      Resource: resource('aws-sdk:s3:headObject'),
      Parameters: { 'Bucket.$': '$.run.imageBucket', 'Key.$': '$.image.k' },
      Catch: [{ ErrorEquals: ['States.ALL'], ResultPath: '$.head', Next: 'IsMissing' }],
      ResultPath: null,
      Next: 'RecordFailure',
    },
    IsMissing: {
      Type: 'Choice',
      Choices: [
        { ...and(isPresent('$.head.Cause'), contains('$.head.Cause', 'Status Code: 404')), Next: 'RecordMissing' },
      ],
      Default: 'RecordFailure',
    },
    RecordFailure: record(false, received, states),
    RecordMissing: record(false, { ...received, missing: { BOOL: true } }, states),
    NoteFault: {
      Type: 'Task',
      Resource: resource('dynamodb:updateItem'),
      Parameters: {
        'TableName.$': '$.run.table',
        Key: RUN_KEY,
        UpdateExpression: 'SET machineFault = :fault',
        ConditionExpression: 'attribute_exists(pk) AND attribute_not_exists(machineFault) AND #execution = :execution',
        ExpressionAttributeNames: { '#execution': 'execution' },
        ExpressionAttributeValues: {
          ':fault': { M: { error: { 'S.$': '$.received.error' }, cause: { 'S.$': TEXT } } },
          ':execution': { 'S.$': '$.run.execution' },
        },
      },
      Retry: DYNAMODB_RETRY,
      Catch: [{ ErrorEquals: [CONDITION_FAILED], ResultPath: '$.noted', Next: 'Halted' }],
      ResultPath: null,
      Next: 'Halted',
    },
    AlreadyRecorded: { Type: 'Pass', Result: { ok: true }, End: true },
  };
}

/** The whole definition. @param partition `aws`, `aws-cn` or `aws-us-gov` */
export function stateMachineDefinition(childType: ChildType, partition = 'aws'): Definition {
  const states: StateBuilder = { resource: (integration) => `arn:${partition}:states:::${integration}` };
  return {
    Comment: 'rescan-bot: invokes the OCR function for each image of an items file and records the replies.',
    StartAt: 'Images',
    States: {
      Images: {
        Type: 'Map',
        Label: 'Images',
        ItemReader: {
          Resource: states.resource('s3:getObject'),
          ReaderConfig: { InputType: 'JSON' },
          Parameters: { 'Bucket.$': '$.items.bucket', 'Key.$': '$.items.key' },
        },
        ItemSelector: {
          'images.$': '$$.Map.Item.Value.images',
          run: Object.fromEntries(
            ['execution', 'table', 'pk', 'functionName', 'imageBucket', 'throttleRetries', 'backoff'].map((name) => [
              `${name}.$`,
              `$.${name}`,
            ]),
          ),
        },
        MaxConcurrencyPath: '$.maxConcurrency',
        ToleratedFailureCountPath: '$.toleratedFailureCount',
        ItemProcessor: {
          ProcessorConfig: { Mode: 'DISTRIBUTED', ExecutionType: childType },
          StartAt: 'Row',
          States: {
            Row: {
              Type: 'Map',
              ItemsPath: '$.images',
              MaxConcurrency: 1,
              ItemSelector: { 'image.$': '$$.Map.Item.Value', 'run.$': '$.run', throttles: 0 },
              ItemProcessor: {
                ProcessorConfig: { Mode: 'INLINE' },
                StartAt: 'ReadRun',
                States: imageStates(childType, states),
              },
              ResultSelector: { 'anySucceeded.$': 'States.ArrayContains($[*].ok, true)' },
              Next: 'AnySucceeded',
            },
            AnySucceeded: {
              Type: 'Choice',
              Choices: [{ Variable: '$.anySucceeded', BooleanEquals: true, Next: 'Done' }],
              Default: 'ImagesFailed',
            },
            Done: { Type: 'Succeed' },
            ImagesFailed: {
              Type: 'Fail',
              Error: 'ImagesFailed',
              Cause: 'No image of this row was processed or rejected. Their outcomes are in the control table.',
            },
          },
        },
        ResultWriter: {
          Resource: states.resource('s3:putObject'),
          // The input of the execution: some interpreters take the results for the input here.
          Parameters: {
            'Bucket.$': '$$.Execution.Input.results.bucket',
            'Prefix.$': '$$.Execution.Input.results.prefix',
          },
        },
        End: true,
      },
    },
  };
}

/** Identifies a definition: the SHA-256 of its text, hex. */
export const definitionDigest = (definition: string): string => createHash('sha256').update(definition).digest('hex');
