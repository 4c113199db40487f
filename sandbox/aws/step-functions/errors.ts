/** An error answer of the Step Functions API. */
export class StepFunctionsError extends Error {
  override readonly name = 'StepFunctionsError';
  readonly type: string;
  readonly reason: string | undefined;
  constructor(type: string, message: string, reason?: string) {
    super(message);
    this.type = type;
    this.reason = reason;
  }
}

/**
 * An error inside an execution: `name` is what Retry and Catch compare, the message is the Cause. The interpreter reads the
 * two flags: `States.Runtime` is neither retried nor caught.
 */
export class StateError extends Error {
  readonly isRetryable: boolean;
  readonly isCatchable: boolean;
  constructor(error: string, cause: string) {
    super(cause);
    this.name = error;
    const isTerminal = error === 'States.Runtime' || error === STOPPED;
    this.isRetryable = !isTerminal;
    this.isCatchable = !isTerminal;
  }
}

const STOPPED = 'Stopped';
/** Ends what the interpreter still does after its execution was stopped. Nobody sees it. */
export const stopped = (): StateError => new StateError(STOPPED, 'The execution was stopped.');

/** The most bytes of an input or a result (Step Functions quotas, "Maximum input or output size"). */
export const MOST_STATE_BYTES = 256 * 1024;

export const isTooLarge = (value: unknown): boolean => {
  const text = JSON.stringify(value) ?? '';
  return (
    text.length > MOST_STATE_BYTES || (text.length * 3 > MOST_STATE_BYTES && Buffer.byteLength(text) > MOST_STATE_BYTES)
  );
};

export const tooLargeResult = (what: string): StateError =>
  new StateError(
    'States.DataLimitExceeded',
    `The state/task '${what}' returned a result with a size exceeding the maximum number of bytes service limit.`,
  );
