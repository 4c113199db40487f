import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { startTableServer } from '../../../sandbox/aws/dynamodb/server.ts';

export const testCredentials = { accessKeyId: 'test', secretAccessKey: 'test' };

export interface LocalDynamo {
  readonly url: string;
  readonly client: DynamoDBClient;
  stop(): Promise<void>;
}

/** The sandbox's DynamoDB in this process, on its own port. `createTableMs`: how long a new table stays CREATING. */
export async function startDynalite(options: Parameters<typeof startTableServer>[0] = {}): Promise<LocalDynamo> {
  const { url, close } = await startTableServer(options);
  const client = new DynamoDBClient({
    endpoint: url,
    region: 'us-east-1',
    credentials: testCredentials,
    maxAttempts: 1,
  });
  return {
    url,
    client,
    async stop() {
      client.destroy();
      await close();
    },
  };
}
