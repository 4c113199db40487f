import { z } from 'zod';
import type { Warn } from '../../lib/warn-once.ts';
import type { ControlTable } from '../../state/table/control-table.ts';
import { type Job, type JobStore, jobSchema } from './job.ts';

const PARTITION = 'backup-job';
const entrySchema = z.looseObject({ job: z.string() });
const jobIn = (entry: unknown): Job => jobSchema.parse(JSON.parse(entrySchema.parse(entry).job));

/** Jobs in the control table: one entry each, as JSON, under `backup-job` and the id of the job. */
export function controlTableJobs(
  table: Pick<ControlTable, 'read' | 'update' | 'remove' | 'list'>,
  warn: Warn = () => {},
): JobStore {
  const keyOf = (id: string) => ({ pk: PARTITION, sk: id });
  return {
    async read(id) {
      const entry = await table.read(keyOf(id));
      return entry && jobIn(entry);
    },
    async write(job) {
      await table.update(keyOf(job.id), { set: { job: JSON.stringify(job) } });
    },
    async remove(id) {
      await table.remove(keyOf(id));
    },
    async list({ strict } = { strict: false }) {
      const jobs: Job[] = [];
      for await (const entry of table.list(PARTITION))
        try {
          jobs.push(jobIn(entry));
        } catch (error) {
          if (strict) throw error;
          warn(`The record of job ${entry.sk} in the control table cannot be read. It is left out.`, error);
        }
      return jobs;
    },
  };
}
