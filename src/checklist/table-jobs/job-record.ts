import { z } from 'zod';
import type { ControlTable, Key } from '../../state/control-table.ts';
import { type JobLocation, type TableJob, tableActSchema } from '../contracts/table-control.ts';

/** The one flush or restore that may be under way on a pipeline, in the control table: how another process finds it. */
export interface JobRecord {
  /** Puts the job there, if none is. */
  claim(job: TableJob): Promise<boolean>;
  read(): Promise<{ job: TableJob; stopBy?: string } | undefined>;
  setLocation(jobId: string, location: JobLocation): Promise<void>;
  /** Asks whoever drives the job to stop. */
  askStop(jobId: string, by: string): Promise<boolean>;
  remove(jobId: string): Promise<void>;
}

const jobSchema = z.object({
  id: z.string(),
  work: tableActSchema,
  by: z.string(),
  approvedBy: z.string().exactOptional(),
  reason: z.string().exactOptional(),
  location: z.object({ channel: z.string(), ts: z.string().exactOptional() }),
  startedAt: z.number(),
  checklistId: z.string().exactOptional(),
});

/** The record of the pipeline `name`. */
export function createJobRecord(table: ControlTable, name: string): JobRecord {
  const key: Key = { pk: `pipeline#${name}`, sk: 'table-job' };
  return {
    claim: (job) => table.create(key, { ...job }),
    async read() {
      const entry = await table.read(key);
      if (!entry) return;
      const { stopBy } = z.object({ stopBy: z.string().optional() }).parse(entry);
      return { job: jobSchema.parse(entry), ...(stopBy === undefined ? {} : { stopBy }) };
    },
    async setLocation(jobId, location) {
      await table.update(key, { set: { location } }, { equals: { id: jobId } });
    },
    async askStop(jobId, by) {
      return (await table.update(key, { set: { stopBy: by } }, { equals: { id: jobId } })).ok;
    },
    async remove(jobId) {
      await table.remove(key, { equals: { id: jobId } });
    },
  };
}
