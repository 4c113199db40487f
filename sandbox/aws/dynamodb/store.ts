import { createRequire } from 'node:module';
import { z } from 'zod';

/** A value with its DynamoDB type, as on the wire: `{ "S": "text" }`. */
export type Value = Readonly<Record<string, unknown>>;
export type Item = Readonly<Record<string, Value>>;

/** An error answer of DynamoDB. */
export class DynamoDbError extends Error {
  override readonly name = 'DynamoDbError';
  readonly status = 400;
  readonly body: Readonly<Record<string, unknown>>;
  constructor(type: string, message: string, more: Readonly<Record<string, unknown>> = {}) {
    super(message);
    this.body = { __type: type, message, ...more };
  }
}
export const modelError = (name: string, message: string, more?: Readonly<Record<string, unknown>>): DynamoDbError =>
  new DynamoDbError(`com.amazonaws.dynamodb.v20120810#${name}`, message, more);
export const validationError = (message: string): DynamoDbError =>
  new DynamoDbError('com.amazon.coral.validate#ValidationException', message);

/** A node of a parsed condition: operands are document paths, typed values or nested nodes. */
export interface Condition {
  readonly type: string;
  readonly name?: string;
  readonly args: readonly unknown[];
}
/** A request that has passed dynalite's validation. */
export interface Checked {
  readonly TableName?: string;
  readonly _condition?: { readonly expression: Condition };
  readonly [name: string]: unknown;
}
interface Table {
  readonly KeySchema: readonly { readonly AttributeName: string }[];
}
type Callback<T> = (error: DynaliteError | null | undefined, result: T) => void;
type DynaliteError = Error & { readonly statusCode?: number; readonly body?: Readonly<Record<string, unknown>> };
interface DynaliteStore {
  getTable(name: string, callback: Callback<Table>): void;
  getItemDb(name: string): { get(key: string, callback: Callback<Item>): void };
  readonly lifecycleManager: { gracefulClose(callback: (error?: Error) => void): void };
}

/** dynalite without its HTTP server: the store, the checks of each request and the operations. */
const load = createRequire(import.meta.url);
const database: {
  create(options: object): DynaliteStore;
  validateItem(item: Item, table: Table): DynaliteError | undefined;
  validateKey(key: Item, table: Table): DynaliteError | undefined;
  createKey(item: Item, table: Table): string;
  itemSize(item: Item): number;
  mapPath(path: readonly unknown[], item: Item): Value | undefined;
  matchesExprFilter(item: Item, condition: Condition): boolean;
} = load('dynalite/db');
const validations: {
  checkTypes(input: object, types: object): Checked;
  checkValidations(input: Checked, types: object, custom: unknown, store: DynaliteStore): void;
} = load('dynalite/validations');

const OPERATIONS = [
  'BatchGetItem',
  'BatchWriteItem',
  'CreateTable',
  'DeleteItem',
  'DeleteTable',
  'DescribeTable',
  'GetItem',
  'ListTables',
  'ListTagsOfResource',
  'PutItem',
  'Query',
  'Scan',
  'TagResource',
  'UntagResource',
  'UpdateItem',
  'UpdateTable',
] as const;
export type Operation = (typeof OPERATIONS)[number];
export const isOperation = (name: string): name is Operation => OPERATIONS.some((known) => known === name);

interface Implementation {
  readonly types: object;
  readonly custom: unknown;
  readonly run: (store: DynaliteStore, input: Checked, callback: Callback<object>) => void;
}
const implementations = new Map<Operation, Implementation>(
  OPERATIONS.map((operation) => {
    const file = operation.charAt(0).toLowerCase() + operation.slice(1);
    const { types, custom } = load(`dynalite/validations/${file}`);
    return [operation, { types, custom, run: load(`dynalite/actions/${file}`) }];
  }),
);

/** Converts an error of dynalite to DynamoDbError. Other errors are returned unchanged. */
function asAnswer(error: unknown): unknown {
  if (!(error instanceof Error) || !('body' in error)) return error;
  const body = refusalSchema.safeParse(error.body);
  return body.success ? new DynamoDbError(body.data.__type, body.data.message ?? body.data.Message ?? '') : error;
}
const refusalSchema = z.object({ __type: z.string(), message: z.string().optional(), Message: z.string().optional() });

const promised = <T>(start: (callback: Callback<T>) => void): Promise<T> =>
  new Promise((resolve, reject) => {
    start((error, result) => (error ? reject(asAnswer(error)) : resolve(result)));
  });

export type Store = ReturnType<typeof createStore>;

/** Tables in memory. Every function throws DynamoDbError when DynamoDB would refuse the request. */
export function createStore(options: { readonly createTableMs: number; readonly deleteTableMs: number }) {
  const store = inAccount(ACCOUNT, () => database.create({ updateTableMs: 0, ...options }));
  const implementation = (operation: Operation): Implementation => {
    const found = implementations.get(operation);
    if (!found) throw new Error(`dynalite has no ${operation}`);
    return found;
  };
  const table = (name: string) => promised<Table>((callback) => store.getTable(name, callback));
  /** How many operations are running. */
  let running = 0;
  return {
    /** The request with its expressions parsed. */
    check(operation: Operation, input: object): Checked {
      const { types, custom } = implementation(operation);
      try {
        const checked = validations.checkTypes(structuredClone(input), types);
        validations.checkValidations(checked, types, custom, store);
        return checked;
      } catch (error) {
        throw asAnswer(error);
      }
    },
    async run(operation: Operation, input: Checked): Promise<object> {
      running += 1;
      try {
        return await promised((callback) => implementation(operation).run(store, input, callback));
      } finally {
        running -= 1;
      }
    },
    /** The primary key of an item, or a key, as one string. */
    async keyText(tableName: string, { item, key }: { readonly item?: Item; readonly key?: Item }): Promise<string> {
      const found = await table(tableName);
      const invalid = item ? database.validateItem(item, found) : database.validateKey(key ?? {}, found);
      if (invalid) throw asAnswer(invalid);
      return database.createKey(item ?? key ?? {}, found);
    },
    /** The item with this key string, or undefined. */
    async item(tableName: string, keyText: string): Promise<Item | undefined> {
      return new Promise((resolve, reject) => {
        store.getItemDb(tableName).get(keyText, (error, item) => {
          if (error && error.name !== 'NotFoundError') reject(error);
          else resolve(error ? undefined : item);
        });
      });
    },
    keyNames: async (tableName: string): Promise<readonly string[]> =>
      (await table(tableName)).KeySchema.map(({ AttributeName }) => AttributeName),
    /** Closes it, unless an operation is running: it would fail in a closed store, where nobody catches that. The store is only memory. */
    async close(): Promise<void> {
      if (running > 0) return;
      await new Promise<void>((resolve) => store.lifecycleManager.gracefulClose(() => resolve()));
    },
  };
}

export const itemSize = (item: Item): number => database.itemSize(item);
export const valueAt = (path: readonly unknown[], item: Item): Value | undefined => database.mapPath(path, item);
export const matches = (item: Item, condition: Condition): boolean => database.matchesExprFilter(item, condition);

/** The account ID of the whole local AWS: the ARN of a table must have the account that STS returns. */
export const ACCOUNT = '016164185850';

/** dynalite reads its account ID from the environment when it is created. It has no option for it. */
function inAccount<T>(account: string, make: () => T): T {
  const before = process.env.AWS_ACCOUNT_ID;
  process.env.AWS_ACCOUNT_ID = account;
  try {
    return make();
  } finally {
    if (before === undefined) delete process.env.AWS_ACCOUNT_ID;
    else process.env.AWS_ACCOUNT_ID = before;
  }
}
