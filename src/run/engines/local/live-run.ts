import { SmallMap } from '../../../lib/memory/small-map.ts';
import { type FailureType, type Fault, failureOf } from '../../../pipeline/invoke/invocation.ts';
import type {
  Canary,
  ManifestEntry,
  OutcomeRecord,
  PaceSetting,
  Person,
  RunSnapshot,
  RunTotals,
  Trip,
  Warning,
} from '../../model/types.ts';
import { advanceBreaker, type Breaker, type BreakerSettings, closedBreaker } from '../../rules/breaker.ts';
import { type Growth, type GrowthSettings, noteGrowthOutcome, resumeGrowth, startGrowth } from '../../rules/growth.ts';
import { createPacer, type Pacer } from '../../rules/pacer.ts';
import { emptyRate, noteDone, type Rate } from '../../rules/rate.ts';
import { addOutcome, type Cause, doneOf, noTotals, noteCause } from '../../rules/totals.ts';
import { judgeCanary, type WarningLimits } from '../../rules/warnings.ts';
import { type Checkpoint, emptyProgress, isDone, markDone, type Progress } from '../../store/checkpoint.ts';
import type { JournalChunk } from '../../store/run-store.ts';
import type { GrowthQuestion, Halt } from './engine-events.ts';

/** What is fixed for one drive of a run, from its start or resume to its halt. */
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
  /** Throttled attempts after which an image fails with THROTTLING_ERROR. */
  readonly throttleLimit: number;
  readonly checkpointOutcomes: number;
  readonly checkpointMs: number;
  /** How long a shutdown waits for images in flight, ms. */
  readonly shutdownDrainMs: number;
}

/** Attempts at an image that has no outcome yet. */
export interface Attempts {
  readonly throttles: number;
  /** Attempts whose connection broke before a reply. */
  readonly broken: number;
}

/** An image that was invoked and whose outcome is not on record yet. */
export interface InFlightImage extends Attempts {
  readonly entry: ManifestEntry;
  readonly startedAt: number;
  /** Its outcome is known and waits to be written. */
  readonly hasOutcome: boolean;
}

/** An image that is invoked again at `notBefore` or later. */
export interface WaitingImage extends Attempts {
  readonly entry: ManifestEntry;
  readonly notBefore: number;
}

/** What the recent attempts say about the connection to the function. */
export interface ConnectionFacts {
  /** End of the first attempt without a reply; undefined while replies arrive. */
  readonly unansweredSince: number | undefined;
  /**
   * Attempts without a reply in a row that began after `unansweredSince`: attempts that broke together count as one.
   */
  readonly unansweredInRow: number;
  /** Replies to any image since an image's first broken connection. */
  readonly repliesSinceBroken: number;
}

/** The fields of a run while one of its functions writes them. Only `advance` and `applyChunk` write a run. */
export interface RunDraft {
  readonly terms: RunTerms;
  readonly rules: RunRules;

  readonly pacer: Pacer;
  readonly progress: Progress;
  totals: RunTotals;
  breaker: Breaker;
  growth: Growth;
  causes: readonly Cause[];
  firstFailures: ReadonlySet<FailureType>;
  lastFailure: RunSnapshot['lastFailure'];
  /** The last processed image since the last growth check, and whether a sheet was rejected since then. */
  lastProcessed: GrowthQuestion['lastProcessed'];
  rejectedSinceCheck: boolean;
  /** The last chunk of the journal that is counted. */
  journalSeq: number;
  /** The highest index started so far, -1 before the first. */
  startedThrough: number;
  /** Entries in the table when they were last counted, and how far the run was then. */
  entries: number | undefined;
  entriesCountedAt: { readonly done: number; readonly activeMs: number } | undefined;
  paceSetting: PaceSetting;
  /** Failures before a person resumed the run: they do not trip the canary again. */
  readonly failuresBeforeResume: number;

  rate: Rate;
  recentCalls: { readonly at: number; readonly throttled: boolean }[];
  warnings: readonly Warning[];
  /** Time spent running before `runningSince`, ms. */
  readonly activeMs: number;
  readonly runningSince: number;
  /** When this drive ended; undefined while it runs. */
  driveEndedAt: number | undefined;

  /** Images read from the manifest and not started yet, in order. */
  upcoming: ManifestEntry[];
  manifest: { readonly kind: 'open' | 'reading' | 'exhausted' } | { readonly kind: 'failed'; readonly fault: Fault };
  /** By index. */
  readonly inFlight: SmallMap<InFlightImage>;
  waiting: readonly WaitingImage[];
  /** Attempts of an earlier drive, by index, until the image is started again. */
  readonly earlierAttempts: Map<number, Attempts>;
  connection: ConnectionFacts;

  /** Outcomes that are not on record yet, oldest first. */
  unsaved: OutcomeRecord[];
  appending: boolean;
  appendFailures: number;
  /** When a failed append is repeated. */
  appendRetryAt: number;
  outcomesSinceCheckpoint: number;
  checkpointAt: number;
  checkpointing: boolean;
  checkingGrowth: boolean;

  phase: 'driving' | 'drained' | 'ended';
  halt: Halt | undefined;
  /** The halt that is written or was written last. */
  writtenHalt: Halt | undefined;
  writingHalt: boolean;
  /** The event that the run drains was emitted, or is not due. */
  drainAnnounced: boolean;
  /** Images in flight are not waited for after this time. */
  drainUntil: number;
  /** Replies that come from now on are ignored. */
  abandoned: boolean;
  /** Since when this process may not start images, because its lease was not renewed in time. */
  withoutLeaseSince: number | undefined;
  reviewAt: number;
  /** Something changed since the last progress event. */
  changed: boolean;
}

/**
 * A run while it is driven: everything that a checkpoint keeps, a message shows and the engine decides by. Everybody
 * may read it; `advance` alone changes it, in place, because the pacer, the progress and the images in flight are too
 * large to copy for every image.
 */
export type LiveRun = Readonly<RunDraft>;

/** A run that starts, or continues from a checkpoint. `fresh`: a person resumed it, so the breaker starts closed. */
export function createLiveRun(
  terms: RunTerms,
  rules: RunRules,
  now: number,
  from?: { readonly checkpoint: Checkpoint; readonly fresh: boolean },
): LiveRun {
  const saved = from?.checkpoint;
  const { paceSetting, ceilingPerMinute, maxInFlight } = terms;
  return {
    terms,
    rules,
    pacer: createPacer({ paceSetting, ceilingPerMinute, maxInFlight }, now, saved?.pacer),
    progress: saved?.progress ?? emptyProgress(),
    totals: saved?.totals ?? noTotals,
    breaker: saved && !from.fresh ? saved.breaker : closedBreaker,
    growth: saved ? resumeGrowth(saved.growth, now, from.fresh) : startGrowth(now, terms.entriesAtStart),
    causes: saved?.topFailures ?? [],
    firstFailures: new Set(saved?.firstFailures),
    lastFailure: saved?.lastFailure,
    lastProcessed: undefined,
    rejectedSinceCheck: false,
    journalSeq: saved?.journalSeq ?? 0,
    startedThrough: saved?.startedThrough ?? -1,
    entries: saved?.entries ?? terms.entriesAtStart,
    entriesCountedAt: saved ? saved.entriesCountedAt : { done: 0, activeMs: 0 },
    paceSetting,
    failuresBeforeResume: saved && from.fresh ? saved.totals.failed : 0,
    rate: emptyRate(),
    recentCalls: [],
    warnings: [],
    activeMs: saved?.activeMs ?? 0,
    runningSince: now,
    driveEndedAt: undefined,
    upcoming: [],
    manifest: { kind: 'open' },
    inFlight: new SmallMap(),
    waiting: [],
    earlierAttempts: new Map(saved?.retries.map(({ index, throttles, broken }) => [index, { throttles, broken }])),
    connection: { unansweredSince: undefined, unansweredInRow: 0, repliesSinceBroken: 0 },
    unsaved: [],
    appending: false,
    appendFailures: 0,
    appendRetryAt: Number.POSITIVE_INFINITY,
    outcomesSinceCheckpoint: 0,
    checkpointAt: now,
    checkpointing: false,
    checkingGrowth: false,
    phase: 'driving',
    halt: undefined,
    writtenHalt: undefined,
    writingHalt: false,
    drainAnnounced: false,
    drainUntil: Number.POSITIVE_INFINITY,
    abandoned: false,
    withoutLeaseSince: undefined,
    reviewAt: now,
    changed: true,
  };
}

/** What follows from an outcome that was counted. */
export interface Counted {
  readonly trip: Trip | undefined;
  readonly firstOfType: FailureType | undefined;
  /** The last of the canary images passed: how many of them failed. */
  readonly canaryPassed: number | undefined;
}

/**
 * Counts an outcome that is on record, once: undefined where its image was counted before. `no-rows` corrects an outcome
 * that was counted.
 */
export function countOutcome(run: RunDraft, record: OutcomeRecord, now: number): Counted | undefined {
  if (record.outcome.kind === 'no-rows') return countMissingRows(run, record);
  if (isDone(run.progress, record.index)) return;
  const wasCanary = run.terms.canary !== undefined && run.progress.lowWater < canaryImages(run);
  markDone(run.progress, record.index);
  run.earlierAttempts.delete(record.index);
  run.totals = addOutcome(run.totals, record);
  run.rate = noteDone(run.rate, now);
  run.growth = noteGrowthOutcome(run.growth);
  const { breaker, trip } = advanceBreaker(run.breaker, run.rules.breaker, record.outcome.kind);
  run.breaker = breaker;
  const { outcome, key, startedAt } = record;
  if (outcome.kind === 'processed') run.lastProcessed = { key, startedAt, resourceName: outcome.resourceName };
  if (outcome.kind === 'rejected') run.rejectedSinceCheck = true;
  const firstOfType = countFailure(run, record);
  const canary = wasCanary ? judgeCanaryImages(run) : undefined;
  return { trip: canary?.trip ?? trip, firstOfType, canaryPassed: canary?.canaryPassed };
}

function countMissingRows(run: RunDraft, record: OutcomeRecord): Counted | undefined {
  if (!isDone(run.progress, record.index)) return;
  run.totals = addOutcome(run.totals, record);
  const { breaker, trip } = advanceBreaker(run.breaker, run.rules.breaker, record.outcome.kind);
  run.breaker = breaker;
  return { trip, firstOfType: countFailure(run, record), canaryPassed: undefined };
}

/** Counts a failure; its type where it is the first of that type. */
function countFailure(run: RunDraft, { outcome, key }: OutcomeRecord): FailureType | undefined {
  const failure = failureOf(outcome);
  if (failure === undefined) return;
  const { failureType, message } = failure;
  run.causes = noteCause(run.causes, failureType, message);
  run.lastFailure = { failureType, message, key };
  if (run.firstFailures.has(failureType)) return;
  run.firstFailures = new Set([...run.firstFailures, failureType]);
  return failureType;
}

const canaryImages = (run: LiveRun): number => Math.min(run.terms.canary?.images ?? 0, run.terms.total);

/** The result of the canary images so far. No other image was started, so the totals are theirs. */
function judgeCanaryImages(run: LiveRun): { readonly trip?: Trip; readonly canaryPassed?: number } {
  const { canary, total } = run.terms;
  if (!canary) return {};
  const failed = run.totals.failed - run.failuresBeforeResume;
  const trip = judgeCanary(canary, total, failed);
  if (trip) return { trip };
  return run.progress.lowWater >= canaryImages(run) && total > canary.images ? { canaryPassed: run.totals.failed } : {};
}

/**
 * A trip by the canary images whose outcomes are on record while the run's state is not: the process died in between.
 */
export function unsavedTrip(run: LiveRun): Trip | undefined {
  const { canary, total } = run.terms;
  if (!canary || run.startedThrough >= canary.images) return;
  return judgeCanary(canary, total, run.totals.failed - run.failuresBeforeResume);
}

/** Counts a chunk of the journal that came after the run's checkpoint. Takes the run over: use the one returned. */
export function applyChunk(run: LiveRun, chunk: JournalChunk, now: number): LiveRun {
  const draft: RunDraft = run;
  for (const record of chunk.records) countOutcome(draft, record, now);
  draft.journalSeq = chunk.seq;
  draft.startedThrough = Math.max(draft.startedThrough, chunk.startedThrough);
  return draft;
}

/** Time spent running up to now, or until the drive ended, ms. Pauses are left out. */
export const activeMsAt = (run: LiveRun, now: number): number =>
  run.activeMs + (run.driveEndedAt ?? now) - run.runningSince;

/** Notes that the entries in the table were counted. */
export function noteEntriesCount(run: RunDraft, entries: number, now: number): void {
  run.entries = entries;
  run.entriesCountedAt = { done: doneOf(run.totals), activeMs: activeMsAt(run, now) };
}
