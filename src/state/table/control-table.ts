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
import { isTransient } from '../../lib/async/backoff.ts';
import type { Clock } from '../../lib/clock.ts';
import { defined } from '../../lib/defined.ts';
import type { Warn } from '../../lib/warn-once.ts';
import { FaultError } from '../../pipeline/fault.ts';
import type { Fault } from '../../pipeline/invoke/invocation.ts';
import { type Change, type Condition, createExpressionBuilder } from './expression.ts';
import { FORMAT_ATTRIBUTE, refuseNewerFormat, STATE_FORMAT } from './format.ts';
import { controlTableFault, prepareTable } from './prepare-table.ts';
import { withNamesOfToday } from './previous-names.ts';

/** The control table cannot be used. `fault` says why and what to do. */
export class ControlTableError extends Error {
  override readonly name = 'ControlTableError';
  readonly fault: Fault;
  /** Whether the same call may succeed later without anybody's help: no connection, no answer, throttling, a 5xx. */
  readonly mayPass: boolean;
  constructor(fault: Fault, cause: unknown) {
    super(`${fault.message} ${fault.fix}`, { cause });
    this.fault = fault;
    this.mayPass = fault.reason === 'network' || isTransient(cause);
  }
}

/** The primary key of an entry. */
export interface Key {
  readonly pk: string;
  readonly sk: string;
}
/** An entry: its key and its attributes as JavaScript values. */
export type Entry = Key & Record<string, unknown>;

export type Updated = { readonly ok: true; readonly entry: Entry } | { readonly ok: false; readonly entry?: Entry };

export interface ListOptions {
  /** Only sort keys that begin with this. */
  readonly prefix?: string;
  /** The first sort key to list, inclusive; the last one when `descending`. */
  readonly from?: string;
  readonly descending?: boolean;
  readonly limit?: number;
  /** At most so many calls to DynamoDB, each of which returns up to 1 MB. */
  readonly pages?: number;
}

/**
 * The state of the bot in DynamoDB. Every read is consistent, and every write changes one entry. When the reply to a
 * write is lost the SDK repeats the write, and the repetition may be refused because the first one succeeded. Each
 * conditional write therefore leaves a mark of its own: a refusal by the same mark is reported as success. Every method
 * throws ControlTableError when DynamoDB refuses or does not answer, and FaultError for an entry that a newer version of the bot
 * wrote, which is neither read nor changed.
 */
export interface ControlTable {
  read(key: Key): Promise<Entry | undefined>;
  /** Creates an entry. Returns false, and changes nothing, when it exists. */
  create(key: Key, attributes: Record<string, unknown>): Promise<boolean>;
  /**
   * Changes an entry, or creates it unless the condition forbids that, if the condition holds. Returns the entry after
   * the change; when the condition does not hold, the entry as it is, if there is one.
   */
  update(key: Key, change: Change, condition?: Condition): Promise<Updated>;
  /** Deletes an entry if the condition holds. Returns whether it is absent now (also when it was absent before). */
  remove(key: Key, condition?: Condition): Promise<boolean>;
  /** The entries of one partition in the order of their sort keys, read page by page. */
  list(pk: string, options?: ListOptions): AsyncIterable<Entry>;
}

const keySchema = z.looseObject({ pk: z.string(), sk: z.string() });

/** The attribute that identifies the last conditional write. It is used only in this file. */
const MARK = 'writeMark';
type StoredItem = Readonly<Record<string, AttributeValue>>;
/** @throws FaultError when a newer version of the bot wrote it */
function entryOf(item: StoredItem): Entry {
  refuseNewerFormat(item);
  const { [MARK]: _, [FORMAT_ATTRIBUTE]: __, ...attributes } = item;
  return keySchema.parse(withNamesOfToday(unmarshall(attributes, { wrapNumbers: numberOf })));
}
/** A number that JavaScript cannot hold exactly stays a text: the schema of the entry refuses it. */
const numberOf = (text: string): number | string => {
  const number = Number(text);
  return Number.isInteger(number) && !Number.isSafeInteger(number) ? text : number;
};
const isMarked = (item: StoredItem | undefined, mark: string): boolean => item?.[MARK]?.S === mark;
const itemOf = (values: Record<string, unknown>) => marshall(values, { removeUndefinedValues: true });
const keyOf = ({ pk, sk }: Key) => itemOf({ pk, sk });

/**
 * Opens the control table. It is created at the first start (on demand, with the keys `pk` and `sk`, both strings).
 * @throws ControlTableError when it cannot be read or created, or when a table of that name has other keys.
 */
export async function openControlTable(parts: {
  dynamodb: DynamoDBClient;
  tableName: string;
  clock: Clock;
}): Promise<ControlTable> {
  await prepareTable(parts).catch((error: unknown) => {
    throw new ControlTableError(controlTableFault(error, 'DescribeTable', parts.tableName), error);
  });
  return createControlTable(parts.dynamodb, parts.tableName);
}

/** An entry has other contents than the bot writes: somebody edited it, or a newer version of the bot wrote it. */
export function unreadable({ pk, sk }: Key, cause: unknown): FaultError {
  const fault: Fault = {
    reason: 'control-table',
    message: `The entry with pk "${pk}" and sk "${sk}" of the control table cannot be read: it has other contents than the bot writes.`,
    fix: 'Restore this entry from a copy of the control table (point-in-time recovery). The bot does not guess what it said.',
  };
  return new FaultError(fault, cause);
}

/** The entry, read by its schema. @throws FaultError when it does not fit */
export function parsedEntry<T>(entry: Entry, schema: z.ZodType<T>): T {
  const parsed = schema.safeParse(entry);
  if (!parsed.success) throw unreadable(entry, parsed.error);
  return parsed.data;
}

/** Text of an attribute that the bot writes as JSON. @throws FaultError when `read` throws */
export function parsedText<T>(entry: Entry, text: string, read: (json: unknown) => T): T {
  try {
    return read(JSON.parse(text));
  } catch (error) {
    throw unreadable(entry, error);
  }
}

/** Text of an attribute that the bot writes as JSON of any form. @throws FaultError */
export const parsedJson = (entry: Entry, text: string): z.core.util.JSONType =>
  parsedText(entry, text, (json) => z.json().parse(json));

/** What a queue in the control table needs. `warn`: an entry that cannot be read is reported there and left out. */
export interface QueueParts {
  readonly table: ControlTable;
  readonly name: string;
  readonly warn: Warn;
}

/**
 * The entries of a queue, each as `read` returns it. An entry that `read` cannot read is reported and left out, so that it does not
 * hold up the others.
 */
export async function* readEach<T>(
  entries: AsyncIterable<Entry>,
  read: (entry: Entry) => T,
  warn: Warn,
): AsyncIterable<T> {
  for await (const entry of entries) {
    let value: T;
    try {
      value = read(entry);
    } catch (error) {
      warn(
        `The entry with pk "${entry.pk}" and sk "${entry.sk}" of the control table cannot be read. It is left out.`,
        error,
      );
      continue;
    }
    yield value;
  }
}

/**
 * The entry, read by its schema; undefined when there is none. @throws ControlTableError; FaultError when it does not
 * fit
 */
export async function readParsed<T>(
  table: Pick<ControlTable, 'read'>,
  key: Key,
  schema: z.ZodType<T>,
): Promise<T | undefined> {
  const entry = await table.read(key);
  return entry && parsedEntry(entry, schema);
}

type Refused = { readonly refused: ConditionalCheckFailedException };
const isRefused = (answer: object): answer is Refused => 'refused' in answer;

function createControlTable(dynamodb: DynamoDBClient, tableName: string): ControlTable {
  /** The answer of the call, or the refusal when its condition does not hold. */
  async function call<T>(action: string, send: () => Promise<T>): Promise<T | Refused> {
    try {
      return await send();
    } catch (error) {
      if (error instanceof ConditionalCheckFailedException) return { refused: error };
      throw new ControlTableError(controlTableFault(error, action, tableName), error);
    }
  }

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
        Item: itemOf({ ...attributes, pk: key.pk, sk: key.sk, [MARK]: mark, [FORMAT_ATTRIBUTE]: STATE_FORMAT }),
        ConditionExpression: 'attribute_not_exists(pk)',
      });
      const answer = await call('PutItem', () => dynamodb.send(command));
      return !isRefused(answer) || isMarked(await readItem(key), mark);
    },
    async update(key, change, condition) {
      const mark = randomUUID();
      const builder = createExpressionBuilder();
      const command = new UpdateItemCommand(
        defined({
          TableName: tableName,
          Key: keyOf(key),
          UpdateExpression: builder.update({
            ...change,
            set: { ...change.set, [FORMAT_ATTRIBUTE]: STATE_FORMAT, ...(condition && { [MARK]: mark }) },
          }),
          ConditionExpression: builder.condition({ ...condition, atMost: { [FORMAT_ATTRIBUTE]: STATE_FORMAT } }),
          ...builder.parameters(),
          ReturnValues: 'ALL_NEW',
          ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
        } as const),
      );
      const answer = await call('UpdateItem', () => dynamodb.send(command));
      if (!isRefused(answer)) return { ok: true, entry: entryOf({ ...keyOf(key), ...answer.Attributes }) };
      // Some emulators of DynamoDB do not return the entry with the refusal.
      const returned = answer.refused.Item ?? {};
      const item = Object.keys(returned).length > 0 ? returned : await readItem(key);
      return item ? { ok: isMarked(item, mark), entry: entryOf(item) } : { ok: false };
    },
    async remove(key, condition) {
      const builder = createExpressionBuilder();
      const command = new DeleteItemCommand(
        defined({
          TableName: tableName,
          Key: keyOf(key),
          ConditionExpression: builder.condition({ ...condition, atMost: { [FORMAT_ATTRIBUTE]: STATE_FORMAT } }),
          ...builder.parameters(),
        }),
      );
      const answer = await call('DeleteItem', () => dynamodb.send(command));
      if (!isRefused(answer)) return true;
      const item = await readItem(key);
      if (item) refuseNewerFormat(item);
      return item === undefined;
    },
    async *list(pk, { prefix = '', from, descending = false, limit, pages = Number.POSITIVE_INFINITY } = {}) {
      const range = sortKeyRange(prefix, from, descending);
      if (!range) return;
      let left = limit ?? Number.POSITIVE_INFINITY;
      let start: QueryCommand['input']['ExclusiveStartKey'];
      for (let page = 0; left > 0 && page < pages; page++) {
        const command = new QueryCommand(
          defined({
            TableName: tableName,
            KeyConditionExpression: `#pk = :pk${range.expression}`,
            ExpressionAttributeNames: { '#pk': 'pk', ...(range.expression !== '' && { '#sk': 'sk' }) },
            ExpressionAttributeValues: itemOf({ ':pk': pk, ...range.values }),
            ConsistentRead: true,
            ScanIndexForward: !descending,
            ExclusiveStartKey: start,
            Limit: Number.isFinite(left) ? left : undefined,
          }),
        );
        const answer = await call('Query', () => dynamodb.send(command));
        if (isRefused(answer)) return;
        for (const item of answer.Items ?? []) {
          yield entryOf(item);
          left--;
        }
        start = answer.LastEvaluatedKey;
        if (!start) return;
      }
    },
  };
}

/** U+10FFFF, the last character there is: prefix + END sorts after every key with that prefix. */
const END = '\u{10FFFF}';
const isBefore = (a: string, b: string) => Buffer.compare(Buffer.from(a), Buffer.from(b)) < 0;

/** The key condition for a prefix and a first key; undefined when nothing can match. DynamoDB sorts by UTF-8 bytes. */
function sortKeyRange(
  prefix: string,
  from: string | undefined,
  descending: boolean,
): { expression: string; values: Record<string, string> } | undefined {
  let low = prefix;
  let high = prefix === '' ? '' : `${prefix}${END}`;
  if (from !== undefined && from !== '') {
    if (!descending && isBefore(low, from)) low = from;
    if (descending && (high === '' || isBefore(from, high))) high = from;
  }
  if (low !== '' && high !== '')
    return isBefore(high, low)
      ? undefined
      : { expression: ' AND #sk BETWEEN :low AND :high', values: { ':low': low, ':high': high } };
  if (low !== '') return { expression: ' AND #sk >= :low', values: { ':low': low } };
  if (high !== '') return { expression: ' AND #sk <= :high', values: { ':high': high } };
  return { expression: '', values: {} };
}

/** The fault of a control table that did not answer within `ms`. */
export const noAnswer = (ms: number): Fault => ({
  reason: 'control-table',
  message: `The control table did not answer in ${ms / 1_000} s.`,
  fix: 'Check CONTROL_TABLE in DynamoDB and the network between the bot and AWS.',
});
