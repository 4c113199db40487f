import type { Server } from 'node:http';
import { createRequire } from 'node:module';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';

const dynalite: (options: { createTableMs?: number; deleteTableMs?: number; updateTableMs?: number }) => Server =
  createRequire(import.meta.url)('dynalite');

export const testCredentials = { accessKeyId: 'test', secretAccessKey: 'test' };

export interface LocalDynamo {
  readonly url: string;
  readonly client: DynamoDBClient;
  stop(): Promise<void>;
}

/** A DynamoDB in this process, on a port of its own; `createTableMs`: how long a new table stays CREATING. */
export async function startDynalite(options: { createTableMs?: number } = {}): Promise<LocalDynamo> {
  const server = dynalite({ createTableMs: 0, deleteTableMs: 0, updateTableMs: 0, ...options });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('dynalite did not listen on a port');
  const url = `http://127.0.0.1:${address.port}`;
  const client = new DynamoDBClient({ endpoint: url, region: 'us-east-1', credentials: testCredentials });
  return {
    url,
    client,
    async stop() {
      client.destroy();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
