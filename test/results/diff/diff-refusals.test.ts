import { DeleteObjectCommand, GetObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { describe, expect, test } from 'vitest';
import { BackupDamagedError, BackupNotFoundError, BackupOfAnotherTableError } from '../../../src/backup/errors.ts';
import { TableNotFoundError } from '../../../src/pipeline/table/table.ts';
import { type DiffProgress, diffWithBackup } from '../../../src/results/diff/diff.ts';
import { timesheetEntry } from '../../support/aws/pipeline-table.ts';
import { diffed, folder, inOneWorld, remove, world } from './diff-rig.ts';

inOneWorld();

describe('a diff is refused', () => {
  test('when the backup is of another table', async () => {
    const [one, other] = [await world.table([timesheetEntry(1)]), await world.table()];
    const { id } = await world.backup(one);
    await expect(diffWithBackup(world, { table: other, backupId: id, folder })).rejects.toThrow(
      BackupOfAnotherTableError,
    );
  });

  test('when there is no such backup or no such table', async () => {
    const table = await world.table();
    await expect(diffWithBackup(world, { table, backupId: 'nope', folder })).rejects.toThrow(BackupNotFoundError);
    const { id } = await world.backup(table);
    await expect(diffWithBackup(world, { table: 'No-such', backupId: id, folder })).rejects.toThrow(TableNotFoundError);
  });

  test('when an object of the backup is missing or changed, and leaves no file', async () => {
    const table = await world.table(Array.from({ length: 200 }, (_, index) => timesheetEntry(index)));
    const record = await world.backup(table);
    const file = record.files.find(({ items }) => items > 1);
    const at = { Bucket: world.location.bucket, Key: file?.key ?? '' };
    const { Body } = await world.s3.client.send(new GetObjectCommand(at));
    const bytes = Buffer.from((await Body?.transformToByteArray()) ?? []);
    const request = { table, backupId: record.id, folder, memoryBytes: 5_000 };
    await world.s3.client.send(new PutObjectCommand({ ...at, Body: bytes.subarray(0, bytes.length - 20) }));
    await expect(diffWithBackup(world, request)).rejects.toThrow(BackupDamagedError);
    await world.s3.client.send(new DeleteObjectCommand(at));
    await expect(diffWithBackup(world, request)).rejects.toThrow(BackupDamagedError);
    await world.s3.client.send(new PutObjectCommand({ ...at, Body: bytes }));
    await diffed(request, async ({ totals }) => expect(totals.same).toBe(200));
  });

  test.each(['reading', 'comparing'])('when it is stopped while %s, with the reason', async (stage) => {
    const table = await world.table(Array.from({ length: 300 }, (_, index) => timesheetEntry(index)));
    const { id } = await world.backup(table);
    await remove(table, ...Array.from({ length: 200 }, (_, index) => timesheetEntry(index)));
    const stop = new AbortController();
    const request = { table, backupId: id, folder, memoryBytes: 100_000, signal: stop.signal };
    const onProgress = ({ compared }: DiffProgress) => {
      if (compared >= (stage === 'reading' ? 0 : 250)) stop.abort(new Error('stopped by U1'));
    };
    await expect(diffWithBackup(world, { ...request, onProgress })).rejects.toThrow('stopped by U1');
  });
});
