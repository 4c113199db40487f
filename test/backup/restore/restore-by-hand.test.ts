import { spawn, spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { DeleteItemCommand } from '@aws-sdk/client-dynamodb';
import { PutObjectCommand } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { saveToSupplement } from '../../../src/backup/write/supplement.ts';
import { putItems } from '../../support/aws/items.ts';
import { timesheetEntry } from '../../support/aws/pipeline-table.ts';
import { type BackupWorld, startBackupWorld } from '../backup-rig.ts';

const script = fileURLToPath(new URL('../../../deploy/restore_by_hand.py', import.meta.url));
const hasBoto = spawnSync('python3', ['-c', 'import boto3']).status === 0;
const title = (text: string) => `${text}${hasBoto ? '' : ' (skipped: python3 with boto3 is not installed)'}`;

let world: BackupWorld;
beforeAll(async () => {
  world = await startBackupWorld();
});
afterAll(() => world.stop());

async function restore(backupId: string, table: string, ...flags: string[]) {
  const place = `s3://${world.location.bucket}/${world.location.prefix}AWSDynamoDB/${backupId}`;
  const child = spawn('python3', [script, place, table, ...flags], {
    env: {
      PATH: process.env.PATH,
      HOME: process.env.HOME,
      AWS_REGION: 'us-east-1',
      AWS_DEFAULT_REGION: 'us-east-1',
      AWS_ACCESS_KEY_ID: 'test',
      AWS_SECRET_ACCESS_KEY: 'test',
      AWS_ENDPOINT_URL_S3: world.s3Url,
      AWS_ENDPOINT_URL_DYNAMODB: world.dynamoUrl,
    },
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (text) => {
      output += text;
    });
  const code = await new Promise((resolve) => child.on('close', resolve));
  return { code, output };
}

/** Values of every type that JSON cannot hold as it is. */
const rich = {
  ...timesheetEntry(90),
  Bytes: { B: 'AAH+' },
  Parts: { BS: ['Bw=='] },
  Nested: { M: { List: { L: [{ B: 'CQ==' }, { N: '0.1000' }, { NULL: true }] } } },
};

test.skipIf(!hasBoto)(
  title('The script writes a backup with its supplement into an empty table, equal in every value'),
  async () => {
    const items = [rich, ...Array.from({ length: 20 }, (_, index) => timesheetEntry(index))];
    const table = await world.table(items);
    const { id } = await world.backup(table);
    const later = { ...timesheetEntry(3), Hours: { N: '4.25' } };
    await saveToSupplement(world.location, id, [later], { clock: world.ports.clock, random: Math.random });
    await putItems(world.dynamodb, table, [later]);
    const wanted = await world.digest(table);

    const empty = await world.table();
    expect(await restore(id, empty, '--dry-run')).toMatchObject({
      code: 0,
      output: expect.stringContaining('21 records'),
    });
    expect((await world.digest(empty)).items).toBe(0);
    const done = await restore(id, empty);
    expect(done).toMatchObject({
      code: 0,
      output: expect.stringContaining('Records written: 21. Left as they are, because the table had their key: 0.'),
    });
    expect(await world.digest(empty)).toEqual(wanted);
  },
);

test.skipIf(!hasBoto)(
  title('The script leaves a record that the table has, and replaces it with --overwrite'),
  async () => {
    const table = await world.table([timesheetEntry(0), timesheetEntry(1)]);
    const { id } = await world.backup(table);
    const wanted = await world.digest(table);
    await putItems(world.dynamodb, table, [{ ...timesheetEntry(0), Hours: { N: '1' } }]);
    const { ResourceName, DateProjectCode } = timesheetEntry(1);
    const Key = { ResourceName: ResourceName ?? { S: '' }, DateProjectCode: DateProjectCode ?? { S: '' } };
    await world.dynamodb.send(new DeleteItemCommand({ TableName: table, Key: JSON.parse(JSON.stringify(Key)) }));
    expect((await restore(id, table)).output).toContain(
      'Records written: 1. Left as they are, because the table had their key: 1.',
    );
    expect(await world.digest(table)).not.toEqual(wanted);
    expect((await restore(id, table, '--overwrite')).output).toContain(
      'Records written: 2. Left as they are, because the table had their key: 0.',
    );
    expect(await world.digest(table)).toEqual(wanted);
  },
);

test.skipIf(!hasBoto)(title('The script writes nothing where a file of the backup is damaged'), async () => {
  const table = await world.table([timesheetEntry(0)]);
  const { id, files } = await world.backup(table);
  const [file] = files;
  await world.location.s3.send(
    new PutObjectCommand({ Bucket: world.location.bucket, Key: file?.key ?? '', Body: 'not a data file' }),
  );
  const empty = await world.table();
  expect(await restore(id, empty)).toMatchObject({ code: 1, output: expect.stringContaining('Nothing was written') });
  expect((await world.digest(empty)).items).toBe(0);
});
