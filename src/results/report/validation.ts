import type { KindCounts } from '../../pipeline/table/records.ts';
import type { RunState } from '../../run/model/types.ts';
import type { ReconcileTotals } from '../reconcile/reconcile-totals.ts';
import type { PersonComparison } from './people.ts';

/**
 * What a validation found that somebody should know. `proof`: a loss that is certain; `open`: what a run that is not over may
 * still settle; `doubt`: something to look at.
 */
export type ValidationProblem =
  /** In the manifest, and no attempt has told what came of it. */
  | { readonly kind: 'without-outcome'; readonly images: number; readonly weight: 'proof' | 'open' }
  /** Processed, and nobody can have overwritten the rows: they were deleted, or never written. */
  | { readonly kind: 'rows-missing'; readonly images: number; readonly weight: 'proof' | 'open' }
  | { readonly kind: 'outcome-of-no-image'; readonly images: number; readonly weight: 'proof' }
  /** Nothing else can be proven while images are being invoked. */
  | { readonly kind: 'still-running'; readonly weight: 'open' }
  /** The table was flushed after the run had begun: what it wrote before is gone. `at`: epoch ms. */
  | { readonly kind: 'flushed-since'; readonly at: number; readonly weight: 'doubt' }
  | { readonly kind: 'failed'; readonly images: number; readonly unlogged: number; readonly weight: 'doubt' }
  /** Processed, and the rows may have been overwritten by another image of the same person, date and project. */
  | { readonly kind: 'rows-unclear'; readonly images: number; readonly weight: 'doubt' }
  | { readonly kind: 'older-rows-only'; readonly images: number; readonly weight: 'doubt' }
  | { readonly kind: 'rejected-unrecorded'; readonly images: number; readonly weight: 'doubt' }
  /** The table has fewer timesheet entries and zero-hour weeks than the backup. */
  | { readonly kind: 'fewer-entries'; readonly entries: number; readonly weight: 'doubt' }
  /** Entries of people that were looked at are gone against the backup. */
  | {
      readonly kind: 'people-lost-entries';
      readonly people: number;
      readonly entries: number;
      readonly weight: 'doubt';
    }
  /** There is no verified backup: whether something was there before that is gone cannot be told. */
  | { readonly kind: 'not-compared'; readonly weight: 'doubt' };

/**
 * `good`: every image is accounted for, and the table has no less than the backup. `look`: every image has an outcome, something
 * is worth a look. `unfinished`: the run is not over, and until then nothing is proven. `bad`: something is missing.
 */
export type Verdict = 'good' | 'look' | 'unfinished' | 'bad';

export interface ValidationFacts {
  /** Manifest, outcomes and rows joined; undefined where no run was looked at. */
  readonly reconciled?: ReconcileTotals;
  /** Of the newest run whose outcomes counted. */
  readonly runState?: RunState['kind'];
  /** When the table was flushed after the run had begun, epoch ms. */
  readonly flushedAt?: number;
  /** Entries by kind in the table now. */
  readonly now: KindCounts;
  /** And in the backup that they are held against. */
  readonly backup?: { readonly id: string; readonly startedAt: number; readonly counts: KindCounts };
  readonly people: readonly PersonComparison[];
}

/** What a validation comes to, decided by its facts alone. */
export function judgeValidation(facts: ValidationFacts): {
  readonly verdict: Verdict;
  /** The heaviest first. */
  readonly problems: readonly ValidationProblem[];
} {
  const { reconciled, runState, flushedAt } = facts;
  const problems: ValidationProblem[] = [
    ...(runState === 'running' ? [{ kind: 'still-running', weight: 'open' } as const] : []),
    ...(reconciled ? imageProblems(reconciled, runState) : []),
    ...(flushedAt === undefined ? [] : [{ kind: 'flushed-since', at: flushedAt, weight: 'doubt' } as const]),
    ...tableProblems(facts),
    ...peopleProblems(facts.people),
  ];
  const order = WEIGHTS.flatMap((weight) => problems.filter((problem) => problem.weight === weight));
  return { verdict: VERDICTS[order[0]?.weight ?? 'none'], problems: order };
}

const WEIGHTS = ['proof', 'open', 'doubt'] as const;
const VERDICTS = { proof: 'bad', open: 'unfinished', doubt: 'look', none: 'good' } as const;

/** From these a run is resumed: an image without an outcome is not missing, it was not reached. */
const RESTING: readonly (RunState['kind'] | undefined)[] = ['paused', 'stopped', 'tripped', 'interrupted'];

function imageProblems(totals: ReconcileTotals, runState: RunState['kind'] | undefined): readonly ValidationProblem[] {
  const { counts, processedWithoutRows } = totals;
  const isRunning = runState === 'running';
  const problems: ValidationProblem[] = [
    {
      kind: 'without-outcome',
      images: counts.neither + counts['rows-without-outcome'],
      weight: isRunning || RESTING.includes(runState) ? 'open' : 'proof',
    },
    {
      kind: 'rows-missing',
      images: processedWithoutRows['person-has-no-rows'],
      // The table was read while images were written: an outcome may be newer than what was read.
      weight: isRunning ? 'open' : 'proof',
    },
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

/** What a person books: entries and zero-hour weeks. */
const booked = (counts: KindCounts): number => counts.entry + counts['zero-hour'];

function tableProblems({ now, backup }: ValidationFacts): readonly ValidationProblem[] {
  if (!backup) return [{ kind: 'not-compared', weight: 'doubt' }];
  const fewer = booked(backup.counts) - booked(now);
  return fewer > 0 ? [{ kind: 'fewer-entries', entries: fewer, weight: 'doubt' }] : [];
}

function peopleProblems(people: readonly PersonComparison[]): readonly ValidationProblem[] {
  const lost = people.filter(({ removed }) => removed > 0);
  const entries = lost.reduce((sum, { removed }) => sum + removed, 0);
  return lost.length === 0 ? [] : [{ kind: 'people-lost-entries', people: lost.length, entries, weight: 'doubt' }];
}
