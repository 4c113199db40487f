import { z } from 'zod';
import { type Approval, type Click, type ClickRefusal, factSchema, type UseRefusal } from '../../approvals/approval.ts';
import type { PrunePlan } from '../../backup/catalogue/prune.ts';
import type { ReadProgress } from '../../backup/compare/compare.ts';
import type { DifferenceCounts, SpareReason } from '../../backup/errors.ts';
import type { BackupRecord } from '../../backup/format/backup-record.ts';
import type { CatalogueEntry } from '../../backup/format/export-record.ts';
import type { HeldFunction } from '../../backup/jobs/release-held-function.ts';
import type { LegacyLoss } from '../../backup/legacy/legacy.ts';
import type { RestorePreview } from '../../backup/restore/restore.ts';
import type { Result } from '../../lib/result.ts';
import type { Fault } from '../../pipeline/invoke/invocation.ts';
import type { KindCounts } from '../../pipeline/table/records.ts';
import { type RunLocation, runLocationSchema } from '../../run/model/run-control.ts';
import type { Person } from '../../run/model/types.ts';
import type { Scope } from '../../run/scope/scope.ts';
import type { UnmetPrecondition } from '../model/preconditions.ts';
import type { JobResult } from './job-result.ts';
import { type PruneAction, type TableAction, tableActionSchema } from './table-action.ts';

/** The table now; its records are counted with consistent reads. */
export interface TableNow {
  readonly name: string;
  readonly account: string;
  readonly region: string;
  readonly arn: string;
  readonly status: string;
  readonly counts: KindCounts;
  readonly deletionProtection: boolean;
  readonly pointInTimeRecovery: PointInTimeRecovery;
  readonly writeCost: WriteCost;
  /** It has a stream: its consumers get every deletion and write. */
  readonly hasStream: boolean;
  /** Replicas in other regions, which get them, too. */
  readonly replicas: number;
}

/** `unknown`: it could not be read. */
export type PointInTimeRecovery = 'on' | 'off' | 'unknown';

/** What writing records in transactions costs on this table. */
export interface WriteCost {
  /** Write units for one record: 2 for each KB that is begun, by the average size that DynamoDB reports. */
  readonly unitsPerRecord: number;
  /** Global indexes, each of which uses write units of its own. */
  readonly indexes: number;
  /** Write units per second that the table is limited to; absent: no limit is set. */
  readonly unitsPerSecond?: number;
}

/** What an approval of `flush recreate` is given on, besides the facts of every flush. */
export interface RecreationFacts {
  /** The SHA-256 of everything that DynamoDB reports about the table. */
  readonly digest: string;
  /** What the new table cannot have, in sentences. */
  readonly losses: readonly string[];
  readonly indexes: number;
}

export interface FlushPlan {
  readonly action: Extract<TableAction, { kind: 'flush' }>;
  readonly now: TableNow;
  readonly backup: BackupRecord;
  /** How the table differs from the backup. */
  readonly difference: DifferenceCounts;
  /** Only of `flush recreate`. */
  readonly recreation?: RecreationFacts;
  /** Only of a flush of a scope: it, and how many records it has now. */
  readonly scope?: { readonly scope: Scope; readonly recordsNow: number };
  /** What it deletes and the rescan cannot rebuild, by the images that can be read now. Not of a flush of failed images. */
  readonly notRebuildable?: NotRebuildable;
}

/** Records that the rescan cannot build again, because no image that it can read holds them. */
export type NotRebuildable = Pick<Scope, 'missing' | 'archived' | 'nameless'>;

export interface RestorePlan {
  readonly action: Extract<TableAction, { kind: 'restore' }>;
  readonly now: TableNow;
  readonly backup: BackupRecord;
  readonly change: RestorePreview;
}

export type TableRefusal =
  | { readonly reason: 'no-backup' }
  | { readonly reason: 'backup-not-found'; readonly backupId: string }
  | { readonly reason: 'backup-unverified'; readonly backupId: string; readonly why: string }
  /** A flush of the whole table finished with this backup, and the backup was not restored since. */
  | { readonly reason: 'backup-used'; readonly backupId: string; readonly at: number }
  /** `ageMs` is negative for a backup that is dated in the future. */
  | { readonly reason: 'backup-too-old'; readonly backupId: string; readonly ageMs: number; readonly mostMs: number }
  | {
      readonly reason: 'backup-of-another-table';
      readonly backupId: string;
      readonly itsArn: string;
      readonly arn: string;
    }
  | { readonly reason: 'backup-damaged'; readonly backupId: string; readonly object: string; readonly why: string }
  /** The flush was asked for with another scope than the open checklist has now. */
  | { readonly reason: 'scope-changed'; readonly asked?: string; readonly now?: string }
  /** `flush recreate` deletes every record, and the checklist has a scope. */
  | { readonly reason: 'recreate-with-scope'; readonly scope: Scope }
  /** `newest`: it is one of the newest, which stay. */
  | { readonly reason: 'backup-in-use'; readonly backupId: string; readonly because: SpareReason | 'newest' }
  | {
      readonly reason: 'differs';
      readonly backupId: string;
      readonly difference: DifferenceCounts;
      readonly most: number;
    }
  /** A restore is done, but the table is not what it should be. */
  | { readonly reason: 'restore-mismatch'; readonly backupId: string; readonly difference: DifferenceCounts }
  /** DynamoDB does not accept a record as the backup has it. */
  | { readonly reason: 'record-refused'; readonly why: string }
  | { readonly reason: 'table-not-active'; readonly table: string; readonly status: string }
  | { readonly reason: 'table-missing'; readonly table: string }
  | { readonly reason: 'run-active'; readonly runId: string }
  | { readonly reason: 'job-active'; readonly job: TableJob }
  | { readonly reason: 'no-job' }
  /** The process of a backup died, and no other one made the backup again in time. */
  | { readonly reason: 'interrupted' }
  | { readonly reason: 'stop-file'; readonly path: string }
  /** `waitMs`: as in the refusal `lease-held` of a run. */
  | { readonly reason: 'busy'; readonly holder: string; readonly waitMs?: number }
  | { readonly reason: 'shutting-down' }
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
  /** DynamoDB ended an export with an error. */
  | { readonly reason: 'export-failed'; readonly arn: string; readonly code: string; readonly why: string }
  /** The table has what the bot cannot create again. `obstacles` and `changes` are sentences. */
  | { readonly reason: 'not-recreatable'; readonly table: string; readonly obstacles: readonly string[] }
  /** The table was written or changed right before it would have been deleted. */
  | { readonly reason: 'table-in-use'; readonly table: string; readonly changes: readonly string[] }
  /** The table was deleted, and is not yet again what it was. */
  | {
      readonly reason: 'table-unfinished';
      readonly table: string;
      readonly state: 'missing' | 'incomplete' | 'unknown';
      readonly reasons: readonly string[];
      readonly createUri: string;
      readonly descriptionUri: string;
    }
  /** Preconditions of the step do not hold. */
  | {
      readonly reason: 'preconditions';
      readonly step: 'flush' | 'restore';
      readonly unmet: readonly UnmetPrecondition[];
    }
  | { readonly reason: 'approval-gone'; readonly approvalId: string }
  | { readonly reason: 'click'; readonly refusal: ClickRefusal; readonly approval: Approval }
  | { readonly reason: 'use'; readonly refusal: UseRefusal }
  /** The control table failed at the moment that decides whether the job starts. */
  | { readonly reason: 'start-unclear'; readonly fault: Fault }
  | { readonly reason: 'fault'; readonly fault: Fault };

export type TableAnswer<T> = Result<T, TableRefusal>;

/** A flush or restore: a job that needs an approval and the lease. */
export const approvedJobSchema = z.object({
  id: z.string(),
  work: tableActionSchema,
  by: z.string(),
  approvedBy: z.string().exactOptional(),
  reason: z.string().exactOptional(),
  /** The approval message, or the channel of a backup: its thread tells how the job ends. */
  location: runLocationSchema,
  /** The message with its progress, once it is posted. */
  liveMessage: z.object({ channel: z.string(), ts: z.string() }).exactOptional(),
  startedAt: z.number(),
  /** The end of its approval, epoch ms: until then it waits for a fault to pass. Absent in jobs of older versions. */
  approvedUntil: z.number().exactOptional(),
  /** The checklist that a flush belongs to. */
  checklistId: z.string().exactOptional(),
  /** What its approval was given on. A job of an older version has none, and is not resumed. */
  fingerprint: z.array(factSchema).readonly().exactOptional(),
});
export type ApprovedJob = Readonly<z.infer<typeof approvedJobSchema>>;

/** A backup: a job that needs no approval. */
export const backupJobSchema = approvedJobSchema.extend({
  work: z.object({
    kind: z.literal('backup'),
    note: z.string().exactOptional(),
    /** DynamoDB makes it, by an export to S3. */
    export: z.literal(true).exactOptional(),
  }),
});
export type BackupJob = Readonly<z.infer<typeof backupJobSchema>>;

/** A backup, flush, restore or deletion of backups in progress. */
export type TableJob = Omit<ApprovedJob, 'work'> & { readonly work: BackupJob['work'] | TableAction };

/** The id under which a job keeps its progress: its own, or that of the job it continues. */
export const progressIdOf = ({ id, work }: TableJob): string => (work.kind === 'backup' ? id : (work.continues ?? id));

export type JobStage =
  | 'reading'
  | 'exporting'
  | 'sampling'
  | 'verifying'
  | 'comparing'
  | 'deleting'
  | 'rehearsing'
  | 'safeguarding'
  | 'recreating'
  | 'leftovers'
  | 'counting'
  | 'checking'
  | 'safety-backup'
  | 'writing'
  | 'removing'
  | 'proving'
  | 'pruning';

/** The stages of a flush or restore before its first write: what they count was only read. */
export const READING_STAGES: ReadonlySet<JobStage> = new Set([
  'comparing',
  'rehearsing',
  'safeguarding',
  'checking',
  'safety-backup',
  'reading',
  'verifying',
]);

/** How far a job is. */
export interface JobProgress {
  readonly stage: JobStage;
  /** Records done so far, of `total`. */
  readonly done: number;
  readonly total: number;
  /** `total` comes from DescribeTable, which is up to about six hours old. */
  readonly isApproximate: boolean;
  /** Uncompressed bytes read by a backup. */
  readonly bytes?: number;
  /** Since the stage began, ms. */
  readonly stageMs: number;
  /** Records per second in this stage; absent until something was done in it. */
  readonly perSecond?: number;
  /** Records that were saved to the backup's supplement first. */
  readonly supplemented?: number;
  /** The job does nothing at the moment: it tries again until `until`, epoch ms. */
  readonly waiting?: { readonly fault: Fault; readonly until: number };
}

/** How a job came to its end. */
export type JobEnd =
  | { readonly kind: 'finished'; readonly result: JobResult; readonly elapsedMs: number }
  | ({ readonly kind: 'stopped'; readonly by: string } & JobReach)
  | ({ readonly kind: 'failed'; readonly refusal: TableRefusal } & JobReach);

/** How far a job came that did not finish. */
export interface JobReach {
  readonly progress?: JobProgress;
  /** Neither this process nor one before has changed the table for this job. Absent: one may have. */
  readonly isUntouched?: true;
  /** A job that recreates the table has not deleted it. Absent: it may have. */
  readonly isTableKept?: true;
}

/** Why a job whose process died does not resume under its approval. */
export type ResumeRefusal =
  | UseRefusal
  | { readonly reason: 'approval-gone' }
  /** The job was stored by a version that did not store what its approval was given on. */
  | { readonly reason: 'older-version' }
  | { readonly reason: 'blocked'; readonly refusal: TableRefusal };

export type TableEvent =
  | { readonly kind: 'started'; readonly job: TableJob }
  /** The job continues after the process that ran it died or lost its lease. */
  | { readonly kind: 'resumed'; readonly job: TableJob }
  | { readonly kind: 'progress'; readonly job: TableJob; readonly progress: JobProgress }
  | (JobEnd & { readonly job: TableJob })
  /** The job does not resume; `next` is the request to continue it, or why there is none. */
  | {
      readonly kind: 'interrupted';
      readonly job: ApprovedJob;
      readonly because: ResumeRefusal;
      /** At least so many records were done before: the process may have died before it noted more. Absent where nothing is stored. */
      readonly done?: number;
      readonly next: Result<Approval, TableRefusal>;
    }
  /** A job whose process died can be neither continued nor ended, for the same reason for a while. It is looked at further on. */
  | { readonly kind: 'unsettled'; readonly job: TableJob; readonly fault: Fault }
  /** An older version had set the function's reserved concurrency to 0; what was done about it. */
  | { readonly kind: 'function-released'; readonly released: HeldFunction }
  | { readonly kind: 'function-not-released'; readonly functionName: string; readonly fault: Fault }
  /** This request was decided or ended, and its message may still show an earlier state: the process that knew may have died. */
  | { readonly kind: 'request-outdated'; readonly approval: Approval }
  /** An approval was asked for, decided or ended. */
  | { readonly kind: 'approval-changed'; readonly approval: Approval };

/** What the Slack layer may ask of the table and its backups. A refusal is a value, and nothing was changed then. */
export interface TableControl {
  /** `export`: DynamoDB makes it, by an export to S3, and the bot checks it without reading it in full. */
  backup(request: { by: Person; note?: string; export?: true; location: RunLocation }): Promise<TableAnswer<TableJob>>;
  /** DynamoDB's own on-demand backup, and whether point-in-time recovery is on. */
  nativeBackup(): Promise<
    TableAnswer<{ name: string; arn: string; status: string; pointInTimeRecovery: PointInTimeRecovery }>
  >;
  backups(): Promise<TableAnswer<readonly CatalogueEntry[]>>;
  /** Reads a backup back from S3 in full and stores whether it is whole. */
  verify(backupId: string): Promise<TableAnswer<CatalogueEntry>>;
  /**
   * Which backups can be deleted, and which are kept although they are older than the newest `keep`. `action`: what to request for
   * the oldest of them; absent where there is nothing to delete.
   */
  planPrune(keep: number): Promise<TableAnswer<PrunePlan & { readonly action?: PruneAction }>>;
  /** Adds a backup in the runbook's format to the catalogue, with the types of a good one. */
  importLegacy(request: { uri: string; typesFrom?: string; by: Person }): Promise<TableAnswer<BackupRecord>>;
  /** What a flush would delete. Relies on the last verified backup where none is given. */
  planFlush(request: { failedOnly: boolean; recreate?: boolean; backupId?: string }): Promise<TableAnswer<FlushPlan>>;
  /** What a restore would change. It reads the table and the backup in full: `onProgress` gets the records read so far. */
  planRestore(request: {
    backupId: string;
    mode: 'merge' | 'replace';
    onProgress?: (read: ReadProgress) => void;
  }): Promise<TableAnswer<RestorePlan>>;
  /** Asks for approval of an action on the table as it is now. */
  request(request: {
    action: TableAction;
    by: Person;
    /** Others who count as requesters. */
    alsoBy?: readonly Person[];
    reason?: string;
    channel: string;
    /** The id of the approval; a new one where not given. */
    approvalId?: string;
  }): Promise<TableAnswer<Approval>>;
  /** Makes a person a requester of a pending approval as well, so that they may not approve it. */
  addRequester(approvalId: string, by: Person): Promise<void>;
  /** Stores the message of an approval; only clicks on that message count. */
  setMessage(approvalId: string, ts: string): Promise<void>;
  approval(approvalId: string): Promise<Approval | undefined>;
  /** Requests that wait for a decision or for their start, oldest first. */
  openApprovals(): Promise<readonly Approval[]>;
  /** A click on Approve or Deny. An approved action starts at once, if everything is still as it was. */
  click(
    approvalId: string,
    click: Click,
  ): Promise<TableAnswer<{ approval: Approval; job?: TableJob; refused?: TableRefusal }>>;
  /** Withdraws a request, decided or not, whose action has not started; whether there was one. */
  withdraw(approvalId: string, by: string): Promise<boolean>;
  /** Withdraws what was approved and has not started: for a stop that comes in between. */
  withdrawApproved(by: string): Promise<readonly Approval[]>;
  /** The flush or restore in progress, in any process. */
  current(): Promise<TableJob | undefined>;
  /** The backup in progress, in any process. */
  currentBackup(): Promise<TableJob | undefined>;
  stop(by: Person): Promise<TableAnswer<TableJob>>;
  /** Stores the message that shows the progress of a job, so that the next process can edit it. */
  setLiveMessage(jobId: string, message: { readonly channel: string; readonly ts: string }): Promise<void>;
  watch(listener: (event: TableEvent) => void | Promise<void>): () => void;
}
