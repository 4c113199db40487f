import { z } from 'zod';

/** What a flush, a restore or a held function must remember to go on, or be put back, after the process died. */
const doneSchema = z.record(z.string(), z.int().min(0));
export const jobSchema = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('flush'),
    id: z.string(),
    backupId: z.string(),
    startedAt: z.number(),
    deleted: z.int().min(0),
    /** Records saved to the supplement and deleted. */
    supplemented: z.int().min(0).default(0),
    /** Records of the backup that were not in the table any more when it began: not its own doing. */
    missing: z.int().min(0).default(0),
    done: doneSchema,
  }),
  z.object({
    kind: z.literal('restore'),
    id: z.string(),
    backupId: z.string(),
    mode: z.enum(['merge', 'replace']),
    startedAt: z.number(),
    safetyBackupId: z.string().optional(),
    written: z.int().min(0),
    done: doneSchema,
  }),
  z.object({
    kind: z.literal('hold'),
    id: z.string(),
    functionName: z.string(),
    /** The reserved concurrency before; absent where the function had none of its own. */
    reservedBefore: z.int().min(0).optional(),
    heldAt: z.number(),
  }),
]);
export type Job = z.infer<typeof jobSchema>;
export type FlushJob = Extract<Job, { kind: 'flush' }>;
export type RestoreJob = Extract<Job, { kind: 'restore' }>;
export type HoldJob = Extract<Job, { kind: 'hold' }>;

/**
 * Where jobs are kept; each is driven by one process at a time, which the caller sees to. A job stays in here until its caller
 * has put on record what came of it, and removes it: taken up again before that, it finds that all is done.
 */
export interface JobStore {
  read(id: string): Promise<Job | undefined>;
  write(job: Job): Promise<void>;
  remove(id: string): Promise<void>;
  list(): Promise<readonly Job[]>;
}
