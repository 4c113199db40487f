import { type DynamoDBClient, ResourceNotFoundException, ScanCommand } from '@aws-sdk/client-dynamodb';
import {
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  NoSuchKey,
  PutObjectCommand,
  type S3Client,
  S3ServiceException,
} from '@aws-sdk/client-s3';
import type { Item } from './ocr/timesheet.ts';

/** The kind of record of an item of the pipeline's table. */
function kindOf(item: Item): string {
  if (item.RecordType?.S === 'FAILED_IMAGE' || item.Outcome?.S === 'NOT_READ') return 'failed';
  if (item.Outcome?.S === 'NOT_AN_INVOICE') return 'rejected';
  const sortKey = item.DateProjectCode?.S ?? '';
  if (sortKey.startsWith('WEEK#')) return 'zero-hour';
  if (sortKey.startsWith('REJECTED#')) return 'rejected';
  return item.WeeksSubmitted ? 'coverage' : 'entry';
}

/** The bucket and the table as the World pane shows them. */
export function createViews(ports: { dynamodb: DynamoDBClient; s3: S3Client; bucket: string; table: string }) {
  return {
    /** Counts by kind of record, and the first records, optionally of one kind. */
    async table(limit: number, onlyKind?: string) {
      const counts: Record<string, number> = {};
      const rows: Item[] = [];
      let from: Item | undefined;
      do {
        const page = await ports.dynamodb
          .send(
            new ScanCommand({
              TableName: ports.table,
              ConsistentRead: true,
              ...(from ? { ExclusiveStartKey: from } : {}),
            }),
          )
          .catch((error: unknown) => {
            // The bot may be creating the table anew.
            if (error instanceof ResourceNotFoundException) return { Items: [], LastEvaluatedKey: undefined };
            throw error;
          });
        for (const item of page.Items ?? []) {
          const kind = kindOf(item);
          counts[kind] = (counts[kind] ?? 0) + 1;
          if (rows.length < limit && (onlyKind === undefined || kind === onlyKind)) rows.push(item);
        }
        from = page.LastEvaluatedKey;
      } while (from);
      return { table: ports.table, counts, total: Object.values(counts).reduce((a, b) => a + b, 0), rows };
    },
    async bucket(limit: number) {
      const page = await ports.s3.send(new ListObjectsV2Command({ Bucket: ports.bucket, MaxKeys: limit }));
      const objects = (page.Contents ?? []).map(({ Key, Size, LastModified }) => ({
        key: Key,
        size: Size,
        lastModified: LastModified,
      }));
      return { bucket: ports.bucket, objects, more: page.IsTruncated ?? false };
    },
    /** An image as it is stored, or undefined when the key does not exist. */
    async object(key: string): Promise<{ bytes: Uint8Array; contentType: string } | undefined> {
      try {
        const found = await ports.s3.send(new GetObjectCommand({ Bucket: ports.bucket, Key: key }));
        const bytes = await found.Body?.transformToByteArray();
        return { bytes: bytes ?? new Uint8Array(), contentType: found.ContentType ?? 'application/octet-stream' };
      } catch (error) {
        if (error instanceof NoSuchKey) return undefined;
        throw error;
      }
    },
    /** The status and the size with which S3 answers HEAD. */
    async head(bucket: string, key: string): Promise<{ status: number; size: number | undefined }> {
      try {
        const { ContentLength } = await ports.s3.send(new HeadObjectCommand({ Bucket: bucket, Key: key }));
        return { status: 200, size: ContentLength };
      } catch (error) {
        if (error instanceof S3ServiceException)
          return { status: error.$metadata.httpStatusCode ?? 500, size: undefined };
        throw error;
      }
    },
    async putObject(key: string, bytes: Uint8Array, contentType: string): Promise<void> {
      await ports.s3.send(
        new PutObjectCommand({ Bucket: ports.bucket, Key: key, Body: bytes, ContentType: contentType }),
      );
    },
    async removeObject(key: string): Promise<void> {
      await ports.s3.send(new DeleteObjectCommand({ Bucket: ports.bucket, Key: key }));
    },
  };
}
