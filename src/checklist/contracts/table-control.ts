import { z } from 'zod';
import type { Approval, ClickRefusal, UseRefusal } from '../../approvals/approval.ts';
import type { DifferenceCounts } from '../../backup/errors.ts';
import type { BackupRecord } from '../../backup/format/backup-record.ts';
import type { LegacyLoss } from '../../backup/legacy/legacy.ts';
import type { Fault } from '../../pipeline/invoke/invocation.ts';
import type { KindCounts } from '../../pipeline/table/records.ts';
import type { Person } from '../../run/model/types.ts';
import type { UnmetPrecondition } from '../model/preconditions.ts';

/** How many records one act puts back: what an approval can hold. */
export const MOST_PUT_BACK = 2_000;
/** How many of them are named to whoever approves. */
export const MOST_NAMED = 5;

/** A destructive act on the table, exactly as it is asked for, approved and carried out. */
export const tableActSchema = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('flush'),
    backupId: z.string(),
    /** Only failed-image records; everything where not set. */
    failedOnly: z.boolean(),
    /** The function's reserved concurrency is 0 meanwhile. */
    hold: z.boolean(),
  }),
  z.object({
    kind: z.literal('restore'),
    backupId: z.string(),
    /** `put-back`: single records, each where its key is free. */
    mode: z.enum(['merge', 'replace', 'put-back']),
    /** Where records are put back: which, by their ids (see `entryId`). */
    entries: z
      .array(z.string().regex(/^[0-9a-f]{16}$/))
      .max(MOST_PUT_BACK)
      .exactOptional(),
    /** The first of them as people know them: whoever approves must see what comes back. */
    names: z.array(z.string()).max(MOST_NAMED).exactOptional(),
  }),
]);
export type TableAction = z.infer<typeof tableActSchema>;

/** The table as it is now, counted and not guessed. */
export interface TableNow {
  readonly name: string;
  readonly account: string;
  readonly region: string;
  readonly arn: string;
  readonly status: string;
  readonly counts: KindCounts;
  readonly deletionProtection: boolean;
  readonly pointInTimeRecovery: 'on' | 'off' | 'unknown';
}

export interface FlushPlan {
  readonly act: Extract<TableAction, { kind: 'flush' }>;
  readonly now: TableNow;
  readonly backup: BackupRecord;
  /** How the table differs from the backup. */
  readonly difference: DifferenceCounts;
  /** How long holding the function waits for invocations under way, ms. */
  readonly holdMs: number;
}

export interface RestorePlan {
  readonly act: Extract<TableAction, { kind: 'restore' }>;
  readonly now: TableNow;
  readonly backup: BackupRecord;
  readonly change: {
    readonly added: number;
    readonly overwritten: number;
    readonly removed: number;
    readonly same: number;
  };
}

export type TableRefusal =
  | { readonly reason: 'no-backup' }
  | { readonly reason: 'backup-not-found'; readonly backupId: string }
  | { readonly reason: 'backup-unverified'; readonly backupId: string; readonly why: string }
  | { readonly reason: 'backup-too-old'; readonly backupId: string; readonly ageMs: number; readonly mostMs: number }
  | {
      readonly reason: 'backup-of-another-table';
      readonly backupId: string;
      readonly itsArn: string;
      readonly arn: string;
    }
  | { readonly reason: 'backup-damaged'; readonly backupId: string; readonly object: string; readonly why: string }
  | { readonly reason: 'backup-in-use'; readonly backupId: string }
  | {
      readonly reason: 'differs';
      readonly backupId: string;
      readonly difference: DifferenceCounts;
      readonly most: number;
    }
  | { readonly reason: 'table-not-active'; readonly table: string; readonly status: string }
  | { readonly reason: 'run-active'; readonly runId: string }
  | { readonly reason: 'job-active'; readonly job: TableJob }
  | { readonly reason: 'no-job' }
  | { readonly reason: 'stop-file'; readonly path: string }
  | { readonly reason: 'busy'; readonly holder: string }
  | { readonly reason: 'location'; readonly bucket: string; readonly why: 'missing' | 'not-writable' }
  | {
      readonly reason: 'legacy';
      readonly fileName: string;
      readonly items: number;
      readonly losses: readonly LegacyLoss[];
    }
  | { readonly reason: 'legacy-types'; readonly fileName: string; readonly problems: readonly string[] }
  | { readonly reason: 'legacy-unreadable'; readonly fileName: string; readonly why: string }
  | { readonly reason: 'recovery-off'; readonly arn: string }
  /** The checklist does not let it begin yet. */
  | {
      readonly reason: 'preconditions';
      readonly step: 'flush' | 'restore';
      readonly unmet: readonly UnmetPrecondition[];
    }
  | { readonly reason: 'approval-gone'; readonly approvalId: string }
  | { readonly reason: 'click'; readonly refusal: ClickRefusal; readonly approval: Approval }
  | { readonly reason: 'use'; readonly refusal: UseRefusal }
  | { readonly reason: 'fault'; readonly fault: Fault };

export type TableAnswer<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly refusal: TableRefusal };

/** Where a job shows itself. */
export interface JobLocation {
  readonly channel: string;
  readonly ts?: string;
}

/** A piece of work on the table, under way. */
export interface TableJob {
  readonly id: string;
  readonly work: { readonly kind: 'backup'; readonly note?: string } | TableAction;
  readonly by: Person;
  readonly approvedBy?: Person;
  readonly reason?: string;
  readonly location: JobLocation;
  readonly startedAt: number;
  /** The rescan that a flush belongs to. */
  readonly checklistId?: string;
}

/** How far a job is. `total` is approximate where it comes from DescribeTable. */
export interface JobProgress {
  readonly stage: string;
  readonly done: number;
  readonly total: number;
  readonly isApproximate: boolean;
  /** Unzipped bytes read, where the work is a backup. */
  readonly bytes?: number;
  readonly elapsedMs: number;
  /** Records that had to be saved to the backup's supplement first. */
  readonly supplemented?: number;
}

/** What a job came to. */
export type JobResult =
  | { readonly kind: 'backup'; readonly record: BackupRecord; readonly versioning: 'on' | 'off' | 'unknown' }
  | {
      readonly kind: 'flush';
      readonly deleted: number;
      readonly supplemented: number;
      readonly remaining: KindCounts;
      readonly newRows: number;
    }
  | {
      readonly kind: 'restore';
      readonly written: number;
      readonly removed: number;
      readonly safetyBackupId: string;
      readonly digest: string;
      readonly items: number;
    }
  | { readonly kind: 'put-back'; readonly restored: number; readonly taken: number; readonly notInBackup: number };

export type TableEvent =
  | { readonly kind: 'started'; readonly job: TableJob }
  /** After the process died: the job goes on where it was. */
  | { readonly kind: 'resumed'; readonly job: TableJob }
  | { readonly kind: 'progress'; readonly job: TableJob; readonly progress: JobProgress }
  | { readonly kind: 'finished'; readonly job: TableJob; readonly result: JobResult; readonly elapsedMs: number }
  | { readonly kind: 'stopped'; readonly job: TableJob; readonly by: string; readonly progress?: JobProgress }
  | { readonly kind: 'failed'; readonly job: TableJob; readonly refusal: TableRefusal; readonly progress?: JobProgress }
  /** An approval that was asked for, or came to its end. */
  | { readonly kind: 'approval-changed'; readonly approval: Approval };

/** What the face may ask of the table and its backups. Refusals are values; nothing was changed then. */
export interface TableControl {
  backup(request: { by: Person; note?: string; location: JobLocation }): Promise<TableAnswer<TableJob>>;
  /** DynamoDB's own on-demand backup; and whether point-in-time recovery is on. */
  nativeBackup(): Promise<
    TableAnswer<{ name: string; arn: string; status: string; pointInTimeRecovery: TableNow['pointInTimeRecovery'] }>
  >;
  /** DynamoDB's own export to S3; `followed` resolves when it is done. */
  exportTable(): Promise<
    TableAnswer<{ arn: string; followed: Promise<TableAnswer<{ items: number; bytes: number }>> }>
  >;
  backups(): Promise<TableAnswer<readonly BackupRecord[]>>;
  /** Reads a backup back from S3 and writes down what came of it. */
  verify(backupId: string): Promise<TableAnswer<BackupRecord>>;
  /** Which backups would go, and which stay though they are beyond `keep`. */
  planPrune(keep: number): Promise<
    TableAnswer<{
      remove: readonly BackupRecord[];
      spared: readonly { record: BackupRecord; because: 'last-verified' | 'in-use' }[];
    }>
  >;
  /** Deletes backups that may still go, each in the audit before it goes; answers how many did. */
  prune(backupIds: readonly string[], by: Person): Promise<TableAnswer<number>>;
  /** Takes a backup of the runbook's format into the catalogue, with the types of a good one. */
  importLegacy(request: { uri: string; typesFrom?: string; by: Person }): Promise<TableAnswer<BackupRecord>>;
  /** The backup an act would rely on: the last verified one. */
  planFlush(request: { failedOnly: boolean; backupId?: string; hold: boolean }): Promise<TableAnswer<FlushPlan>>;
  planRestore(request: { backupId: string; mode: 'merge' | 'replace' }): Promise<TableAnswer<RestorePlan>>;
  /** Asks for approval of an act on the table as it is now; with the policy `self` it is approved by whoever asks. */
  request(request: {
    act: TableAction;
    by: Person;
    reason?: string;
    channel: string;
    /** Under which it is to be known; one of its own where none is given. */
    approvalId?: string;
  }): Promise<TableAnswer<Approval>>;
  /** Notes the message of an approval; only clicks on that one count. */
  setMessage(approvalId: string, ts: string): Promise<void>;
  approval(approvalId: string): Promise<Approval | undefined>;
  /** Requests that wait for somebody, oldest first. */
  openApprovals(): Promise<readonly Approval[]>;
  /** A click on Approve or Deny. An approved act is carried out at once, if the world is still as it was. */
  click(
    approvalId: string,
    click: {
      decision: 'approve' | 'deny';
      by: Person;
      channel: string;
      ts: string;
      standing: 'approver' | 'operator' | 'neither';
    },
  ): Promise<TableAnswer<{ approval: Approval; job?: TableJob; refused?: TableRefusal }>>;
  /** Takes a request back whose act has not begun, decided or not; whether it was there to be taken back. */
  withdraw(approvalId: string, by: string): Promise<boolean>;
  /** Takes back what was approved and has not begun: for a stop that comes in between. */
  withdrawApproved(by: string): Promise<readonly Approval[]>;
  /** The flush or restore under way, in whichever copy. */
  current(): Promise<TableJob | undefined>;
  stop(by: Person): Promise<TableAnswer<TableJob>>;
  setLocation(jobId: string, location: JobLocation): Promise<void>;
  watch(listener: (event: TableEvent) => void | Promise<void>): () => void;
}
