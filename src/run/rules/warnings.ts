import type { Canary, PaceSetting, Trip, Warning, WarningKind } from '../model/types.ts';

/**
 * Whether an image may start: the canary images, and the others when the canary has passed. Without a canary every image
 * may start.
 */
export const mayStart = (canary: Canary | undefined, hasPassed: boolean, index: number): boolean =>
  canary === undefined || hasPassed || index < canary.images;

/**
 * The trip that follows from the canary images, as soon as it is certain: more than `percent` of them failed or
 * left no rows. A run with fewer images (`total`) is all canary. Undefined while the canary can still pass.
 */
export function judgeCanary(
  canary: Canary,
  total: number,
  { failed, withoutRows }: { readonly failed: number; readonly withoutRows: number },
): Trip | undefined {
  const images = Math.min(canary.images, total);
  const all = failed + withoutRows;
  return all * 100 > canary.percent * images
    ? {
        kind: 'canary',
        failed: all,
        images,
        percent: canary.percent,
        ...(withoutRows > 0 ? { withoutRows } : {}),
      }
    : undefined;
}

/** Limits at which a warning begins (runbook, "Warning Signs"). */
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
  /** Undefined: no outcome so far. */
  readonly imagesPerMinute?: number;
  readonly runningMs: number;
  readonly pacePerMinute: number;
  /** Tells a low pace that a person set from one that throttling caused. */
  readonly paceSetting?: PaceSetting;
  /** The last outcomes, true is a failure. */
  readonly recentFailures: readonly boolean[];
  /** Share of the recent `calls` that was throttled. */
  readonly throttlePercent: number;
  readonly calls: number;
  readonly withoutGrowthMs: number;
}

/** A warning ends when its value is better than the limit by this share. */
const MARGIN = 0.2;
const MINUTE_MS = 60_000;
const SLOW_FROM_MS = 2 * MINUTE_MS;
/** A share of fewer outcomes or calls than this means little, unless this many of them failed. */
const SMALLEST_SAMPLE = 10;
const FAILURES_IN_SMALL_SAMPLE = 3;

/**
 * The warnings that hold now, given those that held `before`. A warning begins at its limit and ends only when the
 * value is better than the limit by a fifth (failures: begins above 10 %, ends at 8 %; slow: begins below 10 images a
 * minute, ends at 12). So a value that varies around the limit causes one warning. Time without growth has no such
 * margin: it falls to 0 when the table grows. There is no warning `slow` in the first two minutes, or at a pace that a
 * person set to at most a fifth above the limit.
 */
export function judgeWarnings(facts: WarningFacts, limits: WarningLimits, before: readonly Warning[] = []): Warning[] {
  const held = (kind: WarningKind) => before.some((warning) => warning.kind === kind);
  const over = (kind: WarningKind, value: number, limit: number) =>
    held(kind) ? value > limit * (1 - MARGIN) : value > limit;
  const warnings: Warning[] = [];

  const imagesPerMinute = facts.imagesPerMinute ?? 0;
  const fastEnough = limits.imagesPerMinute * (1 + MARGIN);
  const slowBelow = held('slow') ? fastEnough : limits.imagesPerMinute;
  if (facts.runningMs >= SLOW_FROM_MS && !isPacedSlow(facts, fastEnough) && imagesPerMinute < slowBelow)
    warnings.push({ kind: 'slow', value: imagesPerMinute, limit: limits.imagesPerMinute });

  const sample = facts.recentFailures.length;
  const failed = facts.recentFailures.filter(Boolean).length;
  const failurePercent = sample === 0 ? 0 : (100 * failed) / sample;
  const isEnough = sample >= SMALLEST_SAMPLE || failed >= FAILURES_IN_SMALL_SAMPLE;
  if (isEnough && over('failures', failurePercent, limits.failurePercent))
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

function isPacedSlow(facts: WarningFacts, fastEnough: number): boolean {
  const { paceSetting } = facts;
  if (paceSetting === undefined) return facts.pacePerMinute <= fastEnough;
  return paceSetting.kind === 'fixed' && paceSetting.perMinute <= fastEnough;
}

/** Which warnings began and which ended. A warning that still holds is neither, even if its value changed. */
export function warningChanges(
  before: readonly Warning[],
  after: readonly Warning[],
): { began: Warning[]; ended: Warning[] } {
  const absentFrom = (others: readonly Warning[]) => (warning: Warning) =>
    !others.some((other) => other.kind === warning.kind);
  return { began: after.filter(absentFrom(before)), ended: before.filter(absentFrom(after)) };
}
