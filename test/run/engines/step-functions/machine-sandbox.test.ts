import { PutItemCommand } from '@aws-sdk/client-dynamodb';
import { DeleteObjectCommand } from '@aws-sdk/client-s3';
import { RedriveExecutionCommand } from '@aws-sdk/client-sfn';
import { marshall } from '@aws-sdk/util-dynamodb';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../../../src/lib/clock.ts';
import { objectExists, withMissingImages } from '../../../../src/pipeline/invoke/missing-image.ts';
import { createOcrFunction } from '../../../../src/pipeline/invoke/ocr-function.ts';
import { TIMESHEETS } from '../../../../src/pipeline/profile/timesheets.ts';
import type { ChildType } from '../../../../src/run/engines/step-functions/child-type.ts';
import { stateMachineDefinition } from '../../../../src/run/engines/step-functions/definition.ts';
import { executionInput } from '../../../../src/run/engines/step-functions/execution-input.ts';
import { writeItems } from '../../../../src/run/engines/step-functions/items.ts';
import type { OutcomeRecord } from '../../../../src/run/model/types.ts';
import { createRunStore, type RunStore } from '../../../../src/run/store/run-store.ts';
import { openControlTable } from '../../../../src/state/table/control-table.ts';
import { BUCKET, CONTROL_BUCKET, FUNCTION, keyOf } from '../../../sandbox/aws/aws-rig.ts';
import { CONTROL_TABLE, startSfnRig } from '../../../sandbox/aws/step-functions/sfn-rig.ts';
import { eventually } from '../../../support/eventually.ts';

let aws: Awaited<ReturnType<typeof startSfnRig>>;
let store: RunStore;
beforeAll(async () => {
  aws = await startSfnRig();
  const table = await openControlTable({ dynamodb: aws.dynamodb, tableName: CONTROL_TABLE, clock: systemClock });
  store = createRunStore(table, 'fn', TIMESHEETS.reply);
});
beforeEach(() => aws.reset());
afterAll(() => aws.close());

const TARGET = { bucket: BUCKET, keyEncoding: 'raw', profile: TIMESHEETS } as const;
let runs = 0;

const setRecord = (runId: string, attributes: Record<string, unknown>) =>
  aws.dynamodb.send(
    new PutItemCommand({
      TableName: CONTROL_TABLE,
      Item: marshall({ pk: `run#${runId}`, sk: 'run', stateKind: 'running', execution: `${runId}-1`, ...attributes }),
    }),
  );

/** Starts an execution over the first images of the seed, in rows of one image. */
async function start(images: number, options: { childType?: ChildType; tolerated?: number; record?: object } = {}) {
  const { childType = 'STANDARD', tolerated = 100, record = {} } = options;
  const runId = `r-${String(++runs).padStart(4, '0')}`;
  const execution = `${runId}-1`;
  await setRecord(runId, { ...record });
  const machine = await aws.create(JSON.stringify(stateMachineDefinition(childType)));
  const items = { bucket: CONTROL_BUCKET, key: `${execution}.json` };
  async function* listed() {
    for (let index = 0; index < images; index++) yield { index, key: keyOf(index), size: 1 };
  }
  const signal = new AbortController().signal;
  await writeItems(
    { s3: aws.s3, ...items, target: TARGET, laneOf: () => 0, imagesPerRow: 1, most: images, signal },
    listed(),
  );
  const input = executionInput({
    execution,
    runId,
    controlTable: CONTROL_TABLE,
    functionName: FUNCTION,
    imageBucket: BUCKET,
    throttleLimit: 3,
    items,
    results: { bucket: CONTROL_BUCKET, prefix: `${execution}/results` },
    maxConcurrency: 3,
    toleratedFailureCount: tolerated,
  });
  return { runId, executionArn: await aws.startWith(machine, input, execution) };
}

async function recordsOf(runId: string): Promise<OutcomeRecord[]> {
  const records: OutcomeRecord[] = [];
  for await (const chunk of store.journal(runId, 0)) records.push(...chunk.records);
  return records;
}
const indexesOf = async (runId: string) => (await recordsOf(runId)).map(({ index }) => index);

describe.each(['STANDARD', 'EXPRESS'] as const)('On the sandbox with %s children', (childType) => {
  test('each image has the outcome that the bot itself gets for it', async () => {
    aws.aws.turn({
      failures: [
        { match: keyOf(1), kind: 'textract', rate: 1 },
        { match: keyOf(2), kind: 'timeout-new', rate: 1 },
        { match: keyOf(3), kind: 'out-of-memory', rate: 1 },
      ],
    });
    await aws.s3.send(new DeleteObjectCommand({ Bucket: BUCKET, Key: keyOf(4) }));
    const { runId, executionArn } = await start(6, { childType });
    expect((await aws.ended(executionArn)).status).toBe('SUCCEEDED');
    const ours = createOcrFunction({ client: aws.lambda, functionName: FUNCTION, ...TARGET });
    const invoke = withMissingImages(
      (key, abort) => ours.invoke(key, abort),
      (key, abort) => objectExists(aws.s3, BUCKET, key, abort),
      () => {},
    );
    const records = await recordsOf(runId);
    expect(records.map(({ index }) => index)).toEqual([0, 1, 2, 3, 4, 5]);
    for (const record of records) {
      const { result } = await invoke(record.key, new AbortController().signal);
      if (result.kind !== 'outcome') throw new Error(`${record.key}: ${result.kind}`);
      expect(stable(record.outcome)).toEqual(stable(result.outcome));
    }
    expect(records.find(({ index }) => index === 4)?.outcome).toEqual({ kind: 'gone' });
  });

  test('a stop in the control table keeps every image from being invoked, and a redrive continues when it is removed', async () => {
    const { runId, executionArn } = await start(4, { childType, tolerated: 1, record: { stop: true } });
    expect((await aws.ended(executionArn)).status).toBe('FAILED');
    expect(await indexesOf(runId)).toEqual([]);
    await setRecord(runId, {});
    await aws.sfn.send(new RedriveExecutionCommand({ executionArn }));
    await eventually(async () => expect(await indexesOf(runId)).toEqual([0, 1, 2, 3]));
    expect((await aws.ended(executionArn)).status).toBe('SUCCEEDED');
  });

  test('too many failed images end the execution without the bot', async () => {
    aws.aws.turn({ failures: [{ kind: 'textract', rate: 1 }] });
    const { runId, executionArn } = await start(12, { childType, tolerated: 2 });
    expect((await aws.ended(executionArn)).status).toBe('FAILED');
    const before = await recordsOf(runId);
    expect(before.length).toBeGreaterThanOrEqual(3);
    expect(before.length).toBeLessThan(12);
  });
});

/** What differs between two invocations of the same image: request ids and durations in texts. */
const stable = (outcome: unknown): unknown =>
  JSON.parse(JSON.stringify(outcome).replaceAll(/[0-9a-f]{8}-[0-9a-f-]{27}|\d{4}-\d\d-\d\dT[\d:.]+Z?/g, 'X'));
