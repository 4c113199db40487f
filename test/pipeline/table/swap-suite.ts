import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { sameItem } from '../../../src/pipeline/table/canonical.ts';
import type { Item } from '../../../src/pipeline/table/item.ts';
import { arbitraryItems } from '../../support/aws/arbitrary-items.ts';
import { deleteKeys, putItems } from '../../support/aws/items.ts';
import { conflict, done, everyType, keyOf, putNew, remove, replace } from './changes.ts';
import type { SwapRig } from './swap-rig.ts';

const NAMES = new Set([...Object.keys(everyType(0)), 'Added']);

const without = (item: Item, name: string): Item =>
  Object.fromEntries(Object.entries(item).filter(([other]) => other !== name));

const withoutNulls = (item: Item): Item =>
  Object.fromEntries(Object.entries(item).filter(([, value]) => !('NULL' in value)));

/** Every kind of edit that a person or a program can make between reading a record and writing it. */
const EDITS: Readonly<Record<string, (item: Item) => Item>> = {
  'a plain value': (item) => ({ ...item, Hours: { N: '8' } }),
  'the type of a value': (item) => ({ ...item, Hours: { S: '7.5' } }),
  'an empty text': (item) => ({ ...item, Empty: { S: ' ' } }),
  'a binary value': (item) => ({ ...item, Seal: { B: 'AP8I' } }),
  'a member of a set': (item) => ({ ...item, Weeks: { SS: ['a', 'c'] } }),
  'a value deep in a map': (item) => ({
    ...item,
    Details: { M: { depth: { M: { value: { N: '2' } } }, tags: { SS: ['x'] } } },
  }),
  'a new name in a map': (item) => ({
    ...item,
    Details: { M: { depth: { M: { value: { N: '1' } } }, tags: { SS: ['x'] }, more: { BOOL: true } } },
  }),
  'a value in a list': (item) => ({ ...item, Lines: { L: [{ S: 'one' }, { L: [{ N: '3' }] }] } }),
  'the order of a list': (item) => ({ ...item, Lines: { L: [{ L: [{ N: '2' }] }, { S: 'one' }] } }),
  'an added attribute': (item) => ({ ...item, Added: { S: 'new' } }),
  'a removed attribute': (item) => without(item, 'Hours'),
  'a removed null': (item) => without(item, 'Nothing'),
  'deleted and recreated with another value': (item) => ({ ...keyOf(item), Text: { S: 'again' } }),
};

export interface Server {
  /** The server recognises a repeated transaction by its ClientRequestToken. */
  readonly keepsTokens: boolean;
  /** The server tells an absent attribute from NULL in a comparison, as DynamoDB does. */
  readonly knowsNull: boolean;
  /** Records of the tests with many records: some hundreds and one. */
  readonly many: number;
}

/** What a swapper does on any DynamoDB. */
export function describeSwap(rig: () => SwapRig, { keepsTokens, knowsNull, many }: Server): void {
  test.each([1, many])('swap puts, replaces and deletes %d records that are the expected versions', async (count) => {
    const table = await rig().table();
    const { swap } = rig().swapper(table, { attributeNames: NAMES });
    const items = Array.from({ length: count }, (_, index) => everyType(index));
    expect(await swap(items.map(putNew))).toEqual(items.map(() => done));
    const changed = items.map((item) => ({ ...item, Hours: { N: '3' } }));
    expect(await swap(items.map((item, index) => replace(item, changed[index] ?? item)))).toEqual(
      items.map(() => done),
    );
    const found = await rig().contents(table);
    expect(found.size).toBe(count);
    for (const item of changed) expect(sameItem(found.get(JSON.stringify(keyOf(item))), item)).toBe(true);
    expect(await swap(changed.map(remove))).toEqual(items.map(() => done));
    expect((await rig().contents(table)).size).toBe(0);
  });

  test('swap of no changes returns no results', async () => {
    expect(
      await rig()
        .swapper(await rig().table())
        .swap([]),
    ).toEqual([]);
  });

  test.each(Object.keys(EDITS).filter((kind) => knowsNull || kind !== 'a removed null'))(
    'an edit of %s is a conflict that returns the edited version and writes nothing',
    async (kind) => {
      const edited = EDITS[kind]?.(everyType(1)) ?? {};
      const others = [everyType(2), everyType(3)];
      for (const size of ['single', 'batch']) {
        const table = await rig().table([edited, ...others]);
        const { swap } = rig().swapper(table, { attributeNames: NAMES });
        const changes = [remove(everyType(1)), ...(size === 'batch' ? others.map(remove) : [])];
        const [first, ...rest] = await swap(changes);
        expect(first?.kind).toBe('conflict');
        expect(sameItem(first?.kind === 'conflict' ? first.found : undefined, edited)).toBe(true);
        expect(rest).toEqual(rest.map(() => done));
        const left = await rig().contents(table);
        expect(sameItem(left.get(JSON.stringify(keyOf(edited))), edited)).toBe(true);
        expect(left.size).toBe(size === 'batch' ? 1 : 3);
      }
    },
  );

  test('swap compares numbers by value and sets without order', async () => {
    const table = await rig().table([everyType(1), everyType(2)]);
    const { swap } = rig().swapper(table, { attributeNames: NAMES });
    const spelled = (index: number) =>
      everyType(index, { Hours: { N: '7.50' }, Weeks: { SS: ['b', 'a'] }, Days: { NS: ['2.50', '1'] } });
    expect(await swap([remove(spelled(1)), remove(spelled(2))])).toEqual([done, done]);
  });

  test('a record that is gone is a conflict with nothing found', async () => {
    const { swap } = rig().swapper(await rig().table([everyType(2)]), { attributeNames: NAMES });
    expect(await swap([remove(everyType(1)), remove(everyType(2))])).toEqual([conflict(undefined), done]);
    expect(await swap([replace(everyType(1), everyType(1, { Hours: { N: '1' } }))])).toEqual([conflict(undefined)]);
  });

  test('a record that consists of its key only is compared by its existence', async () => {
    const bare = [keyOf(everyType(1)), keyOf(everyType(2)), keyOf(everyType(3))];
    const table = await rig().table([...bare.slice(0, 1), everyType(2)]);
    const { swap } = rig().swapper(table, { attributeNames: NAMES });
    const [first, second, third] = await swap(bare.map(remove));
    expect([first, second?.kind, third]).toEqual([done, 'conflict', conflict(undefined)]);
  });

  test('a record that exists is a conflict when nothing is expected, even if it equals the new version', async () => {
    const { swap } = rig().swapper(await rig().table([everyType(1)]), { attributeNames: NAMES });
    const [first, second] = await swap([putNew(everyType(1)), putNew(everyType(2))]);
    expect(first?.kind === 'conflict' && sameItem(first.found, everyType(1))).toBe(true);
    expect(second).toEqual(done);
  });

  const calls = Math.ceil(many / 100);
  test.each(Array.from({ length: calls }, (_, index) => index + 1))(
    'when the answer of call %d is lost, every change is written once and reported as done',
    async (lost) => {
      const items = Array.from({ length: many }, (_, index) => everyType(index));
      const table = await rig().table(items);
      let made = 0;
      const { dynamodb } = await rig().through({
        isLost: () => {
          made += 1;
          return made === lost;
        },
      });
      const { swap } = rig().swapper(table, { dynamodb, attributeNames: NAMES });
      expect(await swap(items.map(remove))).toEqual(items.map(() => done));
      // Transactions of 100, one single write, one repetition.
      expect(made).toBe(calls + 1);
      expect((await rig().contents(table)).size).toBe(0);
    },
  );

  test('a record that is changed after a lost answer is done by its token, and a conflict without one', async () => {
    const items = [everyType(1), everyType(2)];
    const table = await rig().table();
    let isLost = false;
    const person = everyType(1, { Text: { S: 'by hand' } });
    const { dynamodb } = await rig().through({
      async after({ operation }) {
        if (operation === 'TransactWriteItems' && !isLost) await putItems(rig().dynamodb, table, [person]);
      },
      isLost: () => {
        const now = !isLost;
        isLost = true;
        return now;
      },
    });
    const { swap } = rig().swapper(table, { dynamodb, attributeNames: NAMES });
    const [first, second] = await swap(items.map(putNew));
    expect(second).toEqual(done);
    if (keepsTokens) expect(first).toEqual(done);
    else expect(first?.kind === 'conflict' && sameItem(first.found, person)).toBe(true);
    // Either way the version of the person is still there.
    expect(sameItem((await rig().contents(table)).get(JSON.stringify(keyOf(person))), person)).toBe(true);
  });

  test('a single write whose answer is lost is a conflict when the record was changed since', async () => {
    const table = await rig().table();
    const person = everyType(1, { Text: { S: 'by hand' } });
    let calls = 0;
    const { dynamodb } = await rig().through({
      async after() {
        if (calls === 0) await putItems(rig().dynamodb, table, [person]);
      },
      isLost: () => {
        calls += 1;
        return calls === 1;
      },
    });
    const [result] = await rig()
      .swapper(table, { dynamodb, attributeNames: NAMES })
      .swap([putNew(everyType(1))]);
    expect(result?.kind === 'conflict' && sameItem(result.found, person)).toBe(true);
  });

  test('with any contents, edits and lost answers the table and the results agree', async () => {
    await fc.assert(
      fc.asyncProperty(
        arbitraryItems(12).map((items) => (knowsNull ? items : items.map(withoutNulls))),
        fc.infiniteStream(fc.nat(4)),
        fc.infiniteStream(fc.nat(5)),
        async (items, kinds, losses) => {
          const table = await rig().table(items.filter((_, index) => index % 3 !== 2));
          const changes = items.map((item, index) => {
            const next = { ...item, Hours: { N: '99.5' } };
            return index % 3 === 2 ? putNew(item) : index % 3 === 1 ? replace(item, next) : remove(item);
          });
          // Edits between reading and writing: gone, changed, added.
          const edits = items.map((item): Item | undefined | 'none' => {
            const kind = kinds.next().value;
            return kind === 0 ? undefined : kind === 1 ? { ...item, Edited: { L: [{ S: 'x' }] } } : 'none';
          });
          for (const [index, edit] of edits.entries()) {
            const item = items[index];
            if (item === undefined || edit === 'none') continue;
            if (edit === undefined) await deleteKeys(rig().dynamodb, table, [keyOf(item)]);
            else await putItems(rig().dynamodb, table, [edit]);
          }
          const before = await rig().contents(table);
          const { dynamodb } = await rig().through({ isLost: () => losses.next().value === 0 });
          const attributeNames = new Set(['Edited', 'Hours', ...items.flatMap((item) => Object.keys(item))]);
          const results = await rig().swapper(table, { dynamodb, attributeNames }).swap(changes);
          const after = await rig().contents(table);
          for (const [index, { key, expected, next }] of changes.entries()) {
            const result = results[index];
            const id = JSON.stringify(key);
            const was = before.get(id);
            const isExpected = sameItem(was, expected);
            // A lost answer makes it possible that a record that already was `next` is reported as done.
            if (isExpected) expect(result).toEqual(done);
            else if (!sameItem(was, next)) expect(result?.kind).toBe('conflict');
            if (result?.kind === 'conflict') expect(sameItem(result.found, was)).toBe(true);
            expect(sameItem(after.get(id), result?.kind === 'done' ? next : was)).toBe(true);
          }
        },
      ),
      { numRuns: 40 },
    );
  });
}
