import {
  type Action,
  cancelled,
  isObject,
  NO_REASON,
  parsed,
  type Reason,
  tooMuch,
  transactionSchema,
} from './requests.ts';
import { DynamoDbError, type Item, validationError } from './store.ts';
import { createTokens } from './tokens.ts';
import {
  carryOut,
  conditionHolds,
  itemOf,
  prepare,
  type Write,
  type WritePorts,
  writeUnits,
  writtenBytes,
} from './writes.ts';

const MAX_ACTIONS = 100;
const MAX_TRANSACTION_BYTES = 4 * 1_024 * 1_024;

/** TransactWriteItems: all its writes or none, with a reason for each action when it is cancelled. */
export function createTransactions(
  { store, inTurn, ongoing, takeWriteUnits }: WritePorts,
  { now, transactionMs }: { readonly now: () => number; readonly transactionMs: () => number },
) {
  const tokens = createTokens(now);

  async function transact(input: unknown): Promise<object> {
    const { ClientRequestToken: token, TransactItems: actions } = parsed(transactionSchema, input);
    if (actions.length < 1 || actions.length > MAX_ACTIONS)
      throw validationError(
        `1 validation error detected: Value at 'transactItems' failed to satisfy constraint: Member must have length less than or equal to ${MAX_ACTIONS}, greater than or equal to 1`,
      );
    await tokens.once(token, actions, () => writeTogether(actions));
    return {};
  }

  async function writeTogether(actions: readonly Action[]): Promise<void> {
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

  async function prepareAction(action: Action): Promise<Write> {
    const { Put, Update, Delete, ConditionCheck } = action;
    const asked = [
      ...(Put ? [prepare(store, 'PutItem', Put)] : []),
      ...(Update ? [prepare(store, 'UpdateItem', Update)] : []),
      ...(Delete ? [prepare(store, 'DeleteItem', Delete)] : []),
      ...(ConditionCheck ? [prepare(store, 'check', ConditionCheck)] : []),
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
        await carryOut(store, write);
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

  return { transact };
}
