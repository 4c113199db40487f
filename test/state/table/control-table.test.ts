import { createServer } from 'node:http';
import { CreateTableCommand, DeleteTableCommand, DescribeTableCommand, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../../src/lib/clock.ts';
import { type ControlTable, ControlTableError, openControlTable } from '../../../src/state/table/control-table.ts';
import { type LocalDynamo, startDynalite, testCredentials } from '../../support/aws/dynalite.ts';
import { startFaultProxy } from '../../support/aws/fault-proxy.ts';

let dynamo: LocalDynamo;
beforeAll(async () => {
  dynamo = await startDynalite({ createTableMs: 50 });
});
afterAll(() => dynamo.stop());

let count = 0;
const open = (tableName: string, dynamodb = dynamo.client) =>
  openControlTable({ dynamodb, tableName, clock: systemClock });
async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
}

describe('the first start', () => {
  test('creates the control table on demand and waits until it can be used', async () => {
    const table = await open('first-start');
    await table.create({ pk: 'a', sk: 'b' }, { n: 1 });
    const { Table } = await dynamo.client.send(new DescribeTableCommand({ TableName: 'first-start' }));
    expect(Table?.TableStatus).toBe('ACTIVE');
    expect(Table?.BillingModeSummary?.BillingMode).toBe('PAY_PER_REQUEST');
    expect(Table?.KeySchema).toEqual([
      { AttributeName: 'pk', KeyType: 'HASH' },
      { AttributeName: 'sk', KeyType: 'RANGE' },
    ]);
  });

  test('works when two processes create the control table at the same time', async () => {
    const [one, two] = await Promise.all([open('two-copies'), open('two-copies')]);
    await one.create({ pk: 'a', sk: 'b' }, { from: 'one' });
    expect(await two.read({ pk: 'a', sk: 'b' })).toEqual({ pk: 'a', sk: 'b', from: 'one' });
  });

  test('refuses a table with other keys and does not change it', async () => {
    await dynamo.client.send(
      new CreateTableCommand({
        TableName: 'timesheets',
        BillingMode: 'PAY_PER_REQUEST',
        AttributeDefinitions: [{ AttributeName: 'ResourceName', AttributeType: 'S' }],
        KeySchema: [{ AttributeName: 'ResourceName', KeyType: 'HASH' }],
      }),
    );
    const refusal = await open('timesheets').catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(ControlTableError);
    expect(refusal).toMatchObject({
      message: expect.stringContaining('is not a control table: its key is ResourceName (S, HASH)'),
      fault: {
        reason: 'control-table',
        fix: expect.stringMatching(/^Set CONTROL_TABLE to a table that only the bot uses/),
      },
    });
  });

  test('names the IAM action that is missing', async () => {
    const denied = createServer((_, reply) => {
      reply.writeHead(400, { 'content-type': 'application/x-amz-json-1.0' });
      reply.end(
        JSON.stringify({
          __type: 'com.amazon.coral.service#AccessDeniedException',
          message:
            'User: arn:aws:iam::123456789012:user/bot is not authorized to perform: dynamodb:DescribeTable on resource: x',
        }),
      );
    });
    await new Promise<void>((resolve) => denied.listen(0, '127.0.0.1', resolve));
    const address = denied.address();
    const port = typeof address === 'object' ? address?.port : undefined;
    const client = new DynamoDBClient({
      endpoint: `http://127.0.0.1:${port}`,
      region: 'us-east-1',
      credentials: testCredentials,
    });
    const refusal = await open('somewhere', client).catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(ControlTableError);
    expect(refusal).toMatchObject({
      fault: { reason: 'access-denied', fix: expect.stringContaining('Allow dynamodb:DescribeTable on somewhere') },
    });
    client.destroy();
    denied.closeAllConnections();
    await new Promise((resolve) => denied.close(resolve));
  });
});

describe('an entry of the control table', () => {
  let table: ControlTable;
  let key: { pk: string; sk: string };
  beforeAll(async () => {
    table = await open('entries');
  });
  beforeEach(() => {
    key = { pk: `entry#${count++}`, sk: 'only' };
  });

  test('is read as it was written, whatever its attributes are called', async () => {
    const attributes = { name: 'x', status: true, size: 0.5, values: [1, 'b', null], at: { key: { set: '' } } };
    expect(await table.create(key, { ...attributes, nothing: undefined })).toBe(true);
    expect(await table.read(key)).toEqual({ ...key, ...attributes });
  });

  test('is created once: a second create changes nothing', async () => {
    expect(await table.create(key, { by: 'first' })).toBe(true);
    expect(await table.create(key, { by: 'second' })).toBe(false);
    expect(await table.read(key)).toEqual({ ...key, by: 'first' });
  });

  test('that does not exist is read as undefined', async () => {
    expect(await table.read(key)).toBeUndefined();
  });

  test('is changed in one write (set, remove, add) and returned as it is afterwards', async () => {
    await table.create(key, { name: 'old', status: 'gone', count: 4 });
    const done = await table.update(key, {
      set: { name: 'new', skipped: undefined },
      remove: ['status'],
      add: { count: 3, fresh: 1 },
    });
    expect(done).toEqual({ ok: true, entry: { ...key, name: 'new', count: 7, fresh: 1 } });
  });

  test('is created by an update without a condition, even by one that changes nothing', async () => {
    expect(await table.update(key, {})).toEqual({ ok: true, entry: key });
    expect(await table.read(key)).toEqual(key);
  });

  test('counts 50 concurrent increments, and returns a different number to each caller', async () => {
    const heard = await Promise.all(Array.from({ length: 50 }, () => table.update(key, { add: { count: 1 } })));
    expect(new Set(heard.map((one) => one.entry?.count)).size).toBe(50);
    expect((await table.read(key))?.count).toBe(50);
  });

  const held = { stateKind: 'running', fence: 3, open: true };
  test.each([
    ['exists', { exists: true }, true],
    ['does not exist', { exists: false }, false],
    ['equals in all attributes', { equals: { stateKind: 'running', fence: 3, open: true } }, true],
    ['differs in one attribute', { equals: { stateKind: 'running', fence: 4 } }, false],
    ['equals in an attribute that is absent', { equals: { other: 1 } }, false],
    ['lacks an attribute', { absent: ['stop'] }, true],
    ['has the attribute that should be absent', { absent: ['fence'] }, false],
    ['is one of several', { in: { stateKind: ['paused', 'running'] } }, true],
    ['is none of several', { in: { stateKind: ['paused', 'stopped'] } }, false],
    ['is one of none', { in: { stateKind: [] } }, false],
    ['is less', { lessThan: { fence: 4 } }, true],
    ['is equal, so not less', { lessThan: { fence: 3 } }, false],
    ['is absent, so not less', { lessThan: { other: 4 } }, false],
    ['holds one condition and breaks another', { exists: true, in: { fence: [3] }, lessThan: { fence: 1 } }, false],
  ])('is written on the condition that it %s', async (_, condition, holds) => {
    await table.create(key, held);
    const done = await table.update(key, { set: { touched: true } }, condition);
    expect(done).toEqual({ ok: holds, entry: { ...key, ...held, ...(holds ? { touched: true } : {}) } });
    expect(await table.remove(key, condition)).toBe(holds);
    expect(await table.read(key)).toEqual(holds ? undefined : { ...key, ...held });
  });

  test('that does not exist fails a condition, and the refusal has no entry', async () => {
    expect(await table.update(key, { set: { a: 1 } }, { exists: true })).toEqual({ ok: false });
    expect(await table.read(key)).toBeUndefined();
  });

  describe('in a partition', () => {
    beforeEach(async () => {
      for (const sk of ['note#9', 'run#0001', 'run#0002', 'run#0003', 'run#é', 'zebra'])
        await table.create({ pk: key.pk, sk }, {});
    });
    const keys = async (options?: Parameters<ControlTable['list']>[1]) =>
      (await all(table.list(key.pk, options))).map((entry) => entry.sk);

    test.each([
      ['all in order', undefined, ['note#9', 'run#0001', 'run#0002', 'run#0003', 'run#é', 'zebra']],
      ['those with a prefix', { prefix: 'run#' }, ['run#0001', 'run#0002', 'run#0003', 'run#é']],
      ['from a sort key on', { prefix: 'run#', from: 'run#0002' }, ['run#0002', 'run#0003', 'run#é']],
      ['from before the prefix', { prefix: 'run#', from: 'a' }, ['run#0001', 'run#0002', 'run#0003', 'run#é']],
      ['from beyond the prefix', { prefix: 'run#', from: 'runner' }, []],
      ['from a sort key, no prefix', { from: 'run#0003' }, ['run#0003', 'run#é', 'zebra']],
      ['newest first', { prefix: 'run#', descending: true, limit: 2 }, ['run#é', 'run#0003']],
      ['newest first, down from', { prefix: 'run#', descending: true, from: 'run#0002' }, ['run#0002', 'run#0001']],
      [
        'newest first, from beyond',
        { prefix: 'run#', descending: true, from: 'z' },
        ['run#é', 'run#0003', 'run#0002', 'run#0001'],
      ],
      ['newest first, from before', { prefix: 'run#', descending: true, from: 'a' }, []],
      ['at most so many', { limit: 2 }, ['note#9', 'run#0001']],
      ['none at all', { limit: 0 }, []],
    ])('is listed: %s', async (_, options, expected) => {
      expect(await keys(options)).toEqual(expected);
    });

    test('is listed from every page', async () => {
      const text = 'x'.repeat(100_000);
      for (let at = 0; at < 25; at++)
        await table.create({ pk: key.pk, sk: `page#${String(at).padStart(3, '0')}` }, { text });
      const listed = await keys({ prefix: 'page#' });
      expect(listed).toHaveLength(25);
      expect(listed).toEqual([...listed].sort());
    });
  });

  test('cannot be read when the table was deleted, and the fault says so', async () => {
    const gone = await open('gone');
    await dynamo.client.send(new DeleteTableCommand({ TableName: 'gone' }));
    const refusal = await gone.read(key).catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(ControlTableError);
    expect(refusal).toMatchObject({
      fault: { reason: 'control-table', message: 'The control table gone does not exist any more.' },
    });
  });
});

describe('a write that the SDK repeats because its reply was lost', () => {
  let lost: string | undefined;
  let table: ControlTable;
  let end = async () => {};
  const key = { pk: 'lost', sk: 'reply' };
  beforeEach(async () => {
    lost = undefined;
    const proxy = await startFaultProxy(dynamo.url, {
      isLost({ operation }) {
        if (operation !== lost) return false;
        lost = undefined;
        return true;
      },
    });
    const client = new DynamoDBClient({ endpoint: proxy.url, region: 'us-east-1', credentials: testCredentials });
    end = async () => {
      client.destroy();
      await proxy.stop();
    };
    table = await open(`lost-${count++}`, client);
  });
  afterEach(() => end());

  test('is reported as created', async () => {
    lost = 'PutItem';
    expect(await table.create(key, { by: 'me' })).toBe(true);
    expect(await table.create(key, { by: 'another' })).toBe(false);
  });

  test('is reported as changed', async () => {
    await table.create(key, { state: 'pending' });
    lost = 'UpdateItem';
    expect(await table.update(key, { set: { state: 'approved' } }, { equals: { state: 'pending' } })).toEqual({
      ok: true,
      entry: { ...key, state: 'approved' },
    });
    expect(await table.update(key, { set: { state: 'approved' } }, { equals: { state: 'pending' } })).toEqual({
      ok: false,
      entry: { ...key, state: 'approved' },
    });
  });

  test('is reported as removed', async () => {
    await table.create(key, { id: 'a' });
    lost = 'DeleteItem';
    expect(await table.remove(key, { equals: { id: 'a' } })).toBe(true);
  });
});
