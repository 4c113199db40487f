/** The input of one execution. The state machine uses exactly these fields. */
export interface ExecutionInput {
  /** The name of the execution. It runs only while the run's record names it. */
  readonly execution: string;
  /** The control table, and the partition of the run in it: `run#r-0142`. */
  readonly table: string;
  readonly pk: string;
  readonly functionName: string;
  /** The bucket of the images. */
  readonly imageBucket: string;
  /** Throttled attempts of one image that are repeated: the setting THROTTLE_LIMIT less 1. */
  readonly throttleRetries: number;
  /** Before each repeated attempt the machine waits a random whole number of seconds below this one. */
  readonly backoff: readonly number[];
  /** The file that `writeItems` wrote. */
  readonly items: { readonly bucket: string; readonly key: string };
  /** Where the Map Run writes what became of its children. */
  readonly results: { readonly bucket: string; readonly prefix: string };
  /** Rows in progress at once; 0 would mean no limit. UpdateMapRun changes it later. */
  readonly maxConcurrency: number;
  /** Rows that may fail before the Map Run ends by itself, also while the bot is down. */
  readonly toleratedFailureCount: number;
}

const MAX_BACKOFF_SECONDS = 60;

/** The input of an execution of a run. */
export function executionInput(of: {
  readonly execution: string;
  readonly runId: string;
  readonly controlTable: string;
  readonly functionName: string;
  readonly imageBucket: string;
  readonly throttleLimit: number;
  readonly items: ExecutionInput['items'];
  readonly results: ExecutionInput['results'];
  /** At least 1. */
  readonly maxConcurrency: number;
  readonly toleratedFailureCount: number;
}): ExecutionInput {
  const { execution, functionName, imageBucket, items, results, toleratedFailureCount } = of;
  const throttleRetries = Math.max(0, of.throttleLimit - 1);
  return {
    execution,
    table: of.controlTable,
    pk: `run#${of.runId}`,
    functionName,
    imageBucket,
    throttleRetries,
    backoff: Array.from(
      { length: throttleRetries },
      (_, repeat) => Math.min(MAX_BACKOFF_SECONDS, 2 ** (repeat + 1)) + 1,
    ),
    items,
    results,
    maxConcurrency: Math.max(1, Math.round(of.maxConcurrency)),
    toleratedFailureCount,
  };
}

const FEWEST_TOLERATED = 10;

/**
 * Failed rows of an execution that do not end it. AWS compares with the rows of the whole execution and not with those that have
 * ended, so this limit is wider than the breaker: it holds while no bot is there to trip.
 * @param failurePercent the setting BREAKER_PERCENT
 */
export const toleratedRows = (rows: number, failurePercent: number): number =>
  Math.max(FEWEST_TOLERATED, Math.floor((rows * failurePercent) / 100));
