import { z } from 'zod';
import { runForecastSchema, runLocationSchema } from '../../run/model/run-control.ts';

/** One autopilot as it is stored. Times are epoch ms. */
export const autopilotRecordSchema = z.object({
  id: z.string(),
  by: z.string(),
  /** Those who let it try again. They count as requesters of its flush, too. */
  alsoBy: z.array(z.string()).readonly().exactOptional(),
  location: runLocationSchema,
  state: z.enum(['planned', 'running', 'stopped', 'finished', 'cancelled']),
  /** What was expected before it started; the receipt compares it with the result. */
  forecast: runForecastSchema,
  /** The scope of the checklist when it was planned; everything when absent. `what`: its criteria, as text. */
  scope: z.object({ id: z.string(), what: z.string() }).exactOptional(),
  plannedAt: z.number(),
  startedAt: z.number().exactOptional(),
  endedAt: z.number().exactOptional(),
  stoppedBy: z.string().exactOptional(),
  checklistId: z.string().exactOptional(),
  /** How often it did each step since someone last retried. */
  attempts: z.record(z.string(), z.number()).default({}),
  /** When the last attempt of each step was counted, which is before its step began. */
  attemptedAt: z.record(z.string(), z.number()).exactOptional(),
  approvalId: z.string().exactOptional(),
  runId: z.string().exactOptional(),
  /** What blocks it, as JSON of an AutopilotBlocker. */
  blocker: z.string().exactOptional(),
  /** A request of its own was refused. It is not repeated before someone retries. */
  refused: z.boolean().exactOptional(),
  /** Its end, or its blocker, may not have been announced yet. */
  unannounced: z.boolean().exactOptional(),
  /** The lease of the process that drives it; grows with each takeover. */
  fence: z.number().exactOptional(),
  /**
   * The autopilot was stopped, but not all of the stop may be done: its request for approval has to be withdrawn; with
   * `work` its run or table job has to be stopped too.
   */
  stopping: z.enum(['request', 'work']).exactOptional(),
});
export type AutopilotRecord = z.infer<typeof autopilotRecordSchema>;
