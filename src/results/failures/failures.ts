import { createLineSorter, visitGroups } from '../../lib/disk/external-sort.ts';
import { createLineFile } from '../../lib/disk/lines.ts';
import type { ListedImage } from '../../pipeline/images.ts';
import { FAILURE_TYPES, type FailureType } from '../../pipeline/invoke/invocation.ts';
import { type Item, textOf } from '../../pipeline/table/item.ts';
import { isLaterRun } from '../../run/store/run-chain.ts';
import type { JournalChunk } from '../../run/store/run-store.ts';
import {
  encodeSource,
  type Failure,
  type FoldCarry,
  foldImage,
  type LastFailure,
  newestFirst,
} from './failure-fold.ts';
import { createFailureTotals, type FailureTotals } from './failure-totals.ts';

/** What is read; each once, all at the same time. */
export interface FailureSources {
  /** The journals of a run and of the runs about the same images, the newest run first. */
  readonly runs: readonly { readonly runId: string; readonly journal: AsyncIterable<Pick<JournalChunk, 'records'>> }[];
  /** Every FAILED_IMAGE record of the table, in as many streams as are read side by side. */
  readonly records: readonly AsyncIterable<Item>[];
  /** The images that the bucket holds now, where it matters what can be tried again. */
  readonly bucket?: AsyncIterable<ListedImage>;
}

/** Which failures are meant; all that is given must hold. */
export interface FailureChoice {
  readonly failureType?: string;
  readonly causeId?: string;
  readonly images?: ReadonlySet<string>;
}

/** What a choice comes to. */
export interface ChosenFailures {
  /** Images that can be tried again. */
  readonly images: number;
  /** Images that the bucket does not hold any more. */
  readonly gone: number;
  /** Which attempt at them the next one is. */
  readonly attempt: number;
  /** The newest run in which any of them failed last. */
  readonly runId?: string;
  /** In words, where a single cause was chosen. */
  readonly cause?: string;
}

/** What was found; it is in temporary files until `dispose`. */
export interface Failures {
  readonly totals: FailureTotals;
  /** Newest first. Can be read again. */
  readonly all: (signal?: AbortSignal) => AsyncGenerator<Failure>;
  readonly choose: (choice: FailureChoice, signal?: AbortSignal) => Promise<ChosenFailures>;
  /** The images whose last attempt failed in a way that is chosen and that are still there, each once, by key. */
  readonly images: (choice: FailureChoice, signal?: AbortSignal) => AsyncGenerator<ListedImage>;
  readonly dispose: () => Promise<void>;
}

export interface FailureOptions {
  /** How many causes are named; 10 where not given. */
  readonly top?: number;
  /** How many of the newest are named; 10 where not given. */
  readonly newest?: number;
  /** A run whose own causes are wanted too. */
  readonly inRun?: string;
  readonly signal?: AbortSignal;
  readonly memoryBytes?: number;
  /** Of the temporary files. */
  readonly folder?: string;
}

/** An image with more on record than this is read piece by piece: what is held of one must not grow. */
const MOST_LINES_AT_ONCE = 500;

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
  const isBucketRead = sources.bucket !== undefined;
  const byImage = createLineSorter(space);
  const byTime = createLineSorter(space);
  const rows = createLineFile(folder);
  const images = createLineFile(folder);
  const sum = createFailureTotals({
    ...space,
    causes: options.top ?? 10,
    newest: options.newest ?? 10,
    ...(options.inRun === undefined ? {} : { inRun: options.inRun }),
  });
  const dispose = async () => {
    await rows.dispose();
    await images.dispose();
  };
  try {
    await sortSources(sources, byImage, signal);
    let carry: FoldCarry | undefined;
    const visit = (key: string, values: readonly string[], piece: { isFirst: boolean; isLast: boolean }) => {
      const before = piece.isFirst ? undefined : carry;
      const folded = foldImage(JSON.parse(key), values, {
        isBucketRead,
        isWhole: piece.isFirst && piece.isLast,
        ...(before ? { carry: before } : {}),
      });
      const { failures, last } = folded;
      carry = folded.carry;
      for (const failure of failures) byTime.add(`"${newestFirst(failure.at)}"\t${JSON.stringify(failure)}`);
      if (last) images.add(JSON.stringify(last));
      const isSettled = failures[0]?.settledBy !== undefined && before?.isDecided !== true;
      sum.image(failures, { ...(last ? { last } : {}), isSettled });
    };
    const flushIfLarge = async () => {
      signal?.throwIfAborted();
      await byTime.flushIfLarge();
      await images.flushIfLarge();
      await sum.flushIfLarge();
    };
    await visitGroups(byImage.sorted(signal), visit, flushIfLarge, MOST_LINES_AT_ONCE);
    for await (const lines of byTime.sorted(signal)) {
      for (const line of lines) {
        const text = line.slice(line.indexOf('\t') + 1);
        rows.add(text);
        sum.offerNewest(text);
      }
      await rows.flushIfLarge();
    }
    const totals = await sum.totals(signal);
    async function* chosen(choice: FailureChoice, stop: AbortSignal | undefined): AsyncGenerator<LastFailure> {
      for await (const lines of images.read(stop))
        for (const line of lines) {
          const last: LastFailure = JSON.parse(line);
          if (isChosen(last, choice)) yield last;
        }
    }
    return {
      totals,
      async *all(stop) {
        for await (const lines of rows.read(stop))
          for (const line of lines) {
            const failure: Failure = JSON.parse(line);
            yield failure;
          }
      },
      choose: (choice, stop) => sumUp(chosen(choice, stop), choice),
      async *images(choice, stop) {
        for await (const { key, size } of chosen(choice, stop)) if (size !== undefined) yield { key, size };
      },
      dispose,
    };
  } catch (error) {
    await dispose();
    throw error;
  } finally {
    await byImage.dispose();
    await byTime.dispose();
    await sum.dispose();
  }
}

const isChosen = (last: LastFailure, { failureType, causeId, images }: FailureChoice): boolean =>
  (failureType === undefined || last.failureType === failureType) &&
  (causeId === undefined || last.causeId === causeId) &&
  (images === undefined || images.has(last.key));

async function sumUp(chosen: AsyncIterable<LastFailure>, choice: FailureChoice): Promise<ChosenFailures> {
  let images = 0;
  let gone = 0;
  let attempts = 0;
  let runId: string | undefined;
  let cause: string | undefined;
  for await (const last of chosen) {
    if (last.size === undefined) gone += 1;
    else images += 1;
    attempts = Math.max(attempts, last.attempts);
    if (last.runId !== undefined && (runId === undefined || isLaterRun(last.runId, runId))) runId = last.runId;
    cause ??= last.cause;
  }
  return {
    images,
    gone,
    attempt: attempts + 1,
    ...(runId === undefined ? {} : { runId }),
    ...(cause === undefined || choice.causeId === undefined ? {} : { cause }),
  };
}

/** Puts a line for each record, each outcome and each image of the bucket into the sorter, by image. */
async function sortSources(
  sources: FailureSources,
  sorter: ReturnType<typeof createLineSorter>,
  signal: AbortSignal | undefined,
): Promise<void> {
  const BREATH_LINES = 500;
  const BREATH_CHARACTERS = 2 ** 20;
  let lines = 0;
  let characters = 0;
  const add = async (key: string, value: string) => {
    sorter.add(`${JSON.stringify(key)}\t${value}`);
    lines += 1;
    characters += value.length;
    if (lines < BREATH_LINES && characters < BREATH_CHARACTERS) return;
    lines = 0;
    characters = 0;
    signal?.throwIfAborted();
    await sorter.flushIfLarge();
  };
  const readJournal = async ({ runId, journal }: FailureSources['runs'][number]) => {
    for await (const { records } of journal)
      for (const record of records)
        await add(record.key, encodeSource({ kind: 'outcome', outcome: { ...record, runId } }));
  };
  const readRecords = async (records: AsyncIterable<Item>) => {
    for await (const item of records) await add(textOf(item.ImageKey) ?? '', encodeSource({ kind: 'record', item }));
  };
  const readBucket = async () => {
    for await (const { key, size } of sources.bucket ?? []) await add(key, encodeSource({ kind: 'image', size }));
  };
  // All are waited for: none may add to a sorter that is being disposed of.
  const ended = await Promise.allSettled([
    ...sources.runs.map(readJournal),
    ...sources.records.map(readRecords),
    readBucket(),
  ]);
  for (const end of ended) if (end.status === 'rejected') throw end.reason;
}

/** Whether a word is one of the types of failures that are known. */
export const isFailureType = (word: string): word is FailureType => FAILURE_TYPES.some((type) => type === word);
