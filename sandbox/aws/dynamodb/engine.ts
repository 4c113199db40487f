import { z } from 'zod';
import { createLock } from './lock.ts';
import { createExports, isExportOperation, type PutObject } from './recovery/exports.ts';
import { type BackedUpTable, createNativeBackups, isBackupOperation } from './recovery/native-backups.ts';
import { createPointInTimeRecovery } from './recovery/point-in-time.ts';
import { isObject, itemSchema } from './requests.ts';
import { createStore, DynamoDbError, type Item, isOperation, type Operation } from './store.ts';
import { createTableSettings, isSettingsOperation } from './table-settings.ts';
import { createTransactions } from './transactions.ts';
import { writeBatch, writeOne } from './writes.ts';

export interface EngineOptions {
  /** How long a new table stays CREATING, in ms. */
  readonly createTableMs?: number;
  /** How long a deleted table stays DELETING, in ms. */
  readonly deleteTableMs?: number;
  /** How long an on-demand backup stays CREATING, in ms. */
  readonly createBackupMs?: number;
  /** How long an export to S3 stays IN_PROGRESS, in ms. */
  readonly exportMs?: number;
  /** Where exports are written; without it exports are unknown operations. */
  readonly putObject?: PutObject;
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

const describedSchema = z.looseObject({
  Table: z.looseObject({ TableName: z.string(), TableId: z.string(), TableArn: z.string() }),
});
const pageSchema = z.looseObject({
  Items: z.array(itemSchema),
  LastEvaluatedKey: z.record(z.string(), z.unknown()).optional(),
});
const MAX_SETTLING_TURNS = 1_000;

/**
 * The operations of DynamoDB on tables in memory: dynalite's, with conditions that compare lists and maps, transactions, and
 * point-in-time recovery, exports, backups without items, and the settings of tables. All writes take their turn behind one lock.
 */
export function createEngine(options: EngineOptions = {}): Engine {
  const {
    createTableMs = 0,
    deleteTableMs = 0,
    createBackupMs = 0,
    exportMs = 0,
    now = Date.now,
    transactionMs = () => 0,
    takeWriteUnits = () => true,
  } = options;
  const store = createStore({ createTableMs, deleteTableMs });
  const inTurn = createLock();
  const ports = { store, inTurn, takeWriteUnits, ongoing: new Set<string>() };
  const { transact } = createTransactions(ports, { now, transactionMs });
  const recovery = createPointInTimeRecovery(now);
  const settings = createTableSettings(now);
  const backups = createNativeBackups(now, createBackupMs);
  const exports = createExports({
    now,
    exportMs,
    putObject: options.putObject,
    async describe(arn) {
      const found = await describe(/^arn:[\w-]+:dynamodb:[\w-]+:\d+:table\/([^/]+)$/.exec(arn)?.[1] ?? '');
      return found?.TableArn === arn ? found : undefined;
    },
    recoverableSince: recovery.since,
    snapshot: (table) => inTurn(() => allItems(table)),
    hashKey: async (table) => (await store.keyNames(table))[0] ?? '',
  });

  const exists = async (table: string): Promise<boolean> =>
    store.keyNames(table).then(
      () => true,
      () => false,
    );

  /** A table is deleted, and created where that takes no time, once the answer is sent. */
  async function settle(operation: Operation, table: string): Promise<void> {
    const isSettled = async (): Promise<boolean> => {
      if (operation === 'DeleteTable') return deleteTableMs > 0 || (await describe(table)) === undefined;
      return operation !== 'CreateTable' || createTableMs > 0 || (await exists(table));
    };
    for (let turn = 0; turn < MAX_SETTLING_TURNS && !(await isSettled()); turn += 1)
      await new Promise((resolve) => setTimeout(resolve, 1));
  }

  const describe = (TableName: string): Promise<BackedUpTable | undefined> =>
    store.run('DescribeTable', { TableName }).then(
      (answer) => describedSchema.parse(answer).Table,
      () => undefined,
    );

  async function allItems(TableName: string): Promise<readonly Item[]> {
    const items: Item[] = [];
    let start: object | undefined;
    do {
      const input = { TableName, ...(start && { ExclusiveStartKey: start }) };
      const page = pageSchema.parse(await store.run('Scan', store.check('Scan', input)));
      items.push(...page.Items);
      start = page.LastEvaluatedKey;
    } while (start !== undefined);
    return items;
  }

  /** An operation of dynalite, with the settings that it does not have. */
  async function executeInStore(operation: Operation, input: object): Promise<object> {
    if (operation === 'UpdateTable' && settings.update(input)) return {};
    const checked = store.check(operation, input);
    const { TableName: table } = checked;
    const before = operation === 'DeleteTable' && table !== undefined ? await describe(table) : undefined;
    if (operation === 'DeleteTable' && table !== undefined) settings.refuseDeletion(table);
    const answer = await store.run(operation, checked);
    if (operation === 'CreateTable' && table !== undefined) {
      const { Tags } = settings.create(table, input);
      const created = await describe(table);
      if (Tags && created) await store.run('TagResource', { ResourceArn: created.TableArn, Tags });
    }
    if (operation === 'DeleteTable' && table !== undefined) {
      if (before && recovery.forget(table)) backups.keepDeleted(before);
      settings.forget(table);
    }
    if (table !== undefined) await settle(operation, table);
    // dynalite answers some operations with an empty text.
    return isObject(answer) && 'Table' in answer ? { ...answer, Table: settings.describe(answer.Table) } : answer;
  }

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
        default:
          if (isSettingsOperation(operation)) return settings.answer(operation, input, exists);
          if (exports.isAvailable && isExportOperation(operation)) return exports.answer(operation, input);
          if (isBackupOperation(operation)) return backups.answer(operation, input, describe);
          if (!isOperation(operation))
            throw new DynamoDbError(
              'com.amazon.coral.service#UnknownOperationException',
              `The local AWS has no DynamoDB.${operation}`,
            );
          return executeInStore(operation, isObject(input) ? input : {});
      }
    },
    close: () => inTurn(() => store.close()),
  };
}
