import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { systemClock } from '../../../src/lib/clock.ts';
import { type ControlTable, openControlTable } from '../../../src/state/table/control-table.ts';
import { type LocalDynamo, startDynalite } from '../../support/aws/dynalite.ts';
import { createMemoryControlTable } from '../../support/memory/memory-control-table.ts';

let dynamo: LocalDynamo;
let real: ControlTable;
beforeAll(async () => {
  dynamo = await startDynalite();
  real = await openControlTable({ dynamodb: dynamo.client, tableName: 'control', clock: systemClock });
});
afterAll(() => dynamo.stop());

const sk = fc.constantFrom('a', 'a#1', 'a#2', 'b');
const name = fc.constantFrom('x', 'y');
const value = fc.constantFrom(1, 2, 'one', true);
const numbers = fc.dictionary(fc.constantFrom('n', 'm'), fc.constantFrom(1, 5), { noNullPrototype: true });
const values = fc.dictionary(name, value, { noNullPrototype: true });
const condition = fc.record(
  {
    exists: fc.boolean(),
    equals: values,
    absent: fc.uniqueArray(name, { maxLength: 2 }),
    in: fc.dictionary(name, fc.array(fc.constantFrom<string | number>(1, 'one'), { maxLength: 2 }), {
      noNullPrototype: true,
    }),
    lessThan: fc.dictionary(fc.constant('n'), fc.constantFrom(2, 6), { noNullPrototype: true }),
  },
  { requiredKeys: [] },
);
const operation = fc.oneof(
  fc.record({ kind: fc.constant('create' as const), sk, set: values }),
  fc.record({
    kind: fc.constant('update' as const),
    sk,
    change: fc.record({ set: values, add: numbers }),
    condition: fc.option(condition, { nil: undefined }),
  }),
  fc.record({ kind: fc.constant('remove' as const), sk, condition: fc.option(condition, { nil: undefined }) }),
  fc.record({ kind: fc.constant('read' as const), sk }),
  fc.record({
    kind: fc.constant('list' as const),
    options: fc.record(
      { prefix: fc.constantFrom('a', 'a#'), from: sk, descending: fc.boolean(), limit: fc.constantFrom(1, 2) },
      { requiredKeys: [] },
    ),
  }),
);
type Operation = typeof operation extends fc.Arbitrary<infer Value> ? Value : never;

function run(table: ControlTable, pk: string, what: Operation): Promise<unknown> {
  switch (what.kind) {
    case 'create':
      return table.create({ pk, sk: what.sk }, what.set);
    case 'update':
      return table.update({ pk, sk: what.sk }, what.change, what.condition);
    case 'remove':
      return table.remove({ pk, sk: what.sk }, what.condition);
    case 'read':
      return table.read({ pk, sk: what.sk });
    case 'list':
      return Array.fromAsync(table.list(pk, what.options));
  }
}

test('The control table in memory answers every sequence of calls as the one in DynamoDB does', async () => {
  let count = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(operation, { minLength: 5, maxLength: 25 }), async (operations) => {
      const memory = createMemoryControlTable().table;
      const pk = `p${++count}`;
      for (const each of operations) expect(await run(memory, pk, each)).toEqual(await run(real, pk, each));
    }),
    { numRuns: 25 },
  );
});
