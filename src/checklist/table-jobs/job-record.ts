import { z } from 'zod';
import { defined } from '../../lib/defined.ts';
import { type ControlTable, type Key, parsedEntry, parsedText } from '../../state/table/control-table.ts';
import type { JobResult } from '../contracts/job-result.ts';
import {
  type ApprovedJob,
  approvedJobSchema,
  type BackupJob,
  backupJobSchema,
  type JobEnd,
  type JobProgress,
  type TableJob,
  type TableRefusal,
} from '../contracts/table-control.ts';

/** The job in progress on a pipeline, in the control table, where every process finds it. */
export interface JobRecord<Job extends TableJob = ApprovedJob> {
  /** Stores the job if no other is stored; whether it did. */
  claim(job: Job): Promise<boolean>;
  read(): Promise<StoredJob<Job> | undefined>;
  /** Stores the message with the progress of the job. */
  setLiveMessage(jobId: string, message: { readonly channel: string; readonly ts: string }): Promise<void>;
  /** Asks the process that runs the job to stop it; whether the job was there. */
  askStop(jobId: string, by: string): Promise<boolean>;
  /** Stores how the job ended. From then on no process resumes it; it is removed once the end was reported. */
  setEnd(jobId: string, end: JobEnd): Promise<void>;
  remove(jobId: string): Promise<void>;
}

export interface StoredJob<Job extends TableJob = ApprovedJob> {
  readonly job: Job;
  /** Who asked for a stop. */
  readonly stopBy?: string;
  /** How it ended, while that is not reported yet. */
  readonly end?: JobEnd;
}

// The bot wrote these itself: their kind is checked, their details are taken as they are.
const hasKind = (value: unknown) => z.looseObject({ kind: z.string() }).safeParse(value).success;
const hasReason = (value: unknown) => z.looseObject({ reason: z.string() }).safeParse(value).success;
const progressSchema = z.custom<JobProgress>((value) => z.looseObject({ stage: z.string() }).safeParse(value).success);
const fact = z.literal(true).exactOptional();
const reach = { progress: progressSchema.exactOptional(), isUntouched: fact, isTableKept: fact };
const endSchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('finished'), result: z.custom<JobResult>(hasKind), elapsedMs: z.number() }),
  z.object({ kind: z.literal('stopped'), by: z.string(), ...reach }),
  z.object({ kind: z.literal('failed'), refusal: z.custom<TableRefusal>(hasReason), ...reach }),
]);
/** The end of a job from its JSON. @throws SyntaxError, ZodError. */
export const parseEnd = (text: string): JobEnd => readEnd(JSON.parse(text));
const readEnd = (json: unknown): JobEnd => endSchema.parse(json);
const entrySchema = z.object({ stopBy: z.string().optional(), end: z.string().optional() });

/** The flush, restore or deletion of backups of the pipeline `name`. */
export const createJobRecord = (table: ControlTable, name: string): JobRecord =>
  createRecord(table, { pk: `pipeline#${name}`, sk: 'table-job' }, approvedJobSchema);

/** The backup of the pipeline `name`: it may be made while the record of another job is stored that has ended. */
export const createBackupJobRecord = (table: ControlTable, name: string): JobRecord<BackupJob> =>
  createRecord(table, { pk: `pipeline#${name}`, sk: 'backup-job' }, backupJobSchema);

function createRecord<Job extends TableJob>(table: ControlTable, key: Key, schema: z.ZodType<Job>): JobRecord<Job> {
  return {
    claim: (job) => table.create(key, { ...job }),
    async read() {
      const entry = await table.read(key);
      if (!entry) return;
      const { stopBy, end } = parsedEntry(entry, entrySchema);
      const ended = end === undefined ? undefined : parsedText(entry, end, readEnd);
      return { job: parsedEntry(entry, schema), ...defined({ stopBy, end: ended }) };
    },
    async setLiveMessage(jobId, message) {
      await table.update(key, { set: { liveMessage: message } }, { equals: { id: jobId } });
    },
    async askStop(jobId, by) {
      return (await table.update(key, { set: { stopBy: by } }, { equals: { id: jobId } })).ok;
    },
    async setEnd(jobId, end) {
      await table.update(key, { set: { end: JSON.stringify(end) } }, { equals: { id: jobId } });
    },
    async remove(jobId) {
      await table.remove(key, { equals: { id: jobId } });
    },
  };
}
