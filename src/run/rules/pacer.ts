import { z } from 'zod';
import type { PaceSetting } from '../model/types.ts';

export interface PacerSettings {
  readonly paceSetting: PaceSetting;
  /** Never more starts than this in any 60 s, whatever the wish. */
  readonly ceilingPerMinute: number;
  readonly maxInFlight: number;
}

/**
 * When the next image may be started. A struct that its functions change in place; no clock of its own: every `now` is
 * epoch ms and does not go backwards. Use the functions below, not the fields.
 */
export interface Pacer {
  paceSetting: PaceSetting;
  ceilingPerMinute: number;
  readonly maxInFlight: number;
  /** The pace aimed at now. */
  targetPerMinute: number;
  /** Doubling instead of adding: until the first pushback or the top. */
  slowStart: boolean;
  /** Pushback brought the pace below what was wished. */
  lowered: boolean;
  raisedAt: number;
  cutAt: number;
  outcomesSinceRaise: number;
  /** Running mean of the duration of an invocation, ms, and of how many. */
  durationMs: number;
  durations: number;
  /** The planned time of the last start: the next one is an interval after it, however late the timer was. */
  slotAt: number;
  /** Start times of the last minute, oldest first, from `head` on. */
  starts: number[];
  head: number;
  /** The person's number binds the starts since it was set. */
  settingSince: number;
  firstStartAt: number | undefined;
  seenAt: number;
}

/** A pacer as a checkpoint holds it: at most 61 buckets. */
export interface SavedPacer {
  readonly at: number;
  readonly targetPerMinute: number;
  /** The highest pace that the starts may have risen to since `at`. */
  readonly topPerMinute: number;
  readonly slowStart: boolean;
  readonly lowered: boolean;
  readonly slotAt?: number;
  readonly settingSince?: number;
  readonly durationMs?: number;
  /** How many starts were so many whole seconds before `at`; oldest first. */
  readonly starts: readonly (readonly [secondsAgo: number, count: number])[];
}

export const savedPacerSchema: z.ZodType<SavedPacer> = z.object({
  at: z.number(),
  targetPerMinute: z.number().nonnegative(),
  topPerMinute: z.number().nonnegative(),
  slowStart: z.boolean(),
  lowered: z.boolean(),
  slotAt: z.number().exactOptional(),
  settingSince: z.number().exactOptional(),
  durationMs: z.number().nonnegative().exactOptional(),
  starts: z.array(z.tuple([z.number().int().min(0).max(60), z.number().int().positive()])).max(61),
});

const MINUTE_MS = 60_000;
/** A little over a minute, as starts that the pacer spaced exactly arrive a little closer together. */
const WINDOW_MS = MINUTE_MS + 250;
/** Late timers may be made up for by so much at once. */
const CATCH_UP_MS = 1_000;
const SLOW_START_PER_MINUTE = 20;
const DOUBLE_EVERY_MS = 10_000;
const RAISE_EVERY_MS = 5_000;
const RAISE_SHARE = 0.02;
const CUT = 0.7;
const FLOOR_PER_MINUTE = 1;
const GUESSED_DURATION_MS = 5_000;
/** Lambda lets no function run longer. */
const LONGEST_DURATION_MS = 900_000;
const UNKNOWN_AFTER_CRASH_MS = 10_000;

/** The pace that the target may rise to: the ceiling, or the person's number below it. */
const topOf = (pacer: Pick<Pacer, 'paceSetting' | 'ceilingPerMinute'>): number =>
  pacer.paceSetting.kind === 'fixed'
    ? Math.min(pacer.paceSetting.perMinute, pacer.ceilingPerMinute)
    : pacer.ceilingPerMinute;

/** Whole starts that fit into a window; a pace below one a minute is held by the spacing alone. */
const perWindow = (perMinute: number) => Math.max(1, Math.floor(perMinute));

/**
 * A pacer that may start at once. A fixed wish is the pace from the first start on; `auto` starts slowly. With `saved`
 * it goes on where that one was, and the time between `saved.at` and now (10 s of it at most) counts as if images had
 * been started at full pace: so the ceiling holds across a crash.
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
    seenAt: now,
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
  // Another machine's clock may be ahead of this one: then its last second is now.
  const ahead = Math.max(0, saved.at - now);
  const at = saved.at - ahead;
  // The latest moment that a bucket allows, so that the window counts a start for no shorter than it must.
  pacer.starts = saved.starts.flatMap(([secondsAgo, count]) => Array<number>(count).fill(at - secondsAgo * 1_000));
  pacer.slotAt = saved.slotAt === undefined ? Number.NEGATIVE_INFINITY : saved.slotAt - ahead;
  // Another number than before: it binds what is started from now on, as in setWish.
  const sameWish = pacer.paceSetting.kind === 'fixed' && top === saved.topPerMinute;
  if (sameWish)
    pacer.settingSince = saved.settingSince === undefined ? Number.NEGATIVE_INFINITY : saved.settingSince - ahead;
  else pacer.settingSince = now;
  const fastest = Math.max(top, saved.topPerMinute);
  const unknown = startsThatMayHaveBeen(fastest, pacer.slotAt, at, Math.min(now, at + UNKNOWN_AFTER_CRASH_MS));
  pacer.starts.push(...unknown);
  pacer.slotAt = Math.max(pacer.slotAt, unknown.at(-1) ?? pacer.slotAt);
}

/** The most starts, each as late as it can have been, that a pacer at this pace can have made between two moments. */
function startsThatMayHaveBeen(perMinute: number, slotAt: number, from: number, to: number): number[] {
  if (to <= from || perMinute <= 0) return [];
  const intervalMs = MINUTE_MS / perMinute;
  const fit = Math.floor((to - from + CATCH_UP_MS) / intervalMs) + 1;
  const planned = slotAt === Number.NEGATIVE_INFINITY ? fit : Math.max(0, Math.floor((to - slotAt) / intervalMs));
  const count = Math.min(fit, planned);
  return Array.from({ length: count }, (_, location) => {
    const fromLast = count - 1 - location;
    return Math.min(to, to + CATCH_UP_MS - fromLast * intervalMs);
  });
}

/**
 * When the next image may be started: `now` if at once, `Infinity` if never. Ask again after every change of pace,
 * pushback and outcome, as each may move it.
 */
export function nextStartAt(pacer: Pacer, now: number): number {
  settle(pacer, now);
  if (!(pacer.targetPerMinute > 0)) return Number.POSITIVE_INFINITY;
  const planned = pacer.slotAt + MINUTE_MS / pacer.targetPerMinute;
  return Math.max(now, planned, windowFreeAt(pacer));
}

function windowFreeAt(pacer: Pacer): number {
  const inCeiling = startBefore(pacer, perWindow(pacer.ceilingPerMinute));
  const ceilingFreeAt = inCeiling === undefined ? Number.NEGATIVE_INFINITY : inCeiling + WINDOW_MS;
  if (pacer.paceSetting.kind === 'auto') return ceilingFreeAt;
  const inWish = startBefore(pacer, perWindow(pacer.paceSetting.perMinute));
  if (inWish === undefined || inWish < pacer.settingSince) return ceilingFreeAt;
  return Math.max(ceilingFreeAt, inWish + WINDOW_MS);
}

/** The start that was so many starts ago; undefined when there were fewer in the last minute. */
function startBefore(pacer: Pacer, ago: number): number | undefined {
  const location = pacer.starts.length - ago;
  return location < pacer.head ? undefined : pacer.starts[location];
}

/** An image was started now. */
export function noteStart(pacer: Pacer, now: number): void {
  settle(pacer, now);
  const planned = pacer.slotAt + MINUTE_MS / Math.max(pacer.targetPerMinute, Number.MIN_VALUE);
  // A pacer that never started anything has no time to catch up.
  pacer.slotAt = pacer.slotAt === Number.NEGATIVE_INFINITY ? now : Math.max(Math.min(planned, now), now - CATCH_UP_MS);
  pacer.firstStartAt ??= now;
  pacer.starts.push(now);
  forgetOldStarts(pacer, now);
}

function forgetOldStarts(pacer: Pacer, now: number): void {
  while (pacer.head < pacer.starts.length && (pacer.starts[pacer.head] ?? now) <= now - WINDOW_MS) pacer.head++;
  // Copying only when half is gone keeps a start O(1) on the average and the memory within twice the window.
  if (pacer.head > 64 && pacer.head * 2 > pacer.starts.length) {
    pacer.starts = pacer.starts.slice(pacer.head);
    pacer.head = 0;
  }
}

/** An invocation that took `durationMs` came to an outcome now. */
export function noteOutcome(pacer: Pacer, now: number, durationMs: number): void {
  if (Number.isFinite(durationMs) && durationMs >= 0) {
    pacer.durations++;
    pacer.durationMs += (durationMs - pacer.durationMs) * Math.max(0.1, 1 / pacer.durations);
  }
  pacer.outcomesSinceRaise++;
  settle(pacer, now);
}

/**
 * The pipeline asked for less: the pace falls to 0.7 of itself, no lower than one a minute; once in half the time that
 * an image takes (a second at least), so that a burst counts once. It ends a slow start.
 */
export function noteThrottled(pacer: Pacer, now: number): void {
  settle(pacer, now);
  const burstMs = Math.max(1_000, (pacer.durations > 0 ? pacer.durationMs : GUESSED_DURATION_MS) / 2);
  if (now - pacer.cutAt >= burstMs) {
    const floor = Math.min(FLOOR_PER_MINUTE, topOf(pacer));
    pacer.targetPerMinute = Math.max(floor, pacer.targetPerMinute * CUT);
    pacer.cutAt = now;
  }
  pacer.slowStart = false;
  pacer.lowered = true;
  pacer.raisedAt = now;
  pacer.outcomesSinceRaise = 0;
}

/**
 * A person's wish, from now on. A number is the pace at once, and no 60 s from now on see more starts than it; back to
 * `auto` the pace goes on from where it is.
 */
export function setPaceSetting(pacer: Pacer, paceSetting: PaceSetting, now: number): void {
  settle(pacer, now);
  const same =
    paceSetting.kind === 'fixed' &&
    pacer.paceSetting.kind === 'fixed' &&
    paceSetting.perMinute === pacer.paceSetting.perMinute;
  if (!same) pacer.settingSince = now;
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

/** Raises the target as time and outcomes allow: no raise without an outcome since the last one, as nothing says it held. */
function settle(pacer: Pacer, now: number): void {
  pacer.seenAt = now;
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

/** The pace aimed at now, images a minute. */
export const pacePerMinute = (pacer: Pacer): number => pacer.targetPerMinute;

/**
 * How many invocations may be in flight: what the pace needs at the duration observed, half as much again and two. Until
 * a duration is known: 5 s, or as long as the first one has been away.
 */
export function inFlightLimit(pacer: Pacer, now: number = pacer.seenAt): number {
  const awayMs = pacer.firstStartAt === undefined ? 0 : now - pacer.firstStartAt;
  const guessMs = Math.min(LONGEST_DURATION_MS, Math.max(GUESSED_DURATION_MS, awayMs));
  const durationMs = pacer.durations > 0 ? pacer.durationMs : guessMs;
  const needed = (pacer.targetPerMinute / MINUTE_MS) * durationMs;
  return Math.max(1, Math.min(pacer.maxInFlight, Math.ceil(needed * 1.5) + 2));
}

/** What a checkpoint keeps: the pace, the duration of an image, and the starts of the last 60 s by the second. */
export function savePacer(pacer: Pacer, now: number): SavedPacer {
  const counts = new Map<number, number>();
  for (const startedAt of pacer.starts.slice(pacer.head)) {
    const secondsAgo = Math.max(0, Math.floor((now - startedAt) / 1_000));
    if (secondsAgo <= 60) counts.set(secondsAgo, (counts.get(secondsAgo) ?? 0) + 1);
  }
  return {
    at: now,
    targetPerMinute: pacer.targetPerMinute,
    topPerMinute: topOf(pacer),
    slowStart: pacer.slowStart,
    lowered: pacer.lowered,
    ...(Number.isFinite(pacer.slotAt) ? { slotAt: pacer.slotAt } : {}),
    ...(Number.isFinite(pacer.settingSince) ? { settingSince: pacer.settingSince } : {}),
    ...(pacer.durations > 0 ? { durationMs: pacer.durationMs } : {}),
    starts: [...counts].sort(([a], [b]) => b - a),
  };
}
