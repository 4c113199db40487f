import { defined } from '../../lib/defined.ts';
import type { PaceSetting } from '../model/types.ts';

const MINUTE_MS = 60_000;
const whole = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 });
const fine = new Intl.NumberFormat('en-US', { maximumFractionDigits: 2 });
const money = new Intl.NumberFormat('en-US', { maximumSignificantDigits: 3 });
const counted = (n: number, one: string, many: string) => `${whole.format(n)} ${n === 1 ? one : many}`;
const minuteShare = (n: number) => `${fine.format(n)} images a minute`;

export interface ForecastFacts {
  readonly total: number;
  readonly ceilingPerMinute: number;
  readonly paceSetting: PaceSetting;
  /** The most images in flight. */
  readonly maxInFlight: number;
  readonly secondsPerImage: number;
  readonly costPerImageUsd?: number;
  /** Sources of the seconds and the cost per image, as text: "mean of 400 images of r-0141", "SECONDS_PER_IMAGE". */
  readonly secondsFrom?: string;
  readonly costFrom?: string;
}

export interface Forecast {
  readonly expectedPerMinute: number;
  readonly expectedMs: number;
  readonly expectedCostUsd?: number;
  /** What duration and cost are based on, one line each. */
  readonly restsOn: string[];
}

/**
 * The expected duration and cost of a run: at its pace, or at the pace that its concurrency allows if that is lower,
 * with the slow start of `auto` and the time of the last image.
 */
export function forecast(facts: ForecastFacts): Forecast {
  const { total, ceilingPerMinute, paceSetting, secondsPerImage, costPerImageUsd } = facts;
  const topPerMinute =
    paceSetting.kind === 'fixed' ? Math.min(paceSetting.perMinute, ceilingPerMinute) : ceilingPerMinute;
  const concurrencyPerMinute = (Math.max(1, facts.maxInFlight) * 60) / Math.max(0.001, secondsPerImage);
  const expectedPerMinute = Math.min(topPerMinute, concurrencyPerMinute);
  const startsMs = paceSetting.kind === 'auto' ? autoMs(total, expectedPerMinute) : steadyMs(total, expectedPerMinute);
  const restsOn = [
    paceSetting.kind === 'fixed'
      ? `Pace: ${minuteShare(topPerMinute)} (your setting).`
      : `Pace: auto, up to ${minuteShare(topPerMinute)} after a slow start.`,
  ];
  if (concurrencyPerMinute < topPerMinute)
    restsOn.push(
      `${counted(facts.maxInFlight, 'image', 'images')} in progress at ${fine.format(secondsPerImage)} s each allow ${minuteShare(concurrencyPerMinute)}.`,
    );
  restsOn.push(`${fine.format(secondsPerImage)} s per image${facts.secondsFrom ? ` (${facts.secondsFrom})` : ''}.`);
  if (costPerImageUsd !== undefined)
    restsOn.push(`${money.format(costPerImageUsd)} USD per image${facts.costFrom ? ` (${facts.costFrom})` : ''}.`);
  return defined({
    expectedPerMinute,
    expectedMs: total === 0 ? 0 : startsMs + secondsPerImage * 1_000,
    expectedCostUsd: costPerImageUsd === undefined ? undefined : costPerImageUsd * total,
    restsOn,
  });
}

/** Time from the first start to the last. */
const steadyMs = (total: number, perMinute: number) => (Math.max(0, total - 1) * MINUTE_MS) / perMinute;

/** The same if the pace starts at 20 a minute and doubles every 10 s (see pacer.ts). */
function autoMs(total: number, topPerMinute: number): number {
  let pace = Math.min(20, topPerMinute);
  let left = Math.max(0, total - 1);
  let ms = 0;
  while (pace < topPerMinute && left > pace / 6) {
    left -= pace / 6;
    ms += 10_000;
    pace = Math.min(topPerMinute, pace * 2);
  }
  return ms + (left * MINUTE_MS) / pace;
}

/**
 * The time for the remaining images, ms: at the measured rate, or at the pace if that is lower (a person just lowered
 * it) or no rate was measured yet. Undefined if the rate is 0.
 */
export function eta(facts: {
  total: number;
  done: number;
  imagesPerMinute?: number;
  pacePerMinute: number;
}): number | undefined {
  const left = Math.max(0, facts.total - facts.done);
  if (left === 0) return 0;
  const perMinute = Math.min(facts.imagesPerMinute ?? Number.POSITIVE_INFINITY, facts.pacePerMinute);
  return perMinute > 0 && Number.isFinite(perMinute) ? (left * MINUTE_MS) / perMinute : undefined;
}

export interface CeilingFacts {
  readonly modelRequestsPerMinute: number;
  /** Share of the model's requests that a run may use, per cent. */
  readonly quotaPercent: number;
  /** Undefined when it could not be read. */
  readonly freeConcurrency?: number;
  /** Share of the free concurrency that may be in flight, per cent. */
  readonly concurrencyPercent: number;
  readonly secondsPerImage: number;
  /** The most images in flight, whatever the quotas say. */
  readonly maxInFlight: number;
  readonly modelName?: string;
  /** Tokens a minute that the model allows, and tokens per image. */
  readonly tokens?: { readonly perMinute: number; readonly perImage: number };
  /**
   * Provisioned write capacity of the table and of each index, units a second, and the units that the records of an
   * image take.
   */
  readonly writes?: {
    readonly capacity: readonly { readonly name: string; readonly units: number }[];
    readonly unitsPerImage: number;
  };
}

/**
 * The highest pace of a run, as a share of the model's requests a minute, and the most images in flight, as a share of
 * the free concurrency. Provisioned write capacity and the model's tokens limit the pace, too, where they are known.
 * The concurrency limits the pace only while images take as long as expected, so it is not part of the ceiling. At
 * least one a minute and one in flight: throttling does the rest. `because` is the calculation, one line each.
 */
export function paceCeiling(facts: CeilingFacts): { ceilingPerMinute: number; maxInFlight: number; because: string[] } {
  const { modelRequestsPerMinute, quotaPercent, freeConcurrency, concurrencyPercent, secondsPerImage } = facts;
  const ofModel = (modelRequestsPerMinute * quotaPercent) / 100;
  const because = [
    `${facts.modelName ?? 'The model'}: ${fine.format(modelRequestsPerMinute)} requests a minute × ${fine.format(quotaPercent)} % = ${fine.format(ofModel)}`,
  ];
  let maxInFlight = Math.max(1, Math.floor(facts.maxInFlight));
  if (freeConcurrency === undefined) because.push('Free Lambda concurrency: unknown');
  else {
    const share = Math.max(1, Math.floor((freeConcurrency * concurrencyPercent) / 100));
    because.push(
      `Lambda: ${whole.format(freeConcurrency)} free × ${fine.format(concurrencyPercent)} % = ${whole.format(share)} images at once`,
    );
    if (share > maxInFlight) because.push(`At most ${whole.format(maxInFlight)} images at once (setting)`);
    maxInFlight = Math.min(share, maxInFlight);
  }
  const concurrencyLimit = (maxInFlight * 60) / Math.max(0.001, secondsPerImage);
  if (concurrencyLimit < ofModel)
    because.push(
      `${whole.format(maxInFlight)} images at once × 60 ÷ ${fine.format(secondsPerImage)} s per image = ${whole.format(concurrencyLimit)} a minute`,
    );
  let limit = ofModel;
  const limitTo = (perMinute: number, reason: string) => {
    if (perMinute < limit) because.push(reason);
    limit = Math.min(limit, perMinute);
  };
  if (facts.tokens && facts.tokens.perImage > 0) {
    const { perMinute, perImage } = facts.tokens;
    const ofTokens = (perMinute * quotaPercent) / 100 / perImage;
    limitTo(
      ofTokens,
      `Tokens: ${whole.format(perMinute)} a minute × ${fine.format(quotaPercent)} % ÷ ${whole.format(perImage)} per image = ${fine.format(ofTokens)}`,
    );
  }
  for (const { name, units } of facts.writes?.capacity ?? []) {
    const unitsPerImage = facts.writes?.unitsPerImage ?? 1;
    const ofWrites = (units * 60) / unitsPerImage;
    limitTo(
      ofWrites,
      `${name}: ${whole.format(units)} write units a second × 60 ÷ ${fine.format(unitsPerImage)} per image = ${fine.format(ofWrites)}`,
    );
  }
  const ceilingPerMinute = Math.max(1, Math.floor(limit));
  return { ceilingPerMinute, maxInFlight, because };
}
