import type { DifferenceKind } from '../../backup/compare/compare.ts';
import { type Decimal, formatDecimal, minus, parseDecimal, plus, ZERO } from '../../lib/decimal.ts';
import type { LineSorterOptions } from '../../lib/disk/external-sort.ts';
import { createTotalsByName, type TopTotals, type TotalsRules } from '../../lib/disk/totals-by-name.ts';
import type { Item } from '../../pipeline/table/item.ts';
import type { RecordKind } from '../../pipeline/table/records.ts';
import { type FieldChange, hoursOf, personOf } from './diff-entry.ts';

/** Hours, exact, in plain decimal notation: `1204.75`. Gained: the table has them, the backup had not. */
export interface HoursTotals {
  readonly gained: string;
  readonly lost: string;
}

export interface PersonTotals {
  readonly removed: number;
  readonly changed: number;
  readonly added: number;
  readonly hours: HoursTotals;
}

export interface DiffTotals {
  readonly removed: number;
  readonly changed: number;
  readonly added: number;
  /** Equal but perhaps for fields that are left out; `sameButLeftOut` of them not equal in those. */
  readonly same: number;
  readonly sameButLeftOut: number;
  /** Per kind of record; a changed one counts as what it is in the table. */
  readonly byRecord: Readonly<Record<RecordKind, Readonly<Record<DifferenceKind | 'same', number>>>>;
  /** Timesheet entries that are removed and name no image: no rescan brings them back (hand-made corrections). */
  readonly removedWithoutImage: number;
  readonly hours: HoursTotals & {
    /** Gained less lost. */
    readonly net: string;
    /** Differing records whose hours are no number on one side: they are in no sum. */
    readonly unreadable: number;
  };
  /** Records by person; failed images have none. */
  readonly byPerson: TopTotals<PersonTotals>;
  /** In how many changed records each field differs. */
  readonly byField: TopTotals<number>;
}

interface PersonSum {
  readonly removed: number;
  readonly changed: number;
  readonly added: number;
  readonly gained: Decimal;
  readonly lost: Decimal;
}

const people: TotalsRules<PersonSum> = {
  zero: { removed: 0, changed: 0, added: 0, gained: ZERO, lost: ZERO },
  plus: (a, b) => ({
    removed: a.removed + b.removed,
    changed: a.changed + b.changed,
    added: a.added + b.added,
    gained: plus(a.gained, b.gained),
    lost: plus(a.lost, b.lost),
  }),
  weight: ({ removed, changed, added }) => removed + changed + added,
  encode: (sum) => ({ ...sum, gained: formatDecimal(sum.gained), lost: formatDecimal(sum.lost) }),
  decode(json) {
    const { gained, lost, ...counts }: Omit<PersonSum, 'gained' | 'lost'> & HoursTotals = JSON.parse(json);
    return { ...counts, gained: parseDecimal(gained) ?? ZERO, lost: parseDecimal(lost) ?? ZERO };
  },
};

const fields: TotalsRules<number> = {
  zero: 0,
  plus: (a, b) => a + b,
  weight: (count) => count,
  encode: (count) => count,
  decode: (json) => Number(json),
};

/** A record on one side or on both, and its kind as it counts. */
export type Pair = { readonly record: RecordKind; readonly hashKey: string } & (
  | { readonly kind: 'removed'; readonly before: Item }
  | { readonly kind: 'added'; readonly after: Item }
  | {
      readonly kind: 'changed';
      readonly before: Item;
      readonly after: Item;
      readonly fields: readonly FieldChange[];
    }
);

/** Adds up what a diff finds, in the same memory for any number of people and fields. */
export function createDiffSum(options: LineSorterOptions) {
  const counts = { removed: 0, changed: 0, added: 0, same: 0, sameButLeftOut: 0 };
  const none = () => ({ removed: 0, changed: 0, added: 0, same: 0 });
  const byRecord = { entry: none(), 'zero-hour': none(), rejected: none(), coverage: none(), failed: none() };
  const byPerson = createTotalsByName(people, options);
  const byField = createTotalsByName(fields, options);
  let removedWithoutImage = 0;
  let gained = ZERO;
  let lost = ZERO;
  let unreadable = 0;

  const hoursBetween = (pair: Pair): { gained: Decimal; lost: Decimal } => {
    const before = pair.kind === 'added' ? 'none' : hoursOf(pair.before, pair.record);
    const after = pair.kind === 'removed' ? 'none' : hoursOf(pair.after, pair.record);
    if (before === 'unreadable' || after === 'unreadable') {
      unreadable += 1;
      return { gained: ZERO, lost: ZERO };
    }
    const difference = minus(after === 'none' ? ZERO : after, before === 'none' ? ZERO : before);
    return difference.units < 0n
      ? { gained: ZERO, lost: { ...difference, units: -difference.units } }
      : { gained: difference, lost: ZERO };
  };

  return {
    same(record: RecordKind, butLeftOut: boolean): void {
      counts.same += 1;
      byRecord[record].same += 1;
      if (butLeftOut) counts.sameButLeftOut += 1;
    },
    add(pair: Pair): void {
      counts[pair.kind] += 1;
      byRecord[pair.record][pair.kind] += 1;
      if (pair.kind === 'removed' && pair.record === 'entry' && pair.before.SourceImage === undefined)
        removedWithoutImage += 1;
      if (pair.kind === 'changed') for (const { name } of pair.fields) byField.add(name, 1);
      const hours = hoursBetween(pair);
      gained = plus(gained, hours.gained);
      lost = plus(lost, hours.lost);
      const person = personOf(pair.kind === 'added' ? pair.after : pair.before, pair.record, pair.hashKey);
      if (person !== undefined) byPerson.add(person, { ...people.zero, [pair.kind]: 1, ...hours });
    },
    async flushIfLarge(): Promise<void> {
      await byPerson.flushIfLarge();
      await byField.flushIfLarge();
    },
    /** To be called once, at the end. */
    async totals(most: number, signal?: AbortSignal): Promise<DiffTotals> {
      const persons = await byPerson.top(most, signal);
      const shown = ({ gained, lost, ...rest }: PersonSum): PersonTotals => ({
        ...rest,
        hours: { gained: formatDecimal(gained), lost: formatDecimal(lost) },
      });
      return {
        ...counts,
        byRecord,
        removedWithoutImage,
        hours: {
          gained: formatDecimal(gained),
          lost: formatDecimal(lost),
          net: formatDecimal(minus(gained, lost)),
          unreadable,
        },
        byPerson: {
          top: persons.top.map(({ name, totals }) => ({ name, totals: shown(totals) })),
          others: { names: persons.others.names, totals: shown(persons.others.totals) },
        },
        byField: await byField.top(most, signal),
      };
    },
    async dispose(): Promise<void> {
      await byPerson.dispose();
      await byField.dispose();
    },
  };
}
export type DiffSum = ReturnType<typeof createDiffSum>;
