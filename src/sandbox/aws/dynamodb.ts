import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { createRequire } from 'node:module';
import { z } from 'zod';
import { readBody, sendJson, sendJsonError } from './http.ts';
import type { World } from './world.ts';

const dynalite: (options: { createTableMs: number; deleteTableMs: number; updateTableMs: number }) => Server =
  createRequire(import.meta.url)('dynalite');

export interface LocalDynamoDb {
  /** Where it listens for those who must not feel the world: the function, the seed. */
  readonly url: string;
  answer(request: IncomingMessage, response: ServerResponse, operation: string): Promise<void>;
  close(): Promise<void>;
}

const DENIED = (operation: string) =>
  `User: arn:aws:sts::016164185850:assumed-role/rescan-bot/bot is not authorized to perform: dynamodb:${operation}`;
const batchSchema = z.looseObject({ RequestItems: z.record(z.string(), z.array(z.unknown())) });
const batchAnswerSchema = z.looseObject({ UnprocessedItems: z.record(z.string(), z.array(z.unknown())).default({}) });

/** dynalite, with the world's troubles before it: delay, throttling, unprocessed items, refusals. */
export async function startDynamoDb(world: () => World, random: () => number): Promise<LocalDynamoDb> {
  const server = dynalite({ createTableMs: 0, deleteTableMs: 0, updateTableMs: 0 });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('DynamoDB did not listen on a port.');
  const url = `http://127.0.0.1:${address.port}`;

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
    if (Object.keys(taken).length === 0)
      return sendJson(response, 200, { UnprocessedItems: left }, 'application/x-amz-json-1.0');
    const {
      'content-length': _length,
      'transfer-encoding': _encoding,
      host: _host,
      connection: _connection,
      ...headers
    } = request.headers;
    const reply = await fetch(url, {
      method: 'POST',
      headers: Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value)])),
      body: JSON.stringify({ ...batch, RequestItems: taken }),
    });
    const body: unknown = await reply.json();
    if (!reply.ok) return sendJson(response, reply.status, body, 'application/x-amz-json-1.0');
    const answer = batchAnswerSchema.parse(body);
    const unprocessed = { ...answer.UnprocessedItems };
    for (const [table, requests] of Object.entries(left))
      unprocessed[table] = [...(unprocessed[table] ?? []), ...requests];
    sendJson(response, 200, { ...answer, UnprocessedItems: unprocessed }, 'application/x-amz-json-1.0');
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
      if (dynamodb.throttleRate > 0 && random() < dynamodb.throttleRate)
        return sendJsonError(
          response,
          'com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException',
          'The level of configured provisioned throughput for the table was exceeded.',
        );
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
          'application/x-amz-json-1.0',
        );
      if (operation === 'BatchWriteItem' && dynamodb.unprocessedRate > 0)
        return partly(request, response, dynamodb.unprocessedRate);
      server.emit('request', request, response);
    },
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
