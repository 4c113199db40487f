import { z } from 'zod';
import { holds, refuseLongExpression, refuseManyOperators } from './conditions.ts';
import { createLock } from './lock.ts';
import { createPointInTimeRecovery } from './point-in-time.ts';
import {
  type Checked,
  createStore,
  DynamoDbError,
  type Item,
  isOperation,
  itemSize,
  modelError,
  type Operation,
  validationError,
} from './store.ts';
import { createTokens } from './tokens.ts';

export interface EngineOptions {
  /** How long a new table stays CREATING. */
  readonly createTableMs?: number;
  /** ms since the epoch. */
  readonly now?: () => number;
  /** How long a transaction holds its items before it writes; meanwhile other writes of them are conflicts. */
  readonly transactionMs?: () => number;
  /** Takes write capacity units of a table; false: it has not enough. */
  readonly takeWriteUnits?: (table: string, units: number) => boolean;
}

export interface Engine {
  /** @throws DynamoDbError for what DynamoDB refuses. */
  execute(operation: string, input: unknown): Promise<object>;
  close(): Promise<void>;
}

type WriteOperation = 'PutItem' | 'UpdateItem' | 'DeleteItem';

/** One write, checked and ready. */
interface Write {
  /** `check`: only the condition, nothing is written. */
  readonly operation: WriteOperation | 'check';
  readonly table: string;
  readonly keyText: string;
  /** `table` and key in one text. */
  readonly id: string;
  readonly input: Checked;
  readonly returnsFound: boolean;
}

const itemSchema = z.record(z.string(), z.record(z.string(), z.unknown()));
const writeSchema = z.looseObject({
  TableName: z.string(),
  Key: itemSchema.optional(),
  Item: itemSchema.optional(),
  ConditionExpression: z.string().optional(),
  UpdateExpression: z.string().optional(),
  ReturnValuesOnConditionCheckFailure: z.string().optional(),
});
type WriteInput = z.infer<typeof writeSchema>;
const actionSchema = z.strictObject({
  Put: writeSchema.optional(),
  Update: writeSchema.optional(),
  Delete: writeSchema.optional(),
  ConditionCheck: writeSchema.optional(),
});
const transactionSchema = z.looseObject({
  ClientRequestToken: z.string().min(1).max(36).optional(),
  TransactItems: z.array(actionSchema),
});
const batchSchema = z.looseObject({
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

const MAX_ACTIONS = 100;
const MAX_TRANSACTION_BYTES = 4 * 1_024 * 1_024;
const BYTES_PER_UNIT = 1_024;
const MAX_SETTLING_TURNS = 1_000;

const conflict = () => modelError('TransactionConflictException', 'Transaction is ongoing for the item');
const conditionFailed = (found: Item | undefined) =>
  modelError('ConditionalCheckFailedException', 'The conditional request failed', found ? { Item: found } : {});
const tooMuch = () =>
  modelError(
    'ProvisionedThroughputExceededException',
    'The level of configured provisioned throughput for the table was exceeded. Consider increasing your provisioning level with the UpdateTable API.',
  );

/** A write is paid by the larger of the two versions. */
const writtenBytes = (before: Item | undefined, after: Item | undefined): number =>
  Math.max(before ? itemSize(before) : 0, after ? itemSize(after) : 0);
const writeUnits = (before: Item | undefined, after: Item | undefined): number =>
  Math.max(1, Math.ceil(writtenBytes(before, after) / BYTES_PER_UNIT));

interface Reason {
  readonly Code: string;
  readonly Message?: string;
  readonly Item?: Item;
}
const NO_REASON: Reason = { Code: 'None' };
const cancelled = (reasons: readonly Reason[]) => {
  const codes = reasons.map(({ Code }) => Code).join(', ');
  const message = `Transaction cancelled, please refer cancellation reasons for specific reasons [${codes}]`;
  return modelError('TransactionCanceledException', message, { CancellationReasons: reasons, Message: message });
};

/**
 * The operations of DynamoDB on tables in memory: dynalite's, with conditions that compare lists and maps, transactions, and
 * point-in-time recovery. All writes take their turn behind one lock.
 */
export function createEngine(options: EngineOptions = {}): Engine {
  const { createTableMs = 0, now = Date.now, transactionMs = () => 0, takeWriteUnits = () => true } = options;
  const store = createStore({ createTableMs });
  const inTurn = createLock();
  const tokens = createTokens(now);
  const recovery = createPointInTimeRecovery(now);
  /** Items of transactions that are under way. */
  const ongoing = new Set<string>();

  async function prepare(operation: WriteOperation | 'check', input: WriteInput): Promise<Write> {
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

  const conditionHolds = ({ input }: Write, found: Item | undefined): boolean =>
    input._condition === undefined || holds(found ?? {}, input._condition.expression);

  const itemOf = ({ input }: Write): Item | undefined => itemSchema.safeParse(input.Item).data;

  function carryOut({ operation, input }: Write): Promise<object> {
    const { _condition: _done, ...rest } = input;
    return operation === 'check' ? Promise.resolve({}) : store.run(operation, rest);
  }

  async function writeOne(operation: WriteOperation, input: unknown): Promise<object> {
    const write = await prepare(operation, parsed(writeSchema, input));
    if (ongoing.has(write.id)) throw conflict();
    return inTurn(async () => {
      const found = await store.item(write.table, write.keyText);
      if (!takeWriteUnits(write.table, writeUnits(found, itemOf(write)))) throw tooMuch();
      if (!conditionHolds(write, found)) throw conditionFailed(write.returnsFound ? found : undefined);
      return carryOut(write);
    });
  }

  /** What belongs to a transaction under way, or has no capacity, is left unprocessed. */
  async function writeBatch(input: unknown): Promise<object> {
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

  async function transact(input: unknown): Promise<object> {
    const { ClientRequestToken: token, TransactItems: actions } = parsed(transactionSchema, input);
    if (actions.length < 1 || actions.length > MAX_ACTIONS)
      throw validationError(
        `1 validation error detected: Value at 'transactItems' failed to satisfy constraint: Member must have length less than or equal to ${MAX_ACTIONS}, greater than or equal to 1`,
      );
    await tokens.once(token, actions, () => writeTogether(actions));
    return {};
  }

  async function writeTogether(actions: readonly z.infer<typeof actionSchema>[]): Promise<void> {
    const writes: Write[] = [];
    for (const action of actions) writes.push(await prepareAction(action));
    if (new Set(writes.map(({ id }) => id)).size < writes.length)
      throw validationError('Transaction request cannot include multiple operations on one item');
    const isBusy = writes.map(({ id }) => ongoing.has(id));
    if (isBusy.includes(true))
      throw cancelled(
        isBusy.map((busy) =>
          busy ? { Code: 'TransactionConflict', Message: 'Transaction is ongoing for the item' } : NO_REASON,
        ),
      );
    for (const { id } of writes) ongoing.add(id);
    try {
      if (transactionMs() > 0) await new Promise((resolve) => setTimeout(resolve, transactionMs()));
      await inTurn(() => commit(writes));
    } finally {
      for (const { id } of writes) ongoing.delete(id);
    }
  }

  async function prepareAction(action: z.infer<typeof actionSchema>): Promise<Write> {
    const { Put, Update, Delete, ConditionCheck } = action;
    const asked = [
      ...(Put ? [prepare('PutItem', Put)] : []),
      ...(Update ? [prepare('UpdateItem', Update)] : []),
      ...(Delete ? [prepare('DeleteItem', Delete)] : []),
      ...(ConditionCheck ? [prepare('check', ConditionCheck)] : []),
    ];
    const [first, ...others] = await Promise.all(asked);
    if (first === undefined || others.length > 0)
      throw validationError('TransactItems can only contain one of Check, Put, Update or Delete');
    return first;
  }

  async function commit(writes: readonly Write[]): Promise<void> {
    const found = await Promise.all(writes.map(({ table, keyText }) => store.item(table, keyText)));
    const bytes = writes.reduce((sum, write, index) => sum + writtenBytes(found[index], itemOf(write)), 0);
    if (bytes > MAX_TRANSACTION_BYTES)
      throw validationError(
        'Member must satisfy constraint: the aggregate size of the items in the transaction cannot exceed 4 MB',
      );
    const units = new Map<string, number>();
    for (const [index, write] of writes.entries())
      units.set(write.table, (units.get(write.table) ?? 0) + 2 * writeUnits(found[index], itemOf(write)));
    for (const [table, needed] of units)
      if (!takeWriteUnits(table, needed))
        throw cancelled(
          writes.map((write) =>
            write.table === table ? { Code: 'ProvisionedThroughputExceeded', Message: tooMuch().message } : NO_REASON,
          ),
        );
    const reasons = writes.map((write, index): Reason => {
      const before = found[index];
      if (conditionHolds(write, before)) return NO_REASON;
      const failed = { Code: 'ConditionalCheckFailed', Message: 'The conditional request failed' };
      return write.returnsFound && before ? { ...failed, Item: before } : failed;
    });
    if (reasons.some((reason) => reason !== NO_REASON)) throw cancelled(reasons);
    for (const [index, write] of writes.entries())
      try {
        await carryOut(write);
      } catch (error) {
        for (const [earlier, undone] of writes.slice(0, index).entries()) await putBack(undone, found[earlier]);
        if (!(error instanceof DynamoDbError)) throw error;
        throw cancelled(
          writes.map((one) => (one === write ? { Code: 'ValidationError', Message: error.message } : NO_REASON)),
        );
      }
  }

  async function putBack({ operation, table, input }: Write, before: Item | undefined): Promise<void> {
    if (operation === 'check') return;
    if (before) return void (await store.run('PutItem', { TableName: table, Item: before }));
    const names = await store.keyNames(table);
    const source = { ...(isObject(input.Item) ? input.Item : {}), ...(isObject(input.Key) ? input.Key : {}) };
    const Key = Object.fromEntries(Object.entries(source).filter(([name]) => names.includes(name)));
    await store.run('DeleteItem', { TableName: table, Key });
  }

  const exists = async (table: string): Promise<boolean> =>
    store.keyNames(table).then(
      () => true,
      () => false,
    );

  /** A table is deleted, and created where that takes no time, once the answer is sent. */
  async function settle(operation: Operation, table: string): Promise<void> {
    const isSettled = async (): Promise<boolean> => {
      if (operation === 'DeleteTable') return !(await isDescribed(table));
      return operation !== 'CreateTable' || createTableMs > 0 || (await exists(table));
    };
    if (operation === 'DeleteTable') recovery.forget(table);
    for (let turn = 0; turn < MAX_SETTLING_TURNS && !(await isSettled()); turn += 1)
      await new Promise((resolve) => setTimeout(resolve, 1));
  }

  const isDescribed = (TableName: string): Promise<boolean> =>
    store.run('DescribeTable', { TableName }).then(
      () => true,
      () => false,
    );

  return {
    async execute(operation, input) {
      switch (operation) {
        case 'PutItem':
        case 'UpdateItem':
        case 'DeleteItem':
          return writeOne(operation, input);
        case 'BatchWriteItem':
          return writeBatch(input);
        case 'TransactWriteItems':
          return transact(input);
        case 'DescribeContinuousBackups':
        case 'UpdateContinuousBackups':
          return recovery.answer(operation, input, exists);
        default: {
          if (!isOperation(operation))
            throw new DynamoDbError(
              'com.amazon.coral.service#UnknownOperationException',
              `The local AWS has no DynamoDB.${operation}`,
            );
          const checked = store.check(operation, isObject(input) ? input : {});
          const answer = await store.run(operation, checked);
          if (checked.TableName !== undefined) await settle(operation, checked.TableName);
          return answer;
        }
      }
    },
    close: () => inTurn(() => store.close()),
  };
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null;

/** @throws DynamoDbError in place of zod's error. */
function parsed<T>(schema: z.ZodType<T>, input: unknown): T {
  const result = schema.safeParse(input);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw validationError(`1 validation error detected: ${issue?.path.join('.')}: ${issue?.message}`);
}
