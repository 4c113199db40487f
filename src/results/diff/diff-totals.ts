import type { DifferenceKind } from '../../backup/compare/compare.ts';
import { type Decimal, formatDecimal, minus, parseDecimal, plus, ZERO } from '../../lib/decimal.ts';
import type { LineSorterOptions } from '../../lib/disk/external-sort.ts';
import { createTotalsByName, type TopTotals, type TotalsRules } from '../../lib/disk/totals-by-name.ts';
import type { RecordKind } from '../../pipeline/profile/record-kinds.ts';
import { attributeOf, type Item, textOf } from '../../pipeline/table/item.ts';
import { emptyTally, type RecordShape } from '../../pipeline/table/records.ts';
import { type DiffKind, type FieldChange, hoursOf, keyOfItem, personOf } from './diff-entry.ts';
import type { Move } from './moves.ts';

/** Exact hours in plain decimal notation: `1204.75`. `gained`: in the table and not in the backup. */
export interface HoursTotals {
  readonly gained: string;
  readonly lost: string;
}

export interface PersonTotals {
  readonly removed: number;
  readonly changed: number;
  readonly added: number;
  /** Moved from or to this person, or from one project code to another. */
  readonly moved: number;
  readonly hours: HoursTotals;
}

/** Records that moved from one person or project code to another. */
export interface MoveTotals {
  /** The key attribute or `ProjectCode`, and its value in the backup and in the table; empty where it has none. */
  readonly field: string;
  readonly before: string;
  readonly after: string;
  readonly records: number;
  readonly hours: string;
}

/** One record in which a field changed. */
export interface FieldExample extends Omit<FieldChange, 'name'> {
  readonly key: Item;
}

export interface DiffTotals {
  /** Without the records that moved. */
  readonly removed: number;
  readonly changed: number;
  readonly added: number;
  readonly moved: number;
  /** Of all moved records: what restoring them would book twice. */
  readonly movedHours: string;
  /** By what moved them, the largest first. `others`: how many more there are. */
  readonly byMove: { readonly top: readonly MoveTotals[]; readonly others: number };
  /** Removed entries with 0 hours, and removed zero-hour weeks. */
  readonly removedZeroHours: number;
  /** Records without a difference. `sameExceptIgnored` of them differ in noise (see `changeKinds`). */
  readonly same: number;
  readonly sameExceptIgnored: number;
  /** Records outside the scope of the diff; all 0 where it has none. Noise counts as `same`, a moved record as removed and added. */
  readonly outside: Readonly<Record<DifferenceKind | 'same', number>>;
  /** By kind of record. A changed record counts with its kind in the table. */
  readonly byRecord: Readonly<Record<RecordKind, Readonly<Record<DiffKind | 'same', number>>>>;
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
  /** The first records in which each of these fields differs. */
  readonly fieldExamples: readonly { readonly name: string; readonly examples: readonly FieldExample[] }[];
  /** The number of records in which each field is empty on one side and absent on the other. */
  readonly emptied: TopTotals<number>;
}

/** `["ResourceName","Ana_Bel","Anabel_Lee"]`: the name under which moves are added up. */
const moveName = ({ name, before, after }: FieldChange): string =>
  JSON.stringify([name, textOf(before) ?? '', textOf(after) ?? '']);

function moveTotals(name: string, { records, hours }: MoveSum): MoveTotals {
  const [field, before, after]: [string, string, string] = JSON.parse(name);
  return { field, before, after, records, hours: formatDecimal(hours) };
}

interface PersonSum {
  readonly removed: number;
  readonly changed: number;
  readonly added: number;
  readonly moved: number;
  readonly gained: Decimal;
  readonly lost: Decimal;
}

const people: TotalsRules<PersonSum> = {
  zero: { removed: 0, changed: 0, added: 0, moved: 0, gained: ZERO, lost: ZERO },
  plus: (a, b) => ({
    removed: a.removed + b.removed,
    changed: a.changed + b.changed,
    added: a.added + b.added,
    moved: a.moved + b.moved,
    gained: plus(a.gained, b.gained),
    lost: plus(a.lost, b.lost),
  }),
  weight: ({ removed, changed, added, moved }) => removed + changed + added + moved,
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

interface MoveSum {
  readonly records: number;
  readonly hours: Decimal;
}
const moves: TotalsRules<MoveSum> = {
  zero: { records: 0, hours: ZERO },
  plus: (a, b) => ({ records: a.records + b.records, hours: plus(a.hours, b.hours) }),
  weight: ({ records }) => records,
  encode: ({ records, hours }) => ({ records, hours: formatDecimal(hours) }),
  decode(json) {
    const { records, hours }: Pick<MoveTotals, 'records' | 'hours'> = JSON.parse(json);
    return { records, hours: parseDecimal(hours) ?? ZERO };
  },
};

/** A record on one side or on both. */
export type Pair = { readonly record: RecordKind } & (
  | { readonly kind: 'removed'; readonly before: Item }
  | { readonly kind: 'added'; readonly after: Item }
  | {
      readonly kind: 'changed';
      readonly before: Item;
      readonly after: Item;
      readonly fields: readonly FieldChange[];
    }
);

/** Examples are kept of so many fields, and so many of each. */
const MAX_EXAMPLE_FIELDS = 64;
const MAX_EXAMPLES = 3;

interface Gain {
  readonly gained: Decimal;
  readonly lost: Decimal;
}
const NO_GAIN: Gain = { gained: ZERO, lost: ZERO };
const negative = ({ units, scale }: Decimal): Decimal => ({ units: -units, scale });
const gainOf = (difference: Decimal): Gain =>
  difference.units < 0n ? { gained: ZERO, lost: negative(difference) } : { gained: difference, lost: ZERO };

/** Adds up the differences in constant memory, for any number of people and fields. */
export function createDiffTotals(keys: RecordShape, options: LineSorterOptions) {
  const counts = { removed: 0, changed: 0, added: 0, moved: 0, same: 0, sameExceptIgnored: 0 };
  const byRecord = {
    removed: emptyTally(),
    changed: emptyTally(),
    added: emptyTally(),
    moved: emptyTally(),
    same: emptyTally(),
  };
  const outside = { removed: 0, changed: 0, added: 0, same: 0 };
  const byPerson = createTotalsByName(people, options);
  const byField = createTotalsByName(fields, options);
  const byMove = createTotalsByName(moves, options);
  const emptied = createTotalsByName(fields, options);
  const all = [byPerson, byField, byMove, emptied];
  const fieldExamples = new Map<string, FieldExample[]>();
  let removedWithoutImage = 0;
  let removedZeroHours = 0;
  let movedHours = ZERO;
  let gained = ZERO;
  let lost = ZERO;
  let unreadable = 0;

  const hoursBetween = (pair: Pair): Gain => {
    const before = pair.kind === 'added' ? 'none' : hoursOf(pair.before, pair.record, keys.profile);
    const after = pair.kind === 'removed' ? 'none' : hoursOf(pair.after, pair.record, keys.profile);
    if (before === 'unreadable' || after === 'unreadable') {
      unreadable += 1;
      return NO_GAIN;
    }
    const isNothing = before === 'none' || before.units === 0n;
    if (pair.kind === 'removed' && isNothing && (before !== 'none' || pair.record === 'zero-hour'))
      removedZeroHours += 1;
    return gainOf(minus(after === 'none' ? ZERO : after, before === 'none' ? ZERO : before));
  };
  const addHours = (hours: Gain) => {
    gained = plus(gained, hours.gained);
    lost = plus(lost, hours.lost);
  };
  const addExample = (name: string, example: FieldExample) => {
    const examples = fieldExamples.get(name) ?? [];
    if (examples.length >= MAX_EXAMPLES || (examples.length === 0 && fieldExamples.size >= MAX_EXAMPLE_FIELDS)) return;
    examples.push(example);
    fieldExamples.set(name, examples);
  };
  const addPerson = (person: string | undefined, sum: Partial<PersonSum>) => {
    if (person !== undefined) byPerson.add(person, { ...people.zero, ...sum });
  };

  return {
    addSame(record: RecordKind, hasIgnoredDifference: boolean): void {
      counts.same += 1;
      byRecord.same[record] += 1;
      if (hasIgnoredDifference) counts.sameExceptIgnored += 1;
    },
    addOutside(kind: DifferenceKind | 'same'): void {
      outside[kind] += 1;
    },
    addEmptied(changes: readonly FieldChange[]): void {
      for (const { name } of changes) emptied.add(name, 1);
    },
    add(pair: Pair): void {
      counts[pair.kind] += 1;
      byRecord[pair.kind][pair.record] += 1;
      if (
        pair.kind === 'removed' &&
        pair.record === 'entry' &&
        attributeOf(pair.before, keys.profile.record.image) === undefined
      )
        removedWithoutImage += 1;
      if (pair.kind === 'changed')
        for (const { name, ...sides } of pair.fields) {
          byField.add(name, 1);
          addExample(name, { key: keyOfItem(pair.after, keys), ...sides });
        }
      const hours = hoursBetween(pair);
      addHours(hours);
      const person = personOf(pair.kind === 'added' ? pair.after : pair.before, pair.record, keys);
      addPerson(person, { [pair.kind]: 1, ...hours });
    },
    /** Counts a record as moved that was added before as removed and as added. */
    move({ from, to, record, people: who, field, hours: text }: Move): void {
      const hours = text === undefined ? ZERO : (parseDecimal(text) ?? ZERO);
      counts.moved += 1;
      byRecord.moved[record] += 1;
      for (const kind of ['removed', 'added'] as const) {
        counts[kind] -= 1;
        byRecord[kind][record] -= 1;
      }
      if (hours.units === 0n && (text !== undefined || record === 'zero-hour')) removedZeroHours -= 1;
      movedHours = plus(movedHours, hours);
      byMove.add(moveName(field), { records: 1, hours });
      const undo = ({ gained, lost }: Gain): Gain => ({ gained: negative(gained), lost: negative(lost) });
      const [ofRemoved, ofAdded] = [undo(gainOf(negative(hours))), undo(gainOf(hours))];
      addHours(ofRemoved);
      addHours(ofAdded);
      const [before, after] = who ? [who.from, who.to] : [from, to].map((key) => personOf(key, record, keys));
      addPerson(before, { removed: -1, moved: 1, ...ofRemoved });
      addPerson(after, { added: -1, moved: before === after ? 0 : 1, ...ofAdded });
    },
    async flushIfLarge(): Promise<void> {
      for (const totals of all) await totals.flushIfLarge();
    },
    /** Call it once, at the end. */
    async totals(maxNames: number, signal?: AbortSignal): Promise<DiffTotals> {
      const persons = await byPerson.top(maxNames, signal);
      const moved = await byMove.top(maxNames, signal);
      const formatTotals = ({ gained, lost, ...rest }: PersonSum): PersonTotals => ({
        ...rest,
        hours: { gained: formatDecimal(gained), lost: formatDecimal(lost) },
      });
      const ofRecord = (record: RecordKind) => ({
        removed: byRecord.removed[record],
        changed: byRecord.changed[record],
        added: byRecord.added[record],
        moved: byRecord.moved[record],
        same: byRecord.same[record],
      });
      return {
        ...counts,
        outside,
        byRecord: {
          entry: ofRecord('entry'),
          'zero-hour': ofRecord('zero-hour'),
          rejected: ofRecord('rejected'),
          coverage: ofRecord('coverage'),
          failed: ofRecord('failed'),
        },
        removedWithoutImage,
        removedZeroHours,
        movedHours: formatDecimal(movedHours),
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
        byMove: { top: moved.top.map(({ name, totals }) => moveTotals(name, totals)), others: moved.others.names },
        byField: await byField.top(maxNames, signal),
        fieldExamples: [...fieldExamples].map(([name, examples]) => ({ name, examples })),
        emptied: await emptied.top(maxNames, signal),
      };
    },
    async dispose(): Promise<void> {
      for (const totals of all) await totals.dispose();
    },
  };
}
export type DiffTotalsBuilder = ReturnType<typeof createDiffTotals>;
