import { hash } from 'node:crypto';
import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import type { BackupLocation } from '../../backup/catalogue/location.ts';
import type { BackupRecord } from '../../backup/format/backup-record.ts';
import { keyReader, keyText } from '../../backup/format/item-key.ts';
import { readBack } from '../../backup/verify/verify.ts';
import { readSupplements } from '../../backup/write/supplement.ts';
import { formatDecimal, plus, ZERO } from '../../lib/decimal.ts';
import { canonicalItem } from '../../pipeline/table/canonical.ts';
import { type AttributeValue, type Item, textOf } from '../../pipeline/table/item.ts';
import { queryItems } from '../../pipeline/table/read.ts';
import { kindOfRecord } from '../../pipeline/table/records.ts';
import { keyNamesOf } from '../../pipeline/table/table.ts';
import {
  changedFields,
  FIELDS_CHANGED_BY_EVERY_RUN,
  type FieldChange,
  fieldFilter,
  hoursOf,
} from '../diff/diff-entry.ts';

/** One side of a person's timesheets. */
export interface PersonSide {
  readonly entries: number;
  /** Exact, in plain decimal notation. */
  readonly hours: string;
}

/** One record that is not the same in the table as in the backup. */
export type PersonChange = { readonly sortKey: string } & (
  | { readonly kind: 'removed' | 'added'; readonly hours?: string }
  | { readonly kind: 'changed'; readonly fields: readonly FieldChange[] }
);

/** A person's timesheets in the backup and in the table, side by side. */
export interface PersonComparison {
  readonly person: string;
  readonly before: PersonSide;
  readonly after: PersonSide;
  readonly same: number;
  readonly removed: number;
  readonly added: number;
  readonly changed: number;
  /** The first changes; removed ones first. */
  readonly changes: readonly PersonChange[];
}

/** Who is looked at: one person, or so many drawn at random with a seed. */
export type PeopleChoice =
  | { readonly kind: 'one'; readonly person: string }
  | { readonly kind: 'sample'; readonly size: number; readonly seed: number };

const MOST_CHANGES = 8;

/**
 * The `size` people of a stream whose hash with the seed is the lowest: a random sample of distinct names in memory of its own size,
 * the same for the same seed. Who is not taken when first seen never is, so what belongs to those kept is seen whole.
 */
export function createPeopleSample(size: number, seed: number) {
  const kept = new Map<string, string>();
  let highest = '';
  return {
    /** Whether this person is in the sample so far; `dropped`: who had to go for them. */
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
      return { isIn: kept.has(person), ...(dropped === undefined ? {} : { dropped }) };
    },
    people: (): readonly string[] => [...kept.keys()].sort(),
  };
}

/**
 * The timesheet entries and zero-hour weeks of some people in a backup (its supplements included) against the table as it is now,
 * read consistently. The backup is verified on the way. A person who is on neither side gives a comparison of nothing.
 * @throws BackupDamagedError; the SDK's error; `signal.reason`.
 */
export async function comparePeople(
  parts: { readonly dynamodb: DynamoDBClient; readonly location: BackupLocation },
  request: {
    readonly backup: BackupRecord;
    readonly choice: PeopleChoice;
    readonly ignoredFields?: readonly string[];
    readonly signal?: AbortSignal;
  },
): Promise<readonly PersonComparison[]> {
  const { backup, choice } = request;
  const options = request.signal ? { signal: request.signal } : {};
  const names = keyNamesOf(backup.table);
  const keyOf = keyReader(backup.table.keys);
  const isLeftOut = fieldFilter(request.ignoredFields ?? FIELDS_CHANGED_BY_EVERY_RUN);
  const sample = choice.kind === 'sample' ? createPeopleSample(choice.size, choice.seed) : undefined;
  const before = new Map<string, Map<string, Item>>();
  const take = (item: Item) => {
    const kind = kindOfRecord(item, names);
    const person = textOf(item[names.hash]);
    if (person === undefined || (kind !== 'entry' && kind !== 'zero-hour')) return;
    if (sample) {
      const { isIn, dropped } = sample.offer(person);
      if (dropped !== undefined) before.delete(dropped);
      if (!isIn) return;
    } else if (choice.kind === 'one' && choice.person !== person) return;
    const items = before.get(person) ?? new Map<string, Item>();
    items.set(keyText(keyOf(item)), item);
    before.set(person, items);
  };
  const overlay = await readSupplements(parts.location, backup.id, keyOf, request.signal);
  await readBack(parts.location, backup, {
    ...options,
    visit({ item }) {
      if (overlay.byKey.size === 0 || !overlay.byKey.has(keyText(keyOf(item)))) take(item);
    },
  });
  for (const { stored } of overlay.byKey.values()) take(stored.item);

  const people = choice.kind === 'one' ? [choice.person] : (sample?.people() ?? []);
  const compared: PersonComparison[] = [];
  const hashType = backup.table.keys.find(({ role }) => role === 'HASH')?.type ?? 'S';
  for (const person of people) {
    const after = new Map<string, Item>();
    const value: AttributeValue = hashType === 'N' ? { N: person } : { S: person };
    const hash = { name: names.hash, value };
    for await (const items of queryItems(parts.dynamodb, backup.table.name, { hash }, options))
      for (const item of items) {
        const kind = kindOfRecord(item, names);
        if (kind === 'entry' || kind === 'zero-hour') after.set(keyText(keyOf(item)), item);
      }
    compared.push(compare(person, before.get(person) ?? new Map(), after));
  }
  return compared;

  function compare(person: string, was: ReadonlyMap<string, Item>, is: ReadonlyMap<string, Item>): PersonComparison {
    const sortKey = (item: Item) => (names.range === undefined ? '' : (textOf(item[names.range]) ?? ''));
    const hours = (item: Item) => {
      const found = hoursOf(item, kindOfRecord(item, names));
      return typeof found === 'object' ? found : ZERO;
    };
    const side = (items: ReadonlyMap<string, Item>): PersonSide => ({
      entries: items.size,
      hours: formatDecimal([...items.values()].map(hours).reduce(plus, ZERO)),
    });
    const one = (kind: 'removed' | 'added', item: Item): PersonChange => ({
      kind,
      sortKey: sortKey(item),
      hours: formatDecimal(hours(item)),
    });
    const removed = [...was].filter(([key]) => !is.has(key)).map(([, item]) => one('removed', item));
    const added = [...is].filter(([key]) => !was.has(key)).map(([, item]) => one('added', item));
    const changed: PersonChange[] = [];
    for (const [key, item] of is) {
      const earlier = was.get(key);
      if (!earlier || canonicalItem(earlier) === canonicalItem(item)) continue;
      const fields = changedFields(earlier, item).filter(({ name }) => !isLeftOut(name));
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
      changes: [...removed, ...changed, ...added].slice(0, MOST_CHANGES),
    };
  }
}
