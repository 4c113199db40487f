import { randomUUID } from 'node:crypto';
import {
  type AttributeValue,
  ConditionalCheckFailedException,
  DeleteItemCommand,
  type DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
  QueryCommand,
  UpdateItemCommand,
} from '@aws-sdk/client-dynamodb';
import { marshall, unmarshall } from '@aws-sdk/util-dynamodb';
import { z } from 'zod';
import type { Clock } from '../lib/clock.ts';
import type { Fault } from '../pipeline/invoke/invocation.ts';
import { createExpression } from './expression.ts';
import { controlTableFault, prepareTable } from './prepare-table.ts';
import { withNamesOfToday } from './previous-names.ts';

/** The control table cannot be used; `fault` says why and what to look at. */
export class ControlTableError extends Error {
  override readonly name = 'ControlTableError';
  readonly fault: Fault;
  constructor(fault: Fault, cause: unknown) {
    super(`${fault.message} ${fault.fix}`, { cause });
    this.fault = fault;
  }
}

/** Where an entry is. */
export interface Key {
  readonly pk: string;
  readonly sk: string;
}
/** An entry as it is kept: its key and native JavaScript values. */
export type Entry = Key & Record<string, unknown>;

/** What must hold for a write; all of it at once. An attribute that is absent is equal to nothing and less than nothing. */
export interface Condition {
  /** The entry is there (true) or not (false). */
  readonly exists?: boolean;
  readonly equals?: Record<string, string | number | boolean>;
  readonly absent?: string[];
  readonly in?: Record<string, (string | number)[]>;
  readonly lessThan?: Record<string, number>;
}

export interface Change {
  /** Undefined values are left out: they neither set nor remove. */
  readonly set?: Record<string, unknown>;
  readonly remove?: string[];
  /** Numbers added to what is there; an absent attribute counts as 0. */
  readonly add?: Record<string, number>;
}

export type Updated = { readonly ok: true; readonly entry: Entry } | { readonly ok: false; readonly entry?: Entry };

export interface ListOptions {
  /** Only sort keys that begin so. */
  readonly prefix?: string;
  /** From this sort key on, itself included (down from it when descending). */
  readonly from?: string;
  readonly descending?: boolean;
  readonly limit?: number;
}

/**
 * The bot's own state. Every read is consistent; every write is of one entry. The SDK repeats a call whose reply was lost,
 * and the repetition may then be refused by this caller's own write: each conditional write leaves a mark of its own, by
 * which it is told from somebody else's and answered as done.
 * Every method throws ControlTableError, with a fault, when DynamoDB does not answer or refuses.
 */
export interface ControlTable {
  read(key: Key): Promise<Entry | undefined>;
  /** Puts an entry where there is none; false, and nothing changed, where there is one. */
  create(key: Key, attributes: Record<string, unknown>): Promise<boolean>;
  /**
   * Changes an entry (or makes it, unless the condition says otherwise) if the condition holds. Answers with the entry as
   * it is afterwards; where the condition does not hold, with the entry that stands there now, if any.
   */
  update(key: Key, change: Change, condition?: Condition): Promise<Updated>;
  /** Removes an entry if the condition holds; whether there is none now (true also if there was none before). */
  remove(key: Key, condition?: Condition): Promise<boolean>;
  /** The entries of one partition in order of their sort keys, page by page. */
  list(pk: string, options?: ListOptions): AsyncIterable<Entry>;
}

const keySchema = z.looseObject({ pk: z.string(), sk: z.string() });

/** The attribute that says which conditional write was the last one. Nobody sees it but this file. */
const MARK = 'writeMark';
type StoredItem = Readonly<Record<string, AttributeValue>>;
function entryOf(item: StoredItem): Entry {
  const { [MARK]: _, ...rest } = item;
  return keySchema.parse(withNamesOfToday(unmarshall(rest)));
}
const isMarked = (item: StoredItem | undefined, mark: string): boolean => item?.[MARK]?.S === mark;
const itemOf = (values: Record<string, unknown>) => marshall(values, { removeUndefinedValues: true });
const keyOf = ({ pk, sk }: Key) => itemOf({ pk, sk });

/**
 * The control table, made on first start (on demand; keys `pk`, `sk`, both strings) and ready to use afterwards.
 * @throws ControlTableError when it may not be read or made, or a table of that name has another key.
 */
export async function openControlTable(parts: {
  dynamodb: DynamoDBClient;
  tableName: string;
  clock: Clock;
}): Promise<ControlTable> {
  await prepareTable(parts).catch((error: unknown) => {
    throw new ControlTableError(controlTableFault(error, 'DescribeTable', parts.tableName), error);
  });
  return tableOn(parts.dynamodb, parts.tableName);
}

function tableOn(dynamodb: DynamoDBClient, tableName: string): ControlTable {
  /** The call's answer, or undefined if its condition does not hold. */
  async function call<T>(
    action: string,
    send: () => Promise<T>,
  ): Promise<T | { refused: ConditionalCheckFailedException }> {
    try {
      return await send();
    } catch (error) {
      if (error instanceof ConditionalCheckFailedException) return { refused: error };
      throw new ControlTableError(controlTableFault(error, action, tableName), error);
    }
  }
  const isRefused = (answer: object): answer is { refused: ConditionalCheckFailedException } => 'refused' in answer;

  async function readItem(key: Key): Promise<StoredItem | undefined> {
    const command = new GetItemCommand({ TableName: tableName, Key: keyOf(key), ConsistentRead: true });
    const answer = await call('GetItem', () => dynamodb.send(command));
    return isRefused(answer) ? undefined : answer.Item;
  }
  return {
    async read(key) {
      const item = await readItem(key);
      return item && entryOf(item);
    },
    async create(key, attributes) {
      const mark = randomUUID();
      const command = new PutItemCommand({
        TableName: tableName,
        Item: itemOf({ ...attributes, pk: key.pk, sk: key.sk, [MARK]: mark }),
        ConditionExpression: 'attribute_not_exists(pk)',
      });
      const answer = await call('PutItem', () => dynamodb.send(command));
      return !isRefused(answer) || isMarked(await readItem(key), mark);
    },
    async update(key, change, condition) {
      const mark = randomUUID();
      const expression = createExpression();
      const update = expression.update(condition ? { ...change, set: { ...change.set, [MARK]: mark } } : change);
      const only = condition && expression.condition(condition);
      const command = new UpdateItemCommand({
        TableName: tableName,
        Key: keyOf(key),
        ...(update === undefined ? {} : { UpdateExpression: update }),
        ...(only === undefined ? {} : { ConditionExpression: only }),
        ...expression.words(),
        ReturnValues: 'ALL_NEW',
        ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
      });
      const answer = await call('UpdateItem', () => dynamodb.send(command));
      if (!isRefused(answer)) return { ok: true, entry: entryOf({ ...keyOf(key), ...answer.Attributes }) };
      // Not every stand-in for DynamoDB hands the entry back with the refusal; and none is handed back if there is none.
      const held = answer.refused.Item ?? {};
      const item = Object.keys(held).length > 0 ? held : await readItem(key);
      return item ? { ok: isMarked(item, mark), entry: entryOf(item) } : { ok: false };
    },
    async remove(key, condition) {
      const expression = createExpression();
      const only = condition && expression.condition(condition);
      const command = new DeleteItemCommand({
        TableName: tableName,
        Key: keyOf(key),
        ...(only === undefined ? {} : { ConditionExpression: only, ...expression.words() }),
      });
      const answer = await call('DeleteItem', () => dynamodb.send(command));
      return !isRefused(answer) || (await readItem(key)) === undefined;
    },
    async *list(pk, { prefix = '', from, descending = false, limit } = {}) {
      const range = sortKeys(prefix, from, descending);
      if (!range) return;
      let left = limit ?? Number.POSITIVE_INFINITY;
      let start: QueryCommand['input']['ExclusiveStartKey'];
      while (left > 0) {
        const command = new QueryCommand({
          TableName: tableName,
          KeyConditionExpression: `#pk = :pk${range.expression}`,
          ExpressionAttributeNames: { '#pk': 'pk', ...(range.expression === '' ? {} : { '#sk': 'sk' }) },
          ExpressionAttributeValues: itemOf({ ':pk': pk, ...range.values }),
          ConsistentRead: true,
          ScanIndexForward: !descending,
          ...(start ? { ExclusiveStartKey: start } : {}),
          ...(Number.isFinite(left) ? { Limit: left } : {}),
        });
        const page = await call('Query', () => dynamodb.send(command));
        if (isRefused(page)) return;
        for (const item of page.Items ?? []) {
          yield entryOf(item);
          left--;
        }
        start = page.LastEvaluatedKey;
        if (!start) return;
      }
    },
  };
}

/** After every sort key that begins with the prefix before it: U+10FFFF is the last character there is. */
const END = '\u{10FFFF}';
const before = (a: string, b: string) => Buffer.compare(Buffer.from(a), Buffer.from(b)) < 0;

/** The key condition for a prefix and a place to begin at; undefined if nothing can match. DynamoDB orders by UTF-8 bytes. */
function sortKeys(
  prefix: string,
  from: string | undefined,
  descending: boolean,
): { expression: string; values: Record<string, string> } | undefined {
  let low = prefix;
  let high = prefix === '' ? '' : `${prefix}${END}`;
  if (from !== undefined && from !== '') {
    if (!descending && before(low, from)) low = from;
    if (descending && (high === '' || before(from, high))) high = from;
  }
  if (low !== '' && high !== '')
    return before(high, low)
      ? undefined
      : { expression: ' AND #sk BETWEEN :low AND :high', values: { ':low': low, ':high': high } };
  if (low !== '') return { expression: ' AND #sk >= :low', values: { ':low': low } };
  if (high !== '') return { expression: ' AND #sk <= :high', values: { ':high': high } };
  return { expression: '', values: {} };
}
