import type { KindCounts } from '../pipeline/table-records.ts';
import type { PersonComparison } from './people.ts';
import type { ReconcileTotals } from './reconcile-totals.ts';

/** What a validation found that somebody should know. `proof`: a loss that is certain; `doubt`: something to look at. */
export type ValidationProblem =
  /** In the manifest, and no attempt has told what came of it. */
  | { readonly kind: 'without-outcome'; readonly images: number; readonly weight: 'proof' }
  /** Processed, and nobody can have overwritten the rows: they were deleted, or never written. */
  | { readonly kind: 'rows-missing'; readonly images: number; readonly weight: 'proof' }
  | { readonly kind: 'outcome-of-no-image'; readonly images: number; readonly weight: 'proof' }
  | { readonly kind: 'failed'; readonly images: number; readonly unlogged: number; readonly weight: 'doubt' }
  /** Processed, and the rows may have been overwritten by another image of the same person, date and project. */
  | { readonly kind: 'rows-unclear'; readonly images: number; readonly weight: 'doubt' }
  | { readonly kind: 'older-rows-only'; readonly images: number; readonly weight: 'doubt' }
  | { readonly kind: 'rejected-unrecorded'; readonly images: number; readonly weight: 'doubt' }
  /** Entries of people that were looked at are gone against the backup. */
  | {
      readonly kind: 'people-lost-entries';
      readonly people: number;
      readonly entries: number;
      readonly weight: 'doubt';
    };

/** `good`: every image is accounted for. `look`: nothing is proven lost, something is worth a look. `bad`: something is missing. */
export type Verdict = 'good' | 'look' | 'bad';

export interface ValidationFacts {
  /** Manifest, outcomes and rows joined; undefined where no run was looked at. */
  readonly reconciled?: ReconcileTotals;
  /** Entries by kind in the table now. */
  readonly now: KindCounts;
  /** And in the backup that they are held against. */
  readonly backup?: { readonly id: string; readonly startedAt: number; readonly counts: KindCounts };
  readonly people: readonly PersonComparison[];
}

/** What a validation comes to, decided by its facts alone. */
export function judgeValidation(facts: ValidationFacts): {
  readonly verdict: Verdict;
  readonly problems: readonly ValidationProblem[];
} {
  const problems = [...(facts.reconciled ? imageProblems(facts.reconciled) : []), ...peopleProblems(facts.people)];
  const verdict = problems.some(({ weight }) => weight === 'proof') ? 'bad' : problems.length > 0 ? 'look' : 'good';
  return { verdict, problems };
}

function imageProblems(totals: ReconcileTotals): readonly ValidationProblem[] {
  const { counts, processedWithoutRows } = totals;
  const problems: ValidationProblem[] = [
    {
      kind: 'without-outcome',
      images: counts.neither + counts['rows-without-outcome'],
      weight: 'proof',
    },
    { kind: 'rows-missing', images: processedWithoutRows['person-has-no-rows'], weight: 'proof' },
    { kind: 'outcome-of-no-image', images: counts['outcome-not-in-manifest'], weight: 'proof' },
    {
      kind: 'failed',
      images: counts['failed-with-record'] + counts['failed-without-record'],
      unlogged: counts['failed-without-record'],
      weight: 'doubt',
    },
    { kind: 'rows-unclear', images: processedWithoutRows.unclear, weight: 'doubt' },
    { kind: 'older-rows-only', images: totals.withOlderRowsOnly, weight: 'doubt' },
    { kind: 'rejected-unrecorded', images: counts['rejected-without-record'], weight: 'doubt' },
  ];
  return problems.filter((problem) => 'images' in problem && problem.images > 0);
}

function peopleProblems(people: readonly PersonComparison[]): readonly ValidationProblem[] {
  const lost = people.filter(({ removed }) => removed > 0);
  const entries = lost.reduce((sum, { removed }) => sum + removed, 0);
  return lost.length === 0 ? [] : [{ kind: 'people-lost-entries', people: lost.length, entries, weight: 'doubt' }];
}
