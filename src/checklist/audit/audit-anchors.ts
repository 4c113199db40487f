import { ListObjectsV2Command, PutObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import type { AuditEntry } from './audit-entry.ts';

/**
 * Heads of the audit, each an empty object in S3 that is named after its number and its hash. They are never overwritten, and lie
 * apart from the control table: whoever cuts entries off at the end, or writes the chain anew, has to forge both.
 */
export interface AuditAnchors {
  put(head: Pick<AuditEntry, 'number' | 'hash'>): Promise<void>;
  /** The hash by the number of its entry. */
  read(): Promise<ReadonlyMap<number, string>>;
}

const NAME = /([0-9]{10})-([0-9a-f]{64})$/;

export function createAuditAnchors(s3: S3Client, { bucket, prefix }: { bucket: string; prefix: string }): AuditAnchors {
  return {
    async put({ number, hash }) {
      const Key = `${prefix}${String(number).padStart(10, '0')}-${hash}`;
      await s3.send(new PutObjectCommand({ Bucket: bucket, Key, Body: '' }));
    },
    async read() {
      const found = new Map<number, string>();
      let ContinuationToken: string | undefined;
      do {
        const page = await s3.send(
          new ListObjectsV2Command({
            Bucket: bucket,
            Prefix: prefix,
            ...(ContinuationToken === undefined ? {} : { ContinuationToken }),
          }),
        );
        for (const { Key = '' } of page.Contents ?? []) {
          const [, number, hash] = NAME.exec(Key) ?? [];
          if (number !== undefined && hash !== undefined) found.set(Number(number), hash);
        }
        ContinuationToken = page.IsTruncated ? page.NextContinuationToken : undefined;
      } while (ContinuationToken !== undefined);
      return found;
    },
  };
}
