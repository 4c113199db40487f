import type { Item } from '../../pipeline/table/item.ts';
import type { OutcomeRecord } from '../../run/model/types.ts';
import { type Cause, causeOf } from './cause.ts';
import { type FailureRow, failureRowOfRecord } from './failure-columns.ts';

/** One failure that is on record: in the table, in a run's journal, or in both. */
export interface Failure {
  readonly row: FailureRow;
  /** Empty where the record names none. */
  readonly imageKey: string;
  /** Epoch ms; 0 where it is not known. */
  readonly at: number;
  readonly failureType: string;
  readonly causeId: string;
  /** The run in which the image was processed (or rejected) after this failure. */
  readonly settledBy?: string;
}

/** An image whose last attempt failed. */
export interface LastFailure {
  readonly key: string;
  /** Undefined where the images of the bucket were read and it is not among them. */
  readonly size?: number;
  readonly failureType: string;
  readonly causeId: string;
  readonly cause: string;
  /** How often it was tried and failed, as far as is known. */
  readonly attempts: number;
  /** The run that saw the last failure, if one did. */
  readonly runId?: string;
}

/** What is on record of an image: how a line of it reads. Lines of one image stand by time, the newest first. */
export type FailureSource =
  | { readonly kind: 'image'; readonly size: number }
  | { readonly kind: 'outcome'; readonly outcome: RunOutcome }
  | { readonly kind: 'record'; readonly item: Item };
export type RunOutcome = OutcomeRecord & { readonly runId: string };

/** What is known of an image from its newer lines, where it has too many to be held at once. */
export interface FoldCarry {
  /** Whether its last attempt was among them. */
  readonly isDecided: boolean;
  /** The oldest success among them. */
  readonly settledBy?: string;
}

/** Time as text that sorts the newest first. */
const LATEST_MS = 10_000_000_000_000;
const TIME_DIGITS = 15;
export const newestFirst = (at: number): string => String(LATEST_MS - Math.floor(at)).padStart(TIME_DIGITS, '0');

const [IMAGE, OUTCOME, RECORD] = ['i', 'o', 'r'];
/** How far the function's clock may be from the bot's when a record and an outcome are the same failure. */
const SAME_FAILURE_MS = 60_000;
/** Two records of one image that say the same so shortly one after the other: two loggers of one invocation. */
const TWO_LOGGERS_MS = 5_000;
const LONGEST_TYPE = 100;

/** A line of one image, without line ends. */
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

interface Seen {
  readonly row: FailureRow;
  readonly at: number;
  readonly cause: Cause;
}

/**
 * The failures of one image, newest first, and its last one, if its last attempt was that. `values`: lines of `encodeSource`,
 * newest first; `isWhole`: all there are. `isBucketRead`: an image without a line of its own is not in the bucket.
 */
export function foldImage(
  imageKey: string,
  values: readonly string[],
  how: { readonly isBucketRead: boolean; readonly isWhole: boolean; readonly carry?: FoldCarry },
): { readonly failures: readonly Failure[]; readonly last?: LastFailure; readonly carry: FoldCarry } {
  const outcomes: RunOutcome[] = [];
  const records: Seen[] = [];
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
        records.push(seen(failureRowOfRecord(JSON.parse(json)), imageKey));
    }
  }
  const successes = outcomes.filter(({ outcome }) => outcome.kind !== 'failed').sort((a, b) => endOf(a) - endOf(b));
  const failed = outcomes.filter(({ outcome }) => outcome.kind === 'failed');
  const settlerOf = (at: number) => successes.find((success) => endOf(success) > at)?.runId ?? how.carry?.settledBy;

  const found = joined(imageKey, failed, imageKey === '' ? records : withoutTwins(records)).map(
    ({ row, at, cause }): Failure => {
      // Who is not named was not seen to go through.
      const settledBy = imageKey === '' ? undefined : settlerOf(at);
      const named = imageKey === '' ? {} : { ImageKey: imageKey };
      const settled = settledBy === undefined ? {} : { SettledBy: settledBy };
      return {
        row: { ...row, ...named, Cause: cause.text, CauseId: cause.id, ...settled },
        imageKey,
        at,
        failureType: (row.FailureType ?? 'OCR_ERROR').slice(0, LONGEST_TYPE),
        causeId: cause.id,
        ...(settledBy === undefined ? {} : { settledBy }),
      };
    },
  );
  found.sort((a, b) => b.at - a.at);
  const failures = how.isWhole && !how.carry && imageKey !== '' ? numbered(found) : found;
  const [newest] = failures;
  const oldestSuccess = successes[0]?.runId ?? how.carry?.settledBy;
  const carry: FoldCarry = {
    isDecided: how.carry?.isDecided === true || newest !== undefined,
    ...(oldestSuccess === undefined ? {} : { settledBy: oldestSuccess }),
  };
  if (!newest || newest.settledBy !== undefined || how.carry?.isDecided || imageKey === '') return { failures, carry };
  const { row, failureType, causeId } = newest;
  const known = size ?? (how.isBucketRead ? undefined : Number(row.ImageSize) || 0);
  const last: LastFailure = {
    key: imageKey,
    ...(known === undefined ? {} : { size: known }),
    failureType,
    causeId,
    cause: row.Cause ?? '',
    attempts: attemptOf(row) ?? failures.length,
    ...(row.RunId === undefined ? {} : { runId: row.RunId }),
  };
  return { failures, last, carry };
}

const seen = (row: FailureRow, imageKey: string): Seen => ({
  row,
  at: timeOf(row.FailureTimestamp),
  cause: causeOf(row.ErrorMessage ?? '', imageKey),
});

/** Records that two loggers wrote of one invocation are one: of both, what either knows. */
function withoutTwins(records: readonly Seen[]): readonly Seen[] {
  const kept: Seen[] = [];
  for (const record of [...records].sort((a, b) => b.at - a.at)) {
    const last = kept.at(-1);
    if (!last || !areTwins(last, record)) kept.push(record);
    else kept[kept.length - 1] = { ...last, row: { ...record.row, ...last.row } };
  }
  return kept;
}

function areTwins(newer: Seen, older: Seen): boolean {
  const [stream, other] = [newer.row.CloudWatchLogStream, older.row.CloudWatchLogStream];
  return (
    newer.at - older.at <= TWO_LOGGERS_MS &&
    newer.cause.id === older.cause.id &&
    (stream === undefined || other === undefined || stream === other)
  );
}

/** Each outcome with the record nearest to its end, where one can be of it; records and outcomes that are left by themselves. */
function joined(imageKey: string, outcomes: readonly RunOutcome[], records: readonly Seen[]): readonly Seen[] {
  const pairs = records
    .flatMap((record) =>
      outcomes
        .filter(
          (outcome) =>
            record.at >= outcome.startedAt - SAME_FAILURE_MS && record.at <= endOf(outcome) + SAME_FAILURE_MS,
        )
        .map((outcome) => ({ record, outcome, apart: Math.abs(record.at - endOf(outcome)) })),
    )
    .sort((a, b) => a.apart - b.apart);
  const outcomeOf = new Map<Seen, RunOutcome>();
  const taken = new Set<RunOutcome>();
  for (const { record, outcome } of pairs) {
    if (outcomeOf.has(record) || taken.has(outcome)) continue;
    outcomeOf.set(record, outcome);
    taken.add(outcome);
  }
  return [
    ...records.map((record) => ({ ...record, row: rowOfRecord(record.row, outcomeOf.get(record)) })),
    ...outcomes.filter((outcome) => !taken.has(outcome)).map((outcome) => seen(rowOfOutcome(outcome), imageKey)),
  ];
}

const rowOfRecord = (row: FailureRow, outcome: RunOutcome | undefined): FailureRow =>
  outcome === undefined
    ? { ...row, RecordedBy: 'table' }
    : {
        ...row,
        RecordedBy: 'table and run',
        RunId: outcome.runId,
        ...(outcome.requestId === undefined ? {} : { RequestId: outcome.requestId }),
      };

function rowOfOutcome({ outcome, startedAt, durationMs, requestId, runId }: RunOutcome): FailureRow {
  if (outcome.kind !== 'failed') return {};
  return {
    FailureTimestamp: new Date(startedAt + durationMs).toISOString(),
    FailureType: outcome.failureType,
    ErrorMessage: outcome.message,
    ...(outcome.errorCode === undefined ? {} : { ErrorCode: outcome.errorCode }),
    ProcessingTimeSeconds: (durationMs / 1000).toFixed(3),
    RecordedBy: 'run',
    RunId: runId,
    ...(requestId === undefined ? {} : { RequestId: requestId }),
  };
}

/**
 * Attempts count on from failure to failure: a logger counts its own records alone, and misses those that it could not write
 * (pipeline.md, "Its attempt count … is always 1").
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
