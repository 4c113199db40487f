import { SmallMap } from '../../../lib/memory/small-map.ts';
import type { FailureType, Fault } from '../../../pipeline/invoke/invocation.ts';
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
import { type Breaker, type BreakerSettings, closedBreaker, copyBreaker } from '../../rules/breaker.ts';
import { type Growth, type GrowthSettings, resumeGrowth, startGrowth } from '../../rules/growth.ts';
import { createPacer, type Pacer } from '../../rules/pacer.ts';
import { emptyRate, type Rate } from '../../rules/rate.ts';
import { type RowWatch, startRowWatch } from '../../rules/row-watch.ts';
import { noSuspicion, type SuspicionFacts } from '../../rules/suspicion.ts';
import { type Cause, doneOf, noTotals } from '../../rules/totals.ts';
import type { WarningLimits } from '../../rules/warnings.ts';
import { type Checkpoint, emptyProgress, type Progress, type SinceGrowth } from '../../store/checkpoint.ts';
import { startOfBotLane } from '../../store/lanes.ts';
import { copySinceGrowth, noneSinceGrowth } from '../../store/since-growth.ts';
import { createRemote, type Remote } from '../step-functions/remote.ts';
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
  /** Absent: the local engine. */
  readonly engine?: 'step-functions';
  /** Only some of the images. */
  readonly isPartial?: true;
  readonly keepsRecords?: true;
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
  /** How long after a reply its rows may come, ms. */
  readonly rowsWaitMs: number;
}

/** Attempts at an image that has no outcome yet. */
export interface Attempts {
  readonly throttles: number;
  /** Attempts whose connection broke before a reply. */
  readonly broken: number;
  /** Attempts in this drive whose reply may be that of every image. */
  readonly suspected: number;
}

export const noAttempts: Attempts = { throttles: 0, broken: 0, suspected: 0 };

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
  /** The last image that claims rows since the last growth check, and whether a sheet was rejected since then. */
  lastProcessed: GrowthQuestion['lastProcessed'];
  rejectedSinceCheck: boolean;
  /** The processed images since the table last grew, and those since the last growth check began. */
  sinceGrowth: SinceGrowth;
  sinceCheck: SinceGrowth;
  /** The images whose rows are looked up. */
  rowWatch: RowWatch;
  /** The check of all rows, when every image has an outcome. */
  rowCheck: 'not-begun' | 'reading' | 'open' | 'done';
  /** The canary images and their rows are complete, and the other images may start. */
  canaryPassed: boolean;
  /** The last chunk of the journal that is counted. */
  journalSeq: number;
  /** The highest index started so far, -1 before the first. */
  startedThrough: number;
  /** Entries in the table when they were last counted, and how far the run was then. */
  entries: number | undefined;
  entriesCountedAt: { readonly done: number; readonly activeMs: number } | undefined;
  paceSetting: PaceSetting;
  /** Failures before a person resumed the run: they do not trip the canary again. */
  failuresBeforeResume: { readonly failed: number; readonly withoutRows: number };

  rate: Rate;
  recentCalls: { readonly at: number; readonly throttled: boolean }[];
  /** When broken connections were announced within the last minute, and how many were not announced since. */
  brokenAnnounced: { readonly at: readonly number[]; readonly others: number };
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
  suspicion: SuspicionFacts;

  /** Outcomes that are not on record yet, oldest first. */
  unsaved: OutcomeRecord[];
  appending: boolean;
  appendFailures: number;
  /** When the first of the appends began that have failed since the last success. */
  appendingSince: number;
  /** When a failed append is repeated. */
  appendRetryAt: number;
  outcomesSinceCheckpoint: number;
  checkpointAt: number;
  checkpointing: boolean;
  /** What the growth check under way asks; undefined while there is none. */
  checkingGrowth: { readonly question: GrowthQuestion; readonly outcomesBefore: number } | undefined;
  /** An outcome that came after the checkpoint tripped the run: its process died before the state was saved. */
  tripOnRecord: Trip | undefined;
  /** Continued, and not reviewed yet: a check proves what the drive before processed, before other images replace the question. */
  provesEarlier: boolean;

  phase: 'driving' | 'drained' | 'ended';
  halt: Halt | undefined;
  /** When the first halt came; 0 before. */
  haltedAt: number;
  /** The halt that is written or was written last. */
  writtenHalt: Halt | undefined;
  writingHalt: boolean;
  /** When a write that failed is repeated. */
  haltRetryAt: number;
  /** The control table has a state that follows from a halt: at Step Functions no image starts any more. */
  haltSaved: boolean;
  /** The event that the run drains was emitted, or is not due. */
  drainAnnounced: boolean;
  /** Images in flight are not waited for after this time. */
  drainUntil: number;
  /** Replies that come from now on are ignored. */
  abandoned: boolean;
  /** Another process may drive the run now. */
  leaseLost: boolean;
  /** Since when this process may not start images, because its lease was not renewed in time. */
  withoutLeaseSince: number | undefined;
  /** Since when it starts nothing, because the control table cannot be written. */
  waitingSince: number | undefined;
  reviewAt: number;
  /** The execution at Step Functions; undefined for the local engine. */
  readonly remote: Remote | undefined;
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
    breaker: saved && !from.fresh ? copyBreaker(saved.breaker) : closedBreaker(),
    growth: saved ? resumeGrowth(saved.growth, now, from.fresh) : startGrowth(now, terms.entriesAtStart),
    causes: saved?.topFailures ?? [],
    firstFailures: new Set(saved?.firstFailures),
    lastFailure: saved?.lastFailure,
    lastProcessed: saved?.lastProcessed,
    rejectedSinceCheck: false,
    sinceGrowth: copySinceGrowth(saved?.sinceGrowth ?? noneSinceGrowth()),
    sinceCheck: noneSinceGrowth(),
    rowWatch: startRowWatch(),
    rowCheck: 'not-begun',
    canaryPassed: terms.canary === undefined || (saved?.startedThrough ?? -1) >= terms.canary.images,
    journalSeq: saved?.journalSeq ?? (terms.engine === 'step-functions' ? startOfBotLane(0) : 0),
    startedThrough: saved?.startedThrough ?? -1,
    entries: saved?.entries ?? terms.entriesAtStart,
    entriesCountedAt: saved ? saved.entriesCountedAt : { done: 0, activeMs: 0 },
    paceSetting,
    failuresBeforeResume:
      saved && from.fresh
        ? { failed: saved.totals.failed, withoutRows: saved.totals.noRows }
        : { failed: 0, withoutRows: 0 },
    rate: emptyRate(),
    recentCalls: [],
    brokenAnnounced: { at: [], others: 0 },
    warnings: [],
    activeMs: saved?.activeMs ?? 0,
    runningSince: now,
    driveEndedAt: undefined,
    upcoming: [],
    manifest: { kind: 'open' },
    inFlight: new SmallMap(),
    waiting: [],
    earlierAttempts: new Map(
      saved?.retries.map(({ index, throttles, broken }) => [index, { throttles, broken, suspected: 0 }]),
    ),
    connection: { unansweredSince: undefined, unansweredInRow: 0, repliesSinceBroken: 0 },
    suspicion: noSuspicion,
    unsaved: [],
    appending: false,
    appendFailures: 0,
    appendingSince: 0,
    appendRetryAt: Number.POSITIVE_INFINITY,
    outcomesSinceCheckpoint: 0,
    checkpointAt: now,
    checkpointing: false,
    checkingGrowth: undefined,
    tripOnRecord: undefined,
    provesEarlier: saved !== undefined,
    phase: 'driving',
    halt: undefined,
    haltedAt: 0,
    writtenHalt: undefined,
    writingHalt: false,
    haltRetryAt: Number.POSITIVE_INFINITY,
    haltSaved: false,
    drainAnnounced: false,
    drainUntil: Number.POSITIVE_INFINITY,
    abandoned: false,
    leaseLost: false,
    withoutLeaseSince: undefined,
    waitingSince: undefined,
    reviewAt: now,
    remote:
      terms.engine === 'step-functions' ? createRemote(saved?.progress, from?.fresh, saved?.repeatsOf) : undefined,
    changed: true,
  };
}

/** Time spent running up to now, or until the drive ended, ms. Pauses are left out. */
export const activeMsAt = (run: LiveRun, now: number): number =>
  run.activeMs + (run.driveEndedAt ?? now) - run.runningSince;

/** Notes that the entries in the table were counted. */
export function noteEntriesCount(run: RunDraft, entries: number, now: number): void {
  run.entries = entries;
  run.entriesCountedAt = { done: doneOf(run.totals), activeMs: activeMsAt(run, now) };
}
