import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { CreateBucketCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import * as sfn from '@aws-sdk/client-sfn';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startLocalAws } from '../../../../sandbox/aws/server.ts';
import { freePort } from '../../../support/aws/free-port.ts';
import { eventually } from '../../../support/eventually.ts';
import { ROLE } from './sfn-rig.ts';

/** Python with moto, a Step Functions that is independent of the sandbox. */
function hasMoto(): boolean {
  try {
    execFileSync('python3', ['-c', 'import moto.server, moto.stepfunctions.parser.models'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

const BUCKET = 'second-opinion';
const ITEMS = '[{"n":1},{"n":2},{"n":3}]';
const DEFINITION = JSON.stringify({
  StartAt: 'Each',
  States: {
    Each: {
      Type: 'Map',
      ItemReader: {
        Resource: 'arn:aws:states:::s3:getObject',
        ReaderConfig: { InputType: 'JSON' },
        Parameters: { 'Bucket.$': '$.bucket', Key: 'items.json' },
      },
      ItemSelector: { 'n.$': '$$.Map.Item.Value.n', 'index.$': '$$.Map.Item.Index', 'name.$': '$.name' },
      MaxConcurrencyPath: '$.most',
      ItemProcessor: {
        ProcessorConfig: { Mode: 'DISTRIBUTED', ExecutionType: 'STANDARD' },
        StartAt: 'Compute',
        States: {
          Compute: {
            Type: 'Pass',
            Parameters: {
              'text.$': "States.Format('{} of {}: {}', $.n, $.name, States.JsonToString($))",
              'next.$': 'States.MathAdd($.n, 1)',
            },
            ResultPath: '$.computed',
            Next: 'Small',
          },
          Small: { Type: 'Choice', Choices: [{ Variable: '$.n', NumericLessThan: 3, Next: 'Yes' }], Default: 'No' },
          Yes: { Type: 'Pass', Result: { small: true }, ResultPath: '$.small', End: true },
          No: { Type: 'Pass', End: true },
        },
      },
      End: true,
    },
  },
});

/**
 * What a Step Functions answers to a fixed list of requests: the values that do not depend on the time or on chance.
 * Left out is what moto 5.2.1 answers with 500: a second execution, an unknown Map Run, a definition that is not JSON.
 */
async function answersOf(endpoint: string): Promise<Readonly<Record<string, unknown>>> {
  const to = { endpoint, region: 'us-east-1', credentials: { accessKeyId: 'x', secretAccessKey: 'x' }, maxAttempts: 1 };
  const client = new sfn.SFNClient(to);
  const s3 = new S3Client({ ...to, forcePathStyle: true });
  const errorOf = (call: Promise<unknown>) =>
    call.then(
      () => 'no error',
      (error: unknown) => (error instanceof Error ? error.name : String(error)),
    );
  try {
    await s3.send(new CreateBucketCommand({ Bucket: BUCKET }));
    await s3.send(new PutObjectCommand({ Bucket: BUCKET, Key: 'items.json', Body: ITEMS }));
    const create = (name: string, definition: string) =>
      client.send(new sfn.CreateStateMachineCommand({ name, definition, roleArn: ROLE }));
    const { stateMachineArn = '' } = await create('second', DEFINITION);
    const again = await create('second', DEFINITION);
    const machine = await client.send(new sfn.DescribeStateMachineCommand({ stateMachineArn }));
    const start = (name: string, input: string, of: string | undefined = stateMachineArn) =>
      client.send(new sfn.StartExecutionCommand({ stateMachineArn: of, name, input }));
    const ended = (executionArn: string | undefined) =>
      eventually(async () => {
        const described = await client.send(new sfn.DescribeExecutionCommand({ executionArn }));
        if (described.status === 'RUNNING') throw new Error('still running');
        return described;
      });
    const input = JSON.stringify({ bucket: BUCKET, name: 'Ana', most: 2 });
    const { executionArn = '' } = await start('one', input);
    const done = await ended(executionArn);
    const { mapRuns = [] } = await client.send(new sfn.ListMapRunsCommand({ executionArn }));
    const mapRun = await client.send(new sfn.DescribeMapRunCommand({ mapRunArn: mapRuns[0]?.mapRunArn }));
    const none = stateMachineArn.replace('second', 'none');
    const account = /\d{12}/g;
    const plain = (text: string | undefined) => text?.replace(account, 'ACCOUNT').replace(/[^:]+$/, '');
    return {
      'the ARN of the machine': stateMachineArn.replace(account, 'ACCOUNT'),
      'is the same when it is created again': again.stateMachineArn === stateMachineArn,
      'the machine': [machine.name, machine.status, machine.type, machine.definition === DEFINITION, machine.roleArn],
      'the ARN of the execution': executionArn.replace(account, 'ACCOUNT'),
      'the execution': [done.status, done.name, done.input, JSON.parse(done.output ?? 'null')],
      'Map Runs': [mapRuns.length, mapRun.status, mapRun.maxConcurrency, mapRun.executionArn === executionArn],
      'kind of ARN': mapRuns.map(({ mapRunArn }) => plain(mapRunArn)?.split(':').slice(0, 6).join(':')),
      counts: [mapRun.itemCounts, mapRun.executionCounts].map((counts) => [
        counts?.total,
        counts?.succeeded,
        counts?.failed,
      ]),
      'an unknown machine': await errorOf(start('three', '{}', none)),
      'an unknown execution': await errorOf(
        client.send(new sfn.DescribeExecutionCommand({ executionArn: executionArn.replace('one', 'none') })),
      ),
      'a stop of it': await errorOf(
        client.send(new sfn.StopExecutionCommand({ executionArn: executionArn.replace('one', 'none') })),
      ),
      'a name with a space': await errorOf(create('a b', DEFINITION)),
      'a text that is no ARN': await errorOf(
        client.send(new sfn.DescribeStateMachineCommand({ stateMachineArn: 'none' })),
      ),
    };
  } finally {
    client.destroy();
    s3.destroy();
  }
}

const isHere = hasMoto();
describe.skipIf(!isHere)(isHere ? 'moto' : 'moto (skipped: python3 here cannot import moto)', () => {
  let moto: ChildProcess;
  let url = '';
  beforeAll(async () => {
    const port = await freePort();
    url = `http://127.0.0.1:${port}`;
    const script = fileURLToPath(new URL('../../../run/engines/step-functions/moto_machine.py', import.meta.url));
    moto = spawn('python3', [script, String(port), '{}'], { stdio: 'ignore' });
    await eventually(async () => expect((await fetch(`${url}/moto-api/`)).status).toBe(200), { interval: 100 });
  });
  afterAll(() => {
    moto.kill();
  });

  test('answers as the local Step Functions does', async () => {
    const aws = await startLocalAws({ port: 0, images: 1, seedTable: 'empty' });
    try {
      expect(await answersOf(aws.url)).toEqual(await answersOf(url));
    } finally {
      await aws.close();
    }
  });
});
