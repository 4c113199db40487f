import {
  type AttributeValue,
  BatchWriteItemCommand,
  ConditionalCheckFailedException,
  CreateTableCommand,
  DeleteItemCommand,
  DeleteTableCommand,
  DescribeContinuousBackupsCommand,
  type DynamoDBClient,
  GetItemCommand,
  IdempotentParameterMismatchException,
  PutItemCommand,
  ScanCommand,
  TransactionCanceledException,
  TransactionConflictException,
  TransactionInProgressException,
  TransactWriteItemsCommand,
  type TransactWriteItemsCommandInput,
  UpdateContinuousBackupsCommand,
  UpdateItemCommand,
} from '@aws-sdk/client-dynamodb';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type LocalDynamo, startDynalite } from '../../support/aws/dynalite.ts';
import { eventually } from '../../support/eventually.ts';

const TableName = 'Transactions';
type Item = Record<string, AttributeValue>;

let now = Date.UTC(2025, 0, 1);
let transactionMs = 0;
/** Whether a transaction has begun. */
let hasBegun = false;
let dynamo: LocalDynamo;
let dynamodb: DynamoDBClient;
beforeAll(async () => {
  dynamo = await startDynalite({
    now: () => now,
    transactionMs() {
      hasBegun = true;
      return transactionMs;
    },
  });
  dynamodb = dynamo.client;
});
async function createTable(): Promise<void> {
  await dynamodb.send(
    new CreateTableCommand({
      TableName,
      BillingMode: 'PAY_PER_REQUEST',
      KeySchema: [{ AttributeName: 'id', KeyType: 'HASH' }],
      AttributeDefinitions: [
        { AttributeName: 'id', AttributeType: 'S' },
        { AttributeName: 'indexed', AttributeType: 'S' },
      ],
      GlobalSecondaryIndexes: [
        {
          IndexName: 'ByIndexed',
          KeySchema: [{ AttributeName: 'indexed', KeyType: 'HASH' }],
          Projection: { ProjectionType: 'ALL' },
        },
      ],
    }),
  );
}
beforeEach(async () => {
  transactionMs = 0;
  hasBegun = false;
  await dynamodb.send(new DeleteTableCommand({ TableName })).catch(() => {});
  await createTable();
});
afterAll(() => dynamo.stop());

const key = (id: string) => ({ id: { S: id } });
const item = (id: string, more: Item = {}): Item => ({ ...key(id), hours: { N: '1' }, ...more });
const put = (Item: Item) => dynamodb.send(new PutItemCommand({ TableName, Item }));
const get = async (id: string) =>
  (await dynamodb.send(new GetItemCommand({ TableName, Key: key(id), ConsistentRead: true }))).Item;
const ids = async () =>
  ((await dynamodb.send(new ScanCommand({ TableName }))).Items ?? []).map(({ id }) => id?.S).toSorted();
type Actions = NonNullable<TransactWriteItemsCommandInput['TransactItems']>;
const transact = (TransactItems: Actions, ClientRequestToken?: string) =>
  dynamodb.send(
    new TransactWriteItemsCommand({
      TransactItems,
      ...(ClientRequestToken === undefined ? {} : { ClientRequestToken }),
    }),
  );
const putAction = (Item: Item) => ({ Put: { TableName, Item } });
const failure = (call: Promise<unknown>): Promise<unknown> =>
  call.then(
    () => 'no error',
    (error: unknown) => error,
  );
async function reasonsOf(call: Promise<unknown>) {
  const error = await failure(call);
  if (!(error instanceof TransactionCanceledException)) throw new Error(`Not cancelled: ${String(error)}`);
  return error.CancellationReasons ?? [];
}
/** The item still has its hours. */
const unchanged = {
  ConditionExpression: '#h = :h',
  ExpressionAttributeNames: { '#h': 'hours' },
  ExpressionAttributeValues: { ':h': { N: '1' } },
};

describe('TransactWriteItems', () => {
  test('TransactWriteItems writes all its actions: put, update, delete, condition check', async () => {
    await put(item('updated'));
    await put(item('deleted'));
    await put(item('checked'));
    await transact([
      putAction(item('put')),
      {
        Update: {
          TableName,
          Key: key('updated'),
          UpdateExpression: 'SET hours = :new',
          ExpressionAttributeValues: { ':new': { N: '2' } },
        },
      },
      { Delete: { TableName, Key: key('deleted') } },
      { ConditionCheck: { TableName, Key: key('checked'), ...unchanged } },
    ]);
    expect(await ids()).toEqual(['checked', 'put', 'updated']);
    expect(await get('updated')).toEqual(item('updated', { hours: { N: '2' } }));
    expect(await get('checked')).toEqual(item('checked'));
  });

  test('TransactWriteItems writes nothing when a condition fails, and returns a reason for each action, on request with the item', async () => {
    const found = item('b', { hours: { N: '9' }, list: { L: [{ B: new Uint8Array([1]) }] } });
    await put(item('a'));
    await put(found);
    await put(found && item('c', { hours: { N: '9' } }));
    const reasons = await reasonsOf(
      transact([
        { Delete: { TableName, Key: key('a'), ...unchanged } },
        { Delete: { TableName, Key: key('b'), ...unchanged, ReturnValuesOnConditionCheckFailure: 'ALL_OLD' } },
        { Delete: { TableName, Key: key('c'), ...unchanged } },
        { Delete: { TableName, Key: key('gone'), ...unchanged, ReturnValuesOnConditionCheckFailure: 'ALL_OLD' } },
      ]),
    );
    expect(reasons.map(({ Code }) => Code)).toEqual([
      'None',
      'ConditionalCheckFailed',
      'ConditionalCheckFailed',
      'ConditionalCheckFailed',
    ]);
    expect(reasons.map(({ Item }) => Item)).toEqual([undefined, found, undefined, undefined]);
    expect(await ids()).toEqual(['a', 'b', 'c']);
  });

  test('TransactWriteItems undoes its writes when a later action fails', async () => {
    await put(item('old'));
    await put(item('text', { hours: { S: 'none' } }));
    const reasons = await reasonsOf(
      transact([
        putAction(item('new')),
        putAction(item('old', { hours: { N: '5' } })),
        {
          Update: {
            TableName,
            Key: key('text'),
            UpdateExpression: 'SET hours = hours + :one',
            ExpressionAttributeValues: { ':one': { N: '1' } },
          },
        },
      ]),
    );
    expect(reasons.map(({ Code }) => Code)).toEqual(['None', 'None', 'ValidationError']);
    expect(await get('new')).toBeUndefined();
    expect(await get('old')).toEqual(item('old'));
  });

  test('TransactWriteItems accepts at most 100 actions and one action per item', async () => {
    const actions = (count: number) => Array.from({ length: count }, (_, index) => putAction(item(`item-${index}`)));
    await transact(actions(100));
    expect(await ids()).toHaveLength(100);
    await expect(transact(actions(101))).rejects.toThrow('less than or equal to 100');
    await expect(transact([])).rejects.toThrow('transactItems');
    await expect(transact([putAction(item('a')), putAction(item('a'))])).rejects.toThrow(
      'multiple operations on one item',
    );
  });

  test('TransactWriteItems accepts at most 4 MB of items', async () => {
    const big = (count: number) =>
      Array.from({ length: count }, (_, index) =>
        putAction(item(`big-${index}`, { text: { S: 'x'.repeat(399_000) } })),
      );
    await transact(big(10));
    await expect(transact(big(11))).rejects.toThrow('4 MB');
  });

  test('TransactWriteItems refuses a missing table and an item that is too large', async () => {
    await expect(transact([{ Delete: { TableName: 'Nowhere', Key: key('a') } }])).rejects.toMatchObject({
      name: 'ResourceNotFoundException',
    });
    await expect(transact([putAction(item('a', { text: { S: 'x'.repeat(410_000) } }))])).rejects.toThrow('size');
    await expect(transact([putAction(item('a', { indexed: { N: '1' } }))])).rejects.toThrow();
    expect(await ids()).toEqual([]);
  });
});

describe('the token of a transaction', () => {
  test('a repeated token within 10 minutes succeeds without a write', async () => {
    await transact([putAction(item('a'))], 'token-1');
    await put(item('a', { hours: { N: '7' } }));
    now += 9 * 60_000;
    await transact([putAction(item('a'))], 'token-1');
    expect(await get('a')).toEqual(item('a', { hours: { N: '7' } }));
    now += 61_000;
    await transact([putAction(item('a'))], 'token-1');
    expect(await get('a')).toEqual(item('a'));
  });

  test('a token with another request is refused', async () => {
    await transact([putAction(item('a'))], 'token-2');
    expect(await failure(transact([putAction(item('b'))], 'token-2'))).toBeInstanceOf(
      IdempotentParameterMismatchException,
    );
    expect(await ids()).toEqual(['a']);
  });

  test('the token of a cancelled transaction can be used again', async () => {
    const change = [{ Delete: { TableName, Key: key('a'), ...unchanged } }];
    expect(await failure(transact(change, 'token-3'))).toBeInstanceOf(TransactionCanceledException);
    await put(item('a'));
    await transact(change, 'token-3');
    expect(await ids()).toEqual([]);
  });

  test('the token of a running transaction is refused', async () => {
    transactionMs = 2_000;
    const first = transact([putAction(item('a'))], 'token-4');
    await eventually(() => expect(hasBegun).toBe(true));
    expect(await failure(transact([putAction(item('a'))], 'token-4'))).toBeInstanceOf(TransactionInProgressException);
    await first;
  });
});

describe('a running transaction', () => {
  test('writes of its items are refused as conflicts while a transaction runs, and other items can be written', async () => {
    transactionMs = 2_000;
    const first = transact([putAction(item('a')), putAction(item('b'))]);
    await eventually(() => expect(hasBegun).toBe(true));
    const second = failure(transact([putAction(item('b', { hours: { N: '2' } })), putAction(item('c'))]));
    expect(await failure(put(item('a', { hours: { N: '3' } })))).toBeInstanceOf(TransactionConflictException);
    await put(item('d'));
    const batch = await dynamodb.send(
      new BatchWriteItemCommand({
        RequestItems: {
          [TableName]: [
            { PutRequest: { Item: item('a', { hours: { N: '4' } }) } },
            { PutRequest: { Item: item('e') } },
          ],
        },
      }),
    );
    expect(batch.UnprocessedItems?.[TableName]).toEqual([{ PutRequest: { Item: item('a', { hours: { N: '4' } }) } }]);
    await first;
    const error = await second;
    expect(error instanceof TransactionCanceledException && error.CancellationReasons?.map(({ Code }) => Code)).toEqual(
      ['TransactionConflict', 'None'],
    );
    expect(await ids()).toEqual(['a', 'b', 'd', 'e']);
    expect(await get('a')).toEqual(item('a'));
  });
});

describe('conditions', () => {
  const nested = { M: { list: { L: [{ N: '1.0' }, { SS: ['a', 'b'] }] }, flag: { BOOL: true } } };
  const conditions: [string, string, Item, boolean][] = [
    ['an equal map', '#v = :v', { ':v': nested }, true],
    [
      'a map with other spellings of its numbers and sets',
      '#v = :v',
      { ':v': { M: { flag: { BOOL: true }, list: { L: [{ N: '1e0' }, { SS: ['b', 'a'] }] } } } },
      true,
    ],
    ['a map that lacks a name', '#v = :v', { ':v': { M: { flag: { BOOL: true } } } }, false],
    ['a map with another list', '#v <> :v', { ':v': { M: { ...nested.M, list: { L: [] } } } }, true],
    ['one of several maps', '#v IN (:w, :v)', { ':v': nested, ':w': { M: {} } }, true],
    ['an absent attribute', '#missing = :v', { ':v': { NULL: true } }, false],
    ['an absent attribute that differs', '#missing <> :v', { ':v': { NULL: true } }, true],
    ['a size', 'size(#v) = :v', { ':v': { N: '2' } }, true],
    ['parts with NOT, AND and OR', 'NOT #v = :v OR attribute_exists(id) AND #v = :v', { ':v': nested }, true],
  ];
  test.each(conditions)(
    'a condition with %s gives the same result as in DynamoDB',
    async (_, ConditionExpression, values, holds) => {
      await put(item('a', { value: nested }));
      const names = { '#v': 'value', '#missing': 'missing' };
      const used = Object.fromEntries(Object.entries(names).filter(([name]) => ConditionExpression.includes(name)));
      const condition = { ConditionExpression, ExpressionAttributeNames: used, ExpressionAttributeValues: values };
      const calls = [
        () => dynamodb.send(new PutItemCommand({ TableName, Item: item('a', { value: nested }), ...condition })),
        () =>
          dynamodb.send(
            new UpdateItemCommand({
              TableName,
              Key: key('a'),
              UpdateExpression: 'SET touched = :touched',
              ...condition,
              ExpressionAttributeValues: { ...values, ':touched': { BOOL: true } },
            }),
          ),
        () => dynamodb.send(new DeleteItemCommand({ TableName, Key: key('a'), ...condition })),
      ];
      for (const call of calls) {
        const error = await failure(call());
        if (holds) expect(error).toBe('no error');
        else expect(error).toBeInstanceOf(ConditionalCheckFailedException);
      }
    },
  );

  test('a failed condition returns the item on request', async () => {
    await put(item('a', { hours: { N: '9' } }));
    const call = (more: object) =>
      failure(dynamodb.send(new DeleteItemCommand({ TableName, Key: key('a'), ...unchanged, ...more })));
    expect(await call({})).toMatchObject({ name: 'ConditionalCheckFailedException', Item: undefined });
    expect(await call({ ReturnValuesOnConditionCheckFailure: 'ALL_OLD' })).toMatchObject({
      Item: item('a', { hours: { N: '9' } }),
    });
  });

  test('a condition has at most 300 operators and 4 KB of text', async () => {
    const comparisons = (count: number) => Array.from({ length: count }, () => '#h=:h').join(' AND ');
    const call = (ConditionExpression: string) =>
      dynamodb.send(new PutItemCommand({ TableName, Item: item('a'), ...unchanged, ConditionExpression }));
    await put(item('a'));
    await call(comparisons(150));
    await expect(call(comparisons(151))).rejects.toThrow('too many operators; operator count: 301');
    await expect(call(`${'('.repeat(1)}#h=:h)${' '.repeat(4_090)}`)).rejects.toThrow('expression size: 4097');
    await expect(
      transact([{ Put: { TableName, Item: item('a'), ...unchanged, ConditionExpression: comparisons(151) } }]),
    ).rejects.toThrow('too many operators');
  });
});

describe('point-in-time recovery', () => {
  const describeBackups = async (table = TableName) =>
    (await dynamodb.send(new DescribeContinuousBackupsCommand({ TableName: table }))).ContinuousBackupsDescription
      ?.PointInTimeRecoveryDescription;
  const turn = (PointInTimeRecoveryEnabled: boolean) =>
    dynamodb.send(
      new UpdateContinuousBackupsCommand({
        TableName,
        PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled },
      }),
    );

  test('point-in-time recovery is off at first and can be turned on and off', async () => {
    expect(await describeBackups()).toEqual({ PointInTimeRecoveryStatus: 'DISABLED' });
    const since = new Date(now);
    await turn(true);
    now += 3_600_000;
    expect(await describeBackups()).toEqual({
      PointInTimeRecoveryStatus: 'ENABLED',
      RecoveryPeriodInDays: 35,
      EarliestRestorableDateTime: since,
      LatestRestorableDateTime: new Date(now - 300_000),
    });
    await turn(false);
    expect(await describeBackups()).toEqual({ PointInTimeRecoveryStatus: 'DISABLED' });
  });

  test('point-in-time recovery is off for a recreated table, and an unknown table is an error', async () => {
    await turn(true);
    await dynamodb.send(new DeleteTableCommand({ TableName }));
    await expect(describeBackups()).rejects.toMatchObject({ name: 'TableNotFoundException' });
    await createTable();
    expect(await describeBackups()).toEqual({ PointInTimeRecoveryStatus: 'DISABLED' });
  });
});

test('a provisioned table throttles writes beyond its capacity when that is enforced', async () => {
  let left = 5;
  const small = await startDynalite({
    takeWriteUnits(_, units) {
      if (units > left) return false;
      left -= units;
      return true;
    },
  });
  const create = {
    TableName,
    BillingMode: 'PAY_PER_REQUEST' as const,
    KeySchema: [{ AttributeName: 'id', KeyType: 'HASH' as const }],
    AttributeDefinitions: [{ AttributeName: 'id', AttributeType: 'S' as const }],
  };
  await small.client.send(new CreateTableCommand(create));
  const putSmall = (Item: Item) => small.client.send(new PutItemCommand({ TableName, Item }));
  await putSmall(item('a'));
  const pair = [putAction(item('b')), putAction(item('c', { text: { S: 'x'.repeat(1_500) } }))];
  expect(
    (await reasonsOf(small.client.send(new TransactWriteItemsCommand({ TransactItems: pair })))).map(
      ({ Code }) => Code,
    ),
  ).toEqual(['ProvisionedThroughputExceeded', 'ProvisionedThroughputExceeded']);
  await small.client.send(
    new TransactWriteItemsCommand({ TransactItems: [putAction(item('b')), putAction(item('c'))] }),
  );
  await expect(putSmall(item('d'))).rejects.toMatchObject({ name: 'ProvisionedThroughputExceededException' });
  await small.stop();
});
