import { DescribeTableCommand, type DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { listBackups } from '../../../src/backup/catalogue/catalogue.ts';
import { makeBackup } from '../../../src/backup/write/make-backup.ts';
import { timesheetEntry } from '../../support/aws/pipeline-table.ts';
import { type BackupWorld, startBackupWorld } from '../backup-rig.ts';

let world: BackupWorld;
beforeAll(async () => {
  world = await startBackupWorld();
});
afterAll(() => world.stop());

/** A DynamoDB that describes its tables with this status. */
const withStatus = (TableStatus: string): Promise<DynamoDBClient> =>
  world.through({
    async intercept({ operation, body }) {
      if (operation !== 'DescribeTable') return undefined;
      const { Table } = await world.dynamodb.send(new DescribeTableCommand({ TableName: JSON.parse(body).TableName }));
      const { TableName, TableArn, KeySchema, AttributeDefinitions } = Table ?? {};
      return { status: 200, json: { Table: { TableName, TableArn, KeySchema, AttributeDefinitions, TableStatus } } };
    },
  });

describe.each(['CREATING', 'DELETING', 'ARCHIVED', 'INACCESSIBLE_ENCRYPTION_CREDENTIALS'])(
  'A table that is %s',
  (status) => {
    test('is not backed up, flushed or restored, and nothing is written', async () => {
      const table = await world.table([timesheetEntry(1), timesheetEntry(2)]);
      const { id } = await world.backup(table);
      const before = await world.digest(table);
      const backups = (await listBackups(world.location)).length;
      const dynamodb = await withStatus(status);
      const refused = { name: 'TableNotActiveError', message: `Table ${table} is ${status}, not ACTIVE` };
      await expect(makeBackup({ ...world.ports, dynamodb }, { table, by: 'U1' })).rejects.toMatchObject(refused);
      await expect(world.flush(table, id, {}, { dynamodb })).rejects.toMatchObject(refused);
      await expect(world.restore(table, id, {}, { dynamodb })).rejects.toMatchObject(refused);
      expect(await world.digest(table)).toEqual(before);
      expect((await listBackups(world.location)).length).toBe(backups);
    });
  },
);

test('A table whose capacity is being updated can be flushed', async () => {
  const table = await world.table([timesheetEntry(3)]);
  const { id } = await world.backup(table);
  expect(await world.flush(table, id, {}, { dynamodb: await withStatus('UPDATING') })).toMatchObject({ deleted: 1 });
});
