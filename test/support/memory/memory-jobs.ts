import { type JobStore, jobSchema } from '../../../src/backup/jobs/job.ts';

/** A job store in memory, without a control table. */
export function memoryJobs(): JobStore {
  const jobs = new Map<string, string>();
  return {
    read: async (id) => {
      const text = jobs.get(id);
      return text === undefined ? undefined : jobSchema.parse(JSON.parse(text));
    },
    write: async (job) => void jobs.set(job.id, JSON.stringify(job)),
    remove: async (id) => void jobs.delete(id),
    list: async () => [...jobs.values()].map((text) => jobSchema.parse(JSON.parse(text))),
  };
}
