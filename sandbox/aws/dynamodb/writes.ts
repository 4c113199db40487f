import { holds, refuseLongExpression, refuseManyOperators } from './conditions.ts';
import {
  batchSchema,
  conditionFailed,
  conflict,
  isObject,
  itemSchema,
  parsed,
  tooMuch,
  type WriteInput,
  writeSchema,
} from './requests.ts';
import { type Checked, type Item, itemSize, type Store } from './store.ts';

export type WriteOperation = 'PutItem' | 'UpdateItem' | 'DeleteItem';

/** One write, checked and ready. */
export interface Write {
  /** `check`: only the condition, nothing is written. */
  readonly operation: WriteOperation | 'check';
  readonly table: string;
  readonly keyText: string;
  /** `table` and key in one text. */
  readonly id: string;
  readonly input: Checked;
  readonly returnsFound: boolean;
}

const BYTES_PER_UNIT = 1_024;

export interface WritePorts {
  readonly store: Store;
  readonly inTurn: <T>(work: () => Promise<T>) => Promise<T>;
  /** Items of running transactions, by `Write.id`. */
  readonly ongoing: Set<string>;
  /** Takes write capacity units of a table. Returns false when the table does not have enough. */
  readonly takeWriteUnits: (table: string, units: number) => boolean;
}

/** A write costs the capacity of the larger of the two versions. */
export const writtenBytes = (before: Item | undefined, after: Item | undefined): number =>
  Math.max(before ? itemSize(before) : 0, after ? itemSize(after) : 0);
export const writeUnits = (before: Item | undefined, after: Item | undefined): number =>
  Math.max(1, Math.ceil(writtenBytes(before, after) / BYTES_PER_UNIT));

/** @throws DynamoDbError for a request that DynamoDB refuses before it reads the item. */
export async function prepare(store: Store, operation: WriteOperation | 'check', input: WriteInput): Promise<Write> {
  const { ReturnValuesOnConditionCheckFailure: returned, ...request } = input;
  refuseLongExpression(input.ConditionExpression, 'ConditionExpression');
  refuseLongExpression(input.UpdateExpression, 'UpdateExpression');
  const checked = store.check(operation === 'check' ? 'DeleteItem' : operation, request);
  if (checked._condition) refuseManyOperators(checked._condition.expression);
  const table = input.TableName;
  const keyText = await store.keyText(
    table,
    operation === 'PutItem' ? { item: input.Item ?? {} } : { key: input.Key ?? {} },
  );
  return {
    operation,
    table,
    keyText,
    id: `${table} ${keyText}`,
    input: checked,
    returnsFound: returned === 'ALL_OLD',
  };
}

export const conditionHolds = ({ input }: Write, found: Item | undefined): boolean =>
  input._condition === undefined || holds(found ?? {}, input._condition.expression);

export const itemOf = ({ input }: Write): Item | undefined => itemSchema.safeParse(input.Item).data;

/** Writes without checking the condition. */
export function carryOut(store: Store, { operation, input }: Write): Promise<object> {
  const { _condition: _done, ...rest } = input;
  return operation === 'check' ? Promise.resolve({}) : store.run(operation, rest);
}

export async function writeOne(
  { store, inTurn, ongoing, takeWriteUnits }: WritePorts,
  operation: WriteOperation,
  input: unknown,
): Promise<object> {
  const write = await prepare(store, operation, parsed(writeSchema, input));
  if (ongoing.has(write.id)) throw conflict();
  return inTurn(async () => {
    const found = await store.item(write.table, write.keyText);
    if (!takeWriteUnits(write.table, writeUnits(found, itemOf(write)))) throw tooMuch();
    if (!conditionHolds(write, found)) throw conditionFailed(write.returnsFound ? found : undefined);
    return carryOut(store, write);
  });
}

/** Items of a running transaction, and items without capacity, are returned as unprocessed. */
export async function writeBatch(
  { store, inTurn, ongoing, takeWriteUnits }: WritePorts,
  input: unknown,
): Promise<object> {
  store.check('BatchWriteItem', isObject(input) ? input : {});
  const { RequestItems } = parsed(batchSchema, input);
  return inTurn(async () => {
    const taken: Record<string, unknown[]> = {};
    const left: Record<string, unknown[]> = {};
    let isShort = false;
    for (const [table, requests] of Object.entries(RequestItems))
      for (const request of requests) {
        const item = request.PutRequest?.Item;
        const keyText = await store.keyText(table, item ? { item } : { key: request.DeleteRequest?.Key ?? {} });
        const found = await store.item(table, keyText);
        const isFree = !ongoing.has(`${table} ${keyText}`);
        const isPaid = isFree && takeWriteUnits(table, writeUnits(found, item));
        isShort ||= isFree && !isPaid;
        const side = isPaid ? taken : left;
        side[table] ??= [];
        side[table].push(request);
      }
    if (Object.keys(taken).length === 0) {
      if (isShort) throw tooMuch();
      return { UnprocessedItems: left };
    }
    const answer = await store.run('BatchWriteItem', store.check('BatchWriteItem', { RequestItems: taken }));
    return { ...answer, UnprocessedItems: left };
  });
}
