import { z } from 'zod';
import { FAILURE_TYPES, type FailureType, faultSchema, outcomeSchema } from '../../pipeline/invoke/invocation.ts';
import type { StopLocation } from '../../state/stops/stored-stops.ts';

/** One image of a manifest. `index` counts from 0; `size` is in bytes. */
export interface ManifestEntry {
  readonly index: number;
  readonly key: string;
  readonly size: number;
  /** Images with the same number hold the same person and week: only one of them is in flight at a time. */
  readonly group?: number;
}

/** The images that a run processes again. */
const retrySchema = z.object({
  /** The run that processed them before. */
  of: z.string(),
  /** Which of its images, as text: `type TEXTRACT_ERROR`. */
  what: z.string(),
  /** Which attempt at these images this is: 2 for the first retry. */
  attempt: z.number(),
});
export type Retry = Readonly<z.infer<typeof retrySchema>>;

/** Which images a run processes: the filters of `/rescan start`. */
export const imageSelectionSchema = z.object({
  prefix: z.string().exactOptional(),
  limit: z.number().exactOptional(),
  /** The size of a random sample that is drawn with `seed`. */
  sample: z.number().exactOptional(),
  seed: z.number().exactOptional(),
  /** Images of an earlier run that are processed again. */
  retry: retrySchema.exactOptional(),
  /** Exactly the images of this scope of the checklist. `what`: its criteria, as text. */
  scope: z.object({ id: z.string(), what: z.string() }).exactOptional(),
});
export type ImageSelection = Readonly<z.infer<typeof imageSelectionSchema>>;

/** The pace that a person asked for: `auto` follows the quotas, `fixed` is a number of images a minute. */
export const paceSettingSchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('auto') }),
  z.object({ kind: z.literal('fixed'), perMinute: z.number().positive() }),
]);
export type PaceSetting = Readonly<z.infer<typeof paceSettingSchema>>;

/** What invokes the function for the images of a run: this process, or AWS Step Functions. */
export const ENGINE_KINDS = ['local', 'step-functions'] as const;
export const engineKindSchema = z.enum(ENGINE_KINDS);
export type EngineKind = z.infer<typeof engineKindSchema>;

/** Why the breaker or the watchdog stopped a run. */
const tripSchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('consecutive-failures'), failures: z.number() }),
  /** `withoutRows`: of all images so far, those without rows in the table; they count as failed. */
  z.object({
    kind: z.literal('failure-rate'),
    failed: z.number(),
    window: z.number(),
    withoutRows: z.number().exactOptional(),
  }),
  /** `images`: outcomes since the table last grew; 0 when no image ended. */
  z.object({
    kind: z.literal('no-growth'),
    minutes: z.number(),
    entries: z.number().exactOptional(),
    images: z.number().exactOptional(),
  }),
  /** Too many of the canary images failed. No other image was started. `withoutRows`: those of them without rows. */
  z.object({
    kind: z.literal('canary'),
    failed: z.number(),
    images: z.number(),
    percent: z.number(),
    withoutRows: z.number().exactOptional(),
  }),
]);
export type Trip = Readonly<z.infer<typeof tripSchema>>;

/**
 * The first `images` of a run are processed alone; the others start when all of them have an outcome. If more than
 * `percent` of them fail the run trips.
 */
export const canarySchema = z.object({ images: z.number(), percent: z.number() });
export type Canary = Readonly<z.infer<typeof canarySchema>>;

/** A warning sign of the runbook. It is announced when it begins and when it ends. */
export type WarningKind = 'slow' | 'failures' | 'no-growth' | 'throttling' | 'control-table';
export interface Warning {
  readonly kind: WarningKind;
  /**
   * Images a minute, percentage of failures, minutes without growth, percentage of throttled calls, or seconds in which
   * the control table did not answer and no image was started.
   */
  readonly value: number;
  readonly limit: number;
}

/** The id of a person in Slack. The core does not interpret it. */
export type Person = string;

/** Who or what stopped a run. */
const stopSourceSchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('person'), by: z.string() }),
  z.object({ kind: z.literal('stop-file'), path: z.string() }),
  z.object({ kind: z.literal('control-table') }),
]);
export type StopSource = Readonly<z.infer<typeof stopSourceSchema>>;

/** The state of a run. Facts about one state exist in that state only. */
export const runStateSchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('planned') }),
  z.object({ kind: z.literal('running') }),
  z.object({
    kind: z.literal('paused'),
    because: z.discriminatedUnion('kind', [
      z.object({ kind: z.literal('person'), by: z.string() }),
      z.object({ kind: z.literal('fault'), fault: faultSchema }),
    ]),
  }),
  z.object({ kind: z.literal('stopped'), by: stopSourceSchema }),
  z.object({ kind: z.literal('tripped'), trippedBy: tripSchema }),
  z.object({ kind: z.literal('interrupted') }),
  z.object({ kind: z.literal('completed') }),
  z.object({ kind: z.literal('abandoned'), by: z.string() }),
]);
export type RunState = Readonly<z.infer<typeof runStateSchema>>;

const count = z.number().int().nonnegative();

/** Totals of a run. Each image is counted once: processed, rejected, failed, gone or without rows. */
export const runTotalsSchema = z.object({
  processed: count,
  rejected: count,
  failed: count,
  /** Images that were deleted from the bucket while the run was under way. Not part of `failed`. */
  gone: count.exactOptional(),
  /** Images whose rows were stored although the function's own validation found errors. */
  needsReview: count.exactOptional(),
  /** Images whose reply reports entries that are not in the table. Not part of `processed` and `failed`. */
  noRows: count.default(0),
  failedByType: z.partialRecord(z.enum(FAILURE_TYPES), count),
  throttles: count,
  /** Images that were invoked again because the outcome of an invocation was lost. Absent: none. */
  repeats: count.exactOptional(),
  calls: count,
  /** Entries that the function reported, also those that are not in the table. */
  entriesStored: z.number().nonnegative(),
  costUsd: z.number().nonnegative(),
  /** Sum of the durations of invocations that ended in an outcome, ms. */
  invokeMs: z.number().nonnegative(),
});
export type RunTotals = Readonly<z.infer<typeof runTotalsSchema>>;

/** One outcome in the journal. The image is in flight until it is on record. */
export const outcomeRecordSchema = z.object({
  index: z.number(),
  key: z.string(),
  outcome: outcomeSchema,
  /** Start of the invocation with this outcome, epoch ms, and its duration, ms. */
  startedAt: z.number(),
  durationMs: z.number(),
  throttles: z.number(),
  requestId: z.string().exactOptional(),
});
export type OutcomeRecord = Readonly<z.infer<typeof outcomeRecordSchema>>;

/** The present state of a run, with everything that a message about it needs. Times are epoch ms. */
export interface RunSnapshot {
  readonly runId: string;
  /** The run processes only some of the images (a prefix, a limit, a sample). */
  readonly isPartial?: true;
  /** The table keeps the records that it had: no flush came before. */
  readonly keepsRecords?: true;
  /** Absent: the local engine. */
  readonly engine?: 'step-functions';
  readonly state: RunState;
  /** What is known about the rows of processed images, apart from `totals.noRows`. */
  readonly rows?: {
    /** Images whose rows were looked up in the table and found, in this drive. */
    readonly found: number;
    /** Images whose rows were looked up and are not in the table yet. */
    readonly unproven: number;
    /** Every image has its outcome, and the rows of all images are checked before the run is complete. */
    readonly checkingAll?: true;
    /** The first images have their outcomes; the others start when the rows of the first are in the table. */
    readonly canaryWaits?: true;
  };
  readonly total: number;
  readonly totals: RunTotals;
  readonly inFlight: number;
  /** No image is started any more, except where `gateAfterHalt` says so; images in flight are waited for. */
  readonly draining: boolean;
  /**
   * On Step Functions, while the control table does not have the halt of the run: AWS may start images. `running`: the execution
   * goes on. `stopped`: it was stopped, and only its EXPRESS children, which AWS cannot end, may go on with their rows.
   */
  readonly gateAfterHalt?: 'running' | 'stopped';
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
    /** Outcomes since the table last grew. */
    readonly imagesSinceGrowth?: number;
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
   * Nothing is invoked any more, but the control table does not have this end of the run: a restart of the bot would continue the
   * run, unless the stop file exists or the halt is stored.
   */
  readonly unsaved?: {
    readonly stopFile: string;
    /** Where the halt is stored: every process reads that before it continues the run. Absent: nowhere. */
    readonly storedIn?: HaltPlace;
  };
}

/** Where a halt is stored whose run has an unsaved end. `record`: on the run's record, as a request or as its state. */
export type HaltPlace = StopLocation | { readonly kind: 'record' | 'unknown' };

/** An event of a run. Emitting one neither blocks the run nor throws into it. */
export type RunEvent =
  /** `hasLiveMessage`: its live message is in the channel already. */
  | { readonly kind: 'started'; readonly snapshot: RunSnapshot; readonly hasLiveMessage?: boolean }
  /**
   * `by`: undefined if the bot resumed it after its process died. `repeating`: images that were in flight and are
   * invoked again.
   */
  | {
      readonly kind: 'resumed';
      readonly snapshot: RunSnapshot;
      readonly by?: Person;
      readonly repeating: number;
      /** Processed images since the table last grew, which are processed again after a trip without growth. */
      readonly rerunning: number;
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
  /** All canary images have an outcome, and the rows that they claim are in the table. The other images start. */
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
      /** The image is invoked again, or has failed; or the run pauses, and a resume invokes it again. */
      readonly next: 'retry' | 'outcome' | 'fault';
      /** Broken connections since the last event of this kind that had none: many break at once when the network does. */
      readonly others: number;
    }
  /** No image is started any more; images in flight are waited for. */
  | {
      readonly kind: 'draining';
      readonly snapshot: RunSnapshot;
      readonly why: 'pause' | 'stop' | 'trip' | 'fault' | 'shutdown';
      readonly by?: Person;
      /** The state that the run has when it has drained. */
      readonly next: RunState;
    }
  /**
   * This process does not follow the run any more, and it continues at Step Functions: the process shuts down, or it cannot
   * read the control table.
   */
  | { readonly kind: 'left'; readonly snapshot: RunSnapshot; readonly why: 'shutdown' | 'control-table' }
  | {
      readonly kind: 'paused' | 'stopped' | 'tripped' | 'interrupted' | 'completed' | 'abandoned';
      readonly snapshot: RunSnapshot;
      /** Names the drive that ended. It ends once, although its end may be reported again: after a crash, or by another process. */
      readonly drive: string;
      readonly leftInFlight: number;
      /** The state could not be saved: the control table still has the one before. */
      readonly unwritten?: boolean;
      /** People heard of this trip or fault when it happened, while images were in flight. */
      readonly isKnown?: boolean;
    };
