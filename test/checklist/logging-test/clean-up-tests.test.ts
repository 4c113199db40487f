import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { cleanUpTests } from '../../../src/checklist/logging-test/clean-up-tests.ts';
import type { FoundRecords } from '../../../src/checklist/logging-test/logging-test.ts';
import { createPendingTests, type PendingTests } from '../../../src/checklist/logging-test/pending-tests.ts';
import { systemClock } from '../../../src/lib/clock.ts';
import { openControlTable } from '../../../src/state/table/control-table.ts';
import { type LocalDynamo, startDynalite } from '../../support/aws/dynalite.ts';
import { createFakeClock, type FakeClock } from '../../support/rigs/fake-clock.ts';

const MINUTE = 60_000;
let dynamo: LocalDynamo;
let notes: PendingTests;
let clock: FakeClock;
beforeEach(async () => {
  dynamo = await startDynalite();
  const table = await openControlTable({ dynamodb: dynamo.client, tableName: 'control', clock: systemClock });
  notes = createPendingTests(table, 'fn');
  clock = createFakeClock();
});
afterEach(() => dynamo.stop());

const recordOf = (remove: () => Promise<void>): FoundRecords => ({ key: 'k', attributes: [], remove });
const remembered = async () => (await Array.fromAsync(notes.list())).map(({ imageKey }) => imageKey);

/** Cleans up the pending tests. `found`: images whose record is found by key; `elsewhere`: only by a scan. */
async function sweep({
  found = [],
  elsewhere = [],
  busy = false,
}: Partial<Record<'found' | 'elsewhere', string[]>> & { busy?: boolean }) {
  const removed: string[] = [];
  const searched: string[] = [];
  const remover = (imageKey: string) => recordOf(async () => void removed.push(imageKey));
  await cleanUpTests({
    clock,
    pendingTests: notes,
    isTableBusy: async () => busy,
    findRecords: async (imageKey) => (found.includes(imageKey) ? remover(imageKey) : undefined),
    async searchRecords(imageKey) {
      searched.push(imageKey);
      return elsewhere.includes(imageKey) ? remover(imageKey) : undefined;
    },
  });
  return { removed, searched };
}

describe('records of logging tests', () => {
  test('a record that a logging test left is deleted once its process cannot be waiting for it', async () => {
    await notes.add({ imageKey: 'a', at: clock.now() });
    await clock.advance(4 * MINUTE);
    expect(await sweep({ found: ['a'] })).toEqual({ removed: [], searched: [] });
    await clock.advance(2 * MINUTE);
    expect(await sweep({ found: ['a'] })).toEqual({ removed: ['a'], searched: [] });
    expect(await remembered()).toEqual([]);
  });

  test('a record of a logging test is searched until no invocation can write it, the last time in the whole table', async () => {
    for (const imageKey of ['late', 'never']) await notes.add({ imageKey, at: clock.now() });
    await clock.advance(10 * MINUTE);
    expect(await sweep({})).toEqual({ removed: [], searched: [] });
    expect(await remembered()).toEqual(['late', 'never']);
    await clock.advance(11 * MINUTE);
    expect(await sweep({ elsewhere: ['late'] })).toEqual({ removed: ['late'], searched: ['late', 'never'] });
    expect(await remembered()).toEqual([]);
  });

  test('a record of a logging test is not deleted during a flush or restore', async () => {
    await notes.add({ imageKey: 'a', at: clock.now() });
    await clock.advance(30 * MINUTE);
    expect(await sweep({ found: ['a'], busy: true })).toEqual({ removed: [], searched: [] });
    expect(await remembered()).toEqual(['a']);
  });

  test('a logging test stays pending while its record cannot be deleted', async () => {
    await notes.add({ imageKey: 'a', at: clock.now() });
    await clock.advance(30 * MINUTE);
    const refused = cleanUpTests({
      clock,
      pendingTests: notes,
      isTableBusy: async () => false,
      findRecords: async () =>
        recordOf(async () => {
          throw new Error('denied');
        }),
      searchRecords: async () => undefined,
    });
    await expect(refused).rejects.toThrow('denied');
    expect(await remembered()).toEqual(['a']);
  });
});
