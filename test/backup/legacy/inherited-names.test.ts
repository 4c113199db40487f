import * as fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { importLegacy, legacyLosses, parseLegacy } from '../../../src/backup/legacy/legacy.ts';
import { TIMESHEETS } from '../../../src/pipeline/profile/timesheets.ts';
import { canonicalItem, sameItem } from '../../../src/pipeline/table/canonical.ts';
import type { Item } from '../../../src/pipeline/table/item.ts';
import { kindOfRecord } from '../../../src/pipeline/table/records.ts';
import { putItems } from '../../support/aws/items.ts';
import { type BackupWorld, startBackupWorld } from '../backup-rig.ts';

/** Attributes whose names every JavaScript object has: `item.toString` is a function, and assigning to `__proto__` sets none. */

let world: BackupWorld;
beforeAll(async () => {
  world = await startBackupWorld();
});
afterAll(() => world.stop());

const NAMES = ['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'valueOf'] as const;
const item = (index: number, names: readonly string[], text: string): Item => ({
  ResourceName: { S: `Person_${index}` },
  DateProjectCode: { S: '2026-01-01#P' },
  ...Object.fromEntries(
    names.map((name) => [name, { M: Object.fromEntries(names.map((inner) => [inner, { S: text }])) }]),
  ),
});
const someNames = fc.subarray([...NAMES], { minLength: 1 });

test('Versions with such names that a flush meets are saved in full, and a restore writes the last of them', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(someNames, { minLength: 1, maxLength: 5 }), someNames, async (records, later) => {
      const items = records.map((names, index) => item(index, names, 'before'));
      const edited = items.map((_, index) => item(index, later, 'after'));
      const table = await world.table(items);
      const { id } = await world.backup(table);
      let isEdited = false;
      const dynamodb = await world.through({
        async intercept({ operation }) {
          if (operation === 'Scan' || isEdited) return undefined;
          isEdited = true;
          await putItems(world.dynamodb, table, edited);
          return undefined;
        },
      });
      await world.flush(table, id, {}, { dynamodb });
      expect(await world.digest(table)).toMatchObject({ items: 0 });
      await world.restore(table, id);
      expect(await world.digest(table)).toEqual(await world.digest(await world.table(isEdited ? edited : items)));
    }),
    { numRuns: 10 },
  );
});

test('A file of the runbook with such names is imported with all of them, or refused for the types that are not known', async () => {
  const typed = item(0, NAMES, 'x');
  const table = await world.table([typed]);
  const good = await world.backup(table);
  const plain = JSON.stringify([
    Object.fromEntries([
      ['ResourceName', 'Person_1'],
      ['DateProjectCode', '2026-01-02#P'],
      ...NAMES.map((name) => [name, Object.fromEntries(NAMES.map((inner) => [inner, 'y']))]),
    ]),
  ]);
  const request = { fileName: 'db_backup.json', table, typesFrom: good.id, by: 'U1' };
  const { record } = await importLegacy(world.ports, { ...request, text: plain });
  await world.restore(table, record.id, { jobId: 'inherited' });
  const wanted: Item = {
    ...item(1, NAMES, 'y'),
    DateProjectCode: { S: '2026-01-02#P' },
  };
  expect(await world.digest(table)).toEqual(await world.digest(await world.table([wanted])));

  const unknown = '[{"ResourceName":"a","DateProjectCode":"b","isPrototypeOf":"c"}]';
  await expect(importLegacy(world.ports, { ...request, text: unknown })).rejects.toMatchObject({
    problems: [expect.stringContaining('isPrototypeOf')],
  });
});

test('What a file of the runbook lost is named at any name', () => {
  const losses = legacyLosses(parseLegacy('[{"__proto__":"7.5","toString":{"__proto__":"8"}}]'));
  expect(losses.map(({ attribute }) => attribute)).toEqual(['__proto__', 'toString.__proto__']);
});

test('A record without an attribute of such a name does not have it', () => {
  const key = { hash: 'ResourceName', range: 'toString', profile: TIMESHEETS };
  expect(kindOfRecord({ ResourceName: { S: 'a' } }, key)).toBe('entry');
  const parsed: Item = JSON.parse('{"a":{"S":"1"},"__proto__":{"S":"2"}}');
  expect(sameItem(parsed, { a: { S: '1' } })).toBe(false);
  expect(canonicalItem(parsed)).toContain('__proto__');
});
