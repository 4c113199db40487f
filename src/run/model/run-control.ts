import { z } from 'zod';
import type { Result } from '../../lib/result.ts';
import type { ListedImage } from '../../pipeline/images.ts';
import type { Fault } from '../../pipeline/invoke/invocation.ts';
import type { FoundStops, StopLocation } from '../../state/stops/stored-stops.ts';
import {
  type Canary,
  canarySchema,
  type EngineKind,
  engineKindSchema,
  type ImageSelection,
  imageSelectionSchema,
  type PaceSetting,
  type Person,
  paceSettingSchema,
  type RunEvent,
  type RunSnapshot,
  type RunState,
} from './types.ts';

/** Images that nothing can read. `examples`: some of their keys. */
const unreadableSchema = z.object({ images: z.number(), examples: z.array(z.string()).readonly() });
export type UnreadableImages = Readonly<z.infer<typeof unreadableSchema>>;

/** A plan as it is stored: without the open run, which is read when the plan is shown. */
export const storedPlanSchema = z.object({
  runId: z.string(),
  selection: imageSelectionSchema,
  total: z.number(),
  totalBytes: z.number(),
  /** Objects in the bucket that are not in the manifest (no image, excluded prefix, not in the sample). */
  leftOut: z.number(),
  /** Images in an archive class of S3 without a restored copy: they are not in the manifest. */
  archived: unreadableSchema.exactOptional(),
  /** Images of no bytes: they are not in the manifest. */
  empty: unreadableSchema.exactOptional(),
  paceSetting: paceSettingSchema,
  /** The requester chose to keep the records of the table: no flush is required. */
  keep: z.boolean().exactOptional(),
  /** The first images are processed alone; undefined where all start at once. */
  canary: canarySchema.exactOptional(),
  /** What invokes the function. Absent in a plan for the local engine, and in old plans: see `engineOf`. */
  engine: engineKindSchema.exactOptional(),
  ceilingPerMinute: z.number(),
  /** The arithmetic behind the ceiling, one line each, e.g. "Nova Lite: 200 requests a minute × 80 % = 160". */
  paceBecause: z.array(z.string()).readonly(),
  expectedPerMinute: z.number(),
  expectedMs: z.number(),
  expectedCostUsd: z.number().exactOptional(),
  /** What each engine that could run this plan costs itself, the chosen one first. Absent in old plans. */
  engineCosts: z
    .array(z.object({ engine: engineKindSchema, usd: z.number(), parts: z.array(z.string()).readonly() }))
    .readonly()
    .exactOptional(),
  /** What the estimates of duration and cost are based on, one line each. */
  forecastRestsOn: z.array(z.string()).readonly(),
  /**
   * Entries in the table now; undefined where it is too large to count (then `entriesApproximate` from DescribeTable).
   */
  entries: z.number().exactOptional(),
  entriesApproximate: z.number().exactOptional(),
  plannedBy: z.string(),
  plannedAt: z.number(),
});
export type StoredPlan = Readonly<z.infer<typeof storedPlanSchema>>;

/** What invokes the function in a run of this plan. */
export const engineOf = ({ engine = 'local' }: Pick<StoredPlan, 'engine'>): EngineKind => engine;

/** A run that is planned and not started. Its manifest is final: starting it processes exactly these images. */
export interface RunPlan extends StoredPlan {
  /** The open run of this pipeline (neither completed nor abandoned): it has to be abandoned before this one starts. */
  readonly openRun?: RunSnapshot;
}

/** Expected duration, cost and failures of a run over all images. */
export const runForecastSchema = z.object({
  images: z.number(),
  expectedPerMinute: z.number(),
  expectedMs: z.number(),
  expectedCostUsd: z.number().exactOptional(),
  /** From the last run; undefined where there is none to learn from. */
  expectedFailures: z.number().exactOptional(),
  /** What the estimates are based on, one line each. */
  restsOn: z.array(z.string()).readonly(),
});
export type RunForecast = Readonly<z.infer<typeof runForecastSchema>>;

/** Where the message of a run is. The core stores it and does not interpret it. */
export const runLocationSchema = z.object({ channel: z.string(), ts: z.string().exactOptional() });
export type RunLocation = Readonly<z.infer<typeof runLocationSchema>>;

/**
 * What was known of requests to halt at one moment: when a person asked for a start or resume. A halt that came later
 * refuses it.
 */
export interface KnownHalts {
  /** Rejects where it could not be read. It need not be handled. */
  readonly before: Promise<HaltsBefore>;
}
export interface HaltsBefore {
  /** How many this process had got. */
  readonly here: number;
  /** How many are counted in the control table. */
  readonly counted: number;
  /** The requests that are stored elsewhere. */
  readonly found: FoundStops;
  /** The open run: its state, and the fence with which a person last resumed it. */
  readonly open?: { readonly runId: string; readonly kind: RunState['kind']; readonly resumedFence?: number };
}

/** Why a request was refused. Nothing was done, except where the reason says otherwise. */
export type Refusal =
  | { readonly reason: 'run-active'; readonly run: RunSnapshot }
  | { readonly reason: 'run-open'; readonly run: RunSnapshot }
  /** `isHalt`: a stop or pause was requested, which also refuses a start or resume that is still being checked. */
  | { readonly reason: 'no-run'; readonly isHalt?: true }
  | { readonly reason: 'nothing-to-resume'; readonly run?: RunSnapshot }
  | { readonly reason: 'not-running'; readonly run: RunSnapshot; readonly isHalt?: true }
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
  /** An unattended start, and a request to halt is stored. `by`: who made it, where that is known. */
  | { readonly reason: 'stop-stored'; readonly request: 'pause' | 'stop'; readonly by?: Person }
  /** A stop or pause was requested after this start or resume, while it was checked. */
  | { readonly reason: 'halted-since'; readonly request: 'pause' | 'stop'; readonly by?: Person }
  /** The run was resumed or halted after this resume was requested, while it was checked. */
  | { readonly reason: 'changed-since'; readonly run: RunSnapshot }
  /** `waitMs`: until the holder's lock can be taken over, if that process is gone; undefined where it is not known. */
  | { readonly reason: 'lease-held'; readonly holder: string; readonly waitMs?: number }
  | { readonly reason: 'shutting-down' }
  /**
   * A write of a start or resume got no reply, and the record cannot be read or says that the run is running: where the write
   * was stored, a process that looks for a run without a driver drives it.
   */
  | { readonly reason: 'maybe-started'; readonly runId: string; readonly fault: Fault }
  /**
   * The run could not be read, so a request to halt it was stored for whatever process drives it or takes it over.
   * `stored` is undefined where it could be stored nowhere: then nothing was done.
   */
  | {
      readonly reason: 'halt-unread';
      readonly request: 'pause' | 'stop' | 'stop-now';
      readonly fault: Fault;
      readonly stored?: StopLocation;
      readonly stopFile: string;
    }
  | { readonly reason: 'fault'; readonly fault: Fault };

/** A run after a stop. */
export interface StoppedRun extends RunSnapshot {
  /** It did not run before either, so the stop ended no work. */
  readonly wasAtRest?: true;
}

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
      /** Undefined: the setting RUN_ENGINE. */
      engine?: EngineKind;
      /** Exactly these images, in this order, instead of a listing of the bucket. */
      images?: AsyncIterable<ListedImage>;
      by: Person;
      location: RunLocation;
    },
    onProgress?: (listed: number) => void,
  ): Promise<Result<RunPlan, Refusal>>;
  /** The forecast of a run over all images, or over so many. Nothing is planned. */
  forecast(paceSetting: PaceSetting, images?: number): Promise<Result<RunForecast, Refusal>>;
  /** The plan of a run; undefined if it does not exist, or is started or cancelled. */
  readPlan(runId: string): Promise<RunPlan | undefined>;
  cancelPlan(runId: string, by: Person): Promise<Result<void, Refusal>>;
  /**
   * Starts a planned run, once: a second call is refused with `plan-gone`. `abandonOpen`: an open run that is not
   * running is abandoned first. `unattended`: the bot starts it by itself, on behalf of that person, so a stored request
   * to halt is a refusal. The start of a person removes it. A request to halt that came after `since` (without it: after the
   * call) is a refusal.
   */
  start(
    runId: string,
    by: Person,
    options: { location: RunLocation; abandonOpen?: boolean; unattended?: boolean; since?: KnownHalts },
  ): Promise<Result<RunSnapshot, Refusal>>;
  /** The open run of this pipeline, else the last one; undefined if there was none. */
  current(): Promise<RunSnapshot | undefined>;
  /** One run as it is now; undefined if there is none with this id. */
  read(runId: string): Promise<RunSnapshot | undefined>;
  pause(by: Person): Promise<Result<RunSnapshot, Refusal>>;
  /** Resumes the open run. Refused where a halt was requested, or the run changed its state, after `since` (without it: after the call). */
  resume(by: Person, since?: KnownHalts): Promise<Result<RunSnapshot, Refusal>>;
  /** What is known of requests to halt at the moment of the call. Call it when a person asks for a start or resume. */
  knownHalts(): KnownHalts;
  /** `now`: images in flight are not waited for. */
  stop(by: Person, options: { now: boolean }): Promise<Result<StoppedRun, Refusal>>;
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
