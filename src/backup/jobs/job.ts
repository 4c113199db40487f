import { z } from 'zod';

/** What a flush, a restore or an export must know to continue after its process died. `hold`: see `releaseHeldFunction`. */
const positionsSchema = z.record(z.string(), z.int().min(0));
export const jobSchema = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('flush'),
    id: z.string(),
    backupId: z.string(),
    startedAt: z.number(),
    deleted: z.int().min(0),
    /** Versions saved to the supplement. */
    supplemented: z.int().min(0).default(0),
    /** Records of the backup that were not in the table when the flush began. */
    missing: z.int().min(0).default(0),
    /** Nothing beyond these positions was touched; absent in jobs of older versions. */
    started: positionsSchema.exactOptional(),
    /** Everything up to these positions is worked through. */
    done: positionsSchema,
  }),
  z.object({
    kind: z.literal('restore'),
    id: z.string(),
    backupId: z.string(),
    mode: z.enum(['merge', 'replace']),
    startedAt: z.number(),
    safetyBackupId: z.string().optional(),
    written: z.int().min(0),
    /** Records that were in the table already as the backup has them. */
    unchanged: z.int().min(0).default(0),
    done: positionsSchema,
  }),
  z.object({
    kind: z.literal('recreate'),
    id: z.string(),
    backupId: z.string(),
    startedAt: z.number(),
    table: z.string(),
    /** The id of the table that is deleted. A table of the same name with another id is the new one. */
    tableId: z.string(),
    /** The SHA-256 of the description in S3. */
    digest: z.string(),
    /** Records that were in the table at the last check. */
    records: z.int().min(0).default(0),
    /** Versions saved to the supplement. */
    supplemented: z.int().min(0).default(0),
    safeguard: z
      .discriminatedUnion('kind', [
        z.object({ kind: z.literal('point-in-time-recovery') }),
        z.object({ kind: z.literal('native-backup'), arn: z.string() }),
      ])
      .exactOptional(),
    /** Deletion protection was on, and is turned off for the deletion. */
    wasProtected: z.boolean(),
    /** What may have begun; what was reached is read from the table. */
    stage: z.enum(['described', 'safeguarded', 'unprotecting', 'deleting', 'creating', 'setting', 'comparing']),
  }),
  z.object({
    kind: z.literal('export'),
    id: z.string(),
    /** The export that DynamoDB makes. */
    exportArn: z.string(),
  }),
  z.object({
    kind: z.literal('hold'),
    id: z.string(),
    functionName: z.string(),
    /** The reserved concurrency before; absent when the function had none. */
    reservedBefore: z.int().min(0).optional(),
    heldAt: z.number(),
  }),
]);
export type Job = z.infer<typeof jobSchema>;
export type FlushJob = Extract<Job, { kind: 'flush' }>;
export type RestoreJob = Extract<Job, { kind: 'restore' }>;
export type RecreateJob = Extract<Job, { kind: 'recreate' }>;
export type HoldJob = Extract<Job, { kind: 'hold' }>;

/**
 * Where jobs are kept. The caller sees to it that one process at a time drives a job, and removes it once its result is on
 * record: a job that is done and continued again finds nothing left to do.
 */
export interface JobStore {
  read(id: string): Promise<Job | undefined>;
  write(job: Job): Promise<void>;
  remove(id: string): Promise<void>;
  /** A record that cannot be read is reported and left out; with `strict` it throws, for what must not overlook one. */
  list(options?: { readonly strict: boolean }): Promise<readonly Job[]>;
}
