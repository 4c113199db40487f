import { afterAll, beforeAll, expect, test } from 'vitest';
import { isTransient } from '../../../src/lib/async/backoff.ts';
import { countByKind, countEntries, countRecords } from '../../../src/pipeline/table/count.ts';
import { recordsOfPerson, recordsWith } from '../../../src/pipeline/table/image-rows.ts';
import { type Item, textOf } from '../../../src/pipeline/table/item.ts';
import { readItems } from '../../../src/pipeline/table/read.ts';
import { kindOfRecord } from '../../../src/pipeline/table/records.ts';
import { patientBackoff, scanTable } from '../../../src/pipeline/table/scan.ts';
import { describeTable, TableNotFoundError } from '../../../src/pipeline/table/table.ts';
import { type BackupWorld, startBackupWorld } from '../../backup/backup-rig.ts';
import { throttled } from '../../support/aws/fault-proxy.ts';
import { PIPELINE_KEYS } from '../../support/aws/pipeline-keys.ts';
import { coverage, failedImage, timesheetEntry } from '../../support/aws/pipeline-table.ts';

let world: BackupWorld;
beforeAll(async () => {
  world = await startBackupWorld();
});
afterAll(() => world.stop());

const entries = (count: number) => Array.from({ length: count }, (_, index) => timesheetEntry(index));
const impatient = { ...patientBackoff, attempts: 3, baseMs: 1, maxMs: 2 };

test('describeTable returns the key, account, region and billing of a table', async () => {
  const table = await world.table();
  const facts = await describeTable(world.dynamodb, table);
  expect(facts).toMatchObject({
    name: table,
    status: 'ACTIVE',
    region: 'us-east-1',
    billing: 'on-demand',
    deletionProtection: false,
    keys: [
      { name: 'ResourceName', type: 'S', role: 'HASH' },
      { name: 'DateProjectCode', type: 'S', role: 'RANGE' },
    ],
  });
  expect(facts.arn).toContain(facts.account);
});

test('describeTable throws TableNotFoundError for a table that does not exist', async () => {
  const failed = await describeTable(world.dynamodb, 'no-such-table').catch((error: unknown) => error);
  expect(failed).toBeInstanceOf(TableNotFoundError);
  expect(failed).toMatchObject({ table: 'no-such-table' });
});

const key = (range: string): Item => ({ ResourceName: { S: 'Nik_Coultas' }, DateProjectCode: { S: range } });
test.each<[string, Item]>([
  ['entry', timesheetEntry(1)],
  ['entry', timesheetEntry(1, { IsZeroHourTimesheet: { BOOL: true } })],
  ['zero-hour', { ...key('WEEK#2025-09-29'), IsZeroHourTimesheet: { BOOL: true } }],
  ['rejected', { ...key('REJECTED#2025-09-29'), Rejected: { BOOL: true } }],
  ['coverage', coverage(1)],
  ['failed', failedImage(1)],
  ['failed', { ...key('REJECTED#2025-09-29'), RecordType: { S: 'FAILED_IMAGE' } }],
  ['entry', key('something new')],
])('kindOfRecord recognises a record of kind %s', (kind, item) => {
  expect(kindOfRecord(item, PIPELINE_KEYS)).toBe(kind);
});

test('records are counted by kind, and entries without the failed images', async () => {
  const table = await world.table([...entries(60), coverage(1), failedImage(1), failedImage(2)]);
  expect(await countByKind(world.dynamodb, table, { segments: 3, keys: PIPELINE_KEYS })).toEqual({
    entry: 60,
    'zero-hour': 0,
    rejected: 0,
    coverage: 1,
    failed: 2,
    total: 63,
  });
  expect(await countEntries(world.dynamodb, table, { keys: PIPELINE_KEYS })).toBe(61);
  expect(await countRecords(world.dynamodb, table)).toBe(63);
});

test('a scan with segments and small pages returns every record once', async () => {
  const table = await world.table(entries(120));
  const codes: string[] = [];
  await Promise.all(
    scanTable(world.dynamodb, table, { segments: 4, pageLimit: 7 }).map(async (segment) => {
      for await (const page of segment) codes.push(...page.items.map((item) => textOf(item.ProjectCode) ?? ''));
    }),
  );
  expect(codes).toHaveLength(120);
  expect(new Set(codes).size).toBe(120);
});

test('a scan reads at most one page ahead of its reader', async () => {
  const table = await world.table(entries(50));
  let scans = 0;
  const dynamodb = await world.through({
    intercept({ operation }) {
      if (operation === 'Scan') scans += 1;
      return undefined;
    },
  });
  const [segment] = scanTable(dynamodb, table, { segments: 1, pageLimit: 5 });
  const pages = segment?.[Symbol.asyncIterator]();
  await pages?.next();
  await pages?.next();
  await new Promise((resolve) => setImmediate(resolve));
  expect(scans).toBeLessThanOrEqual(3);
});

test('a scan retries while it is throttled, and throws when the throttling does not end', async () => {
  const table = await world.table(entries(5));
  const passing = await world.through({ intercept: ({ count }) => (count <= 2 ? throttled : undefined) });
  expect(await countEntries(passing, table, { keys: PIPELINE_KEYS, segments: 1, backoff: impatient })).toBe(5);
  const endless = await world.through({ intercept: () => throttled });
  await expect(
    countEntries(endless, table, { keys: PIPELINE_KEYS, segments: 1, backoff: impatient }),
  ).rejects.toMatchObject({
    name: 'ProvisionedThroughputExceededException',
  });
});

test('a scan throws at once when its signal is aborted', async () => {
  const table = await world.table(entries(5));
  const stopped = AbortSignal.abort(new Error('stopped'));
  await expect(countEntries(world.dynamodb, table, { keys: PIPELINE_KEYS, signal: stopped })).rejects.toThrow(
    'stopped',
  );
});

test('readItems reads again the keys that DynamoDB left out of its answer', async () => {
  const table = await world.table(entries(60));
  const dynamodb = await world.through({
    intercept({ body, count }) {
      if (count > 2) return undefined;
      return { status: 200, json: { Responses: {}, UnprocessedKeys: JSON.parse(body).RequestItems } };
    },
  });
  const keys = entries(60).map(({ ResourceName = { S: '' }, DateProjectCode = { S: '' } }) => ({
    ResourceName,
    DateProjectCode,
  }));
  expect(await readItems(dynamodb, table, keys, { backoff: impatient })).toHaveLength(60);
  const endless = await world.through({
    intercept: ({ body }) => ({ status: 200, json: { Responses: {}, UnprocessedKeys: JSON.parse(body).RequestItems } }),
  });
  const refused = await readItems(endless, table, keys, { backoff: impatient }).catch((error: unknown) => error);
  expect(refused).toMatchObject({ message: expect.stringContaining('did not return 60 keys') });
  // A job waits for it, like for every throttling.
  expect(isTransient(refused)).toBe(true);
});

test('readItems reads all keys from a table that answers few of them at a time', async () => {
  const table = await world.table(entries(60));
  const keys = entries(60).map(({ ResourceName = { S: '' }, DateProjectCode = { S: '' } }) => ({
    ResourceName,
    DateProjectCode,
  }));
  let calls = 0;
  const slow = await world.through({
    intercept({ body }) {
      calls += 1;
      const { Keys } = JSON.parse(body).RequestItems[table];
      const [found, left] = [Keys.slice(0, 2), Keys.slice(2)];
      const UnprocessedKeys = left.length === 0 ? {} : { [table]: { Keys: left, ConsistentRead: true } };
      return { status: 200, json: { Responses: { [table]: found }, UnprocessedKeys } };
    },
  });
  expect(await readItems(slow, table, keys, { backoff: impatient })).toHaveLength(60);
  expect(calls).toBe(30);
});

test('recordsOfPerson returns the requested attributes of the records of one person', async () => {
  const rows = [1, 2].map((index) => ({
    ...key(`2025-09-0${index}#PJ1`),
    SourceImage: { S: 'a.png' },
    Date: { S: 'x' },
  }));
  const table = await world.table(rows);
  const projection = ['DateProjectCode', 'Date'];
  const pages = await Array.fromAsync(
    recordsOfPerson(world.dynamodb, table, 'Nik Coultas', { projection, keys: PIPELINE_KEYS }),
  );
  expect(pages.flat()).toEqual([
    { DateProjectCode: { S: '2025-09-01#PJ1' }, Date: { S: 'x' } },
    { DateProjectCode: { S: '2025-09-02#PJ1' }, Date: { S: 'x' } },
  ]);
  expect(
    (await Array.fromAsync(recordsOfPerson(world.dynamodb, table, 'Nobody', { keys: PIPELINE_KEYS }))).flat(),
  ).toEqual([]);
});

test('recordsWith returns the records of some images, whoever they are of', async () => {
  const rows = ['a.png', 'b 1+.png', 'c.png'].map((image, at) => ({
    ...key(`2025-09-0${at + 1}#PJ1`),
    SourceImage: { S: image },
  }));
  const table = await world.table(rows);
  const found = await recordsWith(world.dynamodb, table, 'SourceImage', ['b 1+.png', 'c.png', 'd.png']);
  expect(found.map((item) => textOf(item.SourceImage)).sort()).toEqual(['b 1+.png', 'c.png']);
});
