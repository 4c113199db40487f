import { schedule } from 'node-cron';

/** Calls `post` at the times of the cron expression, in the time zone of the process. Returns the function that ends it. */
export function scheduleProgress(cronExpression: string, post: () => void): () => void {
  const task = schedule(cronExpression, () => post());
  return () => void task.destroy();
}
