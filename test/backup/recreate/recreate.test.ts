import {
  DescribeTableCommand,
  EnableKinesisStreamingDestinationCommand,
  ListBackupsCommand,
  PutItemCommand,
  UpdateContributorInsightsCommand,
} from '@aws-sdk/client-dynamodb';
import { GetObjectCommand } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { NotRecreatableError, TableInUseError, TableUnfinishedError } from '../../../src/backup/errors.ts';
import { FaultError } from '../../../src/pipeline/fault.ts';
import { putItems } from '../../support/aws/items.ts';
import { timesheetEntry } from '../../support/aws/pipeline-table.ts';
import { FAULTS_TIMEOUT_MS, FULL, pointsOf } from '../../support/fault-forms.ts';
import { memoryJobs } from '../../support/memory/memory-jobs.ts';
import { idOf, putRecord, type RecreateWorld, startRecreateWorld, tablesOf } from './recreate-rig.ts';

let world: RecreateWorld;
beforeAll(async () => {
  world = await startRecreateWorld();
});
afterAll(() => world.stop());

/** Longer than a table takes to change, so that few of the calls between which a process dies are repetitions. */
const SELDOM_MS = 20;
const ITEMS = Array.from({ length: 30 }, (_, index) => timesheetEntry(index));
const denied = (operation: string) => ({
  status: 400,
  json: {
    __type: 'com.amazon.coral.service#AccessDeniedException',
    message: `User: u is not authorized to perform: dynamodb:${operation} on resource: r`,
  },
});
const protectionOf = async (TableName: string) =>
  (await world.dynamodb.send(new DescribeTableCommand({ TableName }))).Table?.DeletionProtectionEnabled;
const backupsOf = async (TableName: string) =>
  (await world.dynamodb.send(new ListBackupsCommand({ TableName }))).BackupSummaries ?? [];

test('A table is deleted and created anew, empty, with everything that DynamoDB reports about it', async () => {
  const rich = await world.prepared(ITEMS);
  const stages: string[] = [];
  const done = await world.recreate(rich, { onProgress: ({ stage }) => stages.push(stage) });
  expect(done).toMatchObject({ deleted: 30, supplemented: 0, remaining: { total: 0 } });
  expect(done.safeguard).toEqual({ kind: 'point-in-time-recovery' });
  const after = await world.describe(rich.table);
  expect(after.id).not.toBe(rich.id);
  expect(after.description).toEqual(rich.description);
  const { create, settings } = after.description;
  expect(create.GlobalSecondaryIndexes?.[0]?.OnDemandThroughput?.MaxWriteRequestUnits).toBe(40);
  expect(create.LocalSecondaryIndexes?.[0]?.Projection?.NonKeyAttributes).toEqual(['Date', 'Hours']);
  expect(create.OnDemandThroughput?.MaxReadRequestUnits).toBe(500);
  expect(create.StreamSpecification?.StreamViewType).toBe('NEW_AND_OLD_IMAGES');
  expect(create.SSESpecification?.KMSMasterKeyId).toContain(':key/k');
  expect(create.TableClass).toBe('STANDARD_INFREQUENT_ACCESS');
  expect(create.Tags).toEqual([
    { Key: 'cost', Value: 'a b' },
    { Key: 'team', Value: 'payroll' },
  ]);
  expect(create.ResourcePolicy).toContain('dynamodb:GetItem');
  expect(create.DeletionProtectionEnabled).toBe(true);
  expect(settings).toEqual({
    timeToLive: 'ExpiresAt',
    pointInTimeRecovery: { days: 14 },
    contributorInsights: [{}, { index: 'ProjectCodeIndex', mode: 'THROTTLED_KEYS' }],
  });
  expect([...new Set(stages)]).toEqual(['comparing', 'rehearsing', 'safeguarding', 'recreating', 'counting']);
  expect((await backupsOf(rich.table)).map(({ BackupName }) => BackupName)).toEqual([
    `${rich.table}$DeletedTableBackup`,
  ]);
  expect(await tablesOf(world.dynamodb)).not.toContainEqual(expect.stringContaining('rehearsal'));
});

test('The description in S3 is the input of CreateTable, and the backup restores every record to the new table', async () => {
  const rich = await world.prepared(ITEMS);
  const before = await world.digest(rich.table);
  const { descriptionUri } = await world.recreate(rich);
  const key = descriptionUri.replace('s3://backups/', '').replace('description.json', 'create-table.json');
  const stored = await world.location.s3.send(new GetObjectCommand({ Bucket: 'backups', Key: key }));
  expect(JSON.parse((await stored.Body?.transformToString()) ?? '')).toEqual(rich.description.create);
  await world.restore(rich.table, rich.backup.id);
  expect(await world.digest(rich.table)).toEqual(before);
});

test('Without point-in-time recovery a native backup is made and AVAILABLE before the table is deleted', async () => {
  const rich = await world.prepared(ITEMS, { recovery: false });
  const { Table } = await world.dynamodb.send(new DescribeTableCommand({ TableName: rich.table }));
  const order: string[] = [];
  const dynamodb = await world.through({
    intercept({ operation, body }) {
      if (/^(CreateBackup|DescribeBackup|DeleteTable)$/.test(operation) && !body.includes('rehearsal'))
        order.push(operation);
      const isBeingMade = operation === 'DescribeBackup' && order.filter((each) => each === operation).length <= 2;
      if (!isBeingMade) return undefined;
      const { BackupArn } = JSON.parse(body);
      const BackupDetails = {
        ...{ BackupArn, BackupName: 'rescan', BackupType: 'USER', BackupStatus: 'CREATING' },
        BackupCreationDateTime: Date.now() / 1_000,
      };
      const SourceTableDetails = { TableName: rich.table, TableId: Table?.TableId, KeySchema: [] };
      return { status: 200, json: { BackupDescription: { BackupDetails, SourceTableDetails } } };
    },
  });
  const done = await world.recreate(rich, {}, { dynamodb });
  const [backup, ...others] = await backupsOf(rich.table);
  expect(others).toEqual([]);
  expect(done.safeguard).toEqual({ kind: 'native-backup', arn: backup?.BackupArn });
  expect(order[0]).toBe('CreateBackup');
  expect(order.filter((operation) => operation === 'DescribeBackup').length).toBeGreaterThan(2);
  expect(order.at(-1)).toBe('DeleteTable');
});

test('Versions that are not in the backup are saved to its supplement before the table is deleted', async () => {
  const rich = await world.prepared(ITEMS);
  await putRecord(world.dynamodb, rich.table, 'Added');
  await world.dynamodb.send(
    new PutItemCommand({ TableName: rich.table, Item: { ...timesheetEntry(3), Hours: { N: '1' } } }),
  );
  const before = await world.digest(rich.table);
  const done = await world.recreate(rich);
  expect(done).toMatchObject({ supplemented: 2, deleted: 31 });
  await world.restore(rich.table, rich.backup.id);
  expect(await world.digest(rich.table)).toEqual(before);
});

test('A record that is written during the rehearsal is found by the last check and saved', async () => {
  const rich = await world.prepared(ITEMS);
  const dynamodb = await world.through({
    async after({ operation, count }) {
      if (operation === 'CreateTable' && count === 1) await putRecord(world.dynamodb, rich.table, 'Late');
    },
  });
  const done = await world.recreate(rich, {}, { dynamodb });
  expect(done).toMatchObject({ supplemented: 1, deleted: 31 });
  await world.restore(rich.table, rich.backup.id);
  expect((await world.digest(rich.table)).items).toBe(31);
});

test('A table that somebody writes to all the time is not deleted', async () => {
  const rich = await world.prepared(ITEMS);
  // A comparison scans six segments, one page each here: all of them wait for the record.
  const rounds = new Map<number, Promise<void>>();
  const dynamodb = await world.through({
    async intercept({ operation, count }) {
      if (operation !== 'Scan') return undefined;
      const round = Math.floor((count - 1) / 6);
      const writing = rounds.get(round) ?? putRecord(world.dynamodb, rich.table, `W${round}`);
      rounds.set(round, writing);
      await writing;
      return undefined;
    },
  });
  await expect(world.recreate(rich, {}, { dynamodb })).rejects.toBeInstanceOf(TableInUseError);
  expect(await idOf(world.dynamodb, rich.table)).toBe(rich.id);
  expect(await protectionOf(rich.table)).toBe(true);
});

test('What is written right before DeleteTable does not stop the deletion: it is in the system backup of DynamoDB', async () => {
  const rich = await world.prepared(ITEMS);
  const dynamodb = await world.through({
    async intercept({ operation, body }) {
      if (operation === 'DeleteTable' && !body.includes('rehearsal'))
        await putRecord(world.dynamodb, rich.table, 'Last');
      return undefined;
    },
  });
  const done = await world.recreate(rich, {}, { dynamodb });
  expect(done).toMatchObject({ deleted: 30, remaining: { total: 0 } });
  expect((await backupsOf(rich.table)).map(({ BackupType }) => BackupType)).toEqual(['SYSTEM']);
});

test('A record that is written while the table is created again stays, and is counted', async () => {
  const rich = await world.prepared(ITEMS);
  const dynamodb = await world.through({
    async intercept({ operation }) {
      if (operation === 'UpdateTimeToLive') await putRecord(world.dynamodb, rich.table, 'New');
      return undefined;
    },
  });
  expect((await world.recreate(rich, {}, { dynamodb })).remaining.total).toBe(1);
});

test('A table whose description is not the approved one is not touched', async () => {
  const rich = await world.prepared(ITEMS);
  await expect(world.recreate({ ...rich, approvedDigest: 'another' })).rejects.toBeInstanceOf(TableInUseError);
  expect(await idOf(world.dynamodb, rich.table)).toBe(rich.id);
});

test('A setting that somebody changes during the preparation stops the deletion', async () => {
  const rich = await world.prepared(ITEMS);
  const dynamodb = await world.through({
    async after({ operation, count }) {
      if (operation === 'CreateTable' && count === 1)
        await world.dynamodb.send(
          new UpdateContributorInsightsCommand({ TableName: rich.table, ContributorInsightsAction: 'DISABLE' }),
        );
    },
  });
  await expect(world.recreate(rich, {}, { dynamodb })).rejects.toThrow(/contributorInsights/);
  expect(await idOf(world.dynamodb, rich.table)).toBe(rich.id);
});

test('A table that streams to Kinesis is refused, and a stream is named as what is lost', async () => {
  const rich = await world.prepared(ITEMS);
  const { losses } = await world.describe(rich.table);
  expect(losses.join(' ')).toContain('The stream gets a new ARN');
  await world.dynamodb.send(
    new EnableKinesisStreamingDestinationCommand({
      TableName: rich.table,
      StreamArn: 'arn:aws:kinesis:us-east-1:1:stream/s',
    }),
  );
  await expect(world.recreate(rich)).rejects.toBeInstanceOf(NotRecreatableError);
  expect(await idOf(world.dynamodb, rich.table)).toBe(rich.id);
});

const described = async (change: object) => {
  const rich = await world.prepared([]);
  const { Table } = await world.dynamodb.send(new DescribeTableCommand({ TableName: rich.table }));
  const json = JSON.parse(
    JSON.stringify({
      Table: { ...Table, CreationDateTime: 1, BillingModeSummary: { BillingMode: 'PAY_PER_REQUEST' }, ...change },
    }),
  );
  const dynamodb = await world.through({
    intercept: ({ operation }) => (operation === 'DescribeTable' ? { status: 200, json } : undefined),
  });
  return { rich, dynamodb };
};
test.each([
  ['a replica', { Replicas: [{ RegionName: 'eu-west-1' }] }, /global table/],
  ['an archive', { ArchivalSummary: { ArchivalReason: 'INACCESSIBLE_ENCRYPTION_CREDENTIALS' } }, /archived/],
  ['a vector index', { VectorIndexes: [{ IndexName: 'v' }] }, /VectorIndexes/],
  ['an encryption that changes', { SSEDescription: { Status: 'UPDATING', SSEType: 'KMS' } }, /UPDATING/],
])('A table with %s is refused', async (_what, change, why) => {
  const { rich, dynamodb } = await described(change);
  const { obstacles } = await world.describe(rich.table, dynamodb);
  expect(obstacles.join(' ')).toMatch(why);
});

test.each([
  'DescribeTable',
  'DescribeTimeToLive',
  'ListTagsOfResource',
  'DescribeContinuousBackups',
  'GetResourcePolicy',
  'DescribeContributorInsights',
  'DescribeKinesisStreamingDestination',
])('What may not be read with %s is a refusal that names the IAM action', async (forbidden) => {
  const rich = await world.prepared([]);
  const dynamodb = await world.through({
    intercept: ({ operation }) => (operation === forbidden ? denied(operation) : undefined),
  });
  const refused = await world.recreate(rich, {}, { dynamodb }).catch((error: unknown) => error);
  expect(refused).toBeInstanceOf(FaultError);
  expect(refused instanceof FaultError && refused.fault.fix).toContain(`dynamodb:${forbidden}`);
  expect(await idOf(world.dynamodb, rich.table)).toBe(rich.id);
});

test.each(['CreateTable', 'UpdateTable', 'DeleteTable'])(
  'Where the bot may not call %s, the table stays as it is, protected',
  async (forbidden) => {
    const rich = await world.prepared(ITEMS);
    const dynamodb = await world.through({
      intercept: ({ operation, body }) =>
        operation === forbidden && !(forbidden === 'DeleteTable' && body.includes('rehearsal'))
          ? denied(operation)
          : undefined,
    });
    await expect(world.recreate(rich, {}, { dynamodb })).rejects.toThrow(/not authorized/);
    const after = await world.describe(rich.table);
    expect(after.id).toBe(rich.id);
    expect(after.description).toEqual(rich.description);
  },
);

test('Where the creation fails after the deletion, the error names the file to create the table with', async () => {
  const rich = await world.prepared(ITEMS);
  const dynamodb = await world.through({
    intercept: ({ operation, body }) =>
      operation === 'CreateTable' && !body.includes('rehearsal') ? denied(operation) : undefined,
  });
  const failed = await world.recreate(rich, {}, { dynamodb }).catch((error: unknown) => error);
  if (!(failed instanceof TableUnfinishedError)) throw failed;
  expect(failed.state).toBe('missing');
  expect(failed.reasons.join()).toContain('dynamodb:CreateTable');
  expect(failed.createUri).toMatch(/^s3:\/\/backups\/bot\/AWSDynamoDB\/.*create-table\.json$/);
  // As the file says, and then the same job again with the permission.
  const done = await world.recreate(rich);
  expect(done.remaining.total).toBe(0);
  expect((await world.describe(rich.table)).description).toEqual(rich.description);
});

test('Where a setting cannot be applied, the error says that the table is incomplete', async () => {
  const rich = await world.prepared(ITEMS);
  const dynamodb = await world.through({
    intercept: ({ operation }) => (operation === 'UpdateTimeToLive' ? denied(operation) : undefined),
  });
  await expect(world.recreate(rich, {}, { dynamodb })).rejects.toMatchObject({ state: 'incomplete' });
});

test.each([
  'CreateTable',
  'DeleteTable',
  'UpdateTable',
  'UpdateTimeToLive',
  'UpdateContinuousBackups',
  'UpdateContributorInsights',
  'DescribeTable',
])('A lost reply to any call of %s does no harm', async (operation) => {
  const rich = await world.prepared(ITEMS);
  const jobs = memoryJobs();
  const lost = new Set<string>();
  const dynamodb = await world.through({
    isLost(call) {
      if (call.operation !== operation || lost.has(call.body)) return false;
      lost.add(call.body);
      return true;
    },
  });
  const done = await world.recreate(rich, {}, { dynamodb, jobs });
  expect(lost.size).toBeGreaterThan(0);
  expect(done.deleted).toBe(30);
  expect((await world.describe(rich.table)).description).toEqual(rich.description);
});

test(
  'A process that dies between two calls leaves a job that the next process finishes',
  async () => {
    class Died extends Error {}
    let isComplete = false;
    let resumedAfterDeletion = 0;
    const items = ITEMS.slice(0, 5);
    const prepared = await world.prepared(items);
    for (const fatal of pointsOf(6)) {
      if (isComplete) break;
      // Each round leaves the table as it was approved, but empty: with its records it equals the backup again.
      if (fatal > 1) await putItems(world.dynamodb, prepared.table, items);
      const rich = { ...prepared, id: await idOf(world.dynamodb, prepared.table) };
      const jobs = memoryJobs();
      let calls = 0;
      // Every call of a dead process fails.
      const alive = () => {
        calls += 1;
        if (calls >= fatal) throw new Died();
      };
      const first = await world
        .recreate(rich, { mayWrite: alive, mayFinish: alive, pollMs: SELDOM_MS }, { jobs })
        .catch((error: unknown) => error);
      isComplete = !(first instanceof Error);
      if (first instanceof Error && !(first instanceof Died)) throw first;
      const found = await idOf(world.dynamodb, rich.table).catch(() => undefined);
      if (!isComplete && found !== rich.id) resumedAfterDeletion += 1;
      const done = isComplete ? undefined : await world.recreate(rich, { pollMs: SELDOM_MS }, { jobs });
      if (done) expect(done.deleted).toBe(5);
      const after = await world.describe(rich.table);
      expect(after.description).toEqual(rich.description);
      expect(after.id).not.toBe(rich.id);
      expect(await tablesOf(world.dynamodb)).not.toContainEqual(expect.stringContaining('rehearsal'));
      expect(fatal).toBeLessThan(200);
    }
    expect(resumedAfterDeletion).toBeGreaterThan(FULL ? 8 : 1);
  },
  FAULTS_TIMEOUT_MS,
);

test('A stop before the deletion leaves the table protected; a stop after it does not keep the table from being created', async () => {
  const rich = await world.prepared(ITEMS);
  let isStopped = false;
  const mayWrite = () => {
    if (isStopped) throw new Error('stopped');
  };
  const stopping = await world.through({
    after({ operation, body }) {
      if (operation === 'UpdateTable' && body.includes('false')) isStopped = true;
    },
  });
  await expect(world.recreate(rich, { mayWrite }, { dynamodb: stopping, jobs: memoryJobs() })).rejects.toThrow(
    'stopped',
  );
  expect(await protectionOf(rich.table)).toBe(true);
  expect(await idOf(world.dynamodb, rich.table)).toBe(rich.id);
  isStopped = false;
  const later = await world.through({
    after({ operation, body }) {
      if (operation === 'DeleteTable' && !body.includes('rehearsal')) isStopped = true;
    },
  });
  const done = await world.recreate(rich, { mayWrite }, { dynamodb: later, jobs: memoryJobs() });
  expect(isStopped).toBe(true);
  expect(done.remaining.total).toBe(0);
});
