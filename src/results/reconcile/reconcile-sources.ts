import { type LineSorter, visitLines } from '../../lib/disk/external-sort.ts';
import type { Item } from '../../pipeline/table/item.ts';
import { type KeyNames, PIPELINE_KEYS } from '../../pipeline/table/records.ts';
import type { OutcomeRecord } from '../../run/model/types.ts';
import type { JournalChunk } from '../../run/store/run-store.ts';
import { spellingOf } from './image-spelling.ts';
import { addRows, type ImageFacts, type ImageOutcome, type ImageRows, noRows } from './reconcile-image.ts';
import { decodeRows, encodeRows, rowsOfPage } from './reconcile-rows.ts';
import type { ReconcileSum } from './reconcile-totals.ts';

/** What is joined; each is read once, all at the same time. */
export interface ReconcileSources {
  readonly manifest: AsyncIterable<{ readonly key: string }>;
  /** In order: of several outcomes of an image the first counts. */
  readonly journal: AsyncIterable<Pick<JournalChunk, 'records'>>;
  /** The table, in as many streams as it comes in. */
  readonly rows: readonly AsyncIterable<{ readonly items: readonly Item[] }>[];
}

export interface ReconcileOptions {
  /** When the run began, epoch ms: tells images that were added meanwhile from others. */
  readonly startedAt?: number;
  readonly keys?: KeyNames;
  /** The bucket of the images: a record may name an image with it. */
  readonly bucket?: string;
  /** How far the function's clock may be behind the bot's; a minute where not given. */
  readonly clockSkewMs?: number;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: ReconcileProgress) => void;
  readonly memoryBytes?: number;
  /** Of the temporary files. */
  readonly folder?: string;
}

/** How many were read of each source; then how many images were joined. */
export interface ReconcileProgress {
  readonly images: number;
  readonly outcomes: number;
  readonly records: number;
  readonly joined: number;
}

/** Which source a line is from; within a spelling they stand in this order. */
const [MANIFEST, OUTCOME, ROWS] = ['m', 'o', 'r'];

/**
 * A line by image: its spelling, a tab, which source, the order where that counts, the exact key where it is not the spelling,
 * a tab, and what is known.
 */
const imageLine = (name: string, bucket: string | undefined, head: string, known: string): string => {
  const spelling = spellingOf(name, bucket);
  return `${JSON.stringify(spelling)}\t${head}${spelling === name ? '' : JSON.stringify(name)}\t${known}`;
};
/** In the lines by person: that the person has rows. It stands before the images that have none. */
export const PERSON_HAS_ROWS = 'h';

/** Puts a line for each image of the manifest, each outcome, and each page's rows of an image into the sorters. */
export async function readSources(
  sources: ReconcileSources,
  options: ReconcileOptions,
  { byImage, byPerson, sum }: { byImage: LineSorter; byPerson: LineSorter; sum: ReconcileSum },
): Promise<ReconcileProgress> {
  const { signal, bucket, keys = PIPELINE_KEYS } = options;
  const read = { images: 0, outcomes: 0, records: 0, joined: 0 };
  let failure: { readonly error: unknown } | undefined;
  const step = async () => {
    if (failure !== undefined) throw failure.error;
    signal?.throwIfAborted();
    options.onProgress?.({ ...read });
    await byImage.flushIfLarge();
    await byPerson.flushIfLarge();
  };
  const orFail = async (work: () => Promise<void>) => {
    try {
      await work();
    } catch (error) {
      failure ??= { error };
    }
  };
  const readManifestKeys = async () => {
    for await (const { key } of sources.manifest) {
      byImage.add(imageLine(key, bucket, MANIFEST, ''));
      read.images += 1;
      if (read.images % 500 === 0) await step();
    }
  };
  const readJournal = async () => {
    for await (const { records } of sources.journal) {
      for (const record of records) {
        const order = String(read.outcomes).padStart(12, '0');
        byImage.add(imageLine(record.key, bucket, `${OUTCOME}${order}`, JSON.stringify(outcomeOf(record))));
        read.outcomes += 1;
      }
      await step();
    }
  };
  const readRows = async (pages: ReconcileSources['rows'][number]) => {
    for await (const { items } of pages) {
      const found = rowsOfPage(items, keys, sum.record);
      for (const [key, rows] of found.byImage) byImage.add(imageLine(key, bucket, ROWS, encodeRows(rows)));
      for (const person of found.people) byPerson.add(`${JSON.stringify(person)}\t${PERSON_HAS_ROWS}`);
      read.records += items.length;
      await step();
    }
  };
  // All are waited for, whatever fails: none may add to a sorter that is being disposed of.
  await Promise.all([
    orFail(readManifestKeys),
    orFail(readJournal),
    ...sources.rows.map((pages) => orFail(() => readRows(pages))),
  ]);
  await step();
  return read;
}

function outcomeOf({ outcome, startedAt, requestId }: OutcomeRecord): ImageOutcome {
  const about = { kind: outcome.kind, startedAt, ...(requestId !== undefined && { requestId }) };
  switch (outcome.kind) {
    case 'processed':
      return {
        ...about,
        ...(outcome.entriesStored !== undefined && { entriesStored: outcome.entriesStored }),
        ...(outcome.resourceName !== undefined && { resourceName: outcome.resourceName }),
      };
    case 'rejected':
      return about;
    case 'failed':
      return { ...about, failureType: outcome.failureType };
  }
}

const ORDER_DIGITS = 12;

/** What the sources say under one exact key. */
interface Named {
  inManifest: boolean;
  outcome: ImageOutcome | undefined;
  rows: ImageRows;
}

/**
 * Calls `visit` with what is known of each image. Sources meet under the exact key; records that name no image of the manifest or
 * the journal exactly are those of the one image of the manifest that is spelled like them, if it is the only one.
 */
export async function joinByImage(
  byImage: LineSorter,
  sum: ReconcileSum,
  flushIfLarge: () => Promise<void>,
  signal: AbortSignal | undefined,
  visit: (facts: ImageFacts) => void,
): Promise<void> {
  let current: string | undefined;
  let named = new Map<string, Named>();
  const settle = () => {
    const wanted = [...named.values()].filter(({ inManifest }) => inManifest);
    const [only] = wanted.length === 1 ? wanted : [];
    for (const [key, it] of named) {
      if (it.inManifest || it.outcome !== undefined || only === undefined) continue;
      only.rows = addRows(only.rows, it.rows);
      sum.spelledOtherwise();
      named.delete(key);
    }
    for (const [key, it] of named) visit({ key, ...it });
  };
  const take = (spelling: string, value: string) => {
    if (spelling !== current) {
      settle();
      current = spelling;
      named = new Map();
    }
    const tab = value.indexOf('\t');
    const head = value[0] === OUTCOME ? 1 + ORDER_DIGITS : 1;
    const key: string = JSON.parse(tab > head ? value.slice(head, tab) : spelling);
    const it = named.get(key) ?? { inManifest: false, outcome: undefined, rows: noRows };
    named.set(key, it);
    switch (value[0]) {
      case MANIFEST:
        if (it.inManifest) sum.repeatedKey();
        it.inManifest = true;
        break;
      case OUTCOME:
        if (it.outcome !== undefined) sum.repeatedOutcome();
        it.outcome ??= JSON.parse(value.slice(tab + 1));
        break;
      default:
        it.rows = addRows(it.rows, decodeRows(value.slice(tab + 1)));
    }
  };
  await visitLines(byImage.sorted(signal), take, flushIfLarge);
  settle();
  await flushIfLarge();
}
