import type { DifferenceKind } from '../../backup/compare/compare.ts';
import { type Decimal, formatDecimal, minus, parseDecimal, plus, ZERO } from '../../lib/decimal.ts';
import type { LineSorterOptions } from '../../lib/disk/external-sort.ts';
import { createTotalsByName, type TopTotals, type TotalsRules } from '../../lib/disk/totals-by-name.ts';
import type { Item } from '../../pipeline/table/item.ts';
import type { RecordKind } from '../../pipeline/table/records.ts';
import { type FieldChange, hoursOf, personOf } from './diff-entry.ts';

/** Exact hours in plain decimal notation: `1204.75`. `gained`: in the table and not in the backup. */
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
  /** Records without a difference. `sameExceptIgnored` of them differ in ignored fields. */
  readonly same: number;
  readonly sameExceptIgnored: number;
  /** By kind of record. A changed record counts with its kind in the table. */
  readonly byRecord: Readonly<Record<RecordKind, Readonly<Record<DifferenceKind | 'same', number>>>>;
  /** Removed timesheet entries that name no image: corrections by hand, which no rescan restores. */
  readonly removedWithoutImage: number;
  readonly hours: HoursTotals & {
    /** Gained minus lost. */
    readonly net: string;
    /** Records with a difference whose hours are not a number on one side. They are in no sum. */
    readonly unreadable: number;
  };
  /** Records by person. Failed images have no person. */
  readonly byPerson: TopTotals<PersonTotals>;
  /** The number of changed records in which each field differs. */
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

/** A record on one side or on both. */
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

/** Adds up the differences in constant memory, for any number of people and fields. */
export function createDiffTotals(options: LineSorterOptions) {
  const counts = { removed: 0, changed: 0, added: 0, same: 0, sameExceptIgnored: 0 };
  const zero = () => ({ removed: 0, changed: 0, added: 0, same: 0 });
  const byRecord = { entry: zero(), 'zero-hour': zero(), rejected: zero(), coverage: zero(), failed: zero() };
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
    addSame(record: RecordKind, hasIgnoredDifference: boolean): void {
      counts.same += 1;
      byRecord[record].same += 1;
      if (hasIgnoredDifference) counts.sameExceptIgnored += 1;
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
    /** Call it once, at the end. */
    async totals(maxNames: number, signal?: AbortSignal): Promise<DiffTotals> {
      const persons = await byPerson.top(maxNames, signal);
      const formatTotals = ({ gained, lost, ...rest }: PersonSum): PersonTotals => ({
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
          top: persons.top.map(({ name, totals }) => ({ name, totals: formatTotals(totals) })),
          others: { names: persons.others.names, totals: formatTotals(persons.others.totals) },
        },
        byField: await byField.top(maxNames, signal),
      };
    },
    async dispose(): Promise<void> {
      await byPerson.dispose();
      await byField.dispose();
    },
  };
}
export type DiffTotalsBuilder = ReturnType<typeof createDiffTotals>;
