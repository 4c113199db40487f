import { defined } from '../../../lib/defined.ts';
import type { RunSnapshot, RunState, Warning } from '../../model/types.ts';
import { copyBreaker } from '../../rules/breaker.ts';
import { eta } from '../../rules/forecast.ts';
import { judgeGrowth } from '../../rules/growth.ts';
import { pacePerMinute, savePacer } from '../../rules/pacer.ts';
import { perMinute } from '../../rules/rate.ts';
import { unprovenOf } from '../../rules/row-watch.ts';
import { type Cause, doneOf } from '../../rules/totals.ts';
import { judgeWarnings } from '../../rules/warnings.ts';
import { type Checkpoint, copyProgress, type Retry } from '../../store/checkpoint.ts';
import { copySinceGrowth } from '../../store/since-growth.ts';
import { canaryAwaitsRows } from './counting.ts';
import type { Halt } from './engine-events.ts';
import { type Attempts, activeMsAt, type LiveRun, type RunDraft } from './live-run.ts';

const RECENT_CALLS_MS = 120_000;
/** People hear that the lease cannot be renewed after this time. Shorter outages of the control table do not matter. */
const WITHOUT_LEASE_MS = 30_000;

/** The warnings that hold now. */
export function currentWarnings(run: LiveRun, now: number): Warning[] {
  const calls = run.recentCalls.filter((call) => now - call.at <= RECENT_CALLS_MS);
  const warnings = judgeWarnings(
    defined({
      imagesPerMinute: perMinute(run.rate, now),
      runningMs: now - run.runningSince,
      pacePerMinute: pacePerMinute(run.pacer),
      paceSetting: run.paceSetting,
      recentFailures: run.breaker.recent,
      throttlePercent: calls.length === 0 ? 0 : (100 * calls.filter((call) => call.throttled).length) / calls.length,
      calls: calls.length,
      withoutGrowthMs: judgeGrowth(run.growth, run.rules.growth, run.waitingSince ?? now).withoutGrowthMs,
    }),
    run.rules.warnings,
    run.warnings,
  );
  const withoutLeaseMs = run.withoutLeaseSince === undefined ? 0 : now - run.withoutLeaseSince;
  if (withoutLeaseMs >= WITHOUT_LEASE_MS)
    warnings.push({ kind: 'control-table', value: withoutLeaseMs / 1_000, limit: WITHOUT_LEASE_MS / 1_000 });
  return warnings;
}

/**
 * Images that a run which was just read from its record had started and that have no outcome: they are invoked again.
 */
export function startedWithoutOutcome(run: LiveRun): number {
  const { progress, startedThrough } = run;
  const doneBeyond = progress.beyond.reduce(
    (sum, [from, to]) => sum + Math.max(0, Math.min(to, startedThrough) - from + 1),
    0,
  );
  const done = Math.min(progress.lowWater, startedThrough + 1) + doneBeyond;
  return Math.max(0, startedThrough + 1 - done - run.earlierAttempts.size);
}

/** Images in progress: for Step Functions the rows in progress, when they were last read. */
export const inFlightOf = ({ remote, inFlight }: Pick<LiveRun, 'remote' | 'inFlight'>): number =>
  remote?.inFlight ?? inFlight.size;

/** Images in flight whose outcome is not known. */
export const withoutOutcome = (run: LiveRun): number =>
  run.remote?.inFlight ??
  [...run.inFlight.entries()].reduce((count, [, image]) => count + (image.hasOutcome ? 0 : 1), 0);

/**
 * The process that holds the lease writes the state of a run whose lease was lost; a completed run is written at its
 * end. A run on Step Functions continues there while the bot is away.
 */
export const isWritten = (
  { remote }: Pick<RunDraft, 'remote'>,
  halt: Halt,
): halt is Exclude<Halt, { kind: 'lease-lost' | 'completed' }> =>
  halt.kind !== 'lease-lost' && halt.kind !== 'completed' && !(remote && halt.kind === 'shutdown');

/**
 * Whether images may start at Step Functions after a halt, because the run's record does not have it yet: `running`, an
 * execution may start them; `stopped`, it was stopped, and only children that it had begun may. Undefined: none starts.
 */
export function gateAfterHalt(run: Pick<RunDraft, 'halt' | 'haltSaved' | 'remote'>): 'running' | 'stopped' | undefined {
  const { halt, haltSaved, remote } = run;
  if (!remote || !halt || haltSaved || !isWritten(run, halt)) return;
  if (remote.isStopped) return 'stopped';
  return remote.isRunning || remote.mayBeOpen || remote.stage === 'opening' ? 'running' : undefined;
}

/** The images without an outcome that were throttled or whose connection broke. */
function retriesOf(run: LiveRun): Retry[] {
  const retries: Retry[] = [];
  const add = (index: number, { throttles, broken }: Attempts) => {
    if (throttles + broken > 0) retries.push({ index, throttles, broken });
  };
  for (const [index, attempts] of run.earlierAttempts) add(index, attempts);
  for (const [index, image] of run.inFlight.entries()) add(index, image);
  for (const image of run.waiting) add(image.entry.index, image);
  return retries;
}

/** Everything that a run needs to continue after a crash. Later changes of the run do not change it. */
export function takeCheckpoint(run: LiveRun, now: number): Checkpoint {
  return defined({
    version: 1 as const,
    at: now,
    progress: copyProgress(run.progress),
    retries: retriesOf(run),
    totals: run.totals,
    breaker: copyBreaker(run.breaker),
    pacer: savePacer(run.pacer, now),
    growth: run.growth,
    sinceGrowth: copySinceGrowth(run.sinceGrowth),
    lastProcessed: run.lastProcessed ?? run.checkingGrowth?.question.lastProcessed,
    topFailures: run.causes,
    firstFailures: [...run.firstFailures],
    journalSeq: run.journalSeq,
    startedThrough: run.startedThrough,
    activeMs: activeMsAt(run, now),
    repeatsOf: run.remote?.repeatsOf,
    lastFailure: run.lastFailure,
    entries: run.entries,
    entriesCountedAt: run.entriesCountedAt,
  });
}

/** The run as messages show it. */
export function takeSnapshot(run: LiveRun, state: RunState, now: number): RunSnapshot {
  const { terms, totals } = run;
  const imagesPerMinute = perMinute(run.rate, now);
  const pace = pacePerMinute(run.pacer);
  const remaining = eta(defined({ total: terms.total, done: doneOf(totals), pacePerMinute: pace, imagesPerMinute }));
  const top = run.causes.reduce<Cause | undefined>((a, b) => (a && a.count >= b.count ? a : b), undefined);
  return defined({
    runId: terms.runId,
    isPartial: terms.isPartial,
    keepsRecords: terms.keepsRecords,
    engine: terms.engine,
    state,
    rows: state.kind === 'running' ? rowsView(run) : undefined,
    total: terms.total,
    totals,
    inFlight: inFlightOf(run),
    draining: run.halt !== undefined,
    gateAfterHalt: gateAfterHalt(run),
    waiting: run.waiting.length,
    pacePerMinute: pace,
    ceilingPerMinute: terms.ceilingPerMinute,
    paceSetting: run.paceSetting,
    imagesPerMinute,
    growth: growthView(run, now),
    topFailure: top && { failureType: top.failureType, message: top.message, count: top.count },
    lastFailure: run.lastFailure,
    warnings: run.warnings,
    startedBy: terms.startedBy,
    startedAt: terms.startedAt,
    activeMs: activeMsAt(run, now),
    etaMs: state.kind === 'running' && run.rowCheck === 'not-begun' ? remaining : undefined,
  });
}

const rowsView = (run: LiveRun): NonNullable<RunSnapshot['rows']> =>
  defined({
    found: run.rowWatch.found,
    unproven: unprovenOf(run.rowWatch),
    checkingAll: run.rowCheck === 'not-begun' ? undefined : (true as const),
    canaryWaits: canaryAwaitsRows(run) && inFlightOf(run) === 0 ? (true as const) : undefined,
  });

const MINUTE_MS = 60_000;
/** A rate over less time than this means nothing. */
const SHORTEST_RATE_MS = 1_000;

function growthView(run: LiveRun, now: number): RunSnapshot['growth'] {
  const { terms, entries, entriesCountedAt: countedAt } = run;
  const added =
    entries !== undefined && terms.entriesAtStart !== undefined ? entries - terms.entriesAtStart : undefined;
  const hasRate = added !== undefined && countedAt !== undefined && countedAt.activeMs >= SHORTEST_RATE_MS;
  return defined({
    kind: terms.growthKind,
    entriesAtStart: terms.entriesAtStart,
    entries,
    perMinute: hasRate ? (added * MINUTE_MS) / countedAt.activeMs : undefined,
    imagesSinceCount: countedAt && doneOf(run.totals) - countedAt.done,
    imagesToNextCount: Math.max(0, run.rules.growth.checkImages - run.growth.outcomesSinceCheck),
    imagesSinceGrowth: run.growth.outcomesSinceGrowth,
    minutesWithoutGrowth:
      judgeGrowth(run.growth, run.rules.growth, run.waitingSince ?? now).withoutGrowthMs / MINUTE_MS,
  });
}
