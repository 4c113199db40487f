import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { cleanUpTests } from '../../../src/checklist/logging-test/clean-up-tests.ts';
import type { FoundRecords } from '../../../src/checklist/logging-test/logging-test.ts';
import { createPendingTests, type PendingTests } from '../../../src/checklist/logging-test/pending-tests.ts';
import { systemClock } from '../../../src/lib/clock.ts';
import { openControlTable } from '../../../src/state/control-table.ts';
import { type LocalDynamo, startDynalite } from '../../support/dynalite.ts';
import { createFakeClock, type FakeClock } from '../../support/fake-clock.ts';

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

/** Looks over the notes; `found` are images with a record, `elsewhere` those that only a reading of the table finds. */
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

describe('what a test of the failure logging left behind', () => {
  test('is taken out once its process can no longer be at it, and forgotten', async () => {
    await notes.add({ imageKey: 'a', at: clock.now() });
    await clock.advance(4 * MINUTE);
    expect(await sweep({ found: ['a'] })).toEqual({ removed: [], searched: [] });
    await clock.advance(2 * MINUTE);
    expect(await sweep({ found: ['a'] })).toEqual({ removed: ['a'], searched: [] });
    expect(await remembered()).toEqual([]);
  });

  test('is looked for until no invocation can write it any more, in the whole table the last time', async () => {
    for (const imageKey of ['late', 'never']) await notes.add({ imageKey, at: clock.now() });
    await clock.advance(10 * MINUTE);
    expect(await sweep({})).toEqual({ removed: [], searched: [] });
    expect(await remembered()).toEqual(['late', 'never']);
    await clock.advance(11 * MINUTE);
    expect(await sweep({ elsewhere: ['late'] })).toEqual({ removed: ['late'], searched: ['late', 'never'] });
    expect(await remembered()).toEqual([]);
  });

  test('stays while a flush or a restore compares the table', async () => {
    await notes.add({ imageKey: 'a', at: clock.now() });
    await clock.advance(30 * MINUTE);
    expect(await sweep({ found: ['a'], busy: true })).toEqual({ removed: [], searched: [] });
    expect(await remembered()).toEqual(['a']);
  });

  test('is not forgotten where it cannot be taken out', async () => {
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
