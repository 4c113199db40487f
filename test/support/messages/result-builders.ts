import type { Diff } from '../../../src/results/diff/diff.ts';
import type { DiffTotals } from '../../../src/results/diff/diff-totals.ts';
import type { CauseTotals, FailureTotals } from '../../../src/results/failures/failure-totals.ts';
import { PIPELINE_KEYS } from '../aws/pipeline-keys.ts';
import { backupRecord, NOW } from './table-builders.ts';

export const causeTotals = (changes: Partial<CauseTotals> = {}): CauseTotals => ({
  images: 3,
  newestAt: NOW - 60_000,
  id: '1a2b3c4d5e',
  failureType: 'TEXTRACT_ERROR',
  example: 'Textract could not read the document 17',
  ...changes,
});

export const failureTotals = (changes: Partial<FailureTotals> = {}): FailureTotals => ({
  images: 3,
  settledImages: 0,
  byType: { TEXTRACT_ERROR: 3 },
  ofOtherTypes: 0,
  failures: 3,
  inTableOnly: 0,
  inRunOnly: 0,
  inBoth: 3,
  unlogged: 0,
  nameless: 0,
  causesInRun: { top: [], others: { names: 0, totals: causeTotals({ images: 0 }) } },
  causes: {
    top: [{ name: 'TEXTRACT_ERROR Textract could not read the document …', totals: causeTotals() }],
    others: { names: 0, totals: causeTotals({ images: 0 }) },
  },
  newest: [
    {
      imageKey: 'a/b.png',
      at: NOW - 60_000,
      failureType: 'TEXTRACT_ERROR',
      causeId: '1a2b3c4d5e',
      row: { ImageKey: 'a/b.png', ErrorMessage: 'Textract could not read the document 17' },
    },
  ],
  ...changes,
});

export const failuresFound = (changes: Partial<FailureTotals> = {}) => ({
  totals: failureTotals(changes),
  runIds: ['r-0001'],
});

export function diffFound(changes: Partial<DiffTotals> = {}): Pick<Diff, 'backup' | 'keys' | 'totals'> {
  const none = { removed: 0, changed: 0, added: 0, moved: 0, same: 0 };
  const hours = { gained: '0', lost: '0' };
  return {
    backup: backupRecord(),
    keys: PIPELINE_KEYS,
    totals: {
      removed: 0,
      changed: 0,
      added: 0,
      moved: 0,
      movedHours: '0',
      outside: { removed: 0, changed: 0, added: 0, same: 0 },
      byMove: { top: [], others: 0 },
      removedZeroHours: 0,
      same: 10,
      sameExceptIgnored: 0,
      byRecord: { entry: none, 'zero-hour': none, rejected: none, coverage: none, failed: none },
      removedWithoutImage: 0,
      hours: { ...hours, net: '0', unreadable: 0 },
      byPerson: { top: [], others: { names: 0, totals: { removed: 0, changed: 0, added: 0, moved: 0, hours } } },
      byField: { top: [], others: { names: 0, totals: 0 } },
      fieldExamples: [],
      emptied: { top: [], others: { names: 0, totals: 0 } },
      ...changes,
    },
  };
}
