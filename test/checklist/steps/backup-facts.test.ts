import { afterAll, beforeAll, expect, test } from 'vitest';
import { readLastBackup } from '../../../src/checklist/steps/backup-facts.ts';
import { type BackupWorld, startBackupWorld } from '../../backup/backup-rig.ts';
import { timesheetEntry } from '../../support/pipeline-table.ts';

let world: BackupWorld;
beforeAll(async () => {
  world = await startBackupWorld();
});
afterAll(() => world.stop());

test('the last backup of the preconditions is the newest verified one of this table', async () => {
  const table = await world.table([timesheetEntry(1)]);
  expect(await readLastBackup(world.dynamodb, world.location, table)).toBeUndefined();
  await world.backup(table);
  const last = await world.backup(table);
  await world.backup(await world.table([timesheetEntry(1), timesheetEntry(2)]));
  expect(await readLastBackup(world.dynamodb, world.location, table)).toEqual({
    id: last.id,
    startedAt: last.startedAt,
    records: 1,
  });
});
