import { afterAll, beforeAll, expect, test } from 'vitest';
import { writeRecord } from '../../../src/backup/catalogue/catalogue.ts';
import { readLastBackup } from '../../../src/checklist/steps/backup-facts.ts';
import { type BackupWorld, startBackupWorld } from '../../backup/backup-rig.ts';
import { timesheetEntry } from '../../support/aws/pipeline-table.ts';

let world: BackupWorld;
beforeAll(async () => {
  world = await startBackupWorld();
});
afterAll(() => world.stop());

test('the last backup of the preconditions is the newest verified one of this table', async () => {
  const table = await world.table([timesheetEntry(1)]);
  expect(await readLastBackup(world.dynamodb, world.location, table, Date.now())).toBeUndefined();
  await world.backup(table);
  const last = await world.backup(table);
  await world.backup(await world.table([timesheetEntry(1), timesheetEntry(2)]));
  expect(await readLastBackup(world.dynamodb, world.location, table, Date.now())).toEqual({
    id: last.id,
    startedAt: last.startedAt,
    records: 1,
  });

  // One that is dated ahead counts only if there is no other: a new backup replaces it.
  const beforeThese = last.startedAt - 3_600_000;
  expect(await readLastBackup(world.dynamodb, world.location, table, beforeThese)).toMatchObject({ id: last.id });
  const ahead = { ...last, id: 'ahead', startedAt: last.startedAt + 3_600_000 };
  await writeRecord(world.location, ahead);
  expect(await readLastBackup(world.dynamodb, world.location, table, Date.now())).toMatchObject({ id: last.id });
});
