import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { QueryCommand } from '@aws-sdk/client-dynamodb';
import { expect, onTestFinished, test } from 'vitest';
import { startDynalite } from '../../support/dynalite.ts';
import { createPipelineTable } from '../../support/pipeline-table.ts';

const here = fileURLToPath(new URL('.', import.meta.url));
const module = fileURLToPath(new URL('../../../src/pipeline/failure-logging', import.meta.url));
const asked = (...words: string[]) => spawnSync('python3', words, { encoding: 'utf8' }).status === 0;
const hasPython = asked('-c', 'import sys; sys.exit(sys.version_info < (3, 9))');
const hasBoto = hasPython && asked('-c', 'import boto3');
const why = (has: boolean, what: string) => (has ? '' : ` (skipped: there is no ${what} on this machine)`);

async function python(words: string[], environment: Record<string, string>) {
  const child = spawn('python3', words, {
    env: { PATH: process.env.PATH, HOME: process.env.HOME, PYTHONDONTWRITEBYTECODE: '1', ...environment },
  });
  let said = '';
  child.stdout.on('data', (text) => {
    said += text;
  });
  child.stderr.on('data', (text) => {
    said += text;
  });
  const code = await new Promise((resolve) => child.on('close', resolve));
  return { code, said };
}

test.skipIf(!hasPython)(
  `the failure-logging module keeps its promises${why(hasPython, 'python3 of 3.9 or later')}`,
  async () => {
    const PYTHONPATH = `${join(here, 'stub')}:${module}`;
    const { code, said } = await python(['-m', 'unittest', 'discover', '-s', here, '-p', 'test_*.py'], { PYTHONPATH });
    expect(said).toMatch(/Ran \d\d tests/);
    expect(said).toContain('OK');
    expect(code).toBe(0);
  },
);

test.skipIf(!hasBoto)(
  `with the real boto3 two failures of an image leave two records under the table’s real key${why(hasBoto, 'python3 with boto3')}`,
  async () => {
    const dynamo = await startDynalite();
    onTestFinished(() => dynamo.stop());
    const table = 'Timesheets';
    await createPipelineTable(dynamo.client, table);
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
    const { said } = await python([join(folder, 'play.py')], {
      PYTHONPATH: `${folder}:${module}`,
      PYTHONIOENCODING: 'utf-8',
      AWS_ENDPOINT_URL: dynamo.url,
      AWS_REGION: 'us-east-1',
      AWS_DEFAULT_REGION: 'us-east-1',
      AWS_ACCESS_KEY_ID: 'x',
      AWS_SECRET_ACCESS_KEY: 'x',
      RESCAN_FORMER_HANDLER: 'former.handler',
      RESCAN_TABLE: table,
      RESCAN_TABLE_KEY: JSON.stringify({
        partition: { name: 'ResourceName', type: 'S' },
        sort: { name: 'DateProjectCode', type: 'S' },
      }),
    });
    expect(said.match(/RESCAN_FAILURE_LOGGING written/g)).toHaveLength(2);
    expect(said.match(/raised Parsing failed/g)).toHaveLength(2);
    const found = await dynamo.client.send(
      new QueryCommand({
        TableName: table,
        KeyConditionExpression: 'ResourceName = :p AND begins_with(DateProjectCode, :s)',
        ExpressionAttributeValues: { ':p': { S: 'FAILED_IMAGE' }, ':s': { S: `${imageKey}#` } },
      }),
    );
    expect(found.Items).toMatchObject([
      {
        ImageKey: { S: imageKey },
        AttemptNumber: { N: '1' },
        FailureType: { S: 'PARSING_ERROR' },
        ErrorMessage: { S: 'Parsing failed: é <!channel>' },
        ImageSize: { N: '812' },
      },
      { AttemptNumber: { N: '2' } },
    ]);
  },
);
