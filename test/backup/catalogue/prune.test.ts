import { expect, test } from 'vitest';
import { type PruneRule, planPrune } from '../../../src/backup/catalogue/prune.ts';
import type { BackupRecord } from '../../../src/backup/format/backup-record.ts';
import { backupRecord, NOW, TABLE_ARN } from '../../support/messages/table-builders.ts';

const DAY = 24 * 60 * 60_000;
const { counts } = backupRecord();
const made = (id: string, daysAgo: number, overrides: Partial<BackupRecord> = {}) =>
  backupRecord({ id, startedAt: NOW - daysAgo * DAY, ...overrides });
const withRecords = (total: number) => ({ counts: { ...counts, total } });
const unverified = { verification: { kind: 'unverified', reason: 'cut' } } as const;
const rule = (overrides: Partial<PruneRule> = {}): PruneRule => ({
  tableArn: TABLE_ARN,
  keep: 1,
  now: NOW,
  inUse: new Set(),
  checklist: new Set(),
  namedAt: new Map(),
  ...overrides,
});
const idsOf = (records: readonly BackupRecord[], given: Partial<PruneRule> = {}) => {
  const { remove, spared } = planPrune(records, rule(given));
  return { remove: remove.map(({ id }) => id), spared: spared.map(({ record, because }) => [record.id, because]) };
};

test('The only full backup stays when a backup of an emptied table is the newest one', () => {
  const records = [
    made('empty', 0, withRecords(0)),
    made('full', 90),
    made('older', 91),
    made('part', 92, withRecords(3)),
  ];
  expect(idsOf(records)).toEqual({ remove: ['older', 'part'], spared: [['full', 'most-records']] });
});

test('The last verified backup stays, and the one with the most records, also where that one is not verified', () => {
  const records = [
    made('newest', 0, { ...unverified, ...withRecords(1) }),
    made('verified', 90, withRecords(10)),
    made('largest-verified', 91, withRecords(20)),
    made('largest', 92, { ...unverified, ...withRecords(30) }),
    made('rest', 93, withRecords(20)),
  ];
  expect(idsOf(records)).toEqual({
    remove: ['rest'],
    spared: [
      ['verified', 'last-verified'],
      ['largest-verified', 'most-records'],
      ['largest', 'most-records'],
    ],
  });
});

test.each<[string, Partial<BackupRecord>, Partial<PruneRule>, string | undefined]>([
  ['is older than all limits', {}, {}, undefined],
  ['the open checklist relies on', {}, { checklist: new Set(['old']) }, 'checklist'],
  ['a request needs', {}, { inUse: new Set(['old']) }, 'in-use'],
  ['a job used 29 days ago', {}, { namedAt: new Map([['old', NOW - 29 * DAY]]) }, 'named'],
  ['a job used 30 days ago', {}, { namedAt: new Map([['old', NOW - 30 * DAY]]) }, undefined],
  ['a flush of an older version used 29 days ago', { usedBy: { jobId: 'a', at: NOW - 29 * DAY } }, {}, 'named'],
  ['a flush of an older version used 30 days ago', { usedBy: { jobId: 'a', at: NOW - 30 * DAY } }, {}, undefined],
  ['a restore made 29 days ago', { purpose: 'safety', startedAt: NOW - 29 * DAY }, {}, 'safety'],
  ['a restore made 30 days ago', { purpose: 'safety', startedAt: NOW - 30 * DAY }, {}, undefined],
  ['somebody made 29 days ago', { startedAt: NOW - 29 * DAY }, {}, undefined],
])('A backup that %s is kept or deleted', (_what, overrides, given, because) => {
  const records = [made('new', 0), made('old', 60, overrides)];
  expect(idsOf(records, given)).toEqual(
    because === undefined ? { remove: ['old'], spared: [] } : { remove: [], spared: [['old', because]] },
  );
});

test('Backups of other tables are neither counted nor deleted', () => {
  const records = [made('a', 0), made('b', 60), made('c', 61)];
  expect(idsOf(records, { tableArn: 'another' })).toEqual({ remove: [], spared: [] });
  expect(idsOf(records, { keep: 2 })).toEqual({ remove: ['c'], spared: [] });
});
