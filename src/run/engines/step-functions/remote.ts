import type { ExecutionStatus } from '../../../pipeline/state-machine/executions.ts';
import type { Pacer } from '../../rules/pacer.ts';
import { emptyProgress, type Progress } from '../../store/checkpoint.ts';
import { startWindow, type Window } from './window.ts';

/** What a run on Step Functions has under way there, as far as this process knows. */
export interface Remote {
  /**
   * `none`: nothing that this process knows of. `opening`: an execution is being looked for, started or continued. `open`: it is
   * followed. `stopping`: it is being stopped.
   */
  stage: 'none' | 'opening' | 'open' | 'stopping';
  /** The run's record names an execution that may be running, and this process has not looked yet. */
  mayBeOpen: boolean;
  /** A person resumed the run: an execution that has ended is continued. */
  readonly isFresh: boolean;
  /** An execution was open in this drive: what is left after it is started by a new one. */
  wasOpen: boolean;
  /** Rows in progress and rows that wait, when they were last read. */
  inFlight: number;
  pending: number;
  /** As it was last set. */
  throttle: Throttle;
  settingThrottle: boolean;
  following: boolean;
  followAt: number;
  window: Window;
  /** The execution has ended, and its last outcomes are being read. */
  ending: Ending | undefined;
  /** How far its last outcomes were read: the images below this one. */
  sweptTo: number;
  /** After a halt that is on the run's record: rows that waited when at most one was in progress; undefined before. */
  pendingAtLast: number | undefined;
  /** Since when calls about the execution fail; undefined while they succeed. */
  blindSince: number | undefined;
  /** When a call that failed is repeated. */
  retryAt: number;
  /** Images with an outcome when the execution was opened, and executions in a row that added none. */
  doneAtOpening: number;
  fruitless: number;
  stopsTried: number;
  /** An execution was open and was not followed to its end, so it may start images. */
  isRunning: boolean;
  /** The run's record said that the run is halted before the look under way began. */
  looksAfterHalt: boolean;
  /** This process stopped the execution. */
  isStopped: boolean;
  /** The attempt whose images in progress were counted as repeats. */
  repeatsOf: string | undefined;
}

/** The error with which the bot itself stops an execution. Any other stop was meant by somebody else. */
export const STOPPED_BY_BOT = 'RunHalted';

/** How an execution ended. */
export interface Ending {
  readonly status: ExecutionStatus | 'deleted';
  readonly error?: string;
  readonly cause?: string;
  /** The images that were in progress then. */
  readonly cutOff?: CutOff;
}

/** Images whose invocation was in progress when an execution was stopped or failed, at most: their children were aborted. */
export interface CutOff {
  /** The execution and the number of its redrives. */
  readonly attempt: string;
  readonly images: number;
}

export const createRemote = (
  progress: Progress = emptyProgress(),
  isFresh = false,
  repeatsOf: string | undefined = undefined,
): Remote => ({
  stage: 'none',
  mayBeOpen: false,
  isFresh,
  wasOpen: false,
  inFlight: 0,
  pending: 0,
  throttle: { rows: 0, waitSeconds: 0 },
  settingThrottle: false,
  following: false,
  followAt: 0,
  window: startWindow(progress),
  ending: undefined,
  sweptTo: 0,
  pendingAtLast: undefined,
  blindSince: undefined,
  retryAt: 0,
  doneAtOpening: 0,
  fruitless: 0,
  stopsTried: 0,
  isRunning: false,
  looksAfterHalt: false,
  isStopped: false,
  repeatsOf,
});

const MINUTE_MS = 60_000;
/** How a pace is held: rows in progress at once, and how long a row waits before each of its images. */
export interface Throttle {
  readonly rows: number;
  readonly waitSeconds: number;
}

/**
 * The throttle that gives the pace of the pacer at the duration of an image. At least one row, because 0 would mean no limit to
 * Step Functions; where one row is too fast, it waits. Rounded so that the pace is not exceeded.
 */
export function throttleFor(
  pacer: Pick<Pacer, 'targetPerMinute' | 'durations' | 'durationMs' | 'maxInFlight'>,
): Throttle {
  const { targetPerMinute, durations, durationMs, maxInFlight } = pacer;
  if (durations === 0) return firstThrottle(targetPerMinute, maxInFlight);
  const needed = (targetPerMinute / MINUTE_MS) * durationMs;
  if (needed >= 1) return { rows: Math.min(maxInFlight, Math.floor(needed)), waitSeconds: 0 };
  const waitMs = targetPerMinute > 0 ? MINUTE_MS / targetPerMinute - durationMs : MINUTE_MS;
  return { rows: 1, waitSeconds: Math.ceil(waitMs / 1_000) };
}

/**
 * While no duration is known: each row waits before each image so long that the pace is kept however short an image is. The first
 * outcome replaces it.
 */
function firstThrottle(targetPerMinute: number, maxInFlight: number): Throttle {
  const waitSeconds = targetPerMinute > 0 ? Math.min(60, Math.max(1, Math.ceil(60 / targetPerMinute))) : 60;
  const rows = Math.floor((targetPerMinute / 60) * waitSeconds);
  return { rows: Math.max(1, Math.min(maxInFlight, rows)), waitSeconds };
}

/** A smaller change is not worth a call. */
const CHANGE_SHARE = 0.1;

/** Whether the throttle should be set anew. */
export const isOff = (now: Throttle, wanted: Throttle): boolean =>
  Math.abs(wanted.rows - now.rows) >= Math.max(1, now.rows * CHANGE_SHARE) ||
  Math.abs(wanted.waitSeconds - now.waitSeconds) > now.waitSeconds * CHANGE_SHARE;
