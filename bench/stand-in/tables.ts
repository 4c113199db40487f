import { z } from 'zod';

/**
 * Tables in memory that cost as little CPU as possible, so that a benchmark measures its client: items are kept as the JSON text
 * that Scan returns. It knows the requests that a backup, a flush, a restore and the runbook make, and refuses others.
 */

type Value = Readonly<Record<string, unknown>>;
type Item = Readonly<Record<string, Value>>;

export class RequestError extends Error {
  readonly type: string;
  readonly more: object;
  constructor(type: string, message: string, more: object = {}) {
    super(message);
    this.type = type;
    this.more = more;
  }
}

/** Records are spread over slots by their key; a page of a scan ends with a slot, and its key names the next one. */
const SLOTS = 8_192;
const PAGE_BYTES = 1_000_000;
const SLOT_NAME = 'slot';

interface Table {
  readonly description: Readonly<Record<string, unknown>>;
  readonly keyNames: readonly string[];
  /** Key text to item JSON. */
  readonly slots: readonly Map<string, string>[];
}

const createSchema = z.looseObject({
  TableName: z.string(),
  KeySchema: z.array(z.looseObject({ AttributeName: z.string() })),
});
const isObject = (value: unknown): boolean => typeof value === 'object' && value !== null;
// Not looked into: a check of each member would cost more than the request.
const itemSchema = z.custom<Item>(isObject);
const namesSchema = z.custom<Readonly<Record<string, string>>>(isObject);
const writeSchema = z.looseObject({
  TableName: z.string(),
  Key: itemSchema.optional(),
  Item: itemSchema.optional(),
  ConditionExpression: z.string().optional(),
  ExpressionAttributeNames: namesSchema.default({}),
  ExpressionAttributeValues: itemSchema.default({}),
});
type Write = z.infer<typeof writeSchema>;
const transactionSchema = z.looseObject({
  TransactItems: z.array(z.looseObject({ Put: writeSchema.optional(), Delete: writeSchema.optional() })),
});
const batchWriteSchema = z.looseObject({
  RequestItems: z.record(
    z.string(),
    z.array(
      z.looseObject({
        PutRequest: z.looseObject({ Item: itemSchema }).optional(),
        DeleteRequest: z.looseObject({ Key: itemSchema }).optional(),
      }),
    ),
  ),
});
const batchReadSchema = z.looseObject({
  RequestItems: z.record(z.string(), z.looseObject({ Keys: z.array(itemSchema) })),
});
const scanSchema = z.looseObject({
  TableName: z.string(),
  Segment: z.number().default(0),
  TotalSegments: z.number().default(1),
  Limit: z.number().default(Number.POSITIVE_INFINITY),
  Select: z.string().optional(),
  ProjectionExpression: z.string().optional(),
  FilterExpression: z.undefined().optional(),
  ExpressionAttributeNames: namesSchema.default({}),
  ExclusiveStartKey: itemSchema.optional(),
});
const namedSchema = z.looseObject({ TableName: z.string() });

export function createTables() {
  const tables = new Map<string, Table>();

  const tableOf = (name: string): Table => {
    const table = tables.get(name);
    if (table === undefined) throw new RequestError('ResourceNotFoundException', `Table ${name} does not exist`);
    return table;
  };
  const keyText = ({ keyNames }: Table, item: Item): string => {
    let text = '';
    for (const name of keyNames) text += `${JSON.stringify(item[name])} `;
    return text;
  };
  const slotOf = ({ slots }: Table, text: string): Map<string, string> => {
    let hash = 2_166_136_261;
    for (let index = 0; index < text.length; index += 1) hash = Math.imul(hash ^ text.charCodeAt(index), 16_777_619);
    const slot = slots[(hash >>> 0) % SLOTS];
    if (slot === undefined) throw new Error('No such slot');
    return slot;
  };

  const operations: Readonly<Record<string, (input: unknown) => string>> = {
    CreateTable(input) {
      const { TableName, KeySchema, ...rest } = createSchema.parse(input);
      tables.set(TableName, {
        description: {
          ...rest,
          TableName,
          KeySchema,
          TableArn: `arn:aws:dynamodb:us-east-1:000000000000:table/${TableName}`,
          TableStatus: 'ACTIVE',
          BillingModeSummary: { BillingMode: 'PAY_PER_REQUEST' },
        },
        keyNames: KeySchema.map(({ AttributeName }) => AttributeName),
        slots: Array.from({ length: SLOTS }, () => new Map()),
      });
      return '{}';
    },
    DescribeTimeToLive: () => '{"TimeToLiveDescription":{"TimeToLiveStatus":"DISABLED"}}',
    DescribeTable(input) {
      const { description, slots } = tableOf(namedSchema.parse(input).TableName);
      let count = 0;
      let bytes = 0;
      for (const slot of slots) {
        count += slot.size;
        for (const json of slot.values()) bytes += json.length;
      }
      return JSON.stringify({ Table: { ...description, ItemCount: count, TableSizeBytes: bytes } });
    },
    DescribeContinuousBackups: () =>
      '{"ContinuousBackupsDescription":{"ContinuousBackupsStatus":"ENABLED","PointInTimeRecoveryDescription":{"PointInTimeRecoveryStatus":"DISABLED"}}}',
    Scan(input) {
      const request = scanSchema.parse(input);
      const table = tableOf(request.TableName);
      const end = Math.floor(((request.Segment + 1) * SLOTS) / request.TotalSegments);
      let slot = Math.floor((request.Segment * SLOTS) / request.TotalSegments);
      const [hashName = ''] = table.keyNames;
      const from = request.ExclusiveStartKey?.[hashName]?.S;
      if (typeof from === 'string') slot = Number(from.slice(SLOT_NAME.length));
      const items: string[] = [];
      let bytes = 0;
      for (; slot < end && bytes < PAGE_BYTES && items.length < request.Limit; slot += 1)
        for (const json of table.slots[slot]?.values() ?? []) {
          items.push(json);
          bytes += json.length;
        }
      const names = request.ProjectionExpression?.split(',').map((name) => name.trim());
      const projected = names?.map((name) => request.ExpressionAttributeNames[name] ?? name);
      const shown = projected ? items.map((json) => JSON.stringify(picked(JSON.parse(json), projected))) : items;
      const next = Object.fromEntries(table.keyNames.map((name) => [name, { S: `${SLOT_NAME}${slot}` }]));
      const list = request.Select === 'COUNT' ? '' : `"Items":[${shown.join(',')}],`;
      const last = slot < end ? `,"LastEvaluatedKey":${JSON.stringify(next)}` : '';
      return `{${list}"Count":${items.length},"ScannedCount":${items.length}${last}}`;
    },
    BatchGetItem(input) {
      const answers = Object.entries(batchReadSchema.parse(input).RequestItems).map(([name, { Keys }]) => {
        const table = tableOf(name);
        const found = Keys.flatMap((key) => {
          const text = keyText(table, key);
          return slotOf(table, text).get(text) ?? [];
        });
        return `${JSON.stringify(name)}:[${found.join(',')}]`;
      });
      return `{"Responses":{${answers.join(',')}},"UnprocessedKeys":{}}`;
    },
    BatchWriteItem(input) {
      for (const [name, requests] of Object.entries(batchWriteSchema.parse(input).RequestItems)) {
        if (requests.length > 25) throw new RequestError('ValidationException', 'At most 25 requests');
        const table = tableOf(name);
        for (const { PutRequest, DeleteRequest } of requests)
          write(table, { TableName: name, ...(PutRequest ? { Item: PutRequest.Item } : { Key: DeleteRequest?.Key }) });
      }
      return '{"UnprocessedItems":{}}';
    },
    PutItem: (input) => writeOne(writeSchema.parse(input)),
    DeleteItem: (input) => writeOne(writeSchema.parse(input)),
    TransactWriteItems(input) {
      const writes = transactionSchema.parse(input).TransactItems.map(({ Put, Delete }) => Put ?? Delete);
      if (writes.length > 100) throw new RequestError('ValidationException', 'At most 100 actions');
      const reasons = writes.map((one) => {
        if (one === undefined) throw new RequestError('ValidationException', 'Only Put and Delete');
        const found = read(one);
        if (conditionHolds(one, found)) return { Code: 'None' };
        return { Code: 'ConditionalCheckFailed', ...(found ? { Item: found } : {}) };
      });
      if (reasons.some(({ Code }) => Code !== 'None'))
        throw new RequestError('TransactionCanceledException', 'Transaction cancelled', {
          CancellationReasons: reasons,
        });
      for (const one of writes) if (one) write(tableOf(one.TableName), one);
      return '{}';
    },
  };

  function read({ TableName, Key, Item }: Write): Item | undefined {
    const table = tableOf(TableName);
    const text = keyText(table, Key ?? Item ?? {});
    const json = slotOf(table, text).get(text);
    return json === undefined ? undefined : JSON.parse(json);
  }
  function write(table: Table, { Key, Item }: Pick<Write, 'TableName' | 'Key' | 'Item'>): void {
    const text = keyText(table, Key ?? Item ?? {});
    const slot = slotOf(table, text);
    if (Item) slot.set(text, JSON.stringify(Item));
    else slot.delete(text);
  }
  function writeOne(one: Write): string {
    const found = one.ConditionExpression === undefined ? undefined : read(one);
    if (!conditionHolds(one, found))
      throw new RequestError(
        'ConditionalCheckFailedException',
        'The conditional request failed',
        found ? { Item: found } : {},
      );
    write(tableOf(one.TableName), one);
    return '{}';
  }

  return {
    put: (table: string, item: Item): void => write(tableOf(table), { TableName: table, Item: item }),
    /** The JSON of the answer. @throws RequestError */
    execute(operation: string, input: unknown): string {
      const run = operations[operation];
      if (run === undefined) throw new RequestError('UnknownOperationException', `The stand-in has no ${operation}`);
      return run(input);
    },
  };
}

const picked = (item: Item, names: readonly string[]): Item =>
  Object.fromEntries(Object.entries(item).filter(([name]) => names.includes(name)));

const clauses = new Map<string, readonly RegExpExecArray[]>();
const CLAUSE = /^(?:(?<left>#\w+)\s*=\s*(?<right>:\w+)|attribute_(?<not>not_)?exists\((?<path>#\w+)\))$/;

/** Comparisons and existence joined by AND, which is all that the bot writes. */
function conditionHolds(
  { ConditionExpression: text, ExpressionAttributeNames: names, ExpressionAttributeValues: values }: Write,
  item: Item | undefined,
): boolean {
  if (text === undefined) return true;
  let parsed = clauses.get(text);
  if (parsed === undefined) {
    parsed = text.split(' AND ').map((clause) => {
      const match = CLAUSE.exec(clause);
      if (match === null) throw new RequestError('ValidationException', `The stand-in does not know ${clause}`);
      return match;
    });
    clauses.set(text, parsed);
  }
  return parsed.every(({ groups = {} }) => {
    const value = item?.[names[groups.left ?? groups.path ?? ''] ?? ''];
    if (groups.left === undefined) return (value !== undefined) === (groups.not === undefined);
    return value !== undefined && isSame(value, values[groups.right ?? ''] ?? {});
  });
}

function isSame(a: Value, b: Value): boolean {
  for (const type in a) {
    const [left, right] = [a[type], b[type]];
    return typeof left === 'object' ? JSON.stringify(left) === JSON.stringify(right) : left === right;
  }
  return false;
}
