import { canonicalItem } from '../../../../src/pipeline/table/canonical.ts';
import { type Item, isItem, isObject } from '../../../../src/pipeline/table/item.ts';
import { type Expression, fulfils } from './conditions.ts';

export interface Answer {
  readonly status: number;
  readonly json: unknown;
}

export interface MemoryDynamoDb {
  /** Makes an empty table with the keys of the pipeline's table. */
  createTable(name: string): void;
  /** The items of a table, for a test to look at or to change. */
  rows(table: string): Map<string, Item>;
  put(table: string, item: Item): void;
  remove(table: string, item: Item): void;
  /** Answers one call, at once and atomically. */
  answer(operation: string, body: string): Answer;
}

const HASH = 'ResourceName';
const RANGE = 'DateProjectCode';
const PAGE = 25;

const failure = (type: string, message: string, more: object = {}): Answer => ({
  status: 400,
  json: { __type: `com.amazonaws.dynamodb.v20120810#${type}`, message, Message: message, ...more },
});
const ok = (json: unknown): Answer => ({ status: 200, json });

const expressionOf = (request: Readonly<Record<string, unknown>>, name: string): Expression | undefined => {
  const text = request[name];
  if (typeof text !== 'string') return undefined;
  const names: Record<string, string> = {};
  for (const [token, attribute] of Object.entries(request.ExpressionAttributeNames ?? {}))
    names[token] = String(attribute);
  const values = request.ExpressionAttributeValues ?? {};
  if (!isItem(values)) throw new Error('Malformed values');
  return { text, names, values };
};
const itemIn = (value: unknown): Item => {
  if (!isItem(value)) throw new Error('Not an item');
  return value;
};
const listIn = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);
const objectIn = (value: unknown): Readonly<Record<string, unknown>> => {
  if (!isObject(value)) throw new Error('Not an object');
  return value;
};

/** DynamoDB in memory, for tests with thousands of calls: the operations that a backup, a flush and a restore use. */
export function createMemoryDynamoDb(): MemoryDynamoDb {
  const tables = new Map<string, Map<string, Item>>();
  const answersByToken = new Map<string, Answer>();
  const idOf = (item: Item) => {
    const [hash, range] = [item[HASH], item[RANGE]];
    if (!hash || !range) throw new Error('An item without its key');
    return canonicalItem({ hash, range });
  };
  const rowsOf = (name: unknown) => {
    const rows = tables.get(String(name));
    if (!rows) throw new Error(`No table ${name}`);
    return rows;
  };

  function scan(request: Readonly<Record<string, unknown>>): Answer {
    const { Segment = 0, TotalSegments = 1, ExclusiveStartKey } = request;
    const filter = expressionOf(request, 'FilterExpression');
    const all = [...rowsOf(request.TableName)].sort(([a], [b]) => (a < b ? -1 : 1));
    const hashOf = (id: string) => [...id].reduce((sum, letter) => (sum * 31 + letter.charCodeAt(0)) >>> 0, 7);
    const after = ExclusiveStartKey === undefined ? '' : idOf(itemIn(ExclusiveStartKey));
    const mine = all.filter(([id]) => id > after && hashOf(id) % Number(TotalSegments) === Number(Segment));
    const page = mine.slice(0, PAGE);
    const items = page.map(([, item]) => item).filter((item) => !filter || fulfils(item, filter));
    const last = mine.length > PAGE ? page.at(-1)?.[1] : undefined;
    return ok({
      Count: items.length,
      ScannedCount: page.length,
      ...(request.Select === 'COUNT' ? {} : { Items: items }),
      ...(last && { LastEvaluatedKey: { [HASH]: last[HASH], [RANGE]: last[RANGE] } }),
    });
  }

  function batchGet(request: Readonly<Record<string, unknown>>): Answer {
    const Responses: Record<string, Item[]> = {};
    for (const [name, wanted] of Object.entries(objectIn(request.RequestItems))) {
      const rows = rowsOf(name);
      const found: Item[] = [];
      for (const key of listIn(objectIn(wanted).Keys)) {
        const item = rows.get(idOf(itemIn(key)));
        if (item) found.push(item);
      }
      Responses[name] = found;
    }
    return ok({ Responses, UnprocessedKeys: {} });
  }

  function transact(request: Readonly<Record<string, unknown>>): Answer {
    const token = typeof request.ClientRequestToken === 'string' ? request.ClientRequestToken : undefined;
    const repeated = token === undefined ? undefined : answersByToken.get(token);
    if (repeated) return repeated;
    const writes = listIn(request.TransactItems).map((entry) => {
      const { Put, Delete } = objectIn(entry);
      const write = objectIn(Put ?? Delete);
      const next = Put === undefined ? undefined : itemIn(write.Item);
      const id = idOf(next ?? itemIn(write.Key));
      return { id, next, write, rows: rowsOf(write.TableName) };
    });
    if (writes.length > 100) return failure('ValidationException', 'Member must have length less than or equal to 100');
    if (new Set(writes.map(({ id }) => id)).size < writes.length)
      return failure('ValidationException', 'Transaction request cannot include multiple operations on one item');
    const reasons = writes.map(({ id, write, rows }) => {
      const condition = expressionOf(write, 'ConditionExpression');
      const now = rows.get(id);
      if (!condition || fulfils(now ?? {}, condition)) return { Code: 'None' };
      return {
        Code: 'ConditionalCheckFailed',
        Message: 'The conditional request failed',
        ...(now && write.ReturnValuesOnConditionCheckFailure === 'ALL_OLD' && { Item: now }),
      };
    });
    if (reasons.some(({ Code }) => Code !== 'None')) {
      const codes = reasons.map(({ Code }) => Code).join(', ');
      return failure('TransactionCanceledException', `Transaction cancelled, reasons [${codes}]`, {
        CancellationReasons: reasons,
      });
    }
    for (const { id, next, rows } of writes)
      if (next) rows.set(id, next);
      else rows.delete(id);
    if (token !== undefined) answersByToken.set(token, ok({}));
    return ok({});
  }

  /** One PutItem or DeleteItem. */
  function write(request: Readonly<Record<string, unknown>>, next: Item | undefined): Answer {
    const rows = rowsOf(request.TableName);
    const id = idOf(next ?? itemIn(request.Key));
    const condition = expressionOf(request, 'ConditionExpression');
    const now = rows.get(id);
    if (condition && !fulfils(now ?? {}, condition))
      return failure('ConditionalCheckFailedException', 'The conditional request failed', now && { Item: now });
    if (next) rows.set(id, next);
    else rows.delete(id);
    return ok({});
  }

  function describe(name: string): Answer {
    return ok({
      Table: {
        TableName: name,
        TableArn: `arn:aws:dynamodb:us-east-1:123456789012:table/${name}`,
        TableStatus: 'ACTIVE',
        KeySchema: [
          { AttributeName: HASH, KeyType: 'HASH' },
          { AttributeName: RANGE, KeyType: 'RANGE' },
        ],
        AttributeDefinitions: [
          { AttributeName: HASH, AttributeType: 'S' },
          { AttributeName: RANGE, AttributeType: 'S' },
        ],
        BillingModeSummary: { BillingMode: 'PAY_PER_REQUEST' },
        ItemCount: rowsOf(name).size,
        TableSizeBytes: 0,
      },
    });
  }

  return {
    createTable: (name) => void tables.set(name, new Map()),
    rows: (table) => rowsOf(table),
    put: (table, item) => void rowsOf(table).set(idOf(item), item),
    remove: (table, item) => void rowsOf(table).delete(idOf(item)),
    answer(operation, body) {
      const request = objectIn(JSON.parse(body));
      switch (operation) {
        case 'DescribeTable':
          return describe(String(request.TableName));
        case 'DescribeTimeToLive':
          return ok({ TimeToLiveDescription: { TimeToLiveStatus: 'DISABLED' } });
        case 'Scan':
          return scan(request);
        case 'BatchGetItem':
          return batchGet(request);
        case 'TransactWriteItems':
          return transact(request);
        case 'PutItem':
          return write(request, itemIn(request.Item));
        case 'DeleteItem':
          return write(request, undefined);
        default:
          return failure('UnknownOperationException', `This stand-in has no ${operation}`);
      }
    },
  };
}
