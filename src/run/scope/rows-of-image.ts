import { defined } from '../../lib/defined.ts';
import { createTotalsByName, type TotalsByName } from '../../lib/disk/totals-by-name.ts';
import { RECORD_KINDS, type RecordKind } from '../../pipeline/profile/record-kinds.ts';
import { countsOf, emptyTally } from '../../pipeline/table/records.ts';
import type { LeftOut, ScopePeople } from './scope.ts';

const EXAMPLES = 5;
const TOP_PEOPLE = 20;

/** The records of one page that name the same image. */
export interface RowsOfImage {
  /** Records that meet the criteria of people and days. */
  matching: number;
  readonly counts: Record<RecordKind, number>;
  readonly people: Record<string, number>;
  /** The first day of the oldest record. */
  oldestDay?: string;
}

/** A person may be called `__proto__`. */
export const noRows = (): RowsOfImage => ({ matching: 0, counts: emptyTally(), people: Object.create(null) });

/** Counts records by the name of a person, with memory that does not grow with the names. */
export const countPeople = (): TotalsByName<number> =>
  createTotalsByName<number>({
    zero: 0,
    plus: (a, b) => a + b,
    weight: (records) => records,
    encode: (records) => records,
    decode: Number,
  });

/** The people with the most records. */
export async function topPeople(people: TotalsByName<number>): Promise<ScopePeople> {
  const { top, others } = await people.top(TOP_PEOPLE);
  return { total: top.length + others.names, top: top.map(({ name, totals }) => ({ name, records: totals })) };
}

/** Counts what a scope leaves out, with examples. */
export function createLeftOut(people: TotalsByName<number>) {
  const examples: string[] = [];
  let images = 0;
  let records = 0;
  let oldestDay: string | undefined;
  return {
    add(key: string, rows: RowsOfImage): undefined {
      images += 1;
      records += countsOf(rows.counts).total - rows.counts.failed;
      for (const [name, count] of Object.entries(rows.people)) people.add(name, count);
      oldestDay = earlier(oldestDay, rows.oldestDay);
      if (examples.length < EXAMPLES) examples.push(key);
    },
    total: async (): Promise<LeftOut> => ({
      images,
      records,
      examples,
      people: await topPeople(people),
      ...defined({ oldestDay }),
    }),
  };
}

/** The earlier of two days. */
export const earlier = (a: string | undefined, b: string | undefined): string | undefined =>
  a === undefined || (b !== undefined && b < a) ? b : a;

/** Adds the records of another page to those of an image. */
export function addRows(into: RowsOfImage, more: RowsOfImage): void {
  into.matching += more.matching;
  for (const kind of RECORD_KINDS) into.counts[kind] += more.counts[kind];
  for (const [name, records] of Object.entries(more.people)) into.people[name] = (into.people[name] ?? 0) + records;
  const oldestDay = earlier(into.oldestDay, more.oldestDay);
  if (oldestDay !== undefined) into.oldestDay = oldestDay;
}
