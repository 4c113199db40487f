import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import {
  CreateStateMachineCommand,
  DescribeExecutionCommand,
  SFNClient,
  StartExecutionCommand,
} from '@aws-sdk/client-sfn';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { systemClock } from '../../../../src/lib/clock.ts';
import { TIMESHEETS } from '../../../../src/pipeline/profile/timesheets.ts';
import { stateMachineDefinition } from '../../../../src/run/engines/step-functions/definition.ts';
import { executionInput } from '../../../../src/run/engines/step-functions/execution-input.ts';
import { writeItems } from '../../../../src/run/engines/step-functions/items.ts';
import type { OutcomeRecord } from '../../../../src/run/model/types.ts';
import { faultOfMachine, machineFaultSchema } from '../../../../src/run/store/machine-entry.ts';
import { createRunStore, type RunStore } from '../../../../src/run/store/run-store.ts';
import { type ControlTable, openControlTable } from '../../../../src/state/table/control-table.ts';
import { testCredentials } from '../../../support/aws/dynalite.ts';
import { freePort } from '../../../support/aws/free-port.ts';
import { eventually } from '../../../support/eventually.ts';

/** Python with moto, whose interpreter of the Amazon States Language is independent of the sandbox's. */
function hasMoto(): boolean {
  try {
    execFileSync('python3', ['-c', 'import moto.server, moto.stepfunctions.parser.models'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

const body = (content: object) => JSON.stringify(content);
const failed = (error: string) => ({ payload: { statusCode: 500, body: body({ error, error_type: 'ClientError' }) } });
const PROCESSED = { payload: { statusCode: 200, body: body({ entries_stored: 3, resource_name: 'Ana "A" \\ B' }) } };
const MISSING_FUNCTION = { name: 'ResourceNotFoundException', status: 404, message: 'Function not found: ocr' };
const THROTTLED = { name: 'TooManyRequestsException', status: 429, message: 'Rate Exceeded.' };

/** The images of the first run: what Lambda answers, and the outcome that must be on record. */
const IMAGES: Readonly<Record<string, { readonly answers: readonly object[]; readonly record: object }>> = {
  'processed ü.png': {
    answers: [PROCESSED],
    record: { throttles: 0, outcome: { kind: 'processed', entriesStored: 3, resourceName: 'Ana "A" \\ B' } },
  },
  'rejected.png': {
    answers: [{ payload: { statusCode: 200, body: body({ rejected: true, reason: 'Not posted' }) } }],
    record: { outcome: { kind: 'rejected', reason: 'Not posted' } },
  },
  'failed.png': {
    answers: [failed('Textract could not read "page\n1"')],
    record: {
      outcome: { kind: 'failed', failureType: 'TEXTRACT_ERROR', message: 'Textract could not read "page\n1"' },
    },
  },
  'throttled.png': {
    answers: [failed('An error occurred (ThrottlingException) when calling the Converse operation'), PROCESSED],
    record: { throttles: 1, outcome: { kind: 'processed' } },
  },
  'lambda-throttled.png': { answers: [THROTTLED, PROCESSED], record: { throttles: 1, outcome: { kind: 'processed' } } },
  'crashed.png': {
    answers: [{ functionError: 'Unhandled', payload: { errorType: 'Runtime.OutOfMemory', errorMessage: 'killed' } }],
    record: { outcome: { kind: 'failed', failureType: 'OUT_OF_MEMORY' } },
  },
  'gone.png': {
    answers: [failed('An error occurred (NoSuchKey) when calling the GetObject operation')],
    record: { outcome: { kind: 'gone' } },
  },
};
const ANSWERS = {
  ...Object.fromEntries(Object.entries(IMAGES).map(([key, { answers }]) => [key, answers])),
  'fault.png': [MISSING_FUNCTION],
  'behind.png': [PROCESSED],
};

const isHere = hasMoto();
describe.skipIf(!isHere)(isHere ? 'On moto' : 'On moto (skipped: python3 here cannot import moto)', () => {
  let moto: ChildProcess;
  let url = '';
  let table: ControlTable;
  let store: RunStore;
  let s3: S3Client;
  let sfn: SFNClient;
  let dynamodb: DynamoDBClient;
  let stateMachineArn: string | undefined;

  beforeAll(async () => {
    const port = await freePort();
    url = `http://127.0.0.1:${port}`;
    const script = fileURLToPath(new URL('moto_machine.py', import.meta.url));
    moto = spawn('python3', [script, String(port), JSON.stringify(ANSWERS)], { stdio: 'ignore' });
    await eventually(async () => expect((await fetch(`${url}/moto-api/`)).status).toBe(200), { interval: 100 });
    const options = { endpoint: url, region: 'us-east-1', credentials: testCredentials, maxAttempts: 1 };
    s3 = new S3Client({ ...options, forcePathStyle: true });
    sfn = new SFNClient(options);
    dynamodb = new DynamoDBClient(options);
    table = await openControlTable({ dynamodb, tableName: 'control', clock: systemClock });
    store = createRunStore(table, 'fn', TIMESHEETS.reply);
    await s3.send(new CreateBucketCommand({ Bucket: 'control' }));
    await s3.send(new CreateBucketCommand({ Bucket: 'images' }));
    const definition = JSON.stringify(stateMachineDefinition('STANDARD'));
    const roleArn = 'arn:aws:iam::123456789012:role/machine';
    ({ stateMachineArn } = await sfn.send(new CreateStateMachineCommand({ name: 'rescan-bot', definition, roleArn })));
  });
  afterAll(() => {
    for (const client of [s3, sfn, dynamodb]) client.destroy();
    moto.kill();
  });

  /** Starts an execution over these images, in rows of their own. Resolves to its end. */
  async function run(runId: string, keys: readonly string[], toleratedFailureCount: number, maxConcurrency: number) {
    const execution = `${runId}-1`;
    await table.create({ pk: `run#${runId}`, sk: 'run' }, { stateKind: 'running', execution });
    const items = { bucket: 'control', key: `${execution}.json` };
    async function* images() {
      for (const [index, key] of keys.entries()) yield { index, key, size: 1 };
    }
    const target = { bucket: 'images', keyEncoding: 'raw', profile: TIMESHEETS } as const;
    const signal = new AbortController().signal;
    await writeItems({ s3, ...items, target, laneOf: () => 0, imagesPerRow: 1, most: 10, signal }, images());
    const input = executionInput({
      execution,
      runId,
      controlTable: 'control',
      functionName: 'ocr',
      imageBucket: 'images',
      throttleLimit: 3,
      items,
      results: { bucket: 'control', prefix: 'results' },
      maxConcurrency,
      toleratedFailureCount,
    });
    const { executionArn } = await sfn.send(
      new StartExecutionCommand({
        stateMachineArn,
        name: execution,
        input: JSON.stringify({ ...input, backoff: [1, 1] }),
      }),
    );
    return eventually(
      async () => {
        const end = await sfn.send(new DescribeExecutionCommand({ executionArn }));
        expect(end.status).not.toBe('RUNNING');
        return end;
      },
      { interval: 500 },
    );
  }
  const invocations = async (): Promise<unknown> => (await fetch(`${url}/invocations`)).json();

  test('the machine records the reply of each image, and closes the gate when the function is missing', async () => {
    const [end] = await Promise.all([
      run('r-0001', Object.keys(IMAGES), 10, 4),
      run('r-0002', ['fault.png', 'behind.png'], 0, 1),
    ]);
    expect(end).toMatchObject({ status: 'SUCCEEDED' });
    const records: OutcomeRecord[] = [];
    for await (const chunk of store.journal('r-0001', 0)) records.push(...chunk.records);
    expect(records.map(({ key }) => key)).toEqual(Object.keys(IMAGES));
    for (const record of records) expect(record).toMatchObject(IMAGES[record.key]?.record ?? {});
    expect(await invocations()).toMatchObject({ 'processed ü.png': 1, 'throttled.png': 2, 'lambda-throttled.png': 2 });

    // moto does not count failed children, so the second execution also ends as a success there.
    expect(await invocations()).not.toHaveProperty('behind.png');
    for await (const chunk of store.journal('r-0002', 0)) expect(chunk.records).toEqual([]);
    const record = await table.read({ pk: 'run#r-0002', sk: 'run' });
    const fault = faultOfMachine(machineFaultSchema.parse(record?.machineFault), 'ocr');
    expect(fault).toMatchObject({ reason: 'function-missing', message: expect.stringContaining('Function not found') });
  });
});
