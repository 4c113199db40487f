import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { systemClock } from '../../src/lib/clock.ts';
import { createFollowUps } from '../../src/state/follow-ups.ts';
import { type ControlTable, openControlTable } from '../../src/state/table/control-table.ts';
import { startDynalite } from '../support/aws/dynalite.ts';
import { failOnWarning } from '../support/fail-on-warning.ts';

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
  return { name: `p${names}`, followUps: createFollowUps({ table, name: `p${names}`, warn: failOnWarning }) };
};
async function open(followUps: ReturnType<typeof createFollowUps>) {
  const found = [];
  for await (const followUp of followUps.open()) found.push(followUp);
  return found;
}

describe('follow-ups', () => {
  test('are listed with their finished steps, oldest first, until they are done', async () => {
    const { followUps } = fresh();
    await followUps.put({ id: 'b', at: 2, about: { of: 'r-0002' } });
    await followUps.put({ id: 'a', at: 3, about: { of: 'r-0003' } });
    await followUps.noteStep('b', 'report');
    await followUps.noteStep('b', 'csv');
    expect(await open(followUps)).toEqual([
      { id: 'b', at: 2, about: { of: 'r-0002' }, steps: ['report', 'csv'] },
      { id: 'a', at: 3, about: { of: 'r-0003' }, steps: [] },
    ]);
    await followUps.finish('b');
    expect((await open(followUps)).map(({ id }) => id)).toEqual(['a']);
  });

  test('with the same id are the same follow-up, and are not started again when done', async () => {
    const { followUps } = fresh();
    await followUps.put({ id: 'a', at: 1, about: 1 });
    await followUps.noteStep('a', 'report');
    await followUps.put({ id: 'a', at: 9, about: 2 });
    expect(await open(followUps)).toEqual([{ id: 'a', at: 1, about: 1, steps: ['report'] }]);
    await followUps.finish('a');
    await followUps.put({ id: 'a', at: 10, about: 3 });
    expect(await open(followUps)).toEqual([]);
  });

  test('are done when the process died between the two writes of finish', async () => {
    const { followUps, name } = fresh();
    await followUps.put({ id: 'a', at: 1, about: 1 });
    await table.create({ pk: `errands#${name}`, sk: 'over#a' }, { id: 'a' });
    expect(await open(followUps)).toEqual([]);
    expect(await table.read({ pk: `errands#${name}`, sk: 'open#a' })).toBeUndefined();
  });
});
