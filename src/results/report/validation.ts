import { type KindCounts, timesheetRecords } from '../../pipeline/table/records.ts';
import type { RunState } from '../../run/model/types.ts';
import type { ReconcileTotals } from '../reconcile/reconcile-totals.ts';
import { type EntryHoursComparison, isWithoutLoss } from './entry-hours.ts';
import type { PersonComparison } from './people.ts';
import type { SharedWeeks } from './shared-weeks.ts';

/**
 * A problem that a validation found. `proof`: something is certainly missing; `open`: the run is not finished and may
 * still solve it; `doubt`: something to check.
 */
export type ValidationProblem =
  /** Images of the manifest without an outcome. */
  | { readonly kind: 'without-outcome'; readonly images: number; readonly weight: 'proof' | 'open' }
  /** Processed images whose rows cannot have been overwritten: they were deleted, or never written. */
  | { readonly kind: 'rows-missing'; readonly images: number; readonly weight: 'proof' | 'open' }
  | { readonly kind: 'outcome-of-no-image'; readonly images: number; readonly weight: 'proof' }
  /** While images are being processed nothing can be proven. */
  | { readonly kind: 'still-running'; readonly weight: 'open' }
  /** Records were deleted after the run had started: all, or those of the scope `what`. `at`: epoch ms. */
  | { readonly kind: 'flushed-since'; readonly at: number; readonly what?: string; readonly weight: 'doubt' }
  | { readonly kind: 'failed'; readonly images: number; readonly unlogged: number; readonly weight: 'doubt' }
  /** Images that were deleted from the bucket after the run was planned. */
  | { readonly kind: 'gone'; readonly images: number; readonly weight: 'doubt' }
  /** Processed images in whose reply the function's own validation found errors. */
  | { readonly kind: 'needs-review'; readonly images: number; readonly weight: 'doubt' }
  /** Failed images whose reply was too large: `withRows` of them have rows of this run all the same. */
  | { readonly kind: 'reply-too-large'; readonly images: number; readonly withRows: number; readonly weight: 'doubt' }
  /** Processed images whose rows may have been overwritten by another image of the same person, date and project. */
  | { readonly kind: 'rows-unclear'; readonly images: number; readonly weight: 'proof' | 'doubt' }
  | { readonly kind: 'older-rows-only'; readonly images: number; readonly weight: 'doubt' }
  | { readonly kind: 'rejected-unrecorded'; readonly images: number; readonly weight: 'doubt' }
  /**
   * The table has fewer timesheet entries and zero-hour weeks than the backup: `now` in place of `before`. Not where only entries
   * without hours are gone (see `isWithoutLoss`): a rescan may be meant to remove those.
   */
  | {
      readonly kind: 'fewer-entries';
      readonly entries: number;
      readonly before: number;
      readonly now: number;
      readonly weight: 'proof' | 'doubt';
    }
  /** Compared people have entries in the backup that are not in the table. */
  | {
      readonly kind: 'people-lost-entries';
      readonly people: number;
      readonly entries: number;
      readonly weight: 'doubt';
    }
  /** Weeks of a person that hold records of two or more images. */
  | ({ readonly kind: 'shared-weeks'; readonly weight: 'doubt' } & SharedWeeks)
  /** There is no verified backup, so it is unknown whether anything was lost. */
  | { readonly kind: 'not-compared'; readonly weight: 'doubt' };

/**
 * `good`: every image is accounted for, no week holds records of two images, and the table has no fewer entries than the backup. `look`: every image has an
 * outcome, but something should be checked. `unfinished`: the run is not finished, so nothing is proven. `bad`:
 * something is missing.
 */
export type Verdict = 'good' | 'look' | 'unfinished' | 'bad';

export interface ValidationFacts {
  /** Manifest, outcomes and rows, joined; undefined when no run was validated. */
  readonly reconciled?: ReconcileTotals;
  /** The state of the newest run whose outcomes count. */
  readonly runState?: RunState['kind'];
  /** The flush after the run had started: when (epoch ms), and of which scope if not of everything. */
  readonly flushed?: { readonly at: number; readonly what?: string };
  /** Records by kind in the table now. */
  readonly now: KindCounts;
  /** The backup with which the table is compared. */
  readonly backup?: { readonly id: string; readonly startedAt: number; readonly counts: KindCounts };
  readonly people: readonly PersonComparison[];
  /** Read where the table has fewer entries than the backup. */
  readonly entryHours?: EntryHoursComparison;
  /** Read where a run was validated. */
  readonly sharedWeeks?: SharedWeeks;
}

/** The verdict of a validation. Decided from the facts alone. */
export function judgeValidation(facts: ValidationFacts): {
  readonly verdict: Verdict;
  /** `proof` first, then `open`, then `doubt`. */
  readonly problems: readonly ValidationProblem[];
} {
  const { reconciled, runState, flushed, sharedWeeks } = facts;
  const problems: ValidationProblem[] = [
    ...(runState === 'running' ? [{ kind: 'still-running', weight: 'open' } as const] : []),
    ...(reconciled ? imageProblems(reconciled, runState) : []),
    ...(flushed === undefined ? [] : [{ kind: 'flushed-since', ...flushed, weight: 'doubt' } as const]),
    ...tableProblems(facts),
    ...peopleProblems(facts.people),
    ...(sharedWeeks && sharedWeeks.weeks > 0
      ? [{ kind: 'shared-weeks', ...sharedWeeks, weight: 'doubt' } as const]
      : []),
  ].map((problem, _, all) =>
    runState === 'completed' && isLoss(problem, all) ? { ...problem, weight: 'proof' } : problem,
  );
  const order = WEIGHTS.flatMap((weight) => problems.filter((problem) => problem.weight === weight));
  return { verdict: VERDICTS[order[0]?.weight ?? 'none'], problems: order };
}

/**
 * Whether images without rows explain missing entries: an image that another one overwrote costs no entry in total, so where the
 * table lacks at least as many entries as images have no rows, these rows were deleted or never written.
 */
function isLoss(
  problem: ValidationProblem,
  all: readonly ValidationProblem[],
): problem is Extract<ValidationProblem, { kind: 'rows-unclear' | 'fewer-entries' }> {
  if (problem.kind !== 'rows-unclear' && problem.kind !== 'fewer-entries') return false;
  const unclear = all.find(({ kind }) => kind === 'rows-unclear');
  const fewer = all.find(({ kind }) => kind === 'fewer-entries');
  return unclear?.kind === 'rows-unclear' && fewer?.kind === 'fewer-entries' && fewer.entries >= unclear.images;
}

const WEIGHTS = ['proof', 'open', 'doubt'] as const;
const VERDICTS = { proof: 'bad', open: 'unfinished', doubt: 'look', none: 'good' } as const;

/** A run in one of these states can be resumed: an image without an outcome was not reached yet. */
const RESUMABLE: readonly (RunState['kind'] | undefined)[] = ['paused', 'stopped', 'tripped', 'interrupted'];

function imageProblems(totals: ReconcileTotals, runState: RunState['kind'] | undefined): readonly ValidationProblem[] {
  const { counts, processedWithoutRows } = totals;
  const isRunning = runState === 'running';
  const problems: ValidationProblem[] = [
    {
      kind: 'without-outcome',
      images: counts.neither + counts['rows-without-outcome'],
      weight: isRunning || RESUMABLE.includes(runState) ? 'open' : 'proof',
    },
    {
      kind: 'rows-missing',
      images: processedWithoutRows.missing,
      // The table was read while the run was writing, so an outcome may be newer than its rows.
      weight: isRunning ? 'open' : 'proof',
    },
    { kind: 'outcome-of-no-image', images: counts['outcome-not-in-manifest'], weight: 'proof' },
    {
      kind: 'failed',
      images: counts['failed-with-record'] + counts['failed-without-record'],
      unlogged: counts['failed-without-record'],
      weight: 'doubt',
    },
    { kind: 'reply-too-large', ...totals.replyTooLarge, weight: 'doubt' },
    { kind: 'gone', images: counts.gone, weight: 'doubt' },
    { kind: 'needs-review', images: totals.needsReview, weight: 'doubt' },
    { kind: 'rows-unclear', images: processedWithoutRows.unclear, weight: 'doubt' },
    { kind: 'older-rows-only', images: counts['processed-with-older-rows'], weight: 'doubt' },
    { kind: 'rejected-unrecorded', images: counts['rejected-without-record'], weight: 'doubt' },
  ];
  return problems.filter((problem) => 'images' in problem && problem.images > 0);
}

/** How many fewer entries the table has than the backup; 0 where it has as many or more. */
export const fewerEntries = (backup: { readonly counts: KindCounts }, now: KindCounts): number =>
  Math.max(0, timesheetRecords(backup.counts) - timesheetRecords(now));

function tableProblems({ now, backup, entryHours }: ValidationFacts): readonly ValidationProblem[] {
  if (!backup) return [{ kind: 'not-compared', weight: 'doubt' }];
  const before = timesheetRecords(backup.counts);
  const after = timesheetRecords(now);
  return before > after && !(entryHours && isWithoutLoss(entryHours))
    ? [{ kind: 'fewer-entries', entries: before - after, before, now: after, weight: 'doubt' }]
    : [];
}

/** A person with the same hours in as many entries has lost none: a code was corrected, or entries without hours are gone. */
function peopleProblems(people: readonly PersonComparison[]): readonly ValidationProblem[] {
  const lost = people.filter(
    ({ removed, before, after }) => removed > 0 && (before.hours !== after.hours || after.withHours < before.withHours),
  );
  const entries = lost.reduce((sum, { removed }) => sum + removed, 0);
  return lost.length === 0 ? [] : [{ kind: 'people-lost-entries', people: lost.length, entries, weight: 'doubt' }];
}
