import {
  ConditionalCheckFailedException,
  type DynamoDBClient,
  GetItemCommand,
  type GetItemCommandInput,
  PutItemCommand,
  type PutItemCommandInput,
  QueryCommand,
  UpdateItemCommand,
  type UpdateItemCommandInput,
} from '@aws-sdk/client-dynamodb';
import { marshall, unmarshall } from '@aws-sdk/util-dynamodb';
import { StateMachine } from 'aws-local-stepfunctions';
import { z } from 'zod';
import { systemClock } from '../../../../src/lib/clock.ts';
import type { ChildType } from '../../../../src/run/engines/step-functions/child-type.ts';
import { stateMachineDefinition } from '../../../../src/run/engines/step-functions/definition.ts';
import { openControlTable } from '../../../../src/state/table/control-table.ts';
import { startDynalite } from '../../../support/aws/dynalite.ts';

/** What Lambda answers: a payload, or the error with which the task fails. */
export type Answer =
  | { readonly payload: z.core.util.JSONType; readonly requestId?: string }
  | { readonly error: string; readonly cause: string };

/** The error with which Step Functions fails the task of a function that did not return (FunctionError). */
export const crash = (payload: { readonly errorType: string; readonly [name: string]: unknown }): Answer => ({
  error: payload.errorType,
  cause: JSON.stringify(payload),
});

/** The setting THROTTLE_LIMIT of the run. */
export const THROTTLE_LIMIT = 3;
const RUN = {
  execution: 'r-0001-1',
  table: 'control',
  pk: 'run#r-0001',
  functionName: 'ocr',
  imageBucket: 'images',
  throttleRetries: THROTTLE_LIMIT - 1,
  backoff: [1, 1],
};
/** What the run's record says while the execution may run. */
const RUNNING = { pk: RUN.pk, sk: 'run', stateKind: 'running', execution: RUN.execution };

const childSchema = z.object({
  States: z.object({
    Images: z.object({ ItemProcessor: z.looseObject({ StartAt: z.string(), ProcessorConfig: z.unknown() }) }),
  }),
});
const definitionOf = z.custom<ConstructorParameters<typeof StateMachine>[0]>((value) => typeof value === 'object');

class TaskError extends Error {
  constructor(name: string, cause: string) {
    super(cause);
    this.name = name;
  }
}

const waitSchema = z.looseObject({
  type: z.literal('StateEntered'),
  state: z.looseObject({ name: z.literal('Backoff'), input: z.looseObject({ wait: z.number() }) }),
});
const eventSchema = z.object({
  Payload: z.object({ Records: z.tuple([z.object({ s3: z.object({ object: z.object({ key: z.string() }) }) })]) }),
});

/** The image with this index, as `writeItems` writes it. */
export const imageAt = (index: number, key = `${index}.png`) => ({
  k: key,
  s: `outcomes#${String(index + 1).padStart(10, '0')}`,
  p: { Records: [{ s3: { bucket: { name: 'images' }, object: { key } } }] },
});

/**
 * One child execution after the other in this process: `aws-local-stepfunctions` interprets the item processor of the
 * definition, on the sandbox's DynamoDB and a function whose answers are scripted.
 */
export async function startChildRig(childType: ChildType = 'STANDARD') {
  const dynamo = await startDynalite();
  const table = await openControlTable({ dynamodb: dynamo.client, tableName: RUN.table, clock: systemClock });
  const { ProcessorConfig: _, ...child } = childSchema.parse(stateMachineDefinition(childType)).States.Images
    .ItemProcessor;
  const machine = new StateMachine(definitionOf.parse(child), { validationOptions: { noValidate: true } });
  const invoked: string[] = [];
  const waits: unknown[] = [];
  const setRecord = (attributes: Record<string, unknown>) =>
    dynamo.client.send(new PutItemCommand({ TableName: RUN.table, Item: marshall({ ...RUNNING, ...attributes }) }));
  await setRecord({});

  const handlers = tableTasks(dynamo.client);
  /** Runs a child. `answers`: one for each invocation, in order; the last one repeats. `isMissing`: S3 has no such object. */
  async function run(
    images: readonly ReturnType<typeof imageAt>[],
    answers: readonly Answer[],
    isMissing = false,
  ): Promise<unknown> {
    let calls = 0;
    let retries = 0;
    const context = {
      State: {
        get EnteredTime() {
          return new Date().toISOString();
        },
        get RetryCount() {
          return retries;
        },
      },
    };
    async function Invoke(input: unknown): Promise<z.core.util.JSONType> {
      invoked.push(eventSchema.parse(input).Payload.Records[0].s3.object.key);
      const answer = answers[Math.min(calls++, answers.length - 1)];
      if (answer === undefined) throw new Error('No answer is scripted');
      if ('error' in answer) {
        retries += 1;
        throw new TaskError(answer.error, answer.cause);
      }
      const { payload, requestId } = answer;
      const metadata = requestId === undefined ? {} : { SdkResponseMetadata: { RequestId: requestId } };
      return { ExecutedVersion: '$LATEST', StatusCode: 200, Payload: payload, ...metadata };
    }
    async function AskS3(): Promise<z.core.util.JSONType> {
      if (isMissing)
        throw new TaskError('S3.NoSuchKeyException', 'null (Service: S3, Status Code: 404, Request ID: 1)');
      return { ContentLength: 1 };
    }
    const { result, eventLogs } = machine.run(JSON.parse(JSON.stringify({ images, run: RUN })), {
      context: z.custom<Record<string, never>>(() => true).parse(context),
      overrides: {
        taskResourceLocalHandlers: { ...handlers, Invoke, AskS3 },
        waitTimeOverrides: { WaitHalted: 0, Backoff: 0 },
        retryIntervalOverrides: { Invoke: 0 },
      },
    });
    for await (const event of eventLogs) {
      const waiting = waitSchema.safeParse(event);
      if (waiting.success) waits.push(waiting.data.state.input.wait);
    }
    return result;
  }

  return {
    table,
    /** The seconds of the waits in `Backoff`. */
    waits,
    invoked,
    setRecord,
    run,
    /** The entries of the images, in the order of their sort keys. */
    async entries() {
      const { Items = [] } = await dynamo.client.send(
        new QueryCommand({
          TableName: RUN.table,
          KeyConditionExpression: 'pk = :pk AND begins_with(sk, :outcomes)',
          ExpressionAttributeValues: marshall({ ':pk': RUN.pk, ':outcomes': 'outcomes#' }),
        }),
      );
      return Items.map((item) => unmarshall(item));
    },
    record: async () => (await table.read({ pk: RUN.pk, sk: 'run' })) ?? {},
    stop: dynamo.stop,
  };
}

/** The tasks on the control table. Their parameters are in the form of the SDK. */
function tableTasks(dynamodb: DynamoDBClient): Record<string, (input: unknown) => Promise<object>> {
  const answerOf = async (call: Promise<object>): Promise<object> => {
    try {
      return JSON.parse(JSON.stringify(await call));
    } catch (error) {
      if (error instanceof ConditionalCheckFailedException)
        throw new TaskError('DynamoDB.ConditionalCheckFailedException', error.message);
      throw error;
    }
  };
  const get = (input: unknown) =>
    answerOf(dynamodb.send(new GetItemCommand(z.custom<GetItemCommandInput>(() => true).parse(input))));
  const put = (input: unknown) =>
    answerOf(dynamodb.send(new PutItemCommand(z.custom<PutItemCommandInput>(() => true).parse(input))));
  const update = (input: unknown) =>
    answerOf(dynamodb.send(new UpdateItemCommand(z.custom<UpdateItemCommandInput>(() => true).parse(input))));
  return {
    ReadRun: get,
    ReadOutcome: get,
    Halted: update,
    NoteFault: update,
    RecordSuccess: put,
    RecordSuccessWithoutId: put,
    RecordFailure: put,
    RecordMissing: put,
  };
}
