import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CreateTableCommand, waitUntilTableExists } from '@aws-sdk/client-dynamodb';
import { expect, onTestFinished, test } from 'vitest';
import { moduleEnvironment } from '../../../src/pipeline/package/failure-module.ts';
import { TIMESHEETS } from '../../../src/pipeline/profile/timesheets.ts';
import { findFailuresOfImage, removeFailure, withDefaultNames } from '../../../src/pipeline/table/failure-records.ts';
import { textOf } from '../../../src/pipeline/table/item.ts';
import { kindOfRecord } from '../../../src/pipeline/table/records.ts';
import type { TableKey } from '../../../src/pipeline/table/table.ts';
import { startDynalite } from '../../support/aws/dynalite.ts';

const here = fileURLToPath(new URL('.', import.meta.url));
const module = fileURLToPath(new URL('../../../src/pipeline/failure-logging', import.meta.url));
const succeeds = (program: string, ...args: string[]) => spawnSync(program, args, { encoding: 'utf8' }).status === 0;
/** The Python versions of Lambda that are on the PATH, and the default one. */
const PYTHONS = ['python3', 'python3.9', 'python3.10', 'python3.11', 'python3.12', 'python3.13'].map((program) => ({
  program,
  isHere: succeeds(program, '-c', 'import sys; sys.exit(sys.version_info < (3, 9))'),
}));
const hasBoto = succeeds('python3', '-c', 'import boto3');
const skipped = (has: boolean, what: string) => (has ? '' : ` (skipped: ${what} is not installed)`);

async function python(program: string, args: string[], environment: Record<string, string>) {
  const child = spawn(program, args, {
    env: { PATH: process.env.PATH, HOME: process.env.HOME, PYTHONDONTWRITEBYTECODE: '1', ...environment },
  });
  let output = '';
  child.stdout.on('data', (text) => {
    output += text;
  });
  child.stderr.on('data', (text) => {
    output += text;
  });
  const code = await new Promise((resolve) => child.on('close', resolve));
  return { code, output };
}

for (const { program, isHere } of PYTHONS)
  test.skipIf(!isHere)(
    `the failure-logging module passes its tests on ${program}${skipped(isHere, `${program} (3.9 or later)`)}`,
    async () => {
      const PYTHONPATH = `${join(here, 'stub')}:${module}`;
      const args = ['-m', 'unittest', 'discover', '-s', here, '-p', 'test_*.py'];
      const { code, output } = await python(program, args, { PYTHONPATH });
      expect(output).toMatch(/Ran \d\d tests/);
      expect(output).toContain('OK');
      expect(code).toBe(0);
    },
  );

type Kind = 'S' | 'N' | 'B';
test
  .skipIf(!hasBoto)
  .each<{ hash: Kind; range?: Kind }>([
    { hash: 'S', range: 'S' },
    { hash: 'S', range: 'N' },
    { hash: 'N', range: 'B' },
    { hash: 'B', range: 'S' },
    { hash: 'S' },
    { hash: 'N' },
  ])(
  `with the real boto3 two failures of an image leave two records under the key of the table, where the bot finds them: %j${skipped(hasBoto, 'python3 with boto3')}`,
  async ({ hash, range }) => {
    const dynamo = await startDynalite();
    onTestFinished(() => dynamo.stop());
    const table = 'Timesheets';
    // A table with a number as its key has the names of another pipeline, too.
    const profile = {
      ...TIMESHEETS,
      failed:
        hash === 'N'
          ? { mark: 'MISREAD', names: { ImageKey: 'Scan', FailureId: 'Nr', RecordType: 'What' } }
          : TIMESHEETS.failed,
    };
    const keys: TableKey[] = [
      { role: 'HASH', name: 'ResourceName', type: hash },
      ...(range ? [{ role: 'RANGE', name: 'DateProjectCode', type: range } as const] : []),
    ];
    await dynamo.client.send(
      new CreateTableCommand({
        TableName: table,
        BillingMode: 'PAY_PER_REQUEST',
        KeySchema: keys.map(({ name, role }) => ({ AttributeName: name, KeyType: role })),
        AttributeDefinitions: keys.map(({ name, type }) => ({ AttributeName: name, AttributeType: type })),
      }),
    );
    await waitUntilTableExists({ client: dynamo.client, maxWaitTime: 20, minDelay: 0.05 }, { TableName: table });
    const folder = mkdtempSync(join(tmpdir(), 'rescan-python-'));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    const imageKey = `2025/Nik "Coultas" é ${'x'.repeat(30)}.png`;
    writeFileSync(
      join(folder, 'former.py'),
      'def handler(event, context):\n    raise ValueError("Parsing failed: é <!channel>")\n',
    );
    writeFileSync(
      join(folder, 'play.py'),
      `import rescan_failure_logging
event = {"Records": [{"s3": {"bucket": {"name": "in"}, "object": {"key": ${JSON.stringify(imageKey)}, "size": 812}}}]}
for _ in range(2):
    try:
        rescan_failure_logging.handler(event, None)
    except ValueError as error:
        print("raised", error)
`,
    );
    const { output } = await python('python3', [join(folder, 'play.py')], {
      PYTHONPATH: `${folder}:${module}`,
      PYTHONIOENCODING: 'utf-8',
      AWS_ENDPOINT_URL: dynamo.url,
      AWS_REGION: 'us-east-1',
      AWS_DEFAULT_REGION: 'us-east-1',
      AWS_ACCESS_KEY_ID: 'x',
      AWS_SECRET_ACCESS_KEY: 'x',
      AWS_EC2_METADATA_DISABLED: 'true',
      ...moduleEnvironment('former.handler', {
        tableName: table,
        tableKeys: keys,
        keyEncoding: 'raw',
        versionFile: 'OCR_VERSION.txt',
        failed: profile.failed,
        modelId: 'us.amazon.nova-lite-v1:0',
      }),
    });
    expect(output.match(/RESCAN_FAILURE_LOGGING written/g)).toHaveLength(2);
    expect(output.match(/raised Parsing failed/g)).toHaveLength(2);
    const found = await findFailuresOfImage(dynamo.client, { table, keys, profile }, imageKey);
    const shape = { hash: 'ResourceName', ...(range ? { range: 'DateProjectCode' } : {}), profile };
    expect(found.map((item) => kindOfRecord(item, shape))).toEqual(['failed', 'failed']);
    const named = found.map((item) => withDefaultNames(item, profile));
    expect(named.toSorted((a, b) => Number(textOf(a.AttemptNumber)) - Number(textOf(b.AttemptNumber)))).toMatchObject([
      {
        ImageKey: { S: imageKey },
        AttemptNumber: { N: '1' },
        FailureType: { S: 'PARSING_ERROR' },
        ErrorMessage: { S: 'Parsing failed: é <!channel>' },
        ImageSize: { N: '812' },
        ModelId: { S: 'us.amazon.nova-lite-v1:0' },
      },
      { AttemptNumber: { N: '2' } },
    ]);
    expect(await findFailuresOfImage(dynamo.client, { table, keys, profile }, 'another.png')).toEqual([]);
    for (const record of found) expect(await removeFailure(dynamo.client, { table, keys }, record)).toBe(true);
    expect(await findFailuresOfImage(dynamo.client, { table, keys, profile }, imageKey)).toEqual([]);
  },
);
