import { defined } from '../../lib/defined.ts';
import { createLineSorter, visitGroups } from '../../lib/disk/external-sort.ts';
import { createLineFile, readJsonLines } from '../../lib/disk/lines.ts';
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

/** The sources. Each is read once, all at the same time. */
export interface FailureSources {
  /** The journals of the runs, newest run first. */
  readonly runs: readonly { readonly runId: string; readonly journal: AsyncIterable<Pick<JournalChunk, 'records'>> }[];
  /** The records of failed images in the table, with the default names of their attributes, in streams that are read concurrently. */
  readonly records: readonly AsyncIterable<Item>[];
  /** The images that are in the bucket now; given when it matters which can be retried. */
  readonly bucket?: AsyncIterable<ListedImage>;
}

/** A selection of failures; every given property must match. */
export interface FailureChoice {
  readonly failureType?: string;
  readonly causeId?: string;
  readonly images?: ReadonlySet<string>;
}

/** What a selection contains. */
export interface ChosenFailures {
  /** Images that can be retried. */
  readonly images: number;
  /** Images that are no longer in the bucket. */
  readonly gone: number;
  /** The number of the next attempt. */
  readonly attempt: number;
  /** The newest run that saw the last failure of one of them. */
  readonly runId?: string;
  /** The text of the cause, when a single cause was selected. */
  readonly cause?: string;
}

/** The failures, in temporary files until `dispose`. */
export interface Failures {
  readonly totals: FailureTotals;
  /** Every failure, newest first. Can be read repeatedly. */
  readonly all: () => AsyncGenerator<Failure>;
  readonly choose: (choice: FailureChoice) => Promise<ChosenFailures>;
  /** The selected images that are still in the bucket, each once, sorted by key. */
  readonly images: (choice: FailureChoice) => AsyncGenerator<ListedImage>;
  readonly dispose: () => Promise<void>;
}

export interface FailureOptions {
  /** How many causes are listed; 10 by default. */
  readonly top?: number;
  /** How many of the newest failures are listed; 10 by default. */
  readonly newest?: number;
  /** A run whose causes are listed separately. */
  readonly inRun?: string;
  readonly memoryBytes?: number;
  /** The folder of the temporary files. */
  readonly folder?: string;
}

/** An image with more lines than this is processed in pieces, so that memory does not grow. */
const MAX_LINES_AT_ONCE = 500;

/**
 * Everything that is known about failed images: the records of the table and the outcomes of the runs, joined by image,
 * exactly and in constant memory. An image counts as failed if its last attempt failed. A record that no run knows is
 * an attempt of its own (an upload).
 * @throws the error of a source; the file system's error. No temporary file is left then.
 */
export async function readFailures(sources: FailureSources, options: FailureOptions = {}): Promise<Failures> {
  const { folder } = options;
  const sorterOptions = defined({ memoryBytes: options.memoryBytes, folder });
  const isBucketRead = sources.bucket !== undefined;
  const byImage = createLineSorter(sorterOptions);
  const byTime = createLineSorter(sorterOptions);
  const rows = createLineFile(folder);
  const images = createLineFile(folder);
  const failureTotals = createFailureTotals(
    defined({ ...sorterOptions, causes: options.top ?? 10, newest: options.newest ?? 10, inRun: options.inRun }),
  );
  const dispose = async () => {
    await rows.dispose();
    await images.dispose();
  };
  try {
    await sortSources(sources, byImage);
    let carry: FoldCarry | undefined;
    const visit = (key: string, values: readonly string[], piece: { isFirst: boolean; isLast: boolean }) => {
      const before = piece.isFirst ? undefined : carry;
      const folded = foldImage(JSON.parse(key), values, {
        isBucketRead,
        isWhole: piece.isFirst && piece.isLast,
        ...defined({ carry: before }),
      });
      const { failures, last } = folded;
      carry = folded.carry;
      for (const failure of failures) byTime.add(`"${newestFirst(failure.at)}"\t${JSON.stringify(failure)}`);
      if (last) images.add(JSON.stringify(last));
      const isSettled = failures[0]?.settledBy !== undefined && before?.isDecided !== true;
      failureTotals.image(failures, defined({ last, isSettled }));
    };
    const flushIfLarge = async () => {
      await byTime.flushIfLarge();
      await images.flushIfLarge();
      await failureTotals.flushIfLarge();
    };
    await visitGroups(byImage.sorted(), visit, flushIfLarge, MAX_LINES_AT_ONCE);
    for await (const lines of byTime.sorted()) {
      for (const line of lines) {
        const text = line.slice(line.indexOf('\t') + 1);
        rows.add(text);
        failureTotals.offerNewest(text);
      }
      await rows.flushIfLarge();
    }
    const totals = await failureTotals.totals();
    async function* chosen(choice: FailureChoice): AsyncGenerator<LastFailure> {
      for await (const last of readJsonLines<LastFailure>(images)) if (isChosen(last, choice)) yield last;
    }
    return {
      totals,
      all: () => readJsonLines<Failure>(rows),
      choose: (choice) => summarise(chosen(choice), choice),
      async *images(choice) {
        for await (const { key, size } of chosen(choice)) if (size !== undefined) yield { key, size };
      },
      dispose,
    };
  } catch (error) {
    await dispose();
    throw error;
  } finally {
    await byImage.dispose();
    await byTime.dispose();
    await failureTotals.dispose();
  }
}

const isChosen = (last: LastFailure, { failureType, causeId, images }: FailureChoice): boolean =>
  (failureType === undefined || last.failureType === failureType) &&
  (causeId === undefined || last.causeId === causeId) &&
  (images === undefined || images.has(last.key));

async function summarise(chosen: AsyncIterable<LastFailure>, choice: FailureChoice): Promise<ChosenFailures> {
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
  return defined({
    images,
    gone,
    attempt: attempts + 1,
    runId,
    cause: choice.causeId === undefined ? undefined : cause,
  });
}

/** Adds a line for each record, outcome and image of the bucket to the sorter, by image. */
async function sortSources(sources: FailureSources, sorter: ReturnType<typeof createLineSorter>): Promise<void> {
  const LINES_PER_FLUSH = 500;
  const CHARACTERS_PER_FLUSH = 2 ** 20;
  let lines = 0;
  let characters = 0;
  const add = async (key: string, value: string) => {
    sorter.add(`${JSON.stringify(key)}\t${value}`);
    lines += 1;
    characters += value.length;
    if (lines < LINES_PER_FLUSH && characters < CHARACTERS_PER_FLUSH) return;
    lines = 0;
    characters = 0;
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
  // All must have ended, because none may add to a sorter that is being disposed of.
  const ended = await Promise.allSettled([
    ...sources.runs.map(readJournal),
    ...sources.records.map(readRecords),
    readBucket(),
  ]);
  for (const end of ended) if (end.status === 'rejected') throw end.reason;
}

/** Whether a text is a known failure type. */
export const isFailureType = (text: string): text is FailureType => FAILURE_TYPES.some((type) => type === text);
