import { z } from 'zod';

/** pipeline.md, "FailureType". Only the caller of the function can see those from TIMEOUT_ERROR on. */
export const FAILURE_TYPES = [
  'PARSING_ERROR',
  'VALIDATION_ERROR',
  'THROTTLING_ERROR',
  'TEXTRACT_ERROR',
  'OCR_ERROR',
  'TIMEOUT_ERROR',
  'OUT_OF_MEMORY',
  'INVOCATION_ERROR',
  'UNREADABLE_REPLY',
  'NO_ROWS',
  'GONE',
  'REPLY_TOO_LARGE',
] as const;
export type FailureType = (typeof FAILURE_TYPES)[number];

/** The outcome of one image. Texts come from outside: they are cut to 500 characters and not escaped. */
export const outcomeSchema = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('processed'),
    entriesStored: z.number().exactOptional(),
    resourceName: z.string().exactOptional(),
    /** The dates of the sheet, as the function writes them: `2025-09-29 to 2025-10-05`. */
    dateRange: z.string().exactOptional(),
    costUsd: z.number().exactOptional(),
    /** What the function's own validation found, although the rows were stored: the first errors. Never empty. */
    review: z.array(z.string()).exactOptional(),
  }),
  /** S3 has no object of the image any more: it was deleted after the run was planned. */
  z.object({ kind: z.literal('gone') }),
  /**
   * The function replied that it stored entries, and the table has no row of them. It replaces the outcome `processed`
   * of the same invocation.
   */
  z.object({
    kind: z.literal('no-rows'),
    entriesStored: z.number(),
    resourceName: z.string().exactOptional(),
    dateRange: z.string().exactOptional(),
    costUsd: z.number().exactOptional(),
  }),
  z.object({ kind: z.literal('rejected'), reason: z.string(), status: z.string().exactOptional() }),
  z.object({
    kind: z.literal('failed'),
    failureType: z.enum(FAILURE_TYPES),
    /** The class of the exception, or Lambda's errorType. */
    errorCode: z.string().exactOptional(),
    message: z.string(),
  }),
]);
export type Outcome = Readonly<z.infer<typeof outcomeSchema>>;

/** Whether the function reports that it read the image: nothing is wrong with the pipeline then. */
export const isRead = ({ kind }: Outcome): boolean => kind === 'processed' || kind === 'rejected';

/** Why an image has no result, in the words of a failure; undefined for an image that was processed or rejected. */
export function failureOf(
  outcome: Outcome,
): { readonly failureType: FailureType; readonly errorCode?: string; readonly message: string } | undefined {
  switch (outcome.kind) {
    case 'failed':
      return outcome;
    case 'no-rows': {
      const message = `The table has no row of this image. The function reported the number of stored entries as ${outcome.entriesStored}`;
      return { failureType: 'NO_ROWS', message };
    }
    case 'gone':
      return {
        failureType: 'GONE',
        message: 'The image is not in the bucket any more. It was deleted after the run was planned.',
      };
    case 'processed':
    case 'rejected':
      return undefined;
  }
}

/** The part of the pipeline that throttled. */
export type ThrottleSource = 'function' | 'account' | 'bedrock' | 'textract' | 'dynamodb' | 'unknown';

export const FAULT_REASONS = [
  'credentials',
  'access-denied',
  'function-missing',
  'bucket-missing',
  'table-missing',
  'network',
  'configuration',
  'manifest',
  'control-table',
  'function-broken',
  'function-denied',
  'daily-quota',
  'encryption-key',
  'model-missing',
  'state-machine',
] as const;
export type FaultReason = (typeof FAULT_REASONS)[number];

/** The environment is broken, so the bot cannot work. No image is the cause. */
export const faultSchema = z.object({
  reason: z.enum(FAULT_REASONS),
  /** What happened, and to what, with the message of the service, cut and redacted. */
  message: z.string(),
  /** What to do: one sentence that names the setting or permission. */
  fix: z.string(),
});
export type Fault = Readonly<z.infer<typeof faultSchema>>;

/** The result of one invocation: an outcome, throttled, a fault, perhaps a fault, or a broken connection. */
export type InvocationResult =
  | { readonly kind: 'outcome'; readonly outcome: Outcome }
  | { readonly kind: 'throttled'; readonly source: ThrottleSource; readonly message: string }
  | { readonly kind: 'fault'; readonly fault: Fault }
  /**
   * A problem that every image meets alike: a fault when it repeats. `failure`: the outcome of the image where the problem
   * is its own after all; absent where no image can cause it.
   */
  | { readonly kind: 'suspected'; readonly fault: Fault; readonly failure?: Outcome }
  /** The connection broke after the request may have been sent, so the function may have run. */
  | { readonly kind: 'broken'; readonly message: string };

/** One invocation: its result, and Lambda's request id to find its log lines. */
export interface Invocation {
  readonly result: InvocationResult;
  readonly requestId?: string;
}

/** The outcome of an image that was throttled too often. @param last the last of its `times` throttled attempts */
export const throttledOutcome = (times: number, last: Extract<InvocationResult, { kind: 'throttled' }>): Outcome => ({
  kind: 'failed',
  failureType: 'THROTTLING_ERROR',
  message: `Throttled ${times} times, the last time by ${last.source}: ${last.message}`,
});

/** The outcome of an image whose connection broke too often. @param last the last of its `times` broken attempts */
export const brokenOutcome = (times: number, last: Extract<InvocationResult, { kind: 'broken' }>): Outcome => ({
  kind: 'failed',
  failureType: 'INVOCATION_ERROR',
  message: `The connection broke ${times} times before a reply: ${last.message}`,
});
