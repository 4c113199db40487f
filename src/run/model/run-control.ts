import type { ListedImage } from '../../pipeline/images.ts';
import type { Canary, ImageSelection, PaceSetting, Person, RunEvent, RunSnapshot } from './types.ts';

/** What a run will be, before anyone says yes. The manifest is already frozen; starting takes exactly these images. */
export interface RunPlan {
  readonly runId: string;
  readonly selection: ImageSelection;
  readonly total: number;
  readonly totalBytes: number;
  /** Objects of the bucket that were looked at and left out (no image, excluded prefix, not in the sample). */
  readonly leftOut: number;
  readonly paceSetting: PaceSetting;
  /** Somebody said that the table keeps what it holds: no flush is asked for. */
  readonly keep?: boolean;
  /** The first images go alone; undefined where all go at once. */
  readonly canary?: Canary;
  readonly ceilingPerMinute: number;
  /** The arithmetic behind the ceiling, one line each, e.g. "Nova Lite: 200 requests a minute × 80 % = 160". */
  readonly paceBecause: readonly string[];
  readonly expectedPerMinute: number;
  readonly expectedMs: number;
  readonly expectedCostUsd?: number;
  /** What duration and cost rest on, in words. */
  readonly forecastRestsOn: readonly string[];
  /** Entries in the table now; undefined when the table is too large to count (then `entriesApproximate` from DescribeTable). */
  readonly entries?: number;
  readonly entriesApproximate?: number;
  readonly plannedBy: Person;
  readonly plannedAt: number;
  /** A run of this pipeline that is still open (not completed, not abandoned) and would have to be abandoned first. */
  readonly openRun?: RunSnapshot;
}

/** What a run over all images would take, cost and come to. */
export interface RunForecast {
  readonly images: number;
  readonly expectedPerMinute: number;
  readonly expectedMs: number;
  readonly expectedCostUsd?: number;
  /** As in the last run; undefined where none has told. */
  readonly expectedFailures?: number;
  /** What all of it rests on, one line each. */
  readonly restsOn: readonly string[];
}

/** Where a run shows itself: opaque to the core, which only keeps it. */
export interface RunLocation {
  readonly channel: string;
  readonly ts?: string;
}

/** A refusal: nothing was done. `reason` is what the face words and what it offers to mend. */
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
      readonly looked: number;
      readonly selection: ImageSelection;
    }
  | {
      readonly reason: 'pace-over-ceiling';
      readonly asked: number;
      readonly ceiling: number;
      readonly because: readonly string[];
    }
  | { readonly reason: 'stop-file'; readonly path: string }
  | { readonly reason: 'lease-held'; readonly holder: string }
  | { readonly reason: 'fault'; readonly fault: import('../../pipeline/invoke/invocation.ts').Fault };

export type Answer<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly refusal: Refusal };

/**
 * What the face may ask of the runs of one pipeline. Every method answers within a few AWS calls (a plan lists the
 * bucket and takes longer: `onProgress` hears how many keys were seen). Refusals are values; what is thrown is a defect
 * or an AWS error nobody foresaw.
 */
export interface RunControl {
  plan(
    request: {
      selection: ImageSelection;
      paceSetting: PaceSetting;
      keep?: boolean;
      canary?: Canary;
      /** Exactly these, in this order, in place of a listing of the bucket. */
      images?: AsyncIterable<ListedImage>;
      by: Person;
      location: RunLocation;
    },
    onProgress?: (seen: number) => void,
  ): Promise<Answer<RunPlan>>;
  /** What is to be expected of a run over all images. Nothing is planned. */
  forecast(paceSetting: PaceSetting): Promise<Answer<RunForecast>>;
  /** The plan as it was frozen; undefined when it is gone, started or cancelled. */
  readPlan(runId: string): Promise<RunPlan | undefined>;
  cancelPlan(runId: string, by: Person): Promise<Answer<void>>;
  /** Starts a planned run, once: a second call is refused with `plan-gone`. `abandonOpen` closes a stopped, paused or tripped run first. */
  start(
    runId: string,
    by: Person,
    options: { location: RunLocation; abandonOpen?: boolean },
  ): Promise<Answer<RunSnapshot>>;
  /** The open run of this pipeline, else the last one; undefined when there never was one. */
  current(): Promise<RunSnapshot | undefined>;
  /** One run as it stands; undefined where there is none of that id. */
  read(runId: string): Promise<RunSnapshot | undefined>;
  pause(by: Person): Promise<Answer<RunSnapshot>>;
  resume(by: Person): Promise<Answer<RunSnapshot>>;
  /** `now` does not wait for what is in flight. */
  stop(by: Person, options: { now: boolean }): Promise<Answer<RunSnapshot>>;
  /** `faster` and `slower` are steps of a quarter of the pace. */
  setPace(by: Person, setting: PaceSetting | 'faster' | 'slower'): Promise<Answer<RunSnapshot>>;
  /** Where the run's message is; kept with the run so that any copy of the bot edits the same message. */
  setLocation(runId: string, location: RunLocation): Promise<void>;
  location(runId: string): Promise<RunLocation | undefined>;
  /**
   * Hears every event of runs that this copy drives; a promise it returns is kept when what people must be told is safely
   * on record (until then the run's record says that they have not been told). Returns the function that ends it.
   */
  watch(listener: (event: RunEvent) => void | Promise<void>): () => void;
}
