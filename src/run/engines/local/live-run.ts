import type { FailureType } from '../../../pipeline/invoke/invocation.ts';
import type {
  Canary,
  OutcomeRecord,
  PaceSetting,
  Person,
  RunSnapshot,
  RunState,
  RunTotals,
  Trip,
  Warning,
} from '../../model/types.ts';
import { advanceBreaker, type Breaker, type BreakerSettings, closedBreaker } from '../../rules/breaker.ts';
import { judgeCanary } from '../../rules/canary.ts';
import { eta } from '../../rules/forecast.ts';
import {
  type Growth,
  type GrowthSettings,
  judgeGrowth,
  noteGrowthOutcome,
  resumeGrowth,
  startGrowth,
} from '../../rules/growth.ts';
import { createPacer, inFlightLimit, type Pacer, pacePerMinute, savePacer } from '../../rules/pacer.ts';
import { emptyRate, noteDone, perMinute, type Rate } from '../../rules/rate.ts';
import { addCall, addOutcome, type Cause, doneOf, noTotals, noteCause } from '../../rules/totals.ts';
import { judgeWarnings, type WarningLimits, warningChanges } from '../../rules/warnings.ts';
import {
  type Checkpoint,
  copyProgress,
  doneCount,
  emptyProgress,
  isDone,
  markDone,
  type Progress,
} from '../../store/checkpoint.ts';

/** What a run is told once, at its start or when it goes on. */
export interface RunTerms {
  readonly runId: string;
  readonly total: number;
  readonly startedBy: Person;
  readonly startedAt: number;
  readonly paceSetting: PaceSetting;
  readonly ceilingPerMinute: number;
  readonly maxInFlight: number;
  readonly entriesAtStart?: number;
  readonly growthKind: 'counted' | 'probed';
  readonly canary?: Canary;
  /** Only some of the images. */
  readonly isPartial?: true;
}

export interface RunRules {
  readonly breaker: BreakerSettings;
  readonly growth: GrowthSettings;
  readonly warnings: WarningLimits;
}

/** Tries of an image that has no outcome yet. */
export interface Tries {
  throttles: number;
  broken: number;
}

/**
 * A run as it stands while it is driven: everything that a checkpoint keeps and a message shows, advanced by outcomes in
 * the order in which they come on record. No clock and no network of its own.
 */
export interface LiveRun {
  readonly terms: RunTerms;
  readonly rules: RunRules;
  readonly pacer: Pacer;
  progress: Progress;
  totals: RunTotals;
  breaker: Breaker;
  growth: Growth;
  rate: Rate;
  causes: readonly Cause[];
  firstFailures: Set<FailureType>;
  lastFailure: NonNullable<RunSnapshot['lastFailure']> | undefined;
  /** The last image since the last look for growth that must have left rows, and whether any sheet was rejected since. */
  lastProcessed: { key: string; resourceName?: string; startedAt: number } | undefined;
  rejectedSinceLook: boolean;
  warnings: readonly Warning[];
  /** Failures that a person has seen before resuming: they do not trip the canary again. */
  canaryForgiven: number;
  journalSeq: number;
  /** The highest index started so far, -1 before the first. */
  startedThrough: number;
  readonly tries: Map<number, Tries>;
  /** Entries in the table when they were last counted, and how far the run was by then. */
  entries: number | undefined;
  entriesSeenAt: { readonly done: number; readonly activeMs: number } | undefined;
  setting: PaceSetting;
  inFlight: number;
  /** Put back by pushback or a broken connection, not in flight. */
  waiting: number;
  draining: boolean;
  /** Time spent running before `runningSince`, ms. */
  activeMs: number;
  runningSince: number;
  /** When it came to rest in this process; undefined while it is driven. */
  restedAt: number | undefined;
  recentCalls: { at: number; throttled: boolean }[];
}

/** A run that begins, or goes on from a checkpoint. `fresh`: a person resumed it, so the breaker starts closed again. */
export function createLiveRun(
  terms: RunTerms,
  rules: RunRules,
  now: number,
  from?: { checkpoint: Checkpoint; fresh: boolean },
): LiveRun {
  const saved = from?.checkpoint;
  return {
    terms,
    rules,
    pacer: createPacer(
      { setting: terms.paceSetting, ceilingPerMinute: terms.ceilingPerMinute, maxInFlight: terms.maxInFlight },
      now,
      saved?.pacer,
    ),
    progress: saved?.progress ?? emptyProgress(),
    totals: saved?.totals ?? noTotals,
    breaker: saved && !from.fresh ? saved.breaker : closedBreaker,
    growth: saved ? resumeGrowth(saved.growth, now, from.fresh) : startGrowth(now, terms.entriesAtStart),
    rate: emptyRate(),
    causes: saved?.topFailures ?? [],
    firstFailures: new Set(saved?.firstFailures ?? []),
    lastFailure: saved?.lastFailure,
    lastProcessed: undefined,
    rejectedSinceLook: false,
    warnings: [],
    canaryForgiven: from?.fresh ? from.checkpoint.totals.failed : 0,
    journalSeq: saved?.journalSeq ?? 0,
    startedThrough: saved?.startedThrough ?? -1,
    tries: new Map(saved?.retries.map((retry) => [retry.index, { throttles: retry.throttles, broken: retry.broken }])),
    entries: saved?.entries ?? terms.entriesAtStart,
    entriesSeenAt: saved ? saved.entriesSeenAt : { done: 0, activeMs: 0 },
    setting: terms.paceSetting,
    inFlight: 0,
    waiting: 0,
    draining: false,
    activeMs: saved?.activeMs ?? 0,
    runningSince: now,
    restedAt: undefined,
    recentCalls: [],
  };
}

/**
 * Takes one outcome that is on record: counted once, however often it comes. Answers what follows from it: the first
 * failure of its kind, and a trip of the breaker.
 */
export function takeOutcome(
  run: LiveRun,
  record: OutcomeRecord,
  now: number,
): { counted: boolean; trip?: Trip; firstOfKind?: FailureType; canaryPassed?: number } {
  if (isDone(run.progress, record.index)) return { counted: false };
  const wasCanary = run.terms.canary !== undefined && run.progress.lowWater < canaryImages(run);
  run.progress = markDone(run.progress, record.index);
  run.tries.delete(record.index);
  run.totals = addOutcome(run.totals, record);
  run.rate = noteDone(run.rate, now);
  run.growth = noteGrowthOutcome(run.growth);
  const { breaker, trip } = advanceBreaker(run.breaker, run.rules.breaker, record.outcome.kind);
  run.breaker = breaker;
  const answer = { counted: true, ...(trip ? { trip } : {}), ...(wasCanary ? canaryOf(run) : {}) };
  if (record.outcome.kind === 'processed') {
    const { resourceName } = record.outcome;
    run.lastProcessed = {
      key: record.key,
      startedAt: record.startedAt,
      ...(resourceName === undefined ? {} : { resourceName }),
    };
  }
  if (record.outcome.kind === 'rejected') run.rejectedSinceLook = true;
  if (record.outcome.kind !== 'failed') return answer;
  const { failureType, message } = record.outcome;
  run.causes = noteCause(run.causes, failureType, message);
  run.lastFailure = { failureType, message, key: record.key };
  if (run.firstFailures.has(failureType)) return answer;
  run.firstFailures.add(failureType);
  return { ...answer, firstOfKind: failureType };
}

const canaryImages = (run: LiveRun): number => Math.min(run.terms.canary?.images ?? 0, run.terms.total);

/** What the first images come to after one more of them. Nothing else was started meanwhile, so the totals are theirs. */
function canaryOf(run: LiveRun): { trip?: Trip; canaryPassed?: number } {
  const { canary, total } = run.terms;
  if (!canary) return {};
  const failed = run.totals.failed - run.canaryForgiven;
  const trip = judgeCanary(canary, total, failed);
  if (trip) return { trip };
  return run.progress.lowWater >= canaryImages(run) && total > canary.images ? { canaryPassed: run.totals.failed } : {};
}

/** A trip of the first images that is on record by its outcomes, but not yet by the run's state: the process died between the two. */
export function standingTrip(run: LiveRun): Trip | undefined {
  const { canary, total } = run.terms;
  if (!canary || run.startedThrough >= canary.images) return;
  return judgeCanary(canary, total, run.totals.failed - run.canaryForgiven);
}

const CALLS_REMEMBERED_MS = 120_000;
const CALLS_REMEMBERED = 2_000;

/** One call answered, with an outcome or with pushback: for the totals and the share of calls that were throttled. */
export function takeCall(run: LiveRun, throttled: boolean, now: number): void {
  run.totals = addCall(run.totals, { throttled });
  run.recentCalls.push({ at: now, throttled });
  if (run.recentCalls.length > CALLS_REMEMBERED) run.recentCalls.splice(0, CALLS_REMEMBERED / 2);
}

/** The warning signs as they are now; which began and which ended since the last look. */
export function reviewWarnings(run: LiveRun, now: number): { began: Warning[]; ended: Warning[] } {
  const calls = run.recentCalls.filter((call) => now - call.at <= CALLS_REMEMBERED_MS);
  const imagesPerMinute = perMinute(run.rate, now);
  const after = judgeWarnings(
    {
      ...(imagesPerMinute === undefined ? {} : { imagesPerMinute }),
      minutesRunning: (now - run.runningSince) / 60_000,
      pacePerMinute: pacePerMinute(run.pacer),
      paceSetting: run.setting,
      recentFailures: run.breaker.recent,
      throttlePercent: calls.length === 0 ? 0 : (100 * calls.filter((call) => call.throttled).length) / calls.length,
      calls: calls.length,
      minutesWithoutGrowth: judgeGrowth(run.growth, run.rules.growth, now).minutesWithoutGrowth,
    },
    run.rules.warnings,
    run.warnings,
  );
  const changes = warningChanges(run.warnings, after);
  run.warnings = after;
  return changes;
}

/** Images that were started and have no outcome on record: they go again when the run goes on. */
export function startedWithoutOutcome(run: LiveRun): number {
  return Math.max(
    0,
    run.startedThrough + 1 - doneThrough(run) - Math.max(run.waiting, run.inFlight === 0 ? run.tries.size : 0),
  );
}

function doneThrough(run: LiveRun): number {
  const through = run.startedThrough;
  const beyond = run.progress.beyond.reduce(
    (sum, [from, to]) => sum + Math.max(0, Math.min(to, through) - from + 1),
    0,
  );
  return Math.min(run.progress.lowWater, through + 1) + beyond;
}

/** Time spent running up to now, or until it came to rest, ms: pauses left out. */
const activeMsAt = (run: LiveRun, now: number): number => run.activeMs + (run.restedAt ?? now) - run.runningSince;

/** The entries in the table were counted. */
export function noteEntriesCount(run: LiveRun, entries: number, now: number): void {
  run.entries = entries;
  run.entriesSeenAt = { done: doneOf(run.totals), activeMs: activeMsAt(run, now) };
}

/** Everything the run must remember to go on after a crash. */
export function takeCheckpoint(run: LiveRun, now: number): Checkpoint {
  return {
    version: 1,
    at: now,
    progress: copyProgress(run.progress),
    retries: [...run.tries].map(([index, tries]) => ({ index, ...tries })),
    totals: run.totals,
    breaker: run.breaker,
    pacer: savePacer(run.pacer, now),
    growth: run.growth,
    topFailures: [...run.causes],
    firstFailures: [...run.firstFailures],
    journalSeq: run.journalSeq,
    startedThrough: run.startedThrough,
    activeMs: activeMsAt(run, now),
    ...(run.lastFailure ? { lastFailure: run.lastFailure } : {}),
    ...(run.entries === undefined ? {} : { entries: run.entries }),
    ...(run.entriesSeenAt ? { entriesSeenAt: run.entriesSeenAt } : {}),
  };
}

/** The run as messages show it. */
export function takeSnapshot(run: LiveRun, state: RunState, now: number): RunSnapshot {
  const { terms, totals, entriesSeenAt: seenAt } = run;
  const imagesPerMinute = perMinute(run.rate, now);
  const pace = pacePerMinute(run.pacer);
  const activeMs = activeMsAt(run, now);
  const remaining = eta({
    total: terms.total,
    done: doneOf(totals),
    pacePerMinute: pace,
    ...(imagesPerMinute === undefined ? {} : { imagesPerMinute }),
  });
  const top = run.causes.reduce<Cause | undefined>((a, b) => (a && a.count >= b.count ? a : b), undefined);
  const grown =
    run.entries !== undefined && terms.entriesAtStart !== undefined ? run.entries - terms.entriesAtStart : undefined;
  const { minutesWithoutGrowth } = judgeGrowth(run.growth, run.rules.growth, now);
  return {
    runId: terms.runId,
    ...(terms.isPartial ? { isPartial: terms.isPartial } : {}),
    state,
    total: terms.total,
    totals,
    inFlight: run.inFlight,
    draining: run.draining,
    waiting: run.waiting,
    pacePerMinute: pace,
    ceilingPerMinute: terms.ceilingPerMinute,
    paceSetting: run.setting,
    ...(imagesPerMinute === undefined ? {} : { imagesPerMinute }),
    growth: {
      kind: terms.growthKind,
      ...(terms.entriesAtStart === undefined ? {} : { entriesAtStart: terms.entriesAtStart }),
      ...(run.entries === undefined ? {} : { entries: run.entries }),
      ...(grown === undefined || seenAt === undefined || seenAt.activeMs < 1_000
        ? {}
        : { perMinute: (grown * 60_000) / seenAt.activeMs }),
      ...(seenAt === undefined ? {} : { imagesSinceCount: doneOf(totals) - seenAt.done }),
      minutesWithoutGrowth,
    },
    ...(top ? { topFailure: { failureType: top.failureType, message: top.message, count: top.count } } : {}),
    ...(run.lastFailure ? { lastFailure: run.lastFailure } : {}),
    warnings: run.warnings,
    startedBy: terms.startedBy,
    startedAt: terms.startedAt,
    activeMs,
    ...(state.kind === 'running' && remaining !== undefined ? { etaMs: remaining } : {}),
  };
}

/** How many may be in flight now. */
export const mayBeInFlight = (run: LiveRun, now: number): number => inFlightLimit(run.pacer, now);

/** Whether every image of the manifest has an outcome on record. */
export const isComplete = (run: LiveRun): boolean => doneCount(run.progress) === run.terms.total;
