import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { createRequire } from 'node:module';
import { z } from 'zod';
import { readBody, sendJson, sendJsonError } from './http.ts';
import type { MetricStore } from './logs/metric-store.ts';
import type { World } from './world.ts';

const dynalite: (options: { createTableMs: number; deleteTableMs: number; updateTableMs: number }) => Server =
  createRequire(import.meta.url)('dynalite');

export interface LocalDynamoDb {
  /** Where it listens for those who must not feel the world: the function, the seed. */
  readonly url: string;
  answer(request: IncomingMessage, response: ServerResponse, operation: string): Promise<void>;
  /** Waits until what is being asked is answered: dynalite writes on without its database, and throws where nobody can catch it. */
  settle(): Promise<void>;
  close(): Promise<void>;
}

const DENIED = (operation: string) =>
  `User: arn:aws:sts::016164185850:assumed-role/rescan-bot/bot is not authorized to perform: dynamodb:${operation}`;
const batchSchema = z.looseObject({ RequestItems: z.record(z.string(), z.array(z.unknown())) });
const batchAnswerSchema = z.looseObject({ UnprocessedItems: z.record(z.string(), z.array(z.unknown())).default({}) });

/** The account of the whole local AWS: a table's ARN names the one that STS does. */
const ACCOUNT = '016164185850';
const MOST_CLOSING_MS = 1_000;
const JSON_TYPE = 'application/x-amz-json-1.0';
const WRITES = new Set(['PutItem', 'UpdateItem', 'DeleteItem', 'BatchWriteItem']);
const writeSchema = z.looseObject({
  TableName: z.string().optional(),
  RequestItems: z.record(z.string(), z.array(z.unknown())).default({}),
});
const requestSchema = z.looseObject({
  TableName: z.string().optional(),
  RequestItems: z.record(z.string(), z.unknown()).default({}),
});
const describedSchema = z.looseObject({
  Table: z.looseObject({ GlobalSecondaryIndexes: z.array(z.looseObject({})).optional() }),
});

/** dynalite, with the world's troubles before it: delay, throttling, unprocessed items, refusals. */
export async function startDynamoDb(
  world: () => World,
  random: () => number,
  about: { readonly table: string; readonly metrics: MetricStore },
): Promise<LocalDynamoDb> {
  const server = inAccount(ACCOUNT, () => dynalite({ createTableMs: 0, deleteTableMs: 0, updateTableMs: 0 }));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('DynamoDB did not listen on a port.');
  const url = `http://127.0.0.1:${address.port}`;
  const answering = new Set<Promise<void>>();

  function wrote(items: number): void {
    if (items > 0)
      about.metrics.record('AWS/DynamoDB', 'ConsumedWriteCapacityUnits', { TableName: about.table }, items);
  }

  /** Asks dynalite with another body, or the same one. */
  function handOn(request: IncomingMessage, body: string): Promise<Response> {
    const {
      'content-length': _length,
      'transfer-encoding': _encoding,
      host: _host,
      connection: _connection,
      ...headers
    } = request.headers;
    return fetch(url, {
      method: 'POST',
      headers: Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value)])),
      body,
    });
  }

  /** The table as it would be with provisioned capacity. dynalite itself goes on without a limit. */
  async function describeProvisioned(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const asked = (await readBody(request)).toString('utf8');
    const reply = await handOn(request, asked);
    const body: unknown = await reply.json();
    const described = describedSchema.safeParse(body);
    if (!described.success || tableOf(asked) !== about.table) return sendJson(response, reply.status, body, JSON_TYPE);
    const { BillingModeSummary: _onDemand, GlobalSecondaryIndexes = [], ...Table } = described.data.Table;
    const { tableWrite, tableRead, indexWrite, indexRead } = world().capacity;
    const capacity = (ReadCapacityUnits: number, WriteCapacityUnits: number) => ({
      ProvisionedThroughput: { NumberOfDecreasesToday: 0, ReadCapacityUnits, WriteCapacityUnits },
    });
    const indexes = GlobalSecondaryIndexes.map((index) => ({ ...index, ...capacity(indexRead, indexWrite) }));
    const shown = { ...Table, ...capacity(tableRead, tableWrite), GlobalSecondaryIndexes: indexes };
    sendJson(response, reply.status, { Table: shown }, JSON_TYPE);
  }

  /** Counts what a request writes, without taking its body away from dynalite. */
  function countWrites(request: IncomingMessage): void {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.once('end', () => {
      const { TableName, RequestItems = {} } =
        writeSchema.safeParse(parsed(Buffer.concat(parts).toString('utf8'))).data ?? {};
      wrote(TableName === about.table ? 1 : (RequestItems[about.table]?.length ?? 0));
    });
  }

  /** A batch of which a part is left unprocessed: the others are really written. */
  async function partly(request: IncomingMessage, response: ServerResponse, rate: number): Promise<void> {
    const batch = batchSchema.parse(JSON.parse((await readBody(request)).toString('utf8')));
    const left: Record<string, unknown[]> = {};
    const taken: Record<string, unknown[]> = {};
    for (const [table, requests] of Object.entries(batch.RequestItems))
      for (const one of requests) {
        const side = random() < rate ? left : taken;
        side[table] ??= [];
        side[table].push(one);
      }
    if (Object.keys(taken).length === 0) return sendJson(response, 200, { UnprocessedItems: left }, JSON_TYPE);
    const reply = await handOn(request, JSON.stringify({ ...batch, RequestItems: taken }));
    const body: unknown = await reply.json();
    if (!reply.ok) return sendJson(response, reply.status, body, JSON_TYPE);
    const answer = batchAnswerSchema.parse(body);
    const unprocessed = { ...answer.UnprocessedItems };
    for (const [table, requests] of Object.entries(left))
      unprocessed[table] = [...(unprocessed[table] ?? []), ...requests];
    sendJson(response, 200, { ...answer, UnprocessedItems: unprocessed }, JSON_TYPE);
  }

  return {
    url,
    async answer(request, response, operation) {
      const { addedLatencyMs, dynamodb, expiredCredentials, accessDenied } = world();
      if (addedLatencyMs > 0) await new Promise((resolve) => setTimeout(resolve, addedLatencyMs));
      if (expiredCredentials)
        return sendJsonError(
          response,
          'com.amazon.coral.service#ExpiredTokenException',
          'The security token included in the request is expired',
        );
      if (accessDenied.includes(`dynamodb:${operation}`))
        return sendJsonError(response, 'com.amazon.coral.service#AccessDeniedException', DENIED(operation));
      if (dynamodb.throttleRate > 0 && random() < dynamodb.throttleRate) {
        const throttled = WRITES.has(operation) ? 'WriteThrottleEvents' : 'ReadThrottleEvents';
        const table = tableOf((await readBody(request)).toString('utf8'));
        if (table !== undefined) about.metrics.record('AWS/DynamoDB', throttled, { TableName: table }, 1);
        return sendJsonError(
          response,
          'com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException',
          'The level of configured provisioned throughput for the table was exceeded.',
        );
      }
      if (operation === 'DescribeContinuousBackups')
        return sendJson(
          response,
          200,
          {
            ContinuousBackupsDescription: {
              ContinuousBackupsStatus: 'ENABLED',
              PointInTimeRecoveryDescription: { PointInTimeRecoveryStatus: 'DISABLED' },
            },
          },
          JSON_TYPE,
        );
      if (operation === 'DescribeTable' && world().billing === 'provisioned')
        return describeProvisioned(request, response);
      if (operation === 'BatchWriteItem' && dynamodb.unprocessedRate > 0)
        return partly(request, response, dynamodb.unprocessedRate);
      if (WRITES.has(operation)) countWrites(request);
      const answered = new Promise<void>((resolve) => response.once('close', resolve));
      answering.add(answered);
      void answered.then(() => answering.delete(answered));
      server.emit('request', request, response);
    },
    async settle() {
      await Promise.race([Promise.all(answering), new Promise((resolve) => setTimeout(resolve, MOST_CLOSING_MS))]);
    },
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** dynalite reads its account from the environment when it is made, and from nowhere else. */
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

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The one table that a request is about, or the first of a batch. */
function tableOf(body: string): string | undefined {
  const { TableName, RequestItems = {} } = requestSchema.safeParse(parsed(body)).data ?? {};
  return TableName ?? Object.keys(RequestItems)[0];
}
