import { type FailureRow, failureRowOfRecord } from '../csv/failure-columns.ts';
import type { ListedImage } from '../pipeline/images.ts';
import { FAILURE_TYPES, type FailureType } from '../pipeline/reading.ts';
import { textOf, type WireItem } from '../pipeline/wire-value.ts';
import { causeOf } from './cause.ts';
import { createLineFile } from './diff-lines.ts';
import { createLineSorter, visitGroups } from './diff-sort.ts';
import { createTally, type TallyOf, type TopTotals } from './diff-tally.ts';
import type { JournalChunk } from './run-store.ts';
import type { OutcomeRecord } from './types.ts';

/** What is read; each once, all at the same time. */
export interface FailureSources {
  /** The journals of a run and of the runs that it retries. */
  readonly runs: readonly { readonly runId: string; readonly journal: AsyncIterable<Pick<JournalChunk, 'records'>> }[];
  /** Every FAILED_IMAGE record of the table. */
  readonly records: AsyncIterable<WireItem>;
  /** Sizes of images, where they are wanted. */
  readonly manifest?: AsyncIterable<{ readonly key: string; readonly size: number }>;
}

/** One failure that is on record: in the table, in a run's journal, or in both. */
export interface Failure {
  readonly row: FailureRow;
  readonly imageKey: string;
  /** Epoch ms; 0 where it is not known. */
  readonly at: number;
  readonly failureType: string;
  readonly causeId: string;
  /** The run in which the image was processed (or rejected) after this failure. */
  readonly settledBy?: string;
}

/** Which failures are meant; all that is given must hold. */
export interface FailureChoice {
  readonly failureType?: string;
  readonly causeId?: string;
  readonly images?: ReadonlySet<string>;
}

/** A cause and the images that failed of it last, and still are failed. */
export interface CauseTotals {
  readonly images: number;
  /** Epoch ms of the newest. */
  readonly newestAt: number;
  readonly id: string;
  readonly failureType: string;
  /** One whole message, as an example. */
  readonly example: string;
}

export interface FailureTotals {
  /** Images whose last attempt failed. */
  readonly images: number;
  /** Images that failed and were processed or rejected later. */
  readonly settledImages: number;
  readonly byType: Readonly<Record<string, number>>;
  /** Failures on record, and where. */
  readonly failures: number;
  readonly inTableOnly: number;
  readonly inRunOnly: number;
  readonly inBoth: number;
  /** Of those in a run only: of a type that the function itself could have logged. */
  readonly unlogged: number;
  readonly causes: TopTotals<CauseTotals>;
  /** The newest failures that are not settled. */
  readonly newest: readonly Failure[];
}

/** What was found; it is in temporary files until `dispose`. */
export interface Failures {
  readonly totals: FailureTotals;
  /** Newest first. Can be read again. */
  readonly all: (signal?: AbortSignal) => AsyncGenerator<Failure>;
  /** The images whose last attempt failed in a way that is chosen, each once, by key. */
  readonly images: (choice: FailureChoice, signal?: AbortSignal) => AsyncGenerator<ListedImage>;
  readonly dispose: () => Promise<void>;
}

export interface FailureOptions {
  /** How many causes are named; 10 where not given. */
  readonly top?: number;
  /** How many of the newest are named; 5 where not given. */
  readonly newest?: number;
  readonly signal?: AbortSignal;
  readonly memoryBytes?: number;
  /** Of the temporary files. */
  readonly folder?: string;
}

/** How far the function's clock may be from the bot's when a record and an outcome are the same failure. */
const SAME_FAILURE_MS = 60_000;
const LATEST_MS = 10_000_000_000_000;
const [MANIFEST, OUTCOME, RECORD] = ['m', 'o', 'r'];

/** The function is gone by then, or never began: it cannot log these (pipeline.md, "FailureType"). */
const SEEN_BY_CALLER_ONLY: ReadonlySet<string> = new Set<FailureType>([
  'TIMEOUT_ERROR',
  'OUT_OF_MEMORY',
  'INVOCATION_ERROR',
  'UNREADABLE_REPLY',
]);

type RunOutcome = OutcomeRecord & { readonly runId: string };
interface LastFailure {
  readonly key: string;
  readonly size: number;
  readonly failureType: string;
  readonly causeId: string;
}

/**
 * Everything that is known of failed images: the records of the table (by whatever logger) and the outcomes of the runs, joined
 * by image, exactly and in the same memory for any number. An image counts as failed if its last attempt failed; a record
 * of the table that no run knows is an attempt of its own time (an upload).
 * @throws what a source throws; the file system's error; `signal.reason`. No file is left then.
 */
export async function readFailures(sources: FailureSources, options: FailureOptions = {}): Promise<Failures> {
  const { signal, folder } = options;
  const space = {
    ...(options.memoryBytes === undefined ? {} : { memoryBytes: options.memoryBytes }),
    ...(folder === undefined ? {} : { folder }),
  };
  const byImage = createLineSorter(space);
  const byTime = createLineSorter(space);
  const rows = createLineFile(folder);
  const images = createLineFile(folder);
  const causes = createTally(causeTotals, space);
  const sum = createSum(options.newest ?? 5);
  const dispose = async () => {
    await rows.dispose();
    await images.dispose();
  };
  try {
    await sortSources(sources, byImage, signal);
    const visit = (key: string, values: readonly string[]) => {
      const { failures, last } = foldImage(JSON.parse(key), values);
      for (const failure of failures)
        byTime.add(`"${String(LATEST_MS - failure.at).padStart(15, '0')}"\t${JSON.stringify(failure)}`);
      sum.image(failures, last !== undefined);
      const [newest] = failures;
      if (!last || !newest) return;
      images.add(JSON.stringify(last));
      causes.add(`${last.failureType} ${newest.row.Cause ?? ''}`, {
        images: 1,
        newestAt: newest.at,
        id: last.causeId,
        failureType: last.failureType,
        example: newest.row.ErrorMessage ?? '',
      });
    };
    await visitGroups(byImage.sorted(signal), visit, async () => {
      signal?.throwIfAborted();
      await byTime.breathe();
      await images.breathe();
      await causes.breathe();
    });
    for await (const lines of byTime.sorted(signal)) {
      for (const line of lines) {
        const text = line.slice(line.indexOf('\t') + 1);
        rows.add(text);
        sum.newest(text);
      }
      await rows.breathe();
    }
    const totals = { ...sum.totals(), causes: await causes.top(options.top ?? 10, signal) };
    return {
      totals,
      async *all(stop) {
        for await (const lines of rows.read(stop))
          for (const line of lines) {
            const failure: Failure = JSON.parse(line);
            yield failure;
          }
      },
      async *images(choice, stop) {
        for await (const lines of images.read(stop))
          for (const line of lines) {
            const last: LastFailure = JSON.parse(line);
            if (isChosen(last, choice)) yield { key: last.key, size: last.size };
          }
      },
      dispose,
    };
  } catch (error) {
    await dispose();
    throw error;
  } finally {
    await byImage.dispose();
    await byTime.dispose();
    await causes.dispose();
  }
}

const isChosen = (last: LastFailure, { failureType, causeId, images }: FailureChoice): boolean =>
  (failureType === undefined || last.failureType === failureType) &&
  (causeId === undefined || last.causeId === causeId) &&
  (images === undefined || images.has(last.key));

/** Puts a line for each record, each outcome and each size into the sorter, by image. */
async function sortSources(
  sources: FailureSources,
  sorter: ReturnType<typeof createLineSorter>,
  signal: AbortSignal | undefined,
): Promise<void> {
  const BREATH = 500;
  let added = 0;
  const add = async (key: string, value: string) => {
    sorter.add(`${JSON.stringify(key)}\t${value}`);
    added += 1;
    if (added % BREATH !== 0) return;
    signal?.throwIfAborted();
    await sorter.breathe();
  };
  const readJournal = async ({ runId, journal }: FailureSources['runs'][number]) => {
    for await (const { records } of journal)
      for (const record of records) await add(record.key, `${OUTCOME}${JSON.stringify({ ...record, runId })}`);
  };
  const readRecords = async () => {
    for await (const item of sources.records)
      await add(textOf(item.ImageKey) ?? '', `${RECORD}${JSON.stringify(item)}`);
  };
  const readManifest = async () => {
    for await (const { key, size } of sources.manifest ?? []) await add(key, `${MANIFEST}${size}`);
  };
  // All are waited for: none may add to a sorter that is being disposed of.
  const ended = await Promise.allSettled([...sources.runs.map(readJournal), readRecords(), readManifest()]);
  for (const end of ended) if (end.status === 'rejected') throw end.reason;
}

/** The failures of one image, newest first, and its last one, if its last attempt was that. */
export function foldImage(
  imageKey: string,
  values: readonly string[],
): { readonly failures: readonly Failure[]; readonly last?: LastFailure } {
  const outcomes: RunOutcome[] = [];
  const records: WireItem[] = [];
  let size = 0;
  for (const value of values) {
    const json = value.slice(1);
    if (value[0] === OUTCOME) outcomes.push(JSON.parse(json));
    else if (value[0] === RECORD) records.push(JSON.parse(json));
    else size = Number(json);
  }
  const endOf = ({ startedAt, durationMs }: RunOutcome) => startedAt + durationMs;
  const successes = outcomes.filter(({ outcome }) => outcome.kind !== 'failed').sort((a, b) => endOf(a) - endOf(b));
  const unmatched = new Set(outcomes.filter(({ outcome }) => outcome.kind === 'failed'));
  const failures: Failure[] = [];
  const take = (row: FailureRow, at: number) => {
    const failureType = row.FailureType ?? 'OCR_ERROR';
    const cause = causeOf(row.ErrorMessage ?? '');
    const settledBy = successes.find((success) => endOf(success) > at);
    failures.push({
      row: {
        ...row,
        ImageKey: row.ImageKey ?? imageKey,
        Cause: cause.text,
        ...(settledBy ? { SettledBy: settledBy.runId } : {}),
      },
      imageKey,
      at,
      failureType,
      causeId: cause.id,
      ...(settledBy ? { settledBy: settledBy.runId } : {}),
    });
  };
  for (const item of records) {
    const row = failureRowOfRecord(item);
    const at = timeOf(row.FailureTimestamp);
    const same = [...unmatched].find(
      (outcome) => at >= outcome.startedAt - SAME_FAILURE_MS && at <= endOf(outcome) + SAME_FAILURE_MS,
    );
    if (same) unmatched.delete(same);
    size ||= Number(row.ImageSize ?? 0) || 0;
    take(
      same
        ? {
            ...row,
            RecordedBy: 'table and run',
            RunId: same.runId,
            ...(same.requestId === undefined ? {} : { RequestId: same.requestId }),
          }
        : { ...row, RecordedBy: 'table' },
      at,
    );
  }
  for (const record of unmatched) take(rowOfOutcome(record), endOf(record));
  failures.sort((a, b) => b.at - a.at);
  const [newest] = failures;
  return newest && newest.settledBy === undefined
    ? { failures, last: { key: imageKey, size, failureType: newest.failureType, causeId: newest.causeId } }
    : { failures };
}

function rowOfOutcome({ key, outcome, startedAt, durationMs, requestId, runId }: RunOutcome): FailureRow {
  if (outcome.kind !== 'failed') return {};
  return {
    ImageKey: key,
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

function timeOf(stamp: string | undefined): number {
  const at = Date.parse(stamp ?? '');
  return Number.isNaN(at) ? 0 : Math.min(at, LATEST_MS);
}

const causeTotals: TallyOf<CauseTotals> = {
  zero: { images: 0, newestAt: 0, id: '', failureType: '', example: '' },
  plus: (a, b) => {
    const newer = b.newestAt >= a.newestAt ? b : a;
    return { ...newer, images: a.images + b.images };
  },
  weight: ({ images }) => images,
  encode: (totals) => totals,
  decode: (json) => JSON.parse(json),
};

function createSum(mostNewest: number) {
  const byType: Record<string, number> = {};
  let failedImages = 0;
  let settledImages = 0;
  const where = { failures: 0, inTableOnly: 0, inRunOnly: 0, inBoth: 0, unlogged: 0 };
  const newest: Failure[] = [];
  return {
    image(failures: readonly Failure[], isFailed: boolean): void {
      const [last] = failures;
      if (!last) return;
      for (const { row } of failures) {
        where.failures += 1;
        if (row.RecordedBy === 'table') where.inTableOnly += 1;
        else if (row.RecordedBy === 'run') {
          where.inRunOnly += 1;
          if (!SEEN_BY_CALLER_ONLY.has(row.FailureType ?? '')) where.unlogged += 1;
        } else where.inBoth += 1;
      }
      if (!isFailed) {
        settledImages += 1;
        return;
      }
      failedImages += 1;
      byType[last.failureType] = (byType[last.failureType] ?? 0) + 1;
    },
    newest(line: string): void {
      if (newest.length >= mostNewest) return;
      const failure: Failure = JSON.parse(line);
      if (failure.settledBy === undefined) newest.push(failure);
    },
    totals: () => ({ images: failedImages, settledImages, byType, ...where, newest }),
  };
}

/** Whether a word is one of the types of failures that are known. */
export const isFailureType = (word: string): word is FailureType => FAILURE_TYPES.some((type) => type === word);
