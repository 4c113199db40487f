import { CreateTableCommand, PutItemCommand, ScanCommand } from '@aws-sdk/client-dynamodb';
import { PutObjectCommand } from '@aws-sdk/client-s3';
import {
  CreateStateMachineCommand,
  DescribeExecutionCommand,
  DescribeMapRunCommand,
  ListMapRunsCommand,
  SFNClient,
  StartExecutionCommand,
} from '@aws-sdk/client-sfn';
import { expect } from 'vitest';
import { eventually } from '../../../support/eventually.ts';
import { BUCKET, CONTROL_BUCKET, FUNCTION, keyOf, startAwsRig } from '../aws-rig.ts';

export const ROLE = 'arn:aws:iam::016164185850:role/rescan-bot-state-machine';
export const CONTROL_TABLE = 'control';
/** Resolves when it holds. A busy machine may need long; a passing test does not. */
export const until = (holds: () => Promise<boolean>): Promise<void> =>
  eventually(async () => expect(await holds()).toBe(true));

/** One row of an items file is one child. */
export const csvOf = (keys: readonly string[]): string =>
  ['i,k,p', ...keys.map((key, i) => `${i},${key},"${JSON.stringify(eventOf(key)).replaceAll('"', '""')}"`)].join('\n');
export const eventOf = (key: string) => ({ Records: [{ s3: { bucket: { name: BUCKET }, object: { key } } }] });

const THROTTLED = { ErrorEquals: ['Lambda.TooManyRequestsException'], IntervalSeconds: 2, BackoffRate: 2 };
const RETRY = [{ ...THROTTLED, MaxAttempts: 8, MaxDelaySeconds: 30, JitterStrategy: 'FULL' }];

/**
 * A Distributed Map like that of the bot: a child stops when its run is not running, invokes the function, and writes what
 * it received. The check is a Task that fails by itself, so that a redrive checks again.
 */
export const definition = (executionType: 'STANDARD' | 'EXPRESS' = 'STANDARD', more: object = {}): string =>
  JSON.stringify({
    StartAt: 'Images',
    States: {
      Images: {
        Type: 'Map',
        Label: 'images',
        ItemReader: {
          Resource: 'arn:aws:states:::s3:getObject',
          ReaderConfig: { InputType: 'CSV', CSVHeaderLocation: 'FIRST_ROW' },
          Parameters: { 'Bucket.$': '$.items.bucket', 'Key.$': '$.items.key' },
        },
        MaxConcurrencyPath: '$.maxConcurrency',
        ToleratedFailureCountPath: '$.tolerated',
        ItemSelector: { 'image.$': '$$.Map.Item.Value', 'run.$': '$.run', 'execution.$': '$$.Execution.Name' },
        ItemProcessor: {
          ProcessorConfig: { Mode: 'DISTRIBUTED', ExecutionType: executionType },
          StartAt: 'Is running',
          States: {
            'Is running': {
              Type: 'Task',
              Resource: 'arn:aws:states:::dynamodb:updateItem',
              Parameters: {
                TableName: CONTROL_TABLE,
                Key: { pk: { 'S.$': '$.run' }, sk: { S: 'run' } },
                UpdateExpression: 'SET seen = :seen',
                ConditionExpression: 'stateKind = :running',
                ExpressionAttributeValues: { ':running': { S: 'running' }, ':seen': { BOOL: true } },
              },
              ResultPath: null,
              Next: 'Invoke',
            },
            Invoke: {
              Type: 'Task',
              Resource: 'arn:aws:states:::lambda:invoke',
              Parameters: { FunctionName: FUNCTION, 'Payload.$': 'States.StringToJson($.image.p)' },
              Retry: RETRY,
              ResultSelector: {
                'reply.$': '$.Payload',
                'startedAt.$': '$$.State.EnteredTime',
                'throttles.$': '$$.State.RetryCount',
              },
              ResultPath: '$.result',
              Next: 'Record',
            },
            Record: {
              Type: 'Task',
              Resource: 'arn:aws:states:::dynamodb:putItem',
              Parameters: {
                TableName: CONTROL_TABLE,
                Item: {
                  pk: { 'S.$': '$.run' },
                  sk: { 'S.$': "States.Format('outcomes#{}', $.image.i)" },
                  k: { 'S.$': '$.image.k' },
                  execution: { 'S.$': '$.execution' },
                  reply: { 'S.$': 'States.JsonToString($.result.reply)' },
                  throttles: { 'N.$': "States.Format('{}', $.result.throttles)" },
                  startedAt: { 'S.$': '$.result.startedAt' },
                },
                ConditionExpression: 'attribute_not_exists(pk)',
              },
              Catch: [{ ErrorEquals: ['DynamoDB.ConditionalCheckFailedException'], ResultPath: null, Next: 'Done' }],
              ResultPath: null,
              Next: 'Done',
            },
            Done: { Type: 'Pass', Result: {}, End: true },
          },
        },
        ResultWriter: {
          Resource: 'arn:aws:states:::s3:putObject',
          Parameters: { Bucket: CONTROL_BUCKET, 'Prefix.$': "States.Format('runs/{}/results', $.run)" },
        },
        End: true,
        ...more,
      },
    },
  });

/** A local AWS with a control table, and a client of the real SDK for Step Functions. */
export async function startSfnRig() {
  const rig = await startAwsRig();
  const sfn = new SFNClient({
    endpoint: rig.aws.url,
    region: 'us-east-1',
    credentials: { accessKeyId: 'x', secretAccessKey: 'x' },
    maxAttempts: 1,
  });
  await rig.dynamodb.send(
    new CreateTableCommand({
      TableName: CONTROL_TABLE,
      BillingMode: 'PAY_PER_REQUEST',
      KeySchema: [
        { AttributeName: 'pk', KeyType: 'HASH' },
        { AttributeName: 'sk', KeyType: 'RANGE' },
      ],
      AttributeDefinitions: [
        { AttributeName: 'pk', AttributeType: 'S' },
        { AttributeName: 'sk', AttributeType: 'S' },
      ],
    }),
  );
  let runs = 0;
  const next = () => {
    runs += 1;
    return runs;
  };
  const setState = (run: string, state: string) =>
    rig.dynamodb.send(
      new PutItemCommand({
        TableName: CONTROL_TABLE,
        Item: { pk: { S: run }, sk: { S: 'run' }, stateKind: { S: state } },
      }),
    );
  const describe = (executionArn: string) => sfn.send(new DescribeExecutionCommand({ executionArn }));
  const mapRun = async (executionArn: string) => {
    const { mapRuns } = await sfn.send(new ListMapRunsCommand({ executionArn }));
    return sfn.send(new DescribeMapRunCommand({ mapRunArn: mapRuns?.[0]?.mapRunArn }));
  };
  return {
    ...rig,
    sfn,
    setState,
    describe,
    mapRun,
    async reset() {
      await rig.reset();
      rig.aws.turn({ stepFunctions: { speed: 10_000 } });
    },
    async create(text: string, name = `machine-${next()}`): Promise<string> {
      const { stateMachineArn = '' } = await sfn.send(
        new CreateStateMachineCommand({ name, definition: text, roleArn: ROLE }),
      );
      return stateMachineArn;
    },
    /** Starts a run over these images with the definition above. */
    async start(
      stateMachineArn: string,
      keys: readonly string[],
      options: { maxConcurrency?: number; tolerated?: number } = {},
    ) {
      const run = `run#${next()}`;
      const key = `runs/${runs}/items.csv`;
      await setState(run, 'running');
      await rig.s3.send(new PutObjectCommand({ Bucket: CONTROL_BUCKET, Key: key, Body: csvOf(keys) }));
      const input = {
        run,
        items: { bucket: CONTROL_BUCKET, key },
        maxConcurrency: options.maxConcurrency ?? 5,
        tolerated: options.tolerated ?? 0,
      };
      const { executionArn = '' } = await sfn.send(
        new StartExecutionCommand({ stateMachineArn, input: JSON.stringify(input) }),
      );
      return { run, executionArn };
    },
    /** Starts an execution with this input. */
    async startWith(stateMachineArn: string, input: unknown, name?: string): Promise<string> {
      const { executionArn = '' } = await sfn.send(
        new StartExecutionCommand({
          stateMachineArn,
          input: JSON.stringify(input),
          ...(name === undefined ? {} : { name }),
        }),
      );
      return executionArn;
    },
    /** The execution when it is no longer running. */
    ended: (executionArn: string) =>
      eventually(async () => {
        const described = await describe(executionArn);
        if (described.status === 'RUNNING') throw new Error('still running');
        return described;
      }),
    /** The outcome entries of a run. */
    async outcomes(run: string) {
      const { Items = [] } = await rig.dynamodb.send(
        new ScanCommand({ TableName: CONTROL_TABLE, ConsistentRead: true }),
      );
      return Items.filter(({ pk, sk }) => pk?.S === run && sk?.S?.startsWith('outcomes#')).toSorted(
        (a, b) => Number(a.sk?.S?.slice(9)) - Number(b.sk?.S?.slice(9)),
      );
    },
    async close() {
      sfn.destroy();
      await rig.close();
    },
  };
}
export type SfnRig = Awaited<ReturnType<typeof startSfnRig>>;
export const keys = (count: number): string[] => Array.from({ length: count }, (_, index) => keyOf(index));
