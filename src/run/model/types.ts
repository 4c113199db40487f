import type { FailureType, Fault, Outcome } from '../../pipeline/invoke/invocation.ts';

/** One image of a manifest. `index` counts from 0; `size` is in bytes. */
export interface ManifestEntry {
  readonly index: number;
  readonly key: string;
  readonly size: number;
}

/** Which images a run processes: the filters of `/rescan start`. */
export interface ImageSelection {
  readonly prefix?: string;
  readonly limit?: number;
  /** The size of a random sample that is drawn with `seed`. */
  readonly sample?: number;
  readonly seed?: number;
  /** Images of an earlier run that are processed again. */
  readonly retry?: Retry;
}

/** The images that a run processes again. */
export interface Retry {
  /** The run that processed them before. */
  readonly of: string;
  /** Which of its images, as text: `type TEXTRACT_ERROR`. */
  readonly what: string;
  /** Which attempt at these images this is: 2 for the first retry. */
  readonly attempt: number;
}

/** The pace that a person asked for: `auto` follows the quotas, `fixed` is a number of images a minute. */
export type PaceSetting = { readonly kind: 'auto' } | { readonly kind: 'fixed'; readonly perMinute: number };

/** Why the breaker or the watchdog stopped a run. */
export type Trip =
  | { readonly kind: 'consecutive-failures'; readonly failures: number }
  | { readonly kind: 'failure-rate'; readonly failed: number; readonly window: number }
  | { readonly kind: 'no-growth'; readonly minutes: number; readonly entries?: number }
  /** Too many of the canary images failed. No other image was started. */
  | { readonly kind: 'canary'; readonly failed: number; readonly images: number; readonly percent: number };

/**
 * The first `images` of a run are processed alone; the others start when all of them have an outcome. If more than
 * `percent` of them fail the run trips.
 */
export interface Canary {
  readonly images: number;
  readonly percent: number;
}

/** A warning sign of the runbook. It is announced when it begins and when it ends. */
export type WarningKind = 'slow' | 'failures' | 'no-growth' | 'throttling';
export interface Warning {
  readonly kind: WarningKind;
  /** Images a minute, percentage of failures, minutes without growth, or percentage of throttled calls. */
  readonly value: number;
  readonly limit: number;
}

/** The id of a person in Slack. The core does not interpret it. */
export type Person = string;

/** The state of a run. Facts about one state exist in that state only. */
export type RunState =
  | { readonly kind: 'planned' }
  | { readonly kind: 'running' }
  | {
      readonly kind: 'paused';
      readonly because:
        | { readonly kind: 'person'; readonly by: Person }
        | { readonly kind: 'fault'; readonly fault: Fault };
    }
  | { readonly kind: 'stopped'; readonly by: StopSource }
  | { readonly kind: 'tripped'; readonly trippedBy: Trip }
  | { readonly kind: 'interrupted' }
  | { readonly kind: 'completed' }
  | { readonly kind: 'abandoned'; readonly by: Person };

/** Who or what stopped a run. */
export type StopSource =
  | { readonly kind: 'person'; readonly by: Person }
  | { readonly kind: 'stop-file'; readonly path: string }
  | { readonly kind: 'control-table' };

/** Totals of a run. Each image is counted once: processed, rejected or failed. */
export interface RunTotals {
  readonly processed: number;
  readonly rejected: number;
  readonly failed: number;
  readonly failedByType: Readonly<Partial<Record<FailureType, number>>>;
  readonly throttles: number;
  readonly calls: number;
  readonly entriesStored: number;
  readonly costUsd: number;
  /** Sum of the durations of invocations that ended in an outcome, ms. */
  readonly invokeMs: number;
}

/** One outcome in the journal. The image is in flight until it is on record. */
export interface OutcomeRecord {
  readonly index: number;
  readonly key: string;
  readonly outcome: Outcome;
  /** Start of the invocation with this outcome, epoch ms, and its duration, ms. */
  readonly startedAt: number;
  readonly durationMs: number;
  readonly throttles: number;
  readonly requestId?: string;
}

/** The present state of a run, with everything that a message about it needs. Times are epoch ms. */
export interface RunSnapshot {
  readonly runId: string;
  /** The run processes only some of the images (a prefix, a limit, a sample). */
  readonly isPartial?: true;
  readonly state: RunState;
  readonly total: number;
  readonly totals: RunTotals;
  readonly inFlight: number;
  /** No image is started any more; images in flight are waited for. */
  readonly draining: boolean;
  /** Images that were throttled, or whose connection broke, and that wait for the next attempt. */
  readonly waiting: number;
  /** The present pace and its ceiling, images a minute. */
  readonly pacePerMinute: number;
  readonly ceilingPerMinute: number;
  readonly paceSetting: PaceSetting;
  /** Outcomes a minute in the last two minutes; undefined until it can be measured. */
  readonly imagesPerMinute?: number;
  readonly growth: {
    readonly kind: 'counted' | 'probed' | 'unknown';
    readonly entriesAtStart?: number;
    readonly entries?: number;
    /** Entries a minute from the start to the last count. */
    readonly perMinute?: number;
    /** Outcomes since `entries` were counted. */
    readonly imagesSinceCount?: number;
    /** Outcomes until the next count is due. */
    readonly imagesToNextCount?: number;
    readonly minutesWithoutGrowth?: number;
  };
  readonly topFailure?: { readonly failureType: FailureType; readonly message: string; readonly count: number };
  readonly lastFailure?: { readonly failureType: FailureType; readonly message: string; readonly key: string };
  readonly warnings: readonly Warning[];
  readonly startedBy: Person;
  readonly startedAt?: number;
  readonly endedAt?: number;
  /** Time spent running, without pauses, ms. */
  readonly activeMs: number;
  readonly etaMs?: number;
  /**
   * Nothing is invoked any more, but the control table still says `running`, because `state` could not be saved: a
   * restart of the bot would continue the run, unless the stop file exists.
   */
  readonly unsaved?: { readonly stopFile: string };
}

/** An event of a run. Emitting one neither blocks the run nor throws into it. */
export type RunEvent =
  | { readonly kind: 'started'; readonly snapshot: RunSnapshot }
  /**
   * `by`: undefined if the bot resumed it after its process died. `repeating`: images that were in flight and are
   * invoked again.
   */
  | {
      readonly kind: 'resumed';
      readonly snapshot: RunSnapshot;
      readonly by?: Person;
      readonly repeating: number;
      readonly from: RunState['kind'];
    }
  | { readonly kind: 'progress'; readonly snapshot: RunSnapshot }
  | {
      readonly kind: 'pace-changed';
      readonly snapshot: RunSnapshot;
      readonly by: Person;
      readonly from: PaceSetting;
      readonly to: PaceSetting;
    }
  /** All canary images have an outcome, and the other images start. */
  | { readonly kind: 'canary-passed'; readonly snapshot: RunSnapshot; readonly failed: number; readonly images: number }
  | { readonly kind: 'warning-began' | 'warning-ended'; readonly snapshot: RunSnapshot; readonly warning: Warning }
  | {
      readonly kind: 'first-failure';
      readonly snapshot: RunSnapshot;
      readonly failureType: FailureType;
      readonly key: string;
      readonly message: string;
      readonly requestId?: string;
    }
  | {
      readonly kind: 'connection-broken';
      readonly snapshot: RunSnapshot;
      readonly key: string;
      readonly attempt: number;
      readonly message: string;
    }
  /** No image is started any more; images in flight are waited for. */
  | {
      readonly kind: 'draining';
      readonly snapshot: RunSnapshot;
      readonly why: 'pause' | 'stop' | 'trip' | 'fault' | 'shutdown';
      readonly by?: Person;
    }
  | {
      readonly kind: 'paused' | 'stopped' | 'tripped' | 'interrupted' | 'completed' | 'abandoned';
      readonly snapshot: RunSnapshot;
      readonly leftInFlight: number;
      /** The state could not be saved: the control table still has the one before. */
      readonly unwritten?: boolean;
    };
