import { PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { startFauxqs } from 'fauxqs';
import { testCredentials } from './dynalite.ts';

export interface LocalS3 {
  readonly url: string;
  readonly client: S3Client;
  createBucket(name: string): void;
  put(bucket: string, key: string, body: string | Uint8Array): Promise<void>;
  stop(): Promise<void>;
}

/** An S3 in this process, on its own port, in memory. */
export async function startS3(...buckets: string[]): Promise<LocalS3> {
  const server = await startFauxqs({ port: 0, logger: false });
  const url = `http://127.0.0.1:${server.port}`;
  const client = new S3Client({
    endpoint: url,
    region: 'us-east-1',
    credentials: testCredentials,
    forcePathStyle: true,
    requestHandler: { httpAgent: { maxSockets: 64 } },
  });
  for (const bucket of buckets) server.createBucket(bucket);
  return {
    url,
    client,
    createBucket: (name) => void server.createBucket(name),
    async put(bucket, key, body) {
      await client.send(
        new PutObjectCommand({
          Bucket: bucket,
          Key: key,
          Body: Buffer.from(body),
          ContentLength: Buffer.byteLength(body),
        }),
      );
    },
    async stop() {
      client.destroy();
      await server.stop();
    },
  };
}
