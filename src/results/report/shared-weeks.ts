import { type Decimal, formatDecimal, parseDecimal, plus, ZERO } from '../../lib/decimal.ts';
import { createLineSorter, type LineSorterOptions, visitLines } from '../../lib/disk/external-sort.ts';
import { attributeOf, type Item, textOf } from '../../pipeline/table/item.ts';
import { kindOfRecord, type RecordShape } from '../../pipeline/table/records.ts';
import { normaliseKey } from '../../run/proof/image-spelling.ts';
import { factsOfRecord } from '../../run/scope/record-facts.ts';
import { hoursOf } from '../diff/diff-entry.ts';

/** A person's week that holds timesheet entries or zero-hour weeks of two or more images. */
export interface SharedWeek {
  readonly person: string;
  /** The first day, `YYYY-MM-DD`. */
  readonly week: string;
  /** The first images by name. `hours`: the exact sum, in plain decimal notation; absent where one is not a number. */
  readonly images: readonly { readonly image: string; readonly hours?: string }[];
  /** How many more images there are. */
  readonly otherImages: number;
}

export interface SharedWeeks {
  readonly weeks: number;
  /** The first of them, by person and week. */
  readonly examples: readonly SharedWeek[];
}

/** Finds the weeks that hold records of several images, for any number of records in constant memory. */
export interface SharedWeekFinder {
  /** Takes records of the table. Await it, because it moves them to disk when they need much memory. */
  add(items: readonly Item[]): Promise<void>;
  /** Call it once, after the last `add`. @throws `signal.reason` */
  found(signal?: AbortSignal): Promise<SharedWeeks>;
  /** Deletes the temporary files. */
  dispose(): Promise<void>;
}

const MAX_EXAMPLES = 5;
const MAX_IMAGES = 3;

interface SharedWeekOptions extends LineSorterOptions {
  readonly keys: RecordShape;
  /** The bucket of the images, because a record may name an image with its bucket. */
  readonly bucket: string;
  /** Only the weeks with at least one record for which this is true. */
  readonly covers?: (item: Item) => boolean;
}

/**
 * The function deletes the records of a person's week before it stores an image of it (pipeline.md, "DynamoDB table"). When two images
 * of one week are processed at the same moment, each finds nothing to delete, and the records of both stay. Spellings of one image
 * (URL-encoded, with the bucket's name) count as one image.
 */
export function createSharedWeekFinder({ keys, bucket, covers, ...options }: SharedWeekOptions): SharedWeekFinder {
  const sorter = createLineSorter(options);
  return {
    async add(items) {
      for (const item of items) {
        const line = lineOf(item, keys, bucket, covers?.(item) ?? true);
        if (line !== undefined) sorter.add(line);
      }
      await sorter.flushIfLarge();
    },
    async found(signal) {
      const reader = createWeekReader();
      await visitLines(sorter.sorted(signal), reader.visit, async () => {});
      return reader.end();
    },
    dispose: sorter.dispose,
  };
}

/** The person, the week and the image; a tab; whether the record is covered, its hours, and the image as it is spelled. */
function lineOf(item: Item, keys: RecordShape, bucket: string, isCovered: boolean): string | undefined {
  const record = kindOfRecord(item, keys);
  if (record !== 'entry' && record !== 'zero-hour') return undefined;
  const { image, person, displayName, firstDay } = factsOfRecord(item, keys, bucket);
  const { person: named, date } = keys.profile;
  // Without a range key, the hash key names the record and not only the person.
  const who = keys.range === undefined && named?.attribute === undefined ? (displayName ?? person) : person;
  const weekStart = date?.firstDay === undefined ? undefined : textOf(attributeOf(item, date.firstDay));
  const week = DAY.exec(weekStart ?? '')?.[0] ?? mondayOf(firstDay);
  if (who === undefined || image === undefined || week === undefined) return undefined;
  const hours = hoursOf(item, record, keys.profile);
  const sum = hours === 'unreadable' ? null : formatDecimal(hours === 'none' ? ZERO : hours);
  return `${JSON.stringify([who, week, normaliseKey(image, bucket)])}\t${JSON.stringify([isCovered, sum, image])}`;
}

const DAY = /^\d{4}-\d{2}-\d{2}/;
const DAY_MS = 86_400_000;

/** The Monday of the week of a day; undefined where the text is not a day. */
function mondayOf(day: string | undefined): string | undefined {
  const at = Date.parse(DAY.exec(day ?? '')?.[0] ?? '');
  if (Number.isNaN(at)) return undefined;
  const daysSinceMonday = (new Date(at).getUTCDay() + 6) % 7;
  return new Date(at - daysSinceMonday * DAY_MS).toISOString().slice(0, 10);
}

/** Reads the lines in order. It keeps the sums of one week's first images, and the examples. */
function createWeekReader() {
  const examples: SharedWeek[] = [];
  let weeks = 0;
  let current: { person: string; week: string } | undefined;
  let isCovered = false;
  let images: { name: string; image: string; hours: Decimal | undefined }[] = [];
  let last: string | undefined;
  let total = 0;

  function endWeek(): void {
    if (current === undefined || total < 2 || !isCovered) return;
    weeks += 1;
    if (examples.length >= MAX_EXAMPLES) return;
    const shown = images.map(({ image, hours }) => ({ image, ...(hours && { hours: formatDecimal(hours) }) }));
    examples.push({ ...current, images: shown, otherImages: total - shown.length });
  }

  return {
    visit(key: string, value: string): void {
      const [person, week, name]: [string, string, string] = JSON.parse(key);
      const [covered, hours, image]: [boolean, string | null, string] = JSON.parse(value);
      if (person !== current?.person || week !== current.week) {
        endWeek();
        current = { person, week };
        [isCovered, images, last, total] = [false, [], undefined, 0];
      }
      isCovered ||= covered;
      if (name !== last) {
        total += 1;
        if (images.length < MAX_IMAGES) images.push({ name, image, hours: ZERO });
      }
      last = name;
      const of = images.at(-1);
      if (of?.name !== name) return;
      const more = hours === null ? undefined : parseDecimal(hours);
      of.hours = of.hours && more && plus(of.hours, more);
    },
    end(): SharedWeeks {
      endWeek();
      return { weeks, examples };
    },
  };
}
