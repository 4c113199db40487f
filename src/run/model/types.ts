import type { FailureType, Fault, Outcome } from '../../pipeline/invoke/invocation.ts';

/** One line of a manifest. `index` is its place, from 0; `size` in bytes. */
export interface ManifestEntry {
  readonly index: number;
  readonly key: string;
  readonly size: number;
}

/** Which images a run takes: the filters of `/rescan start`. */
export interface ImageSelection {
  readonly prefix?: string;
  readonly limit?: number;
  /** A random sample of so many, drawn with `seed`. */
  readonly sample?: number;
  readonly seed?: number;
  /** Images of an earlier run again, chosen one by one. */
  readonly retry?: Retry;
}

/** What a run does again. */
export interface Retry {
  /** The run they are from. */
  readonly of: string;
  /** Which of its images, in words: `type TEXTRACT_ERROR`. */
  readonly what: string;
  /** Which attempt at these images this is: 2 for the first retry. */
  readonly attempt: number;
}

/** How fast: `auto` follows the quotas; `fixed` is a person's number, images a minute. */
export type PaceSetting = { readonly kind: 'auto' } | { readonly kind: 'fixed'; readonly perMinute: number };

/** Why a run stopped itself. */
export type Trip =
  | { readonly kind: 'consecutive-failures'; readonly failures: number }
  | { readonly kind: 'failure-rate'; readonly failed: number; readonly window: number }
  | { readonly kind: 'no-growth'; readonly minutes: number; readonly entries?: number }
  /** Too many of the first images failed; no other had been started. */
  | { readonly kind: 'canary'; readonly failed: number; readonly images: number; readonly percent: number };

/**
 * The first `images` of a run go alone; the others follow when all of them have an outcome. More than `percent` of them
 * failed: the run trips.
 */
export interface Canary {
  readonly images: number;
  readonly percent: number;
}

/** What the runbook calls warning signs; said once when it begins and once when it ends. */
export type WarningKind = 'slow' | 'failures' | 'no-growth' | 'throttling';
export interface Warning {
  readonly kind: WarningKind;
  /** The number that made it: images a minute, per cent of failures, minutes without growth, per cent of calls throttled. */
  readonly value: number;
  readonly limit: number;
}

/** A person, as the face knows them: an id that can be mentioned. The core never interprets it. */
export type Person = string;

/** The state of a run. What belongs to one state exists in that state only. */
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

/** Where a stop came from. */
export type StopSource =
  | { readonly kind: 'person'; readonly by: Person }
  | { readonly kind: 'stop-file'; readonly path: string }
  | { readonly kind: 'control-table' };

/** Running totals; `done` = processed + rejected + failed, each image counted once. */
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

/** One line of the journal: what one image came to, on record before the image stops counting as in flight. */
export interface OutcomeRecord {
  readonly index: number;
  readonly key: string;
  readonly outcome: Outcome;
  /** When the invocation that decided it began, epoch ms, and how long it took, ms. */
  readonly startedAt: number;
  readonly durationMs: number;
  readonly throttles: number;
  readonly requestId?: string;
}

/** What a run looks like now; everything a message about it needs. Times are epoch ms. */
export interface RunSnapshot {
  readonly runId: string;
  /** It takes only some of the images (a prefix, a limit, a sample). */
  readonly isPartial?: true;
  readonly state: RunState;
  readonly total: number;
  readonly totals: RunTotals;
  readonly inFlight: number;
  /** Nothing new starts any more; what is in flight is being waited for. */
  readonly draining: boolean;
  /** Put back by pushback, waiting for another try. */
  readonly waiting: number;
  /** Pace now and its ceiling, images a minute. */
  readonly pacePerMinute: number;
  readonly ceilingPerMinute: number;
  readonly paceSetting: PaceSetting;
  /** Outcomes in the last minutes, as a rate; undefined until there is something to say. */
  readonly imagesPerMinute?: number;
  readonly growth: {
    readonly kind: 'counted' | 'probed' | 'unknown';
    readonly entriesAtStart?: number;
    readonly entries?: number;
    /** From the start to the last count. */
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
  /** Time spent running (pauses left out), ms. */
  readonly activeMs: number;
  readonly etaMs?: number;
  /**
   * Nothing is invoked any more, but the control table still says `running`, because `state` could not be saved: a restart of the
   * bot would continue the run, unless the stop file exists.
   */
  readonly unsaved?: { readonly stopFile: string };
}

/** What a run tells whoever watches. Emitting never blocks and never throws into the run. */
export type RunEvent =
  | { readonly kind: 'started'; readonly snapshot: RunSnapshot }
  /** By a person, or by the bot itself after its process died (`by` undefined); `repeating` images were in flight and go again. */
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
  /** The first images have their outcomes, and the others follow. */
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
  /** Nothing new starts any more; `inFlight` are being waited for (draining) or left behind. */
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
      /** The control table could not be written: it does not say so yet. */
      readonly unwritten?: boolean;
    };
