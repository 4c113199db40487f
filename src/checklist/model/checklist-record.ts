import { z } from 'zod';
import { scopeSchema } from '../../run/scope/scope.ts';
import { closedStepSchema, stepSchema } from './step.ts';

const outcomeSchema = z.discriminatedUnion('kind', [
  /** `failed`: the steps that had failed; the checklist is closed as failed then. */
  z.object({ kind: z.literal('completed'), runId: z.string(), failed: z.array(stepSchema).exactOptional() }),
  z.object({ kind: z.literal('closed'), by: z.string() }),
]);
export type ChecklistOutcome = z.infer<typeof outcomeSchema>;

/** The checklist of one rescan. Times are epoch ms. */
export const checklistRecordSchema = z.object({
  id: z.string(),
  openedBy: z.string(),
  openedAt: z.number(),
  /** Someone decided that the table keeps its records. */
  kept: z.object({ by: z.string(), at: z.number() }).exactOptional(),
  /** The runs of this checklist, oldest first. */
  runIds: z.array(z.string()).default([]),
  flushApproval: z.string().exactOptional(),
  /** What the flush and the run of this checklist cover; everything when absent. */
  scope: scopeSchema.nullish(),
  closedAt: z.number().exactOptional(),
  outcome: outcomeSchema.exactOptional(),
  /** Every step as it was when the checklist was closed. */
  steps: z.array(closedStepSchema).exactOptional(),
});
export type ChecklistRecord = z.infer<typeof checklistRecordSchema>;
