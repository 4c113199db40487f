import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { createConditions } from '../../../src/pipeline/table/condition.ts';
import type { Item } from '../../../src/pipeline/table/item.ts';

const key: Item = { person: { S: 'Nik' }, day: { S: '2025-09-29#PJ1' } };
const requestSchema = z.object({
  ConditionExpression: z.string(),
  ExpressionAttributeNames: z.record(z.string(), z.string()),
  ExpressionAttributeValues: z.record(z.string(), z.json()).optional(),
});
type Conditions = ReturnType<typeof createConditions>;
const read = (conditions: Conditions, expected: Item | undefined) =>
  requestSchema.parse(JSON.parse(`{${conditions.conditionFor(key, expected)}}`));

/** What a condition compares: names with their values, and names that must be absent. */
function comparisonOf(request: z.infer<typeof requestSchema>) {
  const compared: Record<string, unknown> = {};
  const absent: string[] = [];
  for (const clause of request.ConditionExpression.split(' AND ')) {
    const [, placeholder = '', value = ''] = /^(#\w+)=(:\w+)$/.exec(clause) ?? [];
    const name = request.ExpressionAttributeNames[placeholder];
    if (name !== undefined) compared[name] = request.ExpressionAttributeValues?.[value];
    const [, missing = ''] = /^attribute_not_exists\((#\w+)\)$/.exec(clause) ?? [];
    const missingName = request.ExpressionAttributeNames[missing];
    if (missingName !== undefined) absent.push(missingName);
  }
  return { compared, absent };
}

describe('The condition of a write', () => {
  test('for a record that must not exist: it has no hash key', () => {
    expect(read(createConditions(new Set()), undefined)).toEqual({
      ConditionExpression: 'attribute_not_exists(#k)',
      ExpressionAttributeNames: { '#k': 'person' },
    });
  });

  test('for a record of nothing but its key: it exists, and no known attribute came', () => {
    expect(read(createConditions(new Set()), key)).toEqual({
      ConditionExpression: 'attribute_exists(#k)',
      ExpressionAttributeNames: { '#k': 'person' },
    });
    expect(comparisonOf(read(createConditions(new Set(['hours', 'day'])), key)).absent).toEqual(['hours']);
  });

  test('compares every attribute but the key, and excludes every other known name', () => {
    const conditions = createConditions(new Set(['person', 'day', 'hours', 'note', 'week']));
    const expected: Item = { ...key, hours: { N: '7.5' }, note: { S: 'a "b"' } };
    expect(comparisonOf(read(conditions, expected))).toEqual({
      compared: { hours: { N: '7.5' }, note: { S: 'a "b"' } },
      absent: ['week'],
    });
  });

  test('has no clause that a comparison makes needless', () => {
    const { ConditionExpression } = read(createConditions(new Set()), { ...key, a: { N: '1' } });
    expect(ConditionExpression).toBe('#0=:0');
  });

  test('uses the names of each record, whatever record came before it', () => {
    const conditions = createConditions(new Set());
    const records: Item[] = [
      { ...key, a: { N: '1' }, b: { N: '2' } },
      { ...key, a: { N: '3' }, b: { N: '4' } },
      { ...key, a: { N: '5' } },
      { ...key, 'a\u0000b': { N: '6' } },
      { ...key, b: { N: '7' }, a: { N: '8' } },
      { ...key, a: { N: '9' }, c: { N: '10' } },
    ];
    for (const expected of [...records, ...records]) {
      const { person: _, day: __, ...others } = expected;
      expect(comparisonOf(read(conditions, expected)).compared).toEqual(others);
    }
  });

  test('excludes a name that became known later, for records of a shape it has met, too', () => {
    const names = new Set<string>();
    const conditions = createConditions(names);
    const expected: Item = { ...key, a: { N: '1' } };
    expect(comparisonOf(read(conditions, expected)).absent).toEqual([]);
    names.add('late');
    expect(comparisonOf(read(conditions, expected)).absent).toEqual(['late']);
    names.add('later');
    expect(comparisonOf(read(conditions, { ...key, b: { N: '1' } })).absent).toEqual(['late', 'later']);
  });

  test('has at most 300 operators, filled by the first attributes of the record', () => {
    const many = Array.from({ length: 200 }, (_, at) => [`a${at}`, { N: '1' }] as const);
    const wide: Item = { ...key, ...Object.fromEntries(many) };
    const request = read(createConditions(new Set(['z'])), wide);
    const { compared, absent } = comparisonOf(request);
    expect(Object.keys(request.ExpressionAttributeValues ?? {})).toHaveLength(150);
    expect(Object.keys(compared)).toEqual(Array.from({ length: 150 }, (_, at) => `a${at}`));
    expect(absent).toEqual([]);
  });

  test('has at most 4,096 bytes, and leaves out no clause that fits', () => {
    const names = new Set(Array.from({ length: 400 }, (_, at) => `n${at}`));
    const expected: Item = { ...key, a: { N: '1' } };
    const { ConditionExpression: text } = read(createConditions(names), expected);
    const next = ` AND attribute_not_exists(#n${text.split(' AND ').length - 1})`;
    expect(text.length).toBeLessThanOrEqual(4_096);
    expect(text.length + next.length).toBeGreaterThan(4_096);
  });

  test('fills 300 operators and 4,096 bytes to the last one', () => {
    // 149 comparisons and one name that must be absent are 150 clauses with 149 ANDs.
    const many = Array.from({ length: 149 }, (_, at) => [`a${at}`, { N: '1' }] as const);
    const wide = read(createConditions(new Set(['y', 'z'])), { ...key, ...Object.fromEntries(many) });
    expect(comparisonOf(wide).absent).toEqual(['y']);
    // Each number of comparisons leaves another rest: 4,095 bytes are reached, exactly 4,096 by none.
    const full: number[] = [];
    for (let compared = 0; compared < 30; compared++) {
      const names = Array.from({ length: 150 }, (_, at) => `n${at}`);
      const own = Object.fromEntries(Array.from({ length: compared }, (_, at) => [`a${at}`, { N: '1' }]));
      const { ConditionExpression: text } = read(createConditions(new Set(names)), { ...key, ...own });
      const clauses = [
        ...(compared === 0 ? ['attribute_exists(#k)'] : []),
        ...Array.from({ length: compared }, (_, at) => `#${at}=:${at}`),
        ...names.map((_, at) => `attribute_not_exists(#n${at})`),
      ];
      const most = clauses.findIndex((_, at) => clauses.slice(0, at + 1).join(' AND ').length > 4_096);
      expect(text).toBe(clauses.slice(0, most).join(' AND '));
      full.push(text.length);
    }
    expect(Math.max(...full)).toBe(4_095);
  });

  test('is the same for a thousand shapes and more, each met twice', () => {
    const conditions = createConditions(new Set());
    for (let round = 0; round < 2; round++)
      for (let shape = 0; shape < 1_005; shape++)
        expect(comparisonOf(read(conditions, { ...key, [`s${shape}`]: { N: '1' } })).compared).toEqual({
          [`s${shape}`]: { N: '1' },
        });
  });
});
