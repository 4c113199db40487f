import type { CatalogueEntry } from '../../backup/format/export-record.ts';
import type { Fault } from '../../pipeline/invoke/invocation.ts';
import type { KindCounts } from '../../pipeline/table/records.ts';
import type { ScopeReference } from '../../run/scope/scope.ts';

/** How a job ended. */
export type JobResult =
  | { readonly kind: 'backup'; readonly record: CatalogueEntry; readonly versioning: 'on' | 'off' | 'unknown' }
  | {
      readonly kind: 'flush';
      readonly deleted: number;
      readonly supplemented: number;
      readonly remaining: KindCounts;
      readonly newRows: number;
      /** Only the records of this scope were deleted; `newRows` counts those that belong to it. */
      readonly scope?: ScopeReference;
      /** The table was deleted and created anew. */
      readonly recreated?: {
        readonly digest: string;
        readonly descriptionUri: string;
        /** The ARN of the native backup; absent where point-in-time recovery was on. */
        readonly nativeBackupArn?: string;
        /** Why the backup is not marked as used by this flush, where it is not. */
        readonly notMarked?: Fault;
      };
    }
  | {
      readonly kind: 'restore';
      /** Added or overwritten. */
      readonly written: number;
      /** They were in the table as the backup has them. */
      readonly unchanged: number;
      readonly removed: number;
      readonly safetyBackupId: string;
      /** Files of supplements that were left out. Absent in results of older versions. */
      readonly leftOut?: number;
      readonly digest: string;
      readonly items: number;
    }
  | {
      readonly kind: 'restore-rows';
      readonly restored: number;
      readonly taken: number;
      readonly notInBackup: number;
      /** Absent in results of older versions, which overwrote nothing. */
      readonly overwritten?: number;
      readonly changedSince?: number;
    }
  /** Backups were deleted, with so many records in all. */
  | { readonly kind: 'prune'; readonly backups: number; readonly records: number };
