/** What one invocation's reply says, in the words of the design: outcome, pushback or fault; or that there was no reply to read. */

/** pipeline.md, "FailureType"; the last four are what only the caller of the function can see. */
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
] as const;
export type FailureType = (typeof FAILURE_TYPES)[number];

/** What one image came to. Text fields are data from outside: cut to 500 characters, not yet escaped. */
export type Outcome =
  | {
      readonly kind: 'processed';
      readonly entriesStored?: number;
      readonly resourceName?: string;
      readonly costUsd?: number;
    }
  | { readonly kind: 'rejected'; readonly reason: string; readonly status?: string }
  | {
      readonly kind: 'failed';
      readonly failureType: FailureType;
      /** The exception's class name, or Lambda's errorType. */
      readonly errorCode?: string;
      readonly message: string;
    };

/** Who asked for less. */
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
] as const;
export type FaultReason = (typeof FAULT_REASONS)[number];

/** The bot cannot work. No image is to blame. */
export interface Fault {
  readonly reason: FaultReason;
  /** What happened, to what: the service's own words, cut and redacted. */
  readonly message: string;
  /** Which setting or permission to look at, one sentence. */
  readonly fix: string;
}

export type Reading =
  | { readonly kind: 'outcome'; readonly outcome: Outcome }
  | { readonly kind: 'throttled'; readonly source: ThrottleSource; readonly message: string }
  | { readonly kind: 'fault'; readonly fault: Fault }
  /** The connection broke after the request may have been sent: the function may or may not have run. */
  | { readonly kind: 'broken'; readonly message: string };

/** One invocation as it was observed: its reading and Lambda's own request id (to find its log lines). */
export interface Invocation {
  readonly reading: Reading;
  readonly requestId?: string;
}
