import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { systemClock } from '../../src/lib/clock.ts';
import { type ControlTable, openControlTable } from '../../src/state/control-table.ts';
import { createErrands } from '../../src/state/follow-ups.ts';
import { startDynalite } from '../support/dynalite.ts';

let table: ControlTable;
let stop: () => Promise<void>;
let names = 0;
beforeAll(async () => {
  const dynamo = await startDynalite();
  stop = dynamo.stop;
  table = await openControlTable({ dynamodb: dynamo.client, tableName: 'control', clock: systemClock });
});
afterAll(() => stop());

const fresh = () => {
  names += 1;
  return { name: `p${names}`, errands: createErrands({ table, name: `p${names}` }) };
};
async function open(errands: ReturnType<typeof createErrands>) {
  const found = [];
  for await (const errand of errands.open()) found.push(errand);
  return found;
}

describe('errands', () => {
  test('are on record until all of them is done, the oldest first, with the steps that are', async () => {
    const { errands } = fresh();
    await errands.put({ id: 'b', at: 2, about: { of: 'r-0002' } });
    await errands.put({ id: 'a', at: 3, about: { of: 'r-0003' } });
    await errands.noteStep('b', 'report');
    await errands.noteStep('b', 'csv');
    expect(await open(errands)).toEqual([
      { id: 'b', at: 2, about: { of: 'r-0002' }, steps: ['report', 'csv'] },
      { id: 'a', at: 3, about: { of: 'r-0003' }, steps: [] },
    ]);
    await errands.finish('b');
    expect((await open(errands)).map(({ id }) => id)).toEqual(['a']);
  });

  test('of one id are one errand, and one that was done is not begun again', async () => {
    const { errands } = fresh();
    await errands.put({ id: 'a', at: 1, about: 1 });
    await errands.noteStep('a', 'report');
    await errands.put({ id: 'a', at: 9, about: 2 });
    expect(await open(errands)).toEqual([{ id: 'a', at: 1, about: 1, steps: ['report'] }]);
    await errands.finish('a');
    await errands.put({ id: 'a', at: 10, about: 3 });
    expect(await open(errands)).toEqual([]);
  });

  test('that were finished when the process died between the two writes are not open', async () => {
    const { errands, name } = fresh();
    await errands.put({ id: 'a', at: 1, about: 1 });
    await table.create({ pk: `errands#${name}`, sk: 'over#a' }, { id: 'a' });
    expect(await open(errands)).toEqual([]);
    expect(await table.read({ pk: `errands#${name}`, sk: 'open#a' })).toBeUndefined();
  });
});
