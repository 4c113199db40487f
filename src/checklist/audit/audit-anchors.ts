import { ListObjectsV2Command, PutObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { defined } from '../../lib/defined.ts';
import type { AuditEntry } from './audit-entry.ts';

/**
 * Heads of the audit log in S3. Each is an empty object whose name contains the number and the hash of an entry. They
 * are never overwritten. Someone who removes the last entries, or rewrites the chain, would have to change both S3 and
 * the control table.
 */
export interface AuditAnchors {
  put(head: Pick<AuditEntry, 'number' | 'hash'>): Promise<void>;
  /** The hash of each anchored entry, by its number. */
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
          new ListObjectsV2Command(defined({ Bucket: bucket, Prefix: prefix, ContinuationToken })),
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
