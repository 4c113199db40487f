import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { z } from 'zod';
import { createAutoScaling } from '../auto-scaling/auto-scaling.ts';
import { readBody, sendJsonText } from '../http.ts';
import type { MetricStore } from '../logs/metric-store.ts';
import type { World } from '../world.ts';
import { createWriteCapacity } from './capacity.ts';
import { createEngine, type Engine, type EngineOptions } from './engine.ts';
import { withMarks, withoutMarks } from './plain-names.ts';
import type { PutObject } from './recovery/exports.ts';
import { ACCOUNT, DynamoDbError, modelError } from './store.ts';

/** The name of Application Auto Scaling in the target of a request. */
export const AUTO_SCALING = 'AnyScaleFrontendService';
const JSON_TYPE = 'application/x-amz-json-1.0';
const MAX_CLOSING_MS = 1_000;
const WRITES = new Set(['PutItem', 'UpdateItem', 'DeleteItem', 'BatchWriteItem', 'TransactWriteItems']);

const batchSchema = z.looseObject({ RequestItems: z.record(z.string(), z.array(z.unknown())) });
const batchAnswerSchema = z.looseObject({ UnprocessedItems: z.record(z.string(), z.array(z.unknown())).default({}) });
const targetSchema = z.looseObject({ TableName: z.string() });
const requestSchema = z.looseObject({
  TableName: z.string().optional(),
  RequestItems: z.record(z.string(), z.unknown()).default({}),
  TransactItems: z.array(z.record(z.string(), targetSchema)).default([]),
});
const objectSchema = z.record(z.string(), z.unknown());
const describedSchema = z.looseObject({
  Table: z.looseObject({ GlobalSecondaryIndexes: z.array(z.looseObject({})).optional() }),
});

export interface TableServer {
  readonly url: string;
  readonly engine: Engine;
  readonly autoScaling: ReturnType<typeof createAutoScaling>;
  close(): Promise<void>;
}

/** DynamoDB, with the auto scaling of its tables, on a free port of 127.0.0.1, with tables in memory and without faults. */
export async function startTableServer(options: EngineOptions = {}): Promise<TableServer> {
  const engine = createEngine(options);
  const autoScaling = createAutoScaling(options.now ?? Date.now, async (TableName) => {
    const described = await engine.execute('DescribeTable', { TableName }).catch(() => undefined);
    const table = describedSchema.safeParse(described).data?.Table;
    return table && { indexes: (table.GlobalSecondaryIndexes ?? []).map(({ IndexName }) => String(IndexName)) };
  });
  const server = createServer((request, response) => {
    const [service, operation = ''] = String(request.headers['x-amz-target'] ?? '').split('.');
    const part = service === AUTO_SCALING ? autoScaling : engine;
    void answerWith(request, response, (input) => part.execute(operation, input));
  });
  // Clients close idle connections. A server that closes one as the next request arrives resets it.
  server.keepAliveTimeout = 0;
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('DynamoDB did not listen on a port');
  return {
    url: `http://127.0.0.1:${address.port}`,
    engine,
    autoScaling,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await engine.close();
    },
  };
}

const send = (response: ServerResponse, status: number, body: object) =>
  sendJsonText(response, status, withoutMarks(JSON.stringify(body)), JSON_TYPE);

/** Answers a request with the value that `execute` returns or the error that it throws. */
async function answerWith(
  request: IncomingMessage,
  response: ServerResponse,
  execute: (input: unknown) => Promise<object>,
): Promise<void> {
  try {
    if (request.headers.authorization === undefined)
      throw new DynamoDbError(
        'com.amazon.coral.service#MissingAuthenticationTokenException',
        'Request is missing Authentication Token',
      );
    const input = parsed(withMarks((await readBody(request)).toString('utf8')));
    if (input === undefined) throw new DynamoDbError('com.amazon.coral.service#SerializationException', '');
    send(response, 200, await execute(input));
  } catch (error) {
    if (error instanceof DynamoDbError) return send(response, error.status, error.body);
    if (!response.destroyed) console.error('The local DynamoDB failed:', error);
    response.destroy();
  }
}

export interface LocalDynamoDb {
  /** The address for callers that the simulated faults do not affect: the function and the seed. */
  readonly url: string;
  answer(request: IncomingMessage, response: ServerResponse, operation: string): Promise<void>;
  /** A request of another service of AWS: with throttling and delay, without the bot's own faults. @throws DynamoDbError */
  executeInside(operation: string, input: unknown): Promise<object>;
  /** Answers a request to Application Auto Scaling. */
  answerAutoScaling(request: IncomingMessage, response: ServerResponse, operation: string): Promise<void>;
  /** Forgets all auto scaling. */
  clearAutoScaling(): void;
  /** Waits until all requests are answered, for at most one second. */
  settle(): Promise<void>;
  close(): Promise<void>;
}

const refusal = (name: string, message: string) => new DynamoDbError(`com.amazon.coral.service#${name}`, message);
const DENIED = (operation: string) =>
  `User: arn:aws:sts::${ACCOUNT}:assumed-role/rescan-bot/bot is not authorized to perform: dynamodb:${operation}`;

/** The tables with the simulated faults in front: delay, throttling, unprocessed items, refusals. */
export async function startDynamoDb(
  world: () => World,
  random: () => number,
  about: {
    readonly table: string;
    readonly metrics: MetricStore;
    readonly tableChangeMs: number;
    readonly putObject: PutObject;
  },
): Promise<LocalDynamoDb> {
  const capacity = createWriteCapacity(Date.now);
  const tables = await startTableServer({
    createTableMs: about.tableChangeMs,
    deleteTableMs: about.tableChangeMs,
    createBackupMs: about.tableChangeMs,
    exportMs: about.tableChangeMs,
    putObject: about.putObject,
    transactionMs: () => world().dynamodb.transactionMs,
    takeWriteUnits(table, units) {
      const { billing, dynamodb, capacity: limits } = world();
      if (table !== about.table || billing !== 'provisioned' || !dynamodb.enforceCapacity) return true;
      return capacity.take(units, { unitsPerSecond: limits.tableWrite, burstSeconds: dynamodb.burstSeconds });
    },
  });
  const { engine } = tables;
  const answering = new Set<Promise<void>>();

  const record = (metric: string, table: string, count: number) => {
    if (count > 0) about.metrics.record('AWS/DynamoDB', metric, { TableName: table }, count);
  };

  /** The table description as it would be with provisioned capacity. */
  async function describeProvisioned(input: unknown): Promise<object> {
    const answer = await engine.execute('DescribeTable', input);
    const described = describedSchema.safeParse(answer);
    if (!described.success || tablesOf(input)[0] !== about.table) return answer;
    const { BillingModeSummary: _onDemand, GlobalSecondaryIndexes = [], ...Table } = described.data.Table;
    const { tableWrite, tableRead, indexWrite, indexRead } = world().capacity;
    const provisioned = (ReadCapacityUnits: number, WriteCapacityUnits: number) => ({
      ProvisionedThroughput: { NumberOfDecreasesToday: 0, ReadCapacityUnits, WriteCapacityUnits },
    });
    const indexes = GlobalSecondaryIndexes.map((index) => ({ ...index, ...provisioned(indexRead, indexWrite) }));
    return { Table: { ...Table, ...provisioned(tableRead, tableWrite), GlobalSecondaryIndexes: indexes } };
  }

  /** Leaves part of a batch unprocessed and writes the rest. */
  async function writePartly(input: unknown, rate: number): Promise<object> {
    const batch = batchSchema.parse(input);
    const left: Record<string, unknown[]> = {};
    const taken: Record<string, unknown[]> = {};
    for (const [table, requests] of Object.entries(batch.RequestItems))
      for (const one of requests) {
        const side = random() < rate ? left : taken;
        side[table] ??= [];
        side[table].push(one);
      }
    if (Object.keys(taken).length === 0) return { UnprocessedItems: left };
    const answer = batchAnswerSchema.parse(await engine.execute('BatchWriteItem', { ...batch, RequestItems: taken }));
    const unprocessed = { ...answer.UnprocessedItems };
    for (const [table, requests] of Object.entries(left))
      unprocessed[table] = [...(unprocessed[table] ?? []), ...requests];
    return { ...answer, UnprocessedItems: unprocessed };
  }

  function checkCredentials(operation: string): void {
    const { expiredCredentials, accessDenied } = world();
    if (expiredCredentials)
      throw refusal('ExpiredTokenException', 'The security token included in the request is expired');
    if (accessDenied.includes(`dynamodb:${operation}`)) throw refusal('AccessDeniedException', DENIED(operation));
  }

  async function execute(operation: string, input: unknown): Promise<object> {
    const { addedLatencyMs, dynamodb, billing } = world();
    if (addedLatencyMs > 0) await new Promise((resolve) => setTimeout(resolve, addedLatencyMs));
    const [table] = tablesOf(input);
    if (dynamodb.throttleRate > 0 && random() < dynamodb.throttleRate) {
      if (table !== undefined) record(WRITES.has(operation) ? 'WriteThrottleEvents' : 'ReadThrottleEvents', table, 1);
      throw modelError(
        'ProvisionedThroughputExceededException',
        'The level of configured provisioned throughput for the table was exceeded.',
      );
    }
    if (operation === 'DescribeTable' && billing === 'provisioned') return describeProvisioned(input);
    if (operation === 'BatchWriteItem' && dynamodb.unprocessedRate > 0)
      return writePartly(input, dynamodb.unprocessedRate);
    if (WRITES.has(operation)) record('ConsumedWriteCapacityUnits', about.table, unitsIn(input));
    return engine.execute(operation, input);
  }

  /** The approximate write units of a request to the pipeline's table. An item of a transaction counts twice. */
  function unitsIn(input: unknown): number {
    const batch = batchSchema.safeParse(input).data?.RequestItems[about.table]?.length ?? 0;
    const targets = tablesOf(input).filter((table) => table === about.table).length;
    const isTransaction = typeof input === 'object' && input !== null && 'TransactItems' in input;
    return batch > 0 ? batch : isTransaction ? 2 * targets : targets;
  }

  return {
    url: tables.url,
    clearAutoScaling: () => tables.autoScaling.clear(),
    answerAutoScaling: (request, response, operation) =>
      answerWith(request, response, (input) => tables.autoScaling.execute(operation, input)),
    async answer(request, response, operation) {
      const answered = answerWith(request, response, async (input) => {
        checkCredentials(operation);
        return execute(operation, input);
      });
      answering.add(answered);
      await answered;
      answering.delete(answered);
    },
    async executeInside(operation, input) {
      const marked: unknown = JSON.parse(withMarks(JSON.stringify(input)));
      const executed = execute(operation, marked);
      const answered = executed.then(
        () => undefined,
        () => undefined,
      );
      answering.add(answered);
      void answered.then(() => answering.delete(answered));
      return objectSchema.parse(JSON.parse(withoutMarks(JSON.stringify(await executed))));
    },
    async settle() {
      await Promise.race([Promise.all(answering), new Promise((resolve) => setTimeout(resolve, MAX_CLOSING_MS))]);
    },
    async close() {
      // A request that still waits would fail in a closed store, where nobody catches that. The store is only memory.
      if (answering.size === 0) await tables.close();
    },
  };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The tables that a request names: one table, every table of a batch, or the table of each transaction action. */
function tablesOf(input: unknown): readonly string[] {
  const request = requestSchema.safeParse(input).data;
  if (request === undefined) return [];
  if (request.TableName !== undefined) return [request.TableName];
  const actions = request.TransactItems.flatMap((action) => Object.values(action).map(({ TableName }) => TableName));
  return [...Object.keys(request.RequestItems), ...actions];
}
