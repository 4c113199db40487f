import { randomBytes } from 'node:crypto';
import { DescribeTableCommand, ListExportsCommand, UpdateContinuousBackupsCommand } from '@aws-sdk/client-dynamodb';
import { DeleteObjectCommand, GetObjectCommand } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { findBackup, findEntry, lastVerified, listBackups } from '../../../src/backup/catalogue/catalogue.ts';
import { clearUnfinished } from '../../../src/backup/catalogue/clear-unfinished.ts';
import { md5Base64 } from '../../../src/backup/catalogue/location.ts';
import { BackupDamagedError, BackupNotVerifiedError } from '../../../src/backup/errors.ts';
import { type ExportRequest, exportBackup } from '../../../src/backup/native/export-backup.ts';
import { ExportFailedError, PointInTimeRecoveryOffError } from '../../../src/backup/native/native.ts';
import { openBackup, verifyEntry } from '../../../src/backup/verify/open-backup.ts';
import { putItems } from '../../support/aws/items.ts';
import { timesheetEntry } from '../../support/aws/pipeline-table.ts';
import { memoryJobs } from '../../support/memory/memory-jobs.ts';
import { type BackupWorld, startBackupWorld } from '../backup-rig.ts';

let world: BackupWorld;
beforeAll(async () => {
  world = await startBackupWorld();
});
afterAll(() => world.stop());

const noWait = { now: () => Date.now(), sleep: () => Promise.resolve() };
const entries = (count: number, more: object = {}) =>
  Array.from({ length: count }, (_, index) => ({ ...timesheetEntry(index), ...more }));

async function recoverable(count: number): Promise<string> {
  const table = await world.table(entries(count));
  await world.dynamodb.send(
    new UpdateContinuousBackupsCommand({
      TableName: table,
      PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true },
    }),
  );
  return table;
}
const run = (table: string, ports: Partial<typeof world.ports> = {}, more: Partial<ExportRequest> = {}) =>
  exportBackup(
    { ...world.ports, clock: noWait, jobs: memoryJobs(), ...ports },
    { table, by: 'U1', jobId: `backup-${table}`, startedAt: 1_700_000_000_000, everyMs: 1, ...more },
  );
const open = (id: string) => openBackup(world.location, id, Date.now, world);
const keysOf = (id: string) => `bot/AWSDynamoDB/${id}`;
const textOf = async (Key: string) =>
  (await (await world.s3.client.send(new GetObjectCommand({ Bucket: 'backups', Key }))).Body?.transformToString()) ??
  '';
const overwrite = async (key: string, text: string) => {
  await world.s3.put('backups', key, text);
  await world.s3.put('backups', key.replace(/\.json$/, '.checksum'), md5Base64(text));
};
const exportsOf = async (table: string) => {
  const { Table } = await world.dynamodb.send(new DescribeTableCommand({ TableName: table }));
  const listed = await world.dynamodb.send(new ListExportsCommand({ TableArn: Table?.TableArn }));
  return listed.ExportSummaries ?? [];
};

describe('an export', () => {
  test('is in the catalogue, checked by a sample, without a digest; nothing may rely on its records before it is read in full', async () => {
    const table = await recoverable(40);
    const { record, versioning } = await run(table);
    expect(record).toMatchObject({
      format: 'rescan-export/1',
      counts: { total: 40 },
      verification: { kind: 'sampled', sampled: 40, same: 40 },
    });
    expect(versioning).toBeOneOf(['on', 'off', 'unknown']);
    expect(record.files.reduce((sum, { items }) => sum + items, 0)).toBe(40);
    expect(await findEntry(world.location, record.id)).toEqual(record);
    expect(lastVerified(await listBackups(world.location), record.table.arn, Date.now())?.id).toBe(record.id);
    await expect(findBackup(world.location, record.id)).rejects.toBeInstanceOf(BackupNotVerifiedError);
    await expect(world.flush(table, record.id)).rejects.toBeInstanceOf(BackupNotVerifiedError);
    await expect(world.restore(table, record.id)).rejects.toBeInstanceOf(BackupNotVerifiedError);
    expect((await world.digest(table)).items).toBe(40);
  });

  test('that was read in full is a backup like one of ours: flush, restore and a proof by digest work with it', async () => {
    const table = await recoverable(40);
    const before = await world.digest(table);
    const { record } = await run(table);
    const read = await open(record.id);
    expect(read).toMatchObject({
      exportArn: record.exportArn,
      digest: before,
      counts: { total: 40, entry: 40 },
      verification: { kind: 'verified' },
    });
    await putItems(world.dynamodb, table, entries(1, { Hours: { N: '99' } }));
    const flushed = await world.flush(table, record.id);
    expect(flushed).toMatchObject({ deleted: 40, supplemented: 1, remaining: { total: 0 } });
    expect(await findBackup(world.location, record.id)).toMatchObject({ usedBy: { jobId: `flush-${table}` } });
    const { proof } = await world.restore(table, record.id);
    // With the version that came after the export.
    expect(proof).toMatchObject({ changed: 0, removed: 0, added: 0, same: 40 });
  });

  test('of an empty table has no data files that count, and is read in full as empty', async () => {
    const { record } = await run(await recoverable(0));
    expect(record).toMatchObject({ counts: { total: 0 }, files: [], verification: { kind: 'sampled', sampled: 0 } });
    expect(await open(record.id)).toMatchObject({ digest: { items: 0 } });
  });

  test('of a table that was written meanwhile says how many of the sample differ, and is not verified where most do', async () => {
    const few = await recoverable(40);
    const done = run(few, { clock: { ...noWait, now: () => Date.now() } }, { onProgress: () => {} });
    expect((await done).record.verification).toMatchObject({ sampled: 40, same: 40 });
    for (const [edited, verification] of [
      [5, { kind: 'sampled', sampled: 40, same: 35 }],
      [30, { kind: 'unverified', reason: '30 of 40 sampled records are not in the table as exported' }],
    ] as const) {
      const table = await recoverable(40);
      // Written after the time of the export and before its check.
      const jobs = memoryJobs();
      const write: typeof jobs.write = async (job) => {
        await jobs.write(job);
        await putItems(world.dynamodb, table, entries(edited, { Hours: { N: '99' } }));
      };
      const { record } = await run(table, { jobs: { ...jobs, write } });
      expect(record.verification).toMatchObject(verification);
      if (verification.kind === 'sampled') continue;
      await expect(open(record.id)).rejects.toBeInstanceOf(BackupNotVerifiedError);
      // Its own files are whole.
      expect(await verifyEntry(world.location, record, Date.now, world)).toMatchObject({
        verification: { kind: 'verified' },
      });
    }
  });
});

test('An export of which no record could be sampled is not verified before it is read in full', async () => {
  const table = await recoverable(0);
  // 380 KB that gzip cannot make smaller: the part of the file that is read ends before the end of the record.
  const noise = randomBytes(285_000).toString('base64');
  await putItems(world.dynamodb, table, [{ ...timesheetEntry(0), RawOCROutput: { S: noise } }]);
  const { record } = await run(table);
  expect(record.verification).toEqual({ kind: 'unverified', reason: 'no record could be sampled' });
  expect(await verifyEntry(world.location, record, Date.now, world)).toMatchObject({
    digest: await world.digest(table),
  });
});

describe('an export that is not whole', () => {
  const damages: [string, (id: string, dataKey: string) => Promise<unknown>, RegExp][] = [
    [
      'a manifest that was altered',
      async (id) => world.s3.put('backups', `${keysOf(id)}/manifest-summary.json`, '{}'),
      /MD5 is not the one in its checksum file/,
    ],
    [
      'a manifest that is missing',
      (id) =>
        world.s3.client.send(new DeleteObjectCommand({ Bucket: 'backups', Key: `${keysOf(id)}/manifest-files.json` })),
      /does not exist/,
    ],
    [
      'a count that does not add up',
      async (id) => {
        const key = `${keysOf(id)}/manifest-files.json`;
        await overwrite(key, (await textOf(key)).replace(/"itemCount":\d+/, '"itemCount":1000'));
      },
      /in all, and the summary says 40/,
    ],
    [
      'a summary of another table',
      async (id) => {
        const key = `${keysOf(id)}/manifest-summary.json`;
        await overwrite(key, (await textOf(key)).replace(/"tableArn":"[^"]*"/, '"tableArn":"arn:other"'));
      },
      /it is of table arn:other/,
    ],
    [
      'a data file that is missing',
      (_, Key) => world.s3.client.send(new DeleteObjectCommand({ Bucket: 'backups', Key })),
      /does not exist/,
    ],
    ['a data file that was replaced', (_, key) => world.s3.put('backups', key, 'x'), /ETag is not the one/],
  ];
  test.each(damages)('is refused and not in the catalogue: %s', async (_, damage, reason) => {
    const table = await recoverable(40);
    const jobs = memoryJobs();
    const { record } = await run(table, { jobs });
    await world.s3.client.send(
      new DeleteObjectCommand({ Bucket: 'backups', Key: `${keysOf(record.id)}/rescan-backup.json` }),
    );
    await damage(record.id, record.files[0]?.key ?? '');
    const failed = await run(table, { jobs }).catch((error: unknown) => error);
    expect(failed).toBeInstanceOf(BackupDamagedError);
    expect(String(failed)).toMatch(reason);
    expect((await listBackups(world.location)).map(({ id }) => id)).not.toContain(record.id);
  });

  test('is found by a full read where a data file changed after the sample', async () => {
    const { record } = await run(await recoverable(40));
    await world.s3.put('backups', record.files[0]?.key ?? '', 'x');
    await expect(open(record.id)).rejects.toBeInstanceOf(BackupNotVerifiedError);
    expect(await findEntry(world.location, record.id)).toMatchObject({
      verification: { kind: 'unverified', objectKey: record.files[0]?.key },
    });
  });
});

describe('starting an export', () => {
  test('is refused without point-in-time recovery, and an export that DynamoDB ends with an error is named', async () => {
    await expect(run(await world.table(entries(1)))).rejects.toBeInstanceOf(PointInTimeRecoveryOffError);
    const failing = run(await recoverable(1), { location: { ...world.location, bucket: 'not-there' } });
    await expect(failing).rejects.toBeInstanceOf(ExportFailedError);
    await expect(failing).rejects.toMatchObject({ code: 'S3NoSuchBucket' });
  });

  test('again after the process died at any call follows the same export, and there is one', async () => {
    let at = 1;
    for (let isCovered = false; !isCovered; at += 1) {
      const table = await recoverable(3);
      const jobs = memoryJobs();
      let calls = 0;
      const dying = { ...world.ports, jobs, clock: noWait };
      const died = new Error('died');
      const die = async () => {
        calls += 1;
        if (calls === at) throw died;
      };
      const write: typeof jobs.write = async (job) => {
        await die();
        await jobs.write(job);
        await die();
      };
      const s3 = world.alteringS3(() => undefined);
      s3.middlewareStack.add(
        (next) => async (args) => {
          await die();
          const answer = await next(args);
          await die();
          return answer;
        },
        { step: 'initialize', name: 'dying' },
      );
      const first = await run(table, { ...dying, jobs: { ...jobs, write }, location: { ...world.location, s3 } }).catch(
        (error: unknown) => error,
      );
      isCovered = calls < at;
      // Whether the bucket keeps versions is asked last, and may fail.
      if (first instanceof Error) expect(first.message).toBe('died');
      const { record } = await run(table, dying);
      expect(await open(record.id)).toMatchObject({ digest: await world.digest(table) });
      expect(await exportsOf(table)).toHaveLength(1);
    }
    // The write of the ARN, and the calls of S3 around each: manifests, files, sample, record.
    expect(at).toBeGreaterThan(12);
  });

  test('is asked for once where the reply of DynamoDB is lost', async () => {
    const table = await recoverable(3);
    const dynamodb = await world.through({
      isLost: ({ operation, count }) => operation === 'ExportTableToPointInTime' && count === 1,
    });
    const { record } = await run(table, { dynamodb });
    const [only, ...others] = await exportsOf(table);
    expect(only?.ExportArn).toBe(record.exportArn);
    expect(others).toEqual([]);
  });

  test('leaves what DynamoDB has written alone, however old it is and whether it is complete', async () => {
    const id = '00000000000001-abcdef01';
    await world.s3.put('backups', `${keysOf(id)}/_started`, '');
    await world.s3.put('backups', `${keysOf(id)}/data/a.json.gz`, 'x');
    const cleared = await clearUnfinished(world.location, { now: Date.now(), olderThanMs: 1 });
    expect(cleared.backupIds).not.toContain(id);
  });
});
