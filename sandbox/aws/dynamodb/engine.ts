import { createLock } from './lock.ts';
import { createPointInTimeRecovery } from './point-in-time.ts';
import { isObject } from './requests.ts';
import { createStore, DynamoDbError, isOperation, type Operation } from './store.ts';
import { createTransactions } from './transactions.ts';
import { writeBatch, writeOne } from './writes.ts';

export interface EngineOptions {
  /** How long a new table stays CREATING, in ms. */
  readonly createTableMs?: number;
  /** ms since the epoch. */
  readonly now?: () => number;
  /**
   * How long a transaction holds its items before it writes. Other writes of these items are conflicts during that
   * time.
   */
  readonly transactionMs?: () => number;
  /** Takes write capacity units of a table. Returns false when the table does not have enough. */
  readonly takeWriteUnits?: (table: string, units: number) => boolean;
}

export interface Engine {
  /** @throws DynamoDbError when DynamoDB would refuse the request. */
  execute(operation: string, input: unknown): Promise<object>;
  close(): Promise<void>;
}

const MAX_SETTLING_TURNS = 1_000;

/**
 * The operations of DynamoDB on tables in memory: dynalite's, with conditions that compare lists and maps, transactions, and
 * point-in-time recovery. All writes take their turn behind one lock.
 */
export function createEngine(options: EngineOptions = {}): Engine {
  const { createTableMs = 0, now = Date.now, transactionMs = () => 0, takeWriteUnits = () => true } = options;
  const store = createStore({ createTableMs });
  const inTurn = createLock();
  const ports = { store, inTurn, takeWriteUnits, ongoing: new Set<string>() };
  const { transact } = createTransactions(ports, { now, transactionMs });
  const recovery = createPointInTimeRecovery(now);

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
          return writeOne(ports, operation, input);
        case 'BatchWriteItem':
          return writeBatch(ports, input);
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
