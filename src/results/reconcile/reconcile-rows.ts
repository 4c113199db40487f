import type { RecordKind } from '../../pipeline/profile/record-kinds.ts';
import type { Item } from '../../pipeline/table/item.ts';
import { failedName, imageNamedBy, kindOfRecord, type RecordShape } from '../../pipeline/table/records.ts';
import { ANY_TIME, peopleOf, timeIn, type WrittenRows, writtenRowsOf } from '../../run/proof/row-proof.ts';
import { addRows, type ImageRows, noRows } from './reconcile-image.ts';

/** The records of one page, by image. */
export interface PageRows {
  readonly byImage: ReadonlyMap<string, ImageRows>;
  /** What may have overwritten rows of a person's other images, by person and time. */
  readonly written: readonly { readonly person: string; readonly rows: WrittenRows }[];
}

/** Stands for an image whose person is not known: any record may have overwritten its rows. */
export const ANYBODY = '';

/** Adds up the records of a page by the image they name. Calls `onRecord` for each record. */
export function rowsOfPage(
  items: readonly Item[],
  keys: RecordShape,
  onRecord: (record: RecordKind, namesAnImage: boolean) => void,
): PageRows {
  const byImage = new Map<string, ImageRows>();
  const written = new Map<string, { person: string; rows: WrittenRows }>();
  const addWritten = (person: string, rows: WrittenRows) => {
    const group = `${person}\n${rows.from}\n${rows.to}`;
    const before = written.get(group)?.rows;
    if (before === undefined || isNewer(rows, before)) written.set(group, { person, rows });
  };
  for (const item of items) {
    const record = kindOfRecord(item, keys);
    const rows = writtenRowsOf(item, keys);
    if (rows !== undefined) {
      addWritten(ANYBODY, { ...ANY_TIME, newestAt: rows.newestAt });
      for (const person of peopleOf(item, keys)) addWritten(person, rows);
    }
    const image = imageNamedBy(item, record, keys.profile);
    onRecord(record, image !== undefined);
    if (image === undefined) continue;
    const time = record === 'failed' ? 'newestFailure' : 'newestRow';
    const at = timeIn(
      item,
      record === 'failed' ? failedName(keys.profile, 'FailureTimestamp') : keys.profile.record.writtenAt,
    );
    byImage.set(image, addRows(byImage.get(image) ?? noRows, { ...noRows, [record]: 1, [time]: at }));
  }
  return { byImage, written: [...written.values()] };
}

/** Rows without a time count as the newest. */
const isNewer = (one: WrittenRows, other: WrittenRows): boolean =>
  other.newestAt !== 0 && (one.newestAt === 0 || one.newestAt > other.newestAt);

/** The rows as one line of a temporary file; `decodeRows` reads it. */
export const encodeRows = (rows: ImageRows): string =>
  [rows.entry, rows['zero-hour'], rows.rejected, rows.coverage, rows.failed, rows.newestRow, rows.newestFailure].join();

export function decodeRows(text: string): ImageRows {
  const [entry = 0, zeroHour = 0, rejected = 0, coverage = 0, failed = 0, newestRow = 0, newestFailure = 0] = text
    .split(',')
    .map(Number);
  return { entry, 'zero-hour': zeroHour, rejected, coverage, failed, newestRow, newestFailure };
}
