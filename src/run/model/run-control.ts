import type { Result } from '../../lib/result.ts';
import type { ListedImage } from '../../pipeline/images.ts';
import type { Fault } from '../../pipeline/invoke/invocation.ts';
import type { Canary, ImageSelection, PaceSetting, Person, RunEvent, RunSnapshot } from './types.ts';

/** A run that is planned and not started. Its manifest is final: starting it processes exactly these images. */
export interface RunPlan {
  readonly runId: string;
  readonly selection: ImageSelection;
  readonly total: number;
  readonly totalBytes: number;
  /** Objects in the bucket that are not in the manifest (no image, excluded prefix, not in the sample). */
  readonly leftOut: number;
  readonly paceSetting: PaceSetting;
  /** The requester chose to keep the records of the table: no flush is required. */
  readonly keep?: boolean;
  /** The first images are processed alone; undefined where all start at once. */
  readonly canary?: Canary;
  readonly ceilingPerMinute: number;
  /** The arithmetic behind the ceiling, one line each, e.g. "Nova Lite: 200 requests a minute × 80 % = 160". */
  readonly paceBecause: readonly string[];
  readonly expectedPerMinute: number;
  readonly expectedMs: number;
  readonly expectedCostUsd?: number;
  /** What the estimates of duration and cost are based on, one line each. */
  readonly forecastRestsOn: readonly string[];
  /**
   * Entries in the table now; undefined where it is too large to count (then `entriesApproximate` from DescribeTable).
   */
  readonly entries?: number;
  readonly entriesApproximate?: number;
  readonly plannedBy: Person;
  readonly plannedAt: number;
  /** The open run of this pipeline (neither completed nor abandoned): it has to be abandoned before this one starts. */
  readonly openRun?: RunSnapshot;
}

/** Expected duration, cost and failures of a run over all images. */
export interface RunForecast {
  readonly images: number;
  readonly expectedPerMinute: number;
  readonly expectedMs: number;
  readonly expectedCostUsd?: number;
  /** From the last run; undefined where there is none to learn from. */
  readonly expectedFailures?: number;
  /** What the estimates are based on, one line each. */
  readonly restsOn: readonly string[];
}

/** Where the message of a run is. The core stores it and does not interpret it. */
export interface RunLocation {
  readonly channel: string;
  readonly ts?: string;
}

/** Why a request was refused. Nothing was done. */
export type Refusal =
  | { readonly reason: 'run-active'; readonly run: RunSnapshot }
  | { readonly reason: 'run-open'; readonly run: RunSnapshot }
  | { readonly reason: 'no-run' }
  | { readonly reason: 'nothing-to-resume'; readonly run?: RunSnapshot }
  | { readonly reason: 'not-running'; readonly run: RunSnapshot }
  | { readonly reason: 'plan-gone'; readonly runId: string; readonly state?: string }
  | { readonly reason: 'empty-bucket'; readonly bucket: string }
  | {
      readonly reason: 'no-match';
      readonly bucket: string;
      /** Objects that were listed. */
      readonly listed: number;
      readonly selection: ImageSelection;
    }
  | {
      readonly reason: 'pace-over-ceiling';
      readonly asked: number;
      readonly ceiling: number;
      readonly because: readonly string[];
    }
  | { readonly reason: 'stop-file'; readonly path: string }
  /** `waitMs`: until the holder's lock can be taken over, if that process is gone; undefined where it is not known. */
  | { readonly reason: 'lease-held'; readonly holder: string; readonly waitMs?: number }
  | { readonly reason: 'fault'; readonly fault: Fault };

/**
 * The requests that can be made about the runs of one pipeline. Each method needs a few AWS calls; a plan lists the
 * bucket and takes longer (`onProgress` gets the number of keys listed so far). Refusals are values; only unexpected
 * errors are thrown.
 */
export interface RunControl {
  plan(
    request: {
      selection: ImageSelection;
      paceSetting: PaceSetting;
      keep?: boolean;
      canary?: Canary;
      /** Exactly these images, in this order, instead of a listing of the bucket. */
      images?: AsyncIterable<ListedImage>;
      by: Person;
      location: RunLocation;
    },
    onProgress?: (listed: number) => void,
  ): Promise<Result<RunPlan, Refusal>>;
  /** The forecast of a run over all images. Nothing is planned. */
  forecast(paceSetting: PaceSetting): Promise<Result<RunForecast, Refusal>>;
  /** The plan of a run; undefined if it does not exist, or is started or cancelled. */
  readPlan(runId: string): Promise<RunPlan | undefined>;
  cancelPlan(runId: string, by: Person): Promise<Result<void, Refusal>>;
  /**
   * Starts a planned run, once: a second call is refused with `plan-gone`. `abandonOpen`: an open run that is not
   * running is abandoned first.
   */
  start(
    runId: string,
    by: Person,
    options: { location: RunLocation; abandonOpen?: boolean },
  ): Promise<Result<RunSnapshot, Refusal>>;
  /** The open run of this pipeline, else the last one; undefined if there was none. */
  current(): Promise<RunSnapshot | undefined>;
  /** One run as it is now; undefined if there is none with this id. */
  read(runId: string): Promise<RunSnapshot | undefined>;
  pause(by: Person): Promise<Result<RunSnapshot, Refusal>>;
  resume(by: Person): Promise<Result<RunSnapshot, Refusal>>;
  /** `now`: images in flight are not waited for. */
  stop(by: Person, options: { now: boolean }): Promise<Result<RunSnapshot, Refusal>>;
  /** `faster` and `slower` change the present pace by a quarter. */
  setPace(by: Person, requested: PaceSetting | 'faster' | 'slower'): Promise<Result<RunSnapshot, Refusal>>;
  /** Stores where the run's message is, so that every copy of the bot edits the same message. */
  setLocation(runId: string, location: RunLocation): Promise<void>;
  location(runId: string): Promise<RunLocation | undefined>;
  /**
   * Adds a listener for every event of runs that this process drives. The promise it returns resolves when what must be
   * announced is safely stored: until then the run's record says that its end is not announced. Returns the function
   * that removes it.
   */
  watch(listener: (event: RunEvent) => void | Promise<void>): () => void;
}
