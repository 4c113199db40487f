import { afterAll, beforeAll, expect, test } from 'vitest';
import { systemClock } from '../../src/lib/clock.ts';
import { createOutbox, type OutboxMessage } from '../../src/state/outbox.ts';
import { type ControlTable, openControlTable } from '../../src/state/table/control-table.ts';
import { type LocalDynamo, startDynalite } from '../support/aws/dynalite.ts';
import { failOnWarning } from '../support/fail-on-warning.ts';

let dynamo: LocalDynamo;
let table: ControlTable;
beforeAll(async () => {
  dynamo = await startDynalite();
  table = await openControlTable({ dynamodb: dynamo.client, tableName: 'outbox-test', clock: systemClock });
});
afterAll(() => dynamo.stop());

async function pending(name: string): Promise<OutboxMessage[]> {
  const found: OutboxMessage[] = [];
  for await (const message of createOutbox({ table, name, warn: failOnWarning }).pending()) found.push(message);
  return found;
}

test('messages are returned oldest first, also to another process, until they are done', async () => {
  const outbox = createOutbox({ table, name: 'one', warn: failOnWarning });
  const later = await outbox.put({ text: 'later', blocks: [{ n: 1.5, no: null }] }, 2_000);
  const first = await outbox.put('first', 1_000);
  const second = await outbox.put('second of the same time', 1_000);
  expect(await pending('one')).toEqual([
    { id: first, at: 1_000, message: 'first' },
    { id: second, at: 1_000, message: 'second of the same time' },
    { id: later, at: 2_000, message: { text: 'later', blocks: [{ n: 1.5, no: null }] } },
  ]);
  await outbox.done(first);
  await outbox.done(first);
  expect((await pending('one')).map((message) => message.id)).toEqual([second, later]);
});

test('the outboxes of two pipelines do not mix', async () => {
  await createOutbox({ table, name: 'two', warn: failOnWarning }).put('for two', 1);
  expect(await pending('three')).toEqual([]);
});
