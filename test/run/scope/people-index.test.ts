import { expect, test } from 'vitest';
import type { Item } from '../../../src/pipeline/table/item.ts';
import { createPeopleIndex } from '../../../src/run/scope/people-index.ts';
import { PIPELINE_KEYS } from '../../support/aws/pipeline-keys.ts';

const row = (name: string, displayName = name.replaceAll('_', ' ')): Item => ({
  ResourceName: { S: name },
  DateProjectCode: { S: '2025-09-29#PJ1' },
  ResourceNameDisplay: { S: displayName },
  ProjectCode: { S: 'PJ1' },
});

/** An index over these rows. A read waits for `isSlow`, if that is given. */
function indexOf(rows: Item[], isSlow?: Promise<void>) {
  const world = { now: 0, reads: 0, failure: undefined as Error | undefined, warnings: 0 };
  const index = createPeopleIndex({
    async *read() {
      world.reads += 1;
      if (world.failure) throw world.failure;
      yield { items: rows.slice(0, 1), keys: PIPELINE_KEYS, bucket: 'images' };
      await isSlow;
      yield { items: rows.slice(1), keys: PIPELINE_KEYS, bucket: 'images' };
    },
    clock: {
      now: () => world.now,
      sleep: async () => {
        if (isSlow) return;
        await new Promise(() => {});
      },
    },
    warn: () => {
      world.warnings += 1;
    },
  });
  const names = async (typed: string, most = 100) => (await index.find(typed, most)).map(({ name }) => name);
  return { world, index, names };
}

test('people are found by a part of their name or display name, whatever its capitals, spaces and quotes', async () => {
  const { index, names } = indexOf([
    row('Bob_Ray'),
    row('Ana_Bel'),
    row('Anabel_Lee', 'Lee, Anabel'),
    row('Zo\u00eb_O\u2019Neil'),
    { ...row('X#2025-09'), WeeksSubmitted: { SS: ['2025-09-01'] } },
    { ...row('FAILED#a.png'), RecordType: { S: 'FAILED_IMAGE' } },
  ]);
  expect(await names('ANA')).toEqual(['Ana_Bel', 'Anabel_Lee']);
  expect(await names('ana bel')).toEqual(['Ana_Bel']);
  expect(await names('lee, a')).toEqual(['Anabel_Lee']);
  expect(await names("o'neil")).toEqual(['Zo\u00eb_O\u2019Neil']);
  expect(await names('x')).toEqual([]);
  expect(await names('a', 2)).toEqual(['Ana_Bel', 'Anabel_Lee']);
  expect(await index.find('lee', 1)).toEqual([{ name: 'Anabel_Lee', displayName: 'Lee, Anabel' }]);
});

test('the table is read again at most once a minute, and only when somebody types', async () => {
  const rows = [row('Ana_Bel')];
  const { world, names } = indexOf(rows);
  await names('a');
  world.now = 59_000;
  rows.push(row('Anton_Cy'));
  expect(await names('a')).toEqual(['Ana_Bel']);
  expect(world.reads).toBe(1);
  world.now = 61_000;
  await names('a');
  await new Promise((resolve) => setImmediate(resolve));
  expect(await names('a')).toEqual(['Ana_Bel', 'Anton_Cy']);
  expect(world.reads).toBe(2);
});

test('while a large table is read for the first time, the people found so far are suggested', async () => {
  const { names, world } = indexOf([row('Ana_Bel'), row('Anton_Cy')], new Promise<void>(() => {}));
  expect(await names('a')).toEqual(['Ana_Bel']);
  expect(await names('a')).toEqual(['Ana_Bel']);
  expect(world.reads).toBe(1);
});

test('a table that cannot be read suggests nobody and is not asked again for a minute', async () => {
  const { names, world } = indexOf([row('Ana_Bel')]);
  world.failure = new Error('no credentials');
  expect(await names('a')).toEqual([]);
  expect(await names('a')).toEqual([]);
  expect(world).toMatchObject({ reads: 1, warnings: 1 });
});
