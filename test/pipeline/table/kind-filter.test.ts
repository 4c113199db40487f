import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { KindRule, Profile } from '../../../src/pipeline/profile/profile.ts';
import { RECORD_KINDS } from '../../../src/pipeline/profile/record-kinds.ts';
import { TIMESHEETS } from '../../../src/pipeline/profile/timesheets.ts';
import { countEntries } from '../../../src/pipeline/table/count.ts';
import { listFailures } from '../../../src/pipeline/table/failure-records.ts';
import type { Item } from '../../../src/pipeline/table/item.ts';
import { growthFilter } from '../../../src/pipeline/table/kind-filter.ts';
import { kindOfRecord, type RecordShape } from '../../../src/pipeline/table/records.ts';
import { type BackupWorld, startBackupWorld } from '../../backup/backup-rig.ts';
import { PIPELINE_KEYS } from '../../support/aws/pipeline-keys.ts';

let world: BackupWorld;
beforeAll(async () => {
  world = await startBackupWorld();
});
afterAll(() => world.stop());

const NAMES = ['A', 'B', 'RecordType'] as const;
const condition: fc.Arbitrary<KindRule['when'][number]> = fc.oneof(
  fc.record({ attribute: fc.constantFrom(...NAMES), exists: fc.boolean() }),
  fc.record({ attribute: fc.constantFrom(...NAMES), is: fc.constantFrom('x', 'y', 'FAILED_IMAGE', true, false) }),
  fc.record({ attribute: fc.constantFrom(...NAMES), startsWith: fc.constantFrom('x', 'FAILED') }),
  fc.record({ key: fc.constantFrom('sort' as const, 'partition' as const), startsWith: fc.constantFrom('W#', 'p') }),
);
const rules: fc.Arbitrary<KindRule[]> = fc.array(
  fc.record({ kind: fc.constantFrom(...RECORD_KINDS), when: fc.array(condition, { minLength: 1, maxLength: 3 }) }),
  { maxLength: 5 },
);
const value = fc.constantFrom(
  { S: 'x' },
  { S: 'xy' },
  { S: 'y' },
  { BOOL: true },
  { BOOL: false },
  { N: '1' },
  undefined,
);
const items: fc.Arbitrary<Item[]> = fc
  .array(fc.record({ A: value, B: value, RecordType: fc.oneof(value, fc.constant({ S: 'FAILED_IMAGE' })) }), {
    minLength: 1,
    maxLength: 8,
  })
  .map((found) =>
    found.map((attributes, at) => ({
      ResourceName: { S: at % 2 === 0 ? 'p' : 'q' },
      DateProjectCode: { S: `${at % 3 === 0 ? 'W#' : ''}${at}` },
      ...JSON.parse(JSON.stringify(attributes)),
    })),
  );

const shapeWith = (changes: Partial<Profile>): RecordShape => ({
  ...PIPELINE_KEYS,
  profile: { ...TIMESHEETS, ...changes },
});

describe('the filter of DynamoDB', () => {
  test('chooses exactly the records that have the kinds by the rules of the profile, whatever these are', async () => {
    await fc.assert(
      fc.asyncProperty(
        rules,
        items,
        fc.subarray(['zero-hour', 'rejected', 'coverage'] as const).map((more) => ['entry' as const, ...more]),
        async (kinds, all, growth) => {
          const keys = shapeWith({ kinds, growth });
          const table = await world.table(all);
          const counted = all.filter((item) => growth.some((kind) => kind === kindOfRecord(item, keys)));
          expect(await countEntries(world.dynamodb, table, { keys, segments: 1 })).toBe(counted.length);
          const failed: Item[] = [];
          for (const segment of listFailures(world.dynamodb, table, keys))
            for await (const item of segment) failed.push(item);
          expect(failed.map(({ DateProjectCode }) => JSON.stringify(DateProjectCode)).sort()).toEqual(
            all
              .filter((item) => kindOfRecord(item, keys) === 'failed')
              .map(({ DateProjectCode }) => JSON.stringify(DateProjectCode))
              .sort(),
          );
        },
      ),
      { numRuns: 25 },
    );
  });

  test('of the timesheet pipeline leaves out failed images and nothing else', () => {
    expect(growthFilter(PIPELINE_KEYS)).toEqual({
      expression: 'attribute_not_exists(#k0) OR #k0 <> :k0',
      names: { '#k0': 'RecordType' },
      values: { ':k0': { S: 'FAILED_IMAGE' } },
    });
  });

  test('finds nothing by a sort key that the table does not have', () => {
    const { range: _, ...hashOnly } = shapeWith({ growth: ['entry'] });
    expect(growthFilter(hashOnly).expression).not.toContain('begins_with');
  });
});
