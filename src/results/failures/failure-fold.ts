import { defined } from '../../lib/defined.ts';
import { failureOf } from '../../pipeline/invoke/invocation.ts';
import type { Item } from '../../pipeline/table/item.ts';
import type { OutcomeRecord } from '../../run/model/types.ts';
import { type Cause, causeOf } from './cause.ts';
import { type FailureRow, failureRowOfRecord } from './failure-columns.ts';

/** One recorded failure: in the table, in the journal of a run, or in both. */
export interface Failure {
  readonly row: FailureRow;
  /** Empty when the record names no image. */
  readonly imageKey: string;
  /** Epoch ms; 0 when unknown. */
  readonly at: number;
  readonly failureType: string;
  readonly causeId: string;
  /** The run in which the image was processed (or rejected) after this failure. */
  readonly settledBy?: string;
}

/** An image whose last attempt failed. */
export interface LastFailure {
  readonly key: string;
  /** Undefined when the bucket was listed and does not contain the image. */
  readonly size?: number;
  readonly failureType: string;
  readonly causeId: string;
  readonly cause: string;
  /** How many attempts failed, as far as known. */
  readonly attempts: number;
  /** The run that saw the last failure, if any. */
  readonly runId?: string;
}

/** What is known about an image, one line each. The lines of an image are sorted by time, newest first. */
export type FailureSource =
  | { readonly kind: 'image'; readonly size: number }
  | { readonly kind: 'outcome'; readonly outcome: RunOutcome }
  | { readonly kind: 'record'; readonly item: Item };
export type RunOutcome = OutcomeRecord & { readonly runId: string };

/** What the newer lines of an image said, when it has too many lines to keep in memory. */
export interface FoldCarry {
  /** Whether they contained the last attempt. */
  readonly isDecided: boolean;
  /** The run of the oldest success among them. */
  readonly settledBy?: string;
}

/** A time as text that sorts the newest first. */
const LATEST_MS = 10_000_000_000_000;
const TIME_DIGITS = 15;
export const newestFirst = (at: number): string => String(LATEST_MS - Math.floor(at)).padStart(TIME_DIGITS, '0');

const [IMAGE, OUTCOME, RECORD] = ['i', 'o', 'r'];
/**
 * The largest difference between the clocks of the function and the bot for a record and an outcome of the same
 * failure.
 */
const SAME_FAILURE_MS = 60_000;
/** Two equal records of one image within this time were written by two loggers of the same invocation. */
const TWO_LOGGERS_MS = 5_000;
const MAX_TYPE_LENGTH = 100;

/** A line about one image, without line breaks. */
export function encodeSource(source: FailureSource): string {
  switch (source.kind) {
    case 'image':
      return `${newestFirst(LATEST_MS)}${IMAGE}${source.size}`;
    case 'outcome':
      return `${newestFirst(inRange(endOf(source.outcome)))}${OUTCOME}${JSON.stringify(source.outcome)}`;
    case 'record':
      return `${newestFirst(timeOf(stampOf(source.item)))}${RECORD}${JSON.stringify(source.item)}`;
  }
}

const stampOf = ({ FailureTimestamp: stamp }: Item): string | undefined =>
  stamp !== undefined && 'S' in stamp ? stamp.S : undefined;
const inRange = (at: number): number => (at >= 0 ? Math.min(Math.floor(at), LATEST_MS) : 0);
const timeOf = (stamp: string | undefined): number => inRange(Date.parse(stamp ?? ''));
const endOf = ({ startedAt, durationMs }: OutcomeRecord) => startedAt + durationMs;

interface DatedRow {
  readonly row: FailureRow;
  readonly at: number;
  readonly cause: Cause;
}

/**
 * The failures of one image, newest first, and the last failure if its last attempt failed. `values` are lines of
 * `encodeSource`, newest first. `isWhole`: they are all lines of the image. `isBucketRead`: an image without an image
 * line is not in the bucket.
 */
export function foldImage(
  imageKey: string,
  values: readonly string[],
  how: { readonly isBucketRead: boolean; readonly isWhole: boolean; readonly carry?: FoldCarry },
): { readonly failures: readonly Failure[]; readonly last?: LastFailure; readonly carry: FoldCarry } {
  const outcomes: RunOutcome[] = [];
  const records: DatedRow[] = [];
  let size: number | undefined;
  for (const value of values) {
    const json = value.slice(TIME_DIGITS + 1);
    switch (value[TIME_DIGITS]) {
      case IMAGE:
        size = Number(json);
        break;
      case OUTCOME:
        outcomes.push(JSON.parse(json));
        break;
      default:
        records.push(datedRow(failureRowOfRecord(JSON.parse(json)), imageKey));
    }
  }
  const failed = outcomes.filter(({ outcome }) => failureOf(outcome) !== undefined);
  const successes = outcomes
    .filter((outcome) => failureOf(outcome.outcome) === undefined && !failed.some((other) => corrects(other, outcome)))
    .sort((a, b) => endOf(a) - endOf(b));
  const laterSuccess = (at: number) => successes.find((success) => endOf(success) > at)?.runId ?? how.carry?.settledBy;

  const found = joinSources(imageKey, failed, imageKey === '' ? records : withoutTwins(records)).map(
    ({ row, at, cause }): Failure => {
      // Without a name no later success can be found.
      const settledBy = imageKey === '' ? undefined : laterSuccess(at);
      const named = imageKey === '' ? {} : { ImageKey: imageKey };
      return defined({
        row: defined({ ...row, ...named, Cause: cause.text, CauseId: cause.id, SettledBy: settledBy }),
        imageKey,
        at,
        failureType: (row.FailureType ?? 'OCR_ERROR').slice(0, MAX_TYPE_LENGTH),
        causeId: cause.id,
        settledBy,
      });
    },
  );
  found.sort((a, b) => b.at - a.at);
  const failures = how.isWhole && !how.carry && imageKey !== '' ? numbered(found) : found;
  const [newest] = failures;
  const oldestSuccess = successes[0]?.runId ?? how.carry?.settledBy;
  const carry: FoldCarry = defined({
    isDecided: how.carry?.isDecided === true || newest !== undefined,
    settledBy: oldestSuccess,
  });
  if (!newest || newest.settledBy !== undefined || how.carry?.isDecided || imageKey === '') return { failures, carry };
  const { row, failureType, causeId } = newest;
  const known = size ?? (how.isBucketRead ? undefined : Number(row.ImageSize) || 0);
  const last: LastFailure = defined({
    key: imageKey,
    size: known,
    failureType,
    causeId,
    cause: row.Cause ?? '',
    attempts: attemptOf(row) ?? failures.length,
    runId: row.RunId,
  });
  return { failures, last, carry };
}

/** Whether an outcome says that the rows of the same invocation are missing. */
const corrects = ({ outcome, runId, startedAt }: RunOutcome, other: RunOutcome): boolean =>
  outcome.kind === 'no-rows' && runId === other.runId && startedAt === other.startedAt;

const datedRow = (row: FailureRow, imageKey: string): DatedRow => ({
  row,
  at: timeOf(row.FailureTimestamp),
  cause: causeOf(row.ErrorMessage ?? '', imageKey),
});

/** Merges the records that two loggers wrote about one invocation. */
function withoutTwins(records: readonly DatedRow[]): readonly DatedRow[] {
  const kept: DatedRow[] = [];
  for (const record of [...records].sort((a, b) => b.at - a.at)) {
    const last = kept.at(-1);
    if (!last || !areTwins(last, record)) kept.push(record);
    else kept[kept.length - 1] = { ...last, row: { ...record.row, ...last.row } };
  }
  return kept;
}

function areTwins(newer: DatedRow, older: DatedRow): boolean {
  const [stream, other] = [newer.row.CloudWatchLogStream, older.row.CloudWatchLogStream];
  return (
    newer.at - older.at <= TWO_LOGGERS_MS &&
    newer.cause.id === older.cause.id &&
    (stream === undefined || other === undefined || stream === other)
  );
}

/**
 * Joins each outcome with the nearest record in time, if there is one. The other records and outcomes stay as they are.
 */
function joinSources(
  imageKey: string,
  outcomes: readonly RunOutcome[],
  records: readonly DatedRow[],
): readonly DatedRow[] {
  const pairs = records
    .flatMap((record) =>
      outcomes
        .filter(
          (outcome) =>
            record.at >= outcome.startedAt - SAME_FAILURE_MS && record.at <= endOf(outcome) + SAME_FAILURE_MS,
        )
        .map((outcome) => ({ record, outcome, distanceMs: Math.abs(record.at - endOf(outcome)) })),
    )
    .sort((a, b) => a.distanceMs - b.distanceMs);
  const outcomeOf = new Map<DatedRow, RunOutcome>();
  const taken = new Set<RunOutcome>();
  for (const { record, outcome } of pairs) {
    if (outcomeOf.has(record) || taken.has(outcome)) continue;
    outcomeOf.set(record, outcome);
    taken.add(outcome);
  }
  return [
    ...records.map((record) => ({ ...record, row: rowOfRecord(record.row, outcomeOf.get(record)) })),
    ...outcomes.filter((outcome) => !taken.has(outcome)).map((outcome) => datedRow(rowOfOutcome(outcome), imageKey)),
  ];
}

const rowOfRecord = (row: FailureRow, outcome: RunOutcome | undefined): FailureRow =>
  outcome === undefined
    ? { ...row, RecordedBy: 'table' }
    : defined({
        ...row,
        // The function knows only that it could not read the object.
        ...(outcome.outcome.kind === 'gone' && { FailureType: 'GONE' }),
        RecordedBy: 'table and run',
        RunId: outcome.runId,
        RequestId: outcome.requestId,
      });

function rowOfOutcome({ outcome, startedAt, durationMs, requestId, runId }: RunOutcome): FailureRow {
  const failure = failureOf(outcome);
  if (failure === undefined) return {};
  return defined({
    FailureTimestamp: new Date(startedAt + durationMs).toISOString(),
    FailureType: failure.failureType,
    ErrorMessage: failure.message,
    ErrorCode: failure.errorCode,
    ProcessingTimeSeconds: (durationMs / 1000).toFixed(3),
    RecordedBy: 'run',
    RunId: runId,
    RequestId: requestId,
  });
}

/**
 * Numbers the attempts from failure to failure: a logger counts only its own records (pipeline.md, "Its attempt count …
 * is always 1").
 */
function numbered(newestFirst: readonly Failure[]): readonly Failure[] {
  let before = 0;
  return newestFirst
    .toReversed()
    .map((failure) => {
      before = Math.max(attemptOf(failure.row) ?? 0, before + 1);
      return { ...failure, row: { ...failure.row, AttemptNumber: String(before) } };
    })
    .toReversed();
}

const attemptOf = ({ AttemptNumber: text }: FailureRow): number | undefined =>
  text !== undefined && /^\d{1,6}$/.test(text) ? Number(text) : undefined;
