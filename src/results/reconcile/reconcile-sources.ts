import { defined } from '../../lib/defined.ts';
import { type LineSorter, visitLines } from '../../lib/disk/external-sort.ts';
import type { Item } from '../../pipeline/table/item.ts';
import type { RecordShape } from '../../pipeline/table/records.ts';
import type { OutcomeRecord } from '../../run/model/types.ts';
import { normaliseKey } from '../../run/proof/image-spelling.ts';
import type { JournalChunk } from '../../run/store/run-store.ts';
import { addRows, type ImageFacts, type ImageOutcome, type ImageRows, noRows } from './reconcile-image.ts';
import { decodeRows, encodeRows, rowsOfPage } from './reconcile-rows.ts';
import type { ReconcileTotalsBuilder } from './reconcile-totals.ts';

/** The sources that are joined. Each is read once, all at the same time. */
export interface ReconcileSources {
  readonly manifest: AsyncIterable<{ readonly key: string }>;
  /** In order, because the last outcome of an image counts. */
  readonly journal: AsyncIterable<Pick<JournalChunk, 'records'>>;
  /** The table, in streams that are read concurrently. */
  readonly rows: readonly AsyncIterable<{ readonly items: readonly Item[] }>[];
}

export interface ReconcileOptions {
  /** When the run started, epoch ms. It distinguishes images that were added since. */
  readonly startedAt?: number;
  readonly keys: RecordShape;
  /** The bucket of the images, because a record may name an image with its bucket. */
  readonly bucket?: string;
  /** How far the clock of the function may be behind that of the bot; a minute by default. */
  readonly clockSkewMs?: number;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: ReconcileProgress) => void;
  /** Called with all records of the table, page by page, so that another question needs no second scan. */
  readonly onRecords?: (items: readonly Item[]) => Promise<void>;
  readonly memoryBytes?: number;
  /** The folder of the temporary files. */
  readonly folder?: string;
}

/** How much was read from each source, and how many images were joined. */
export interface ReconcileProgress {
  readonly images: number;
  readonly outcomes: number;
  readonly records: number;
  readonly joined: number;
}

/** The source of a line. Lines of one key sort in this order. */
const [MANIFEST, OUTCOME, ROWS] = ['m', 'o', 'r'];

/**
 * A line about an image: its normalised key, a tab, the source, the order of an outcome, the exact key if it differs, a
 * tab, and the content.
 */
const imageLine = (name: string, bucket: string | undefined, head: string, content: string): string => {
  const normalised = normaliseKey(name, bucket);
  return `${JSON.stringify(normalised)}\t${head}${normalised === name ? '' : JSON.stringify(name)}\t${content}`;
};
/** In the lines by person: rows of the person. They sort before the images without rows. */
export const PERSON_HAS_ROWS = 'h';

/** Adds a line for each image of the manifest, each outcome, and the rows of each image on a page to the sorters. */
export async function readSources(
  sources: ReconcileSources,
  options: ReconcileOptions,
  { byImage, byPerson, totals }: { byImage: LineSorter; byPerson: LineSorter; totals: ReconcileTotalsBuilder },
): Promise<ReconcileProgress> {
  const { signal, bucket, keys } = options;
  const read = { images: 0, outcomes: 0, records: 0, joined: 0 };
  let failure: { readonly error: unknown } | undefined;
  const flushAndReport = async () => {
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
      if (read.images % 500 === 0) await flushAndReport();
    }
  };
  const readJournal = async () => {
    for await (const { records } of sources.journal) {
      for (const record of records) {
        const order = String(read.outcomes).padStart(12, '0');
        byImage.add(imageLine(record.key, bucket, `${OUTCOME}${order}`, JSON.stringify(outcomeOf(record))));
        read.outcomes += 1;
      }
      await flushAndReport();
    }
  };
  const readRows = async (pages: ReconcileSources['rows'][number]) => {
    for await (const { items } of pages) {
      const found = rowsOfPage(items, keys, totals.addRecord);
      for (const [key, rows] of found.byImage) byImage.add(imageLine(key, bucket, ROWS, encodeRows(rows)));
      for (const { person, rows: group } of found.written)
        byPerson.add(`${JSON.stringify(person)}\t${PERSON_HAS_ROWS}${JSON.stringify(group)}`);
      await options.onRecords?.(items);
      read.records += items.length;
      await flushAndReport();
    }
  };
  // All must have ended, because none may add to a sorter that is being disposed of.
  await Promise.all([
    orFail(readManifestKeys),
    orFail(readJournal),
    ...sources.rows.map((pages) => orFail(() => readRows(pages))),
  ]);
  await flushAndReport();
  return read;
}

function outcomeOf({ outcome, index, startedAt, durationMs }: OutcomeRecord): ImageOutcome {
  const common = { kind: outcome.kind, index, startedAt, endedAt: startedAt + durationMs };
  switch (outcome.kind) {
    case 'processed':
    case 'no-rows': {
      const { entriesStored, resourceName, dateRange } = outcome;
      const needsReview = outcome.kind === 'processed' && outcome.review ? (true as const) : undefined;
      return defined({ ...common, entriesStored, resourceName, dateRange, needsReview });
    }
    case 'rejected':
    case 'gone':
      return common;
    case 'failed':
      return { ...common, failureType: outcome.failureType };
  }
}

const ORDER_DIGITS = 12;

/** What the sources say about one exact key. */
interface KeyFacts {
  inManifest: boolean;
  outcome: ImageOutcome | undefined;
  rows: ImageRows;
}

/**
 * Calls `visit` with the facts of each image. Sources are joined by the exact key. Records that name no image exactly
 * belong to the image of the manifest with the same normalised key, if there is exactly one.
 */
export async function joinByImage(
  byImage: LineSorter,
  totals: ReconcileTotalsBuilder,
  flushIfLarge: () => Promise<void>,
  signal: AbortSignal | undefined,
  visit: (facts: ImageFacts) => void,
): Promise<void> {
  let current: string | undefined;
  let factsByKey = new Map<string, KeyFacts>();
  const visitImages = () => {
    const inManifest = [...factsByKey.values()].filter((facts) => facts.inManifest);
    const [only] = inManifest.length === 1 ? inManifest : [];
    for (const [key, facts] of factsByKey) {
      if (facts.inManifest || facts.outcome !== undefined || only === undefined) continue;
      only.rows = addRows(only.rows, facts.rows);
      totals.addOtherSpelling();
      factsByKey.delete(key);
    }
    for (const [key, facts] of factsByKey) visit({ key, ...facts });
  };
  const addLine = (normalised: string, value: string) => {
    if (normalised !== current) {
      visitImages();
      current = normalised;
      factsByKey = new Map();
    }
    const tab = value.indexOf('\t');
    const head = value[0] === OUTCOME ? 1 + ORDER_DIGITS : 1;
    const key: string = JSON.parse(tab > head ? value.slice(head, tab) : normalised);
    const facts = factsByKey.get(key) ?? { inManifest: false, outcome: undefined, rows: noRows };
    factsByKey.set(key, facts);
    switch (value[0]) {
      case MANIFEST:
        if (facts.inManifest) totals.addRepeatedKey();
        facts.inManifest = true;
        break;
      case OUTCOME:
        {
          const outcome: ImageOutcome = JSON.parse(value.slice(tab + 1));
          // It corrects an outcome, and is no second invocation.
          if (facts.outcome !== undefined && outcome.kind !== 'no-rows') totals.addRepeatedOutcome();
          facts.outcome = outcome;
        }
        break;
      default:
        facts.rows = addRows(facts.rows, decodeRows(value.slice(tab + 1)));
    }
  };
  await visitLines(byImage.sorted(signal), addLine, flushIfLarge);
  visitImages();
  await flushIfLarge();
}
