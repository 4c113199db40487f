import { z } from 'zod';

/** The steps of a rescan, in order. */
export const STEPS = ['backup', 'quotas', 'deploy', 'test-logging', 'sample', 'flush', 'rescan', 'validate'] as const;
export type StepName = (typeof STEPS)[number];
export const stepSchema = z.enum(STEPS);

/** Findings that were stored under another kind by an earlier version. */
const renameKind = (stored: unknown): unknown =>
  typeof stored === 'object' && stored !== null && 'kind' in stored && stored.kind === 'trouble'
    ? { ...stored, kind: 'error' }
    : stored;

/** The result of a step, as facts; the messages are made from it. */
export const findingSchema = z.preprocess(
  renameKind,
  z.discriminatedUnion('kind', [
    z.object({
      kind: z.literal('backup'),
      backupId: z.string(),
      records: z.number(),
      /** Of an export of DynamoDB: so many of the records were compared with the table. */
      sampled: z.number().exactOptional(),
    }),
    z.object({ kind: z.literal('quotas'), pacePerMinute: z.number(), blocking: z.array(z.string()) }),
    z.object({ kind: z.literal('deploy'), codeSha256: z.string(), inPlace: z.boolean() }),
    z.object({ kind: z.literal('rollback'), codeSha256: z.string() }),
    /** A deploy or a rollback that was refused: the name of the reason. */
    z.object({ kind: z.literal('deploy-refused'), reason: z.string() }),
    z.object({ kind: z.literal('logging'), result: z.string() }),
    z.object({ kind: z.literal('sample'), images: z.number(), failed: z.number() }),
    z.object({ kind: z.literal('flush'), deleted: z.number(), remaining: z.number(), backupId: z.string() }),
    /** `noRows`: its images whose reported rows are not in the table, where there are any. */
    z.object({ kind: z.literal('rescan'), runId: z.string(), noRows: z.number().exactOptional() }),
    z.object({
      kind: z.literal('validate'),
      verdict: z.string(),
      /**
       * Entries that the table lacks against the backup, and images that were processed and have no rows: 0 is left
       * out.
       */
      fewerEntries: z.number().exactOptional(),
      /** The pipeline has no entries without an amount (zero-hour weeks). */
      onlyEntries: z.literal(true).exactOptional(),
      imagesWithoutRows: z.number().exactOptional(),
    }),
    /** The bot stopped during the step. */
    z.object({ kind: z.literal('interrupted') }),
    /** The step could not be done; the message of the error or refusal. */
    z.object({ kind: z.literal('error'), message: z.string() }),
  ]),
);
export type StepFinding = z.infer<typeof findingSchema>;

/** The stored record of a step of one checklist. `at`: epoch ms of the last change. */
export const stepRecordSchema = z.object({
  step: stepSchema,
  state: z.enum(['running', 'done', 'failed', 'skipped']),
  by: z.string(),
  at: z.number(),
  found: findingSchema.exactOptional(),
});
export type StepRecord = z.infer<typeof stepRecordSchema>;

/** A step as it was when its checklist was closed. */
export const closedStepSchema = z.object({
  step: stepSchema,
  state: z.enum(['to-do', 'running', 'done', 'stale', 'failed', 'skipped']),
  by: z.string().exactOptional(),
  at: z.number().exactOptional(),
  found: findingSchema.exactOptional(),
  /** An approver's reason to skip it. */
  overriddenBy: z.object({ by: z.string(), reason: z.string() }).exactOptional(),
  /** Why it was skipped. */
  because: z.enum(['logging-proven', 'keep']).exactOptional(),
});
export type ClosedStep = z.infer<typeof closedStepSchema>;
export type StepState = ClosedStep['state'];

/**
 * An approver's decision to skip a step: for this checklist, this code of the function and the preconditions unmet
 * then.
 */
export const overrideSchema = z.object({
  step: stepSchema,
  by: z.string(),
  at: z.number(),
  reason: z.string(),
  codeSha256: z.string(),
  /** The preconditions that were unmet then (see `overrideKeysOf`). The override covers no others. */
  covers: z.array(z.string()).default([]),
});
export type Override = z.infer<typeof overrideSchema>;

/** The steps that an approver may override: only preconditions of a flush, and never the backup. */
export const OVERRIDABLE = ['quotas', 'test-logging', 'sample'] as const;
export type OverridableStep = (typeof OVERRIDABLE)[number];
export const isOverridable = (step: string): step is OverridableStep =>
  OVERRIDABLE.some((candidate) => candidate === step);
