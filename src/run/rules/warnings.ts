import type { PaceSetting, Warning, WarningKind } from '../model/types.ts';

/** Where a warning begins (runbook, "Warning Signs"). */
export interface WarningLimits {
  /** Fewer images a minute than this are slow. */
  readonly imagesPerMinute: number;
  /** More than this share of the recent outcomes failed, per cent. */
  readonly failurePercent: number;
  /** More than this share of the recent calls was throttled, per cent. */
  readonly throttlePercent: number;
  /** This much time without growth, or more, ms. */
  readonly withoutGrowthMs: number;
}

export interface WarningFacts {
  /** Undefined: nothing was done so far. */
  readonly imagesPerMinute?: number;
  readonly runningMs: number;
  readonly pacePerMinute: number;
  /** With it a pace that pushback lowered is not taken for a person's wish. */
  readonly paceSetting?: PaceSetting;
  /** The last outcomes, true is a failure. */
  readonly recentFailures: readonly boolean[];
  /** Share of the recent `calls` that was throttled. */
  readonly throttlePercent: number;
  readonly calls: number;
  readonly withoutGrowthMs: number;
}

/** The share of a limit by which a value must have got better before its warning ends. */
const MARGIN = 0.2;
const MINUTE_MS = 60_000;
const SLOW_FROM_MS = 2 * MINUTE_MS;
/** A share of fewer than this says little, except when so many of them failed anyway. */
const SMALLEST_SAMPLE = 10;
const FAILURES_THAT_SAY_ENOUGH = 3;

/**
 * The warnings that hold now, given those that held `before`. A warning begins at its limit, and ends only when the
 * value is better than the limit by a fifth (over 10 % failures begins it, 8 % or less ends it; under 10 images a minute
 * begins it, 12 ends it), so a value dancing on the limit says it once. Time without growth does not dance: it falls to
 * nothing when the table grows. Never slow in the first two minutes, nor at a pace that a person set no higher than a
 * fifth above the limit.
 */
export function judgeWarnings(facts: WarningFacts, limits: WarningLimits, before: readonly Warning[] = []): Warning[] {
  const held = (kind: WarningKind) => before.some((warning) => warning.kind === kind);
  const over = (kind: WarningKind, value: number, limit: number) =>
    held(kind) ? value > limit * (1 - MARGIN) : value > limit;
  const warnings: Warning[] = [];

  const imagesPerMinute = facts.imagesPerMinute ?? 0;
  const quickEnough = limits.imagesPerMinute * (1 + MARGIN);
  const slowBelow = held('slow') ? quickEnough : limits.imagesPerMinute;
  if (facts.runningMs >= SLOW_FROM_MS && !pacedSlow(facts, quickEnough) && imagesPerMinute < slowBelow)
    warnings.push({ kind: 'slow', value: imagesPerMinute, limit: limits.imagesPerMinute });

  const sample = facts.recentFailures.length;
  const failed = facts.recentFailures.filter(Boolean).length;
  const failurePercent = sample === 0 ? 0 : (100 * failed) / sample;
  const failuresSay = sample >= SMALLEST_SAMPLE || failed >= FAILURES_THAT_SAY_ENOUGH;
  if (failuresSay && over('failures', failurePercent, limits.failurePercent))
    warnings.push({ kind: 'failures', value: failurePercent, limit: limits.failurePercent });

  if (facts.withoutGrowthMs >= limits.withoutGrowthMs)
    warnings.push({
      kind: 'no-growth',
      value: facts.withoutGrowthMs / MINUTE_MS,
      limit: limits.withoutGrowthMs / MINUTE_MS,
    });

  if (facts.calls >= SMALLEST_SAMPLE && over('throttling', facts.throttlePercent, limits.throttlePercent))
    warnings.push({ kind: 'throttling', value: facts.throttlePercent, limit: limits.throttlePercent });
  return warnings;
}

function pacedSlow(facts: WarningFacts, quickEnough: number): boolean {
  const { paceSetting } = facts;
  if (paceSetting === undefined) return facts.pacePerMinute <= quickEnough;
  return paceSetting.kind === 'fixed' && paceSetting.perMinute <= quickEnough;
}

/** Which warnings began and which ended; one that goes on is neither, whatever became of its value. */
export function warningChanges(
  before: readonly Warning[],
  after: readonly Warning[],
): { began: Warning[]; ended: Warning[] } {
  const absentFrom = (others: readonly Warning[]) => (warning: Warning) =>
    !others.some((other) => other.kind === warning.kind);
  return { began: after.filter(absentFrom(before)), ended: before.filter(absentFrom(after)) };
}
