import { type Item, textOf } from '../../pipeline/table/item.ts';
import { type KeyNames, kindOfRecord, type RecordKind } from '../../pipeline/table/records.ts';
import { normalisePerson } from './image-spelling.ts';
import { addRows, type ImageRows, noRows } from './reconcile-image.ts';

/**
 * The image that a record names: `ImageKey` of a failure, `SourceImage` of any other record; undefined when it names
 * none.
 */
function imageOf(item: Item, record: RecordKind): string | undefined {
  const value = record === 'failed' ? (item.ImageKey ?? item.SourceImage) : item.SourceImage;
  return value !== undefined && 'S' in value ? value.S : undefined;
}

/** An ISO time as epoch ms; 0 when it is not a time. */
function timeOf(item: Item, name: string): number {
  const value = item[name];
  const at = value !== undefined && 'S' in value ? Date.parse(value.S) : Number.NaN;
  return Number.isNaN(at) ? 0 : at;
}

/** The records of one page, by image. */
export interface PageRows {
  readonly byImage: ReadonlyMap<string, ImageRows>;
  /** The people who have entries, by key and by display name, normalised. A person may occur twice. */
  readonly people: readonly string[];
}

/** Adds up the records of a page by the image they name. Calls `onRecord` for each record. */
export function rowsOfPage(
  items: readonly Item[],
  keys: KeyNames,
  onRecord: (record: RecordKind, namesAnImage: boolean) => void,
): PageRows {
  const byImage = new Map<string, ImageRows>();
  const people: string[] = [];
  for (const item of items) {
    const record = kindOfRecord(item, keys);
    if (record === 'entry' || record === 'zero-hour') {
      for (const name of [textOf(item[keys.hash]), textOf(item.ResourceNameDisplay)]) {
        const person = name === undefined ? undefined : normalisePerson(name);
        if (person !== undefined && person !== people.at(-1) && person !== people.at(-2)) people.push(person);
      }
    }
    const image = imageOf(item, record);
    onRecord(record, image !== undefined);
    if (image === undefined) continue;
    const time = record === 'failed' ? 'newestFailure' : 'newestRow';
    const at = timeOf(item, record === 'failed' ? 'FailureTimestamp' : 'ProcessingTimestamp');
    byImage.set(image, addRows(byImage.get(image) ?? noRows, { ...noRows, [record]: 1, [time]: at }));
  }
  return { byImage, people };
}

/** The rows as one line of a temporary file; `decodeRows` reads it. */
export const encodeRows = (rows: ImageRows): string =>
  [rows.entry, rows['zero-hour'], rows.rejected, rows.coverage, rows.failed, rows.newestRow, rows.newestFailure].join();

export function decodeRows(text: string): ImageRows {
  const [entry = 0, zeroHour = 0, rejected = 0, coverage = 0, failed = 0, newestRow = 0, newestFailure = 0] = text
    .split(',')
    .map(Number);
  return { entry, 'zero-hour': zeroHour, rejected, coverage, failed, newestRow, newestFailure };
}
