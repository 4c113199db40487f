import { hash } from 'node:crypto';
import type { BackupRecord } from '../../backup/format/backup-record.ts';
import { keyReader, keyText } from '../../backup/format/item-key.ts';
import { readBack } from '../../backup/verify/verify.ts';
import { readSupplements } from '../../backup/write/supplement.ts';
import { formatDecimal, plus, ZERO } from '../../lib/decimal.ts';
import { defined } from '../../lib/defined.ts';
import { createLookAlikes, likeSpelling } from '../../lib/look-alike.ts';
import { canonicalItem } from '../../pipeline/table/canonical.ts';
import { recordsWith } from '../../pipeline/table/image-rows.ts';
import { type AttributeValue, attributeOf, type Item, textOf } from '../../pipeline/table/item.ts';
import { queryItems } from '../../pipeline/table/read.ts';
import { kindOfRecord } from '../../pipeline/table/records.ts';
import { scanTable } from '../../pipeline/table/scan.ts';
import { shapeOf } from '../../pipeline/table/table.ts';
import type { DiffParts } from '../diff/diff.ts';
import { changedFields, type FieldChange, hoursOf } from '../diff/diff-entry.ts';
import { changeKinds } from '../diff/noise.ts';

/** The timesheets of a person on one side. */
export interface PersonSide {
  readonly entries: number;
  /** Those whose hours are not 0, or not a number. */
  readonly withHours: number;
  /** The exact sum, in plain decimal notation. */
  readonly hours: string;
}

/** One record that differs between the table and the backup. */
export type PersonChange = { readonly sortKey: string } & (
  | { readonly kind: 'removed' | 'added'; readonly hours?: string }
  | { readonly kind: 'changed'; readonly fields: readonly FieldChange[] }
);

/** The timesheets of a person in the backup (`before`) and in the table (`after`). */
export interface PersonComparison {
  readonly person: string;
  readonly before: PersonSide;
  readonly after: PersonSide;
  readonly same: number;
  readonly removed: number;
  readonly added: number;
  readonly changed: number;
  /** The first changes, removed records first. */
  readonly changes: readonly PersonChange[];
}

/** Who is compared: one person, or a random sample by a seed. */
export type PeopleChoice =
  | { readonly kind: 'one'; readonly person: string }
  | { readonly kind: 'sample'; readonly size: number; readonly seed: number };

const MAX_CHANGES = 8;

/** One text for spellings of a person, in a command and in the table, that look alike: also spaces as underscores, and capitals. */
export const likePerson = (name: string): string => likeSpelling(name).replace(/[ _]+/g, '_').toLowerCase();

/**
 * The people of a backup and of the table whose names look like this one, at most five, sorted. Reads both in full.
 * @throws BackupDamagedError; the SDK's error
 */
export async function findLikePeople(
  parts: DiffParts,
  backup: BackupRecord,
  person: string,
): Promise<readonly string[]> {
  const { hash, profile } = shapeOf(backup.table, parts.profile);
  if (!profile.person) return [];
  const attribute = profile.person.attribute ?? hash;
  const found = createLookAlikes(person, likePerson);
  const offer = (item: Item) => {
    const name = textOf(attributeOf(item, attribute));
    if (name !== undefined) found.offer(name);
  };
  await readBack(parts.location, backup, { visit: ({ item }) => offer(item) });
  for (const segment of scanTable(parts.dynamodb, backup.table.name, { segments: 1 }))
    for await (const { items } of segment) items.forEach(offer);
  return found.names();
}

/**
 * A random sample of `size` distinct people from a stream: those whose hash with the seed is lowest. It needs memory
 * only for the sample and is the same for the same seed. A person who was not taken once is never taken later, so the
 * records of the people in the sample are complete.
 */
export function createPeopleSample(size: number, seed: number) {
  const kept = new Map<string, string>();
  let highest = '';
  return {
    /** Whether this person is in the sample so far. `dropped`: who was removed for them. */
    offer(person: string): { readonly isIn: boolean; readonly dropped?: string } {
      if (kept.has(person)) return { isIn: true };
      const rank = hash('sha256', `${seed}:${person}`, 'hex');
      if (kept.size >= size && rank >= highest) return { isIn: false };
      kept.set(person, rank);
      let dropped: string | undefined;
      if (kept.size > size) {
        [dropped] = [...kept].reduce((a, b) => (b[1] > a[1] ? b : a));
        kept.delete(dropped);
      }
      highest = [...kept.values()].reduce((a, b) => (b > a ? b : a), '');
      return defined({ isIn: kept.has(person), dropped });
    },
    people: (): readonly string[] => [...kept.keys()].sort(),
  };
}

/**
 * Compares the timesheet entries and zero-hour weeks of some people in a backup (with its supplements) with the table,
 * read consistently. The backup is verified at the same time. A person without records gives an empty comparison; a profile without
 * people gives none.
 * @throws BackupDamagedError; the SDK's error
 */
export async function comparePeople(
  parts: DiffParts,
  request: {
    readonly backup: BackupRecord;
    readonly choice: PeopleChoice;
    readonly ignoredFields?: readonly string[];
    /** Only people with such records in the backup, and only these records. */
    readonly covers?: (item: Item) => boolean;
  },
): Promise<readonly PersonComparison[]> {
  const { backup, choice, covers } = request;
  const names = shapeOf(backup.table, parts.profile);
  const { person: named } = names.profile;
  if (!named) return [];
  const attribute = named.attribute ?? names.hash;
  const keyOf = keyReader(backup.table.keys);
  const changeKind = changeKinds(request.ignoredFields ?? names.profile.noise, names.profile);
  const sample = choice.kind === 'sample' ? createPeopleSample(choice.size, choice.seed) : undefined;
  const before = new Map<string, Map<string, Item>>();
  const addBefore = (item: Item) => {
    const kind = kindOfRecord(item, names);
    const person = textOf(attributeOf(item, attribute));
    if (person === undefined || (kind !== 'entry' && kind !== 'zero-hour')) return;
    if (covers && !covers(item)) return;
    if (sample) {
      const { isIn, dropped } = sample.offer(person);
      if (dropped !== undefined) before.delete(dropped);
      if (!isIn) return;
    } else if (choice.kind === 'one' && choice.person !== person) return;
    const items = before.get(person) ?? new Map<string, Item>();
    items.set(keyText(keyOf(item)), item);
    before.set(person, items);
  };
  const overlay = await readSupplements(parts.location, backup.id, keyOf);
  await readBack(parts.location, backup, {
    visit({ item }) {
      if (overlay.byKey.size === 0 || !overlay.byKey.has(keyText(keyOf(item)))) addBefore(item);
    },
  });
  for (const { stored } of overlay.byKey.values()) addBefore(stored.item);

  const people = choice.kind === 'one' ? [choice.person] : (sample?.people() ?? []);
  const compared: PersonComparison[] = [];
  const recordsOf = await readerOf(people);
  for (const person of people) {
    const after = new Map<string, Item>();
    for await (const items of recordsOf(person))
      for (const item of items) {
        const kind = kindOfRecord(item, names);
        if (kind !== 'entry' && kind !== 'zero-hour') continue;
        const key = keyText(keyOf(item));
        // Another image may have written a record of the scope again.
        if (!covers || covers(item) || before.get(person)?.has(key)) after.set(key, item);
      }
    compared.push(compare(person, before.get(person) ?? new Map(), after));
  }
  return compared;

  /** By key; where an attribute names the person, all people by one scan. */
  async function readerOf(all: readonly string[]): Promise<(person: string) => AsyncIterable<readonly Item[]>> {
    const { dynamodb } = parts;
    const { name: table, keys } = backup.table;
    if (named?.attribute === undefined) {
      const hashType = keys.find(({ role }) => role === 'HASH')?.type ?? 'S';
      const valueFor = (person: string): AttributeValue => (hashType === 'N' ? { N: person } : { S: person });
      return (person) => queryItems(dynamodb, table, { hash: { name: names.hash, value: valueFor(person) } });
    }
    const found = all.length === 0 ? [] : await recordsWith(dynamodb, table, attribute, all);
    const byPerson = Map.groupBy(found, (item) => textOf(attributeOf(item, attribute)));
    return async function* (person) {
      yield byPerson.get(person) ?? [];
    };
  }

  function compare(person: string, was: ReadonlyMap<string, Item>, is: ReadonlyMap<string, Item>): PersonComparison {
    const sortKey = (item: Item) => (names.range === undefined ? '' : (textOf(item[names.range]) ?? ''));
    const hours = (item: Item) => {
      const found = hoursOf(item, kindOfRecord(item, names), names.profile);
      return typeof found === 'object' ? found : ZERO;
    };
    const hasHours = (item: Item) => {
      const found = hoursOf(item, kindOfRecord(item, names), names.profile);
      return found === 'unreadable' || (found !== 'none' && found.units !== 0n);
    };
    const side = (items: ReadonlyMap<string, Item>): PersonSide => ({
      entries: items.size,
      withHours: [...items.values()].filter((item) => hasHours(item)).length,
      hours: formatDecimal([...items.values()].map(hours).reduce(plus, ZERO)),
    });
    const changeOf = (kind: 'removed' | 'added', item: Item): PersonChange => ({
      kind,
      sortKey: sortKey(item),
      hours: formatDecimal(hours(item)),
    });
    const removed = [...was].filter(([key]) => !is.has(key)).map(([, item]) => changeOf('removed', item));
    const added = [...is].filter(([key]) => !was.has(key)).map(([, item]) => changeOf('added', item));
    const changed: PersonChange[] = [];
    for (const [key, item] of is) {
      const earlier = was.get(key);
      if (!earlier || canonicalItem(earlier) === canonicalItem(item)) continue;
      const fields = changedFields(earlier, item).filter((change) => changeKind(change) === 'meaningful');
      if (fields.length > 0) changed.push({ kind: 'changed', sortKey: sortKey(item), fields });
    }
    return {
      person,
      before: side(was),
      after: side(is),
      same: is.size - added.length - changed.length,
      removed: removed.length,
      added: added.length,
      changed: changed.length,
      changes: [...removed, ...changed, ...added].slice(0, MAX_CHANGES),
    };
  }
}
