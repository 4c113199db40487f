import { describe, expect, test } from 'vitest';
import type { BackupRecord } from '../../../src/backup/format/backup-record.ts';
import { TIMESHEETS } from '../../../src/pipeline/profile/timesheets.ts';
import type { Item } from '../../../src/pipeline/table/item.ts';
import { backupForCorrections, countCorrections } from '../../../src/results/diff/corrections.ts';
import { failedImage, timesheetEntry } from '../../support/aws/pipeline-table.ts';
import { backupRecord } from '../../support/messages/table-builders.ts';
import { changedTable, inOneWorld, world } from './diff-rig.ts';

inOneWorld();

describe('corrections by hand', () => {
  test('are entries with other values and the same ProcessingTimestamp, by field', async () => {
    const request = await changedTable(
      [1, 2, 3, 4, 5, 6].map((index) => timesheetEntry(index)),
      [
        timesheetEntry(1, { Hours: { N: '4' }, ZeroHourReason: { S: '' } }),
        timesheetEntry(2, { Hours: { N: '4' }, ProjectName: { S: 'Another' } }),
        // An upload: the function wrote it again.
        timesheetEntry(3, { Hours: { N: '4' }, ProcessingTimestamp: { S: '2026-01-01T00:00:00.000Z' } }),
        // The import of a sheet writes an empty text into rows that nobody edited.
        timesheetEntry(4, { ZeroHourReason: { S: '' } }),
        timesheetEntry(5),
        failedImage(1),
      ],
    );
    expect(await countCorrections(world, { ...request, ignoredFields: TIMESHEETS.noise })).toEqual({
      rows: 2,
      fields: [
        { name: 'Hours', records: 2 },
        { name: 'ProjectName', records: 1 },
      ],
    });
    // In a scope only its own entries count.
    const covers = ({ ProjectCode }: Item) =>
      ProjectCode !== undefined && 'S' in ProjectCode && ProjectCode.S === 'PJ1';
    const inScope = { ...request, ignoredFields: TIMESHEETS.noise, covers };
    expect(await countCorrections(world, inScope)).toEqual({ rows: 1, fields: [{ name: 'Hours', records: 1 }] });
  });
});

describe('the backup with which corrections are counted', () => {
  const made = (id: string, startedAt: number, more: Partial<BackupRecord> = {}) =>
    backupRecord({ id, startedAt, ...more });
  const tableArn = backupRecord().table.arn;
  const all = [made('flush', 400), made('new', 300), made('old', 200), made('before the run', 100)];
  const chosen = (backups: readonly BackupRecord[], since?: number) =>
    backupForCorrections(backups, { tableArn, flushBackupId: 'flush', ...(since !== undefined && { since }) })?.id;

  test('is the oldest one from after the last run over all images', () => {
    expect(chosen(all, 150)).toBe('old');
    expect(chosen(all, 250)).toBe('new');
    expect(chosen(all)).toBe('before the run');
  });
  test('is none where only the backup of the flush is from after the run', () =>
    expect(chosen(all, 350)).toBeUndefined());
  test.each<[string, Partial<BackupRecord>]>([
    ['of a restore', { purpose: 'safety' }],
    ['that is not verified', { verification: { kind: 'unverified', reason: 'R' } }],
    ['of another table', { table: { ...backupRecord().table, arn: 'arn:other' } }],
  ])('is not one %s', (_, more) => expect(chosen([made('flush', 400), made('x', 200, more)])).toBeUndefined());
});
