import { z } from 'zod';
import { defined } from '../../lib/defined.ts';
import type { PaceSetting } from '../model/types.ts';

export interface PacerSettings {
  readonly paceSetting: PaceSetting;
  /** Never more starts than this in any 60 s, whatever the pace setting. */
  readonly ceilingPerMinute: number;
  readonly maxInFlight: number;
}

/**
 * Decides when the next image may be started. Its functions change it in place. It has no clock: every `now` is epoch
 * ms and never less than before. Use the functions below, not the fields.
 */
export interface Pacer {
  paceSetting: PaceSetting;
  ceilingPerMinute: number;
  readonly maxInFlight: number;
  /** The pace now. */
  targetPerMinute: number;
  /** The pace is doubled instead of raised by a share: until the first throttle or the highest pace. */
  slowStart: boolean;
  /** Throttling lowered the pace below the pace setting. */
  lowered: boolean;
  raisedAt: number;
  cutAt: number;
  outcomesSinceRaise: number;
  /** Running mean of the duration of an invocation, ms, and the number of invocations in it. */
  durationMs: number;
  durations: number;
  /** The planned time of the last start. The next one is one interval after it, however late the timer was. */
  slotAt: number;
  /** Start times of the last minute, oldest first, from `head` on. */
  starts: number[];
  head: number;
  /** When the pace setting changed. A fixed pace limits the starts since then. */
  settingSince: number;
  firstStartAt: number | undefined;
  updatedAt: number;
}

/** A pacer in a checkpoint. */
export const savedPacerSchema = z.object({
  at: z.number(),
  targetPerMinute: z.number().nonnegative(),
  /** The highest pace that is possible after `at`. */
  topPerMinute: z.number().nonnegative(),
  slowStart: z.boolean(),
  lowered: z.boolean(),
  slotAt: z.number().exactOptional(),
  settingSince: z.number().exactOptional(),
  durationMs: z.number().nonnegative().exactOptional(),
  /** `[secondsAgo, count]`: numbers of starts by whole seconds before `at`; oldest first. */
  starts: z.array(z.tuple([z.number().int().min(0).max(60), z.number().int().positive()])).max(61),
});
export type SavedPacer = Readonly<z.infer<typeof savedPacerSchema>>;

const MINUTE_MS = 60_000;
/** A little over a minute, because starts with exact spacing may arrive a little closer together. */
const WINDOW_MS = MINUTE_MS + 250;
/** After late timers, this much time is caught up at once at the most. */
const CATCH_UP_MS = 1_000;
const SLOW_START_PER_MINUTE = 20;
const DOUBLE_EVERY_MS = 10_000;
const RAISE_EVERY_MS = 5_000;
const RAISE_SHARE = 0.02;
const CUT_FACTOR = 0.7;
const FLOOR_PER_MINUTE = 1;
const GUESSED_DURATION_MS = 5_000;
/** The limit of Lambda. */
const LONGEST_DURATION_MS = 900_000;
const UNKNOWN_AFTER_CRASH_MS = 10_000;

/** The highest pace: the ceiling, or a fixed pace below it. */
const topOf = (pacer: Pick<Pacer, 'paceSetting' | 'ceilingPerMinute'>): number =>
  pacer.paceSetting.kind === 'fixed'
    ? Math.min(pacer.paceSetting.perMinute, pacer.ceilingPerMinute)
    : pacer.ceilingPerMinute;

/** Whole starts in a window. A pace below one a minute is kept by the spacing alone. */
const perWindow = (perMinute: number) => Math.max(1, Math.floor(perMinute));

/**
 * A pacer that may start an image at once. A fixed pace holds from the first start; `auto` starts slowly. With `saved`
 * it continues from there, and the time between `saved.at` and now (at most 10 s of it) counts as if images had been
 * started at the highest pace. So the ceiling holds across a crash.
 */
export function createPacer(settings: PacerSettings, now: number, saved?: SavedPacer): Pacer {
  const top = topOf(settings);
  const pacer: Pacer = {
    paceSetting: settings.paceSetting,
    ceilingPerMinute: settings.ceilingPerMinute,
    maxInFlight: Math.max(1, Math.floor(settings.maxInFlight)),
    targetPerMinute: settings.paceSetting.kind === 'fixed' ? top : Math.min(SLOW_START_PER_MINUTE, top),
    slowStart: settings.paceSetting.kind === 'auto',
    lowered: false,
    raisedAt: now,
    cutAt: Number.NEGATIVE_INFINITY,
    outcomesSinceRaise: 0,
    durationMs: 0,
    durations: 0,
    slotAt: Number.NEGATIVE_INFINITY,
    starts: [],
    head: 0,
    settingSince: Number.NEGATIVE_INFINITY,
    firstStartAt: undefined,
    updatedAt: now,
  };
  if (saved) restore(pacer, saved, now);
  return pacer;
}

function restore(pacer: Pacer, saved: SavedPacer, now: number): void {
  const top = topOf(pacer);
  if (pacer.paceSetting.kind === 'auto' || saved.lowered) pacer.targetPerMinute = Math.min(top, saved.targetPerMinute);
  pacer.slowStart = pacer.paceSetting.kind === 'auto' && saved.slowStart;
  pacer.lowered = saved.lowered;
  if (saved.durationMs !== undefined) {
    pacer.durationMs = saved.durationMs;
    pacer.durations = 1;
  }
  // The clock of another machine may be ahead: then its last second is now, and how long it ran after that is not known.
  const ahead = Math.max(0, saved.at - now);
  const at = saved.at - ahead;
  const unknownMs = ahead > 0 ? UNKNOWN_AFTER_CRASH_MS : Math.min(now - at, UNKNOWN_AFTER_CRASH_MS);
  // The latest time that a bucket allows, so that no start leaves the window too early.
  pacer.starts = saved.starts.flatMap(([secondsAgo, count]) => Array<number>(count).fill(at - secondsAgo * 1_000));
  pacer.slotAt = saved.slotAt === undefined ? Number.NEGATIVE_INFINITY : saved.slotAt - ahead;
  // A fixed pace that changed meanwhile limits the starts from now on, as in setPaceSetting.
  const isSameSetting = pacer.paceSetting.kind === 'fixed' && top === saved.topPerMinute;
  if (isSameSetting)
    pacer.settingSince = saved.settingSince === undefined ? Number.NEGATIVE_INFINITY : saved.settingSince - ahead;
  else pacer.settingSince = now;
  const fastest = Math.max(top, saved.topPerMinute);
  const unknown = startsThatMayHaveBeen(fastest, at - pacer.slotAt, unknownMs, Math.min(now, at + unknownMs));
  // Not push(...): the starts of some seconds at the fastest pace are more values than a call takes.
  pacer.starts = pacer.starts.concat(unknown);
  pacer.slotAt = Math.max(pacer.slotAt, unknown.at(-1) ?? pacer.slotAt);
}

/**
 * The most starts, each as late as possible, that a pacer at this pace can have made in the last `ms` before `to`.
 * `sinceSlotMs`: how long before them its last start was planned; Infinity where it has started nothing.
 */
function startsThatMayHaveBeen(perMinute: number, sinceSlotMs: number, ms: number, to: number): number[] {
  if (ms <= 0 || perMinute <= 0) return [];
  const intervalMs = MINUTE_MS / perMinute;
  const fit = Math.floor((ms + CATCH_UP_MS) / intervalMs) + 1;
  const planned = Math.floor((sinceSlotMs + ms) / intervalMs);
  const count = Math.min(fit, planned);
  return Array.from({ length: count }, (_, index) => {
    const fromLast = count - 1 - index;
    return Math.min(to, to + CATCH_UP_MS - fromLast * intervalMs);
  });
}

/**
 * When the next image may be started: `now` if at once, `Infinity` if never. Ask again after every change of pace,
 * throttle and outcome, because each of them may change it.
 */
export function nextStartAt(pacer: Pacer, now: number): number {
  update(pacer, now);
  if (!(pacer.targetPerMinute > 0)) return Number.POSITIVE_INFINITY;
  const planned = pacer.slotAt + MINUTE_MS / pacer.targetPerMinute;
  return Math.max(now, planned, windowFreeAt(pacer));
}

function windowFreeAt(pacer: Pacer): number {
  const inCeiling = startBefore(pacer, perWindow(pacer.ceilingPerMinute));
  const ceilingFreeAt = inCeiling === undefined ? Number.NEGATIVE_INFINITY : inCeiling + WINDOW_MS;
  if (pacer.paceSetting.kind === 'auto') return ceilingFreeAt;
  const inSetting = startBefore(pacer, perWindow(pacer.paceSetting.perMinute));
  if (inSetting === undefined || inSetting < pacer.settingSince) return ceilingFreeAt;
  return Math.max(ceilingFreeAt, inSetting + WINDOW_MS);
}

/** The time of the start that was `ago` starts before the next one; undefined if fewer are known. */
const startBefore = (pacer: Pacer, ago: number): number | undefined => pacer.starts[pacer.starts.length - ago];

/** Notes that an image was started now. */
export function noteStart(pacer: Pacer, now: number): void {
  update(pacer, now);
  const planned = pacer.slotAt + MINUTE_MS / Math.max(pacer.targetPerMinute, Number.MIN_VALUE);
  // Before the first start there is nothing to catch up.
  pacer.slotAt = pacer.slotAt === Number.NEGATIVE_INFINITY ? now : Math.max(Math.min(planned, now), now - CATCH_UP_MS);
  pacer.firstStartAt ??= now;
  pacer.starts.push(now);
  dropOldStarts(pacer, now);
}

function dropOldStarts(pacer: Pacer, now: number): void {
  while ((pacer.starts[pacer.head] ?? now) <= now - WINDOW_MS) pacer.head++;
  // Copied only when half is old: a start stays O(1) on average, and the memory within twice the window.
  if (pacer.head * 2 > pacer.starts.length) {
    pacer.starts = pacer.starts.slice(pacer.head);
    pacer.head = 0;
  }
}

/** Notes that an invocation of `durationMs` ended with an outcome now. */
export function noteOutcome(pacer: Pacer, now: number, durationMs: number): void {
  if (Number.isFinite(durationMs) && durationMs >= 0) {
    pacer.durations++;
    pacer.durationMs += (durationMs - pacer.durationMs) * Math.max(0.1, 1 / pacer.durations);
  }
  pacer.outcomesSinceRaise++;
  update(pacer, now);
}

/**
 * Notes that the pipeline throttled: the pace falls to 0.7 of itself, but not below one a minute. It falls once in half
 * the duration of an image (at least a second), so that a burst counts once. A throttle ends the slow start.
 */
export function noteThrottled(pacer: Pacer, now: number): void {
  update(pacer, now);
  const burstMs = Math.max(1_000, (pacer.durations > 0 ? pacer.durationMs : GUESSED_DURATION_MS) / 2);
  if (now - pacer.cutAt >= burstMs) {
    const floor = Math.min(FLOOR_PER_MINUTE, topOf(pacer));
    pacer.targetPerMinute = Math.max(floor, pacer.targetPerMinute * CUT_FACTOR);
    pacer.cutAt = now;
  }
  pacer.slowStart = false;
  pacer.lowered = true;
  pacer.raisedAt = now;
  pacer.outcomesSinceRaise = 0;
}

/**
 * Sets what a person asked for. A fixed pace holds at once, and no 60 s from now on have more starts than it. `auto`
 * continues from the present pace.
 */
export function setPaceSetting(pacer: Pacer, paceSetting: PaceSetting, now: number): void {
  update(pacer, now);
  const isSame =
    paceSetting.kind === 'fixed' &&
    pacer.paceSetting.kind === 'fixed' &&
    paceSetting.perMinute === pacer.paceSetting.perMinute;
  if (!isSame) pacer.settingSince = now;
  if (paceSetting.kind === 'auto' && pacer.paceSetting.kind === 'fixed') pacer.slowStart = !pacer.lowered;
  pacer.paceSetting = paceSetting;
  if (paceSetting.kind === 'fixed') {
    pacer.targetPerMinute = topOf(pacer);
    pacer.slowStart = false;
    pacer.lowered = false;
  }
  afterChange(pacer, now);
}

function afterChange(pacer: Pacer, now: number): void {
  pacer.targetPerMinute = Math.min(pacer.targetPerMinute, topOf(pacer));
  pacer.raisedAt = now;
  pacer.outcomesSinceRaise = 0;
}

/**
 * Raises the pace when it is time to. Without an outcome since the last raise there is none: nothing shows that it
 * held.
 */
function update(pacer: Pacer, now: number): void {
  pacer.updatedAt = now;
  const top = topOf(pacer);
  if (pacer.targetPerMinute >= top) {
    pacer.targetPerMinute = top;
    pacer.slowStart = false;
    pacer.lowered = false;
    pacer.raisedAt = now;
    pacer.outcomesSinceRaise = 0;
    return;
  }
  const waitMs = pacer.slowStart ? DOUBLE_EVERY_MS : RAISE_EVERY_MS;
  if (now - pacer.raisedAt < waitMs || pacer.outcomesSinceRaise === 0) return;
  const raised = pacer.slowStart
    ? pacer.targetPerMinute * 2
    : pacer.targetPerMinute + Math.max(1, pacer.ceilingPerMinute * RAISE_SHARE);
  pacer.targetPerMinute = Math.min(top, raised);
  pacer.raisedAt = now;
  pacer.outcomesSinceRaise = 0;
}

/** The pace now, images a minute. */
export const pacePerMinute = (pacer: Pacer): number => pacer.targetPerMinute;

/**
 * How many invocations may be in flight: 1.5 times what the pace needs at the mean duration, plus two. Until a duration
 * is known it is taken as 5 s, or as the time since the first start if that is longer.
 */
export function inFlightLimit(pacer: Pacer, now: number = pacer.updatedAt): number {
  const sinceFirstMs = pacer.firstStartAt === undefined ? 0 : now - pacer.firstStartAt;
  const guessMs = Math.min(LONGEST_DURATION_MS, Math.max(GUESSED_DURATION_MS, sinceFirstMs));
  const durationMs = pacer.durations > 0 ? pacer.durationMs : guessMs;
  const needed = (pacer.targetPerMinute / MINUTE_MS) * durationMs;
  return Math.max(1, Math.min(pacer.maxInFlight, Math.ceil(needed * 1.5) + 2));
}

/** The pacer for a checkpoint: the pace, the mean duration, and the starts of the last 60 s by the second. */
export function savePacer(pacer: Pacer, now: number): SavedPacer {
  const counts = new Map<number, number>();
  for (let index = pacer.head; index < pacer.starts.length; index++) {
    const secondsAgo = Math.max(0, Math.floor((now - (pacer.starts[index] ?? now)) / 1_000));
    if (secondsAgo <= 60) counts.set(secondsAgo, (counts.get(secondsAgo) ?? 0) + 1);
  }
  const finite = (time: number) => (Number.isFinite(time) ? time : undefined);
  return defined({
    at: now,
    targetPerMinute: pacer.targetPerMinute,
    topPerMinute: topOf(pacer),
    slowStart: pacer.slowStart,
    lowered: pacer.lowered,
    slotAt: finite(pacer.slotAt),
    settingSince: finite(pacer.settingSince),
    durationMs: pacer.durations > 0 ? pacer.durationMs : undefined,
    starts: [...counts],
  });
}
