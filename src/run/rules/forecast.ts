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
  /** Most images in flight at once. */
  readonly maxInFlight: number;
  readonly secondsPerImage: number;
  readonly costPerImageUsd?: number;
  /** Where the seconds and the cost of an image come from, in words: "the last run", "the setting SECONDS_PER_IMAGE". */
  readonly secondsFrom?: string;
  readonly costFrom?: string;
}

export interface Forecast {
  readonly expectedPerMinute: number;
  readonly expectedMs: number;
  readonly expectedCostUsd?: number;
  /** What duration and cost rest on, one line each. */
  readonly restsOn: string[];
}

/**
 * What a run of so many images will take and cost: at its pace, or at what its concurrency can carry when that is less;
 * with the slow start of `auto`, and the time of the last image.
 */
export function forecast(facts: ForecastFacts): Forecast {
  const { total, ceilingPerMinute, paceSetting, secondsPerImage, costPerImageUsd } = facts;
  const topPerMinute =
    paceSetting.kind === 'fixed' ? Math.min(paceSetting.perMinute, ceilingPerMinute) : ceilingPerMinute;
  const carriedPerMinute = (Math.max(1, facts.maxInFlight) * 60) / Math.max(0.001, secondsPerImage);
  const expectedPerMinute = Math.min(topPerMinute, carriedPerMinute);
  const startingMs =
    paceSetting.kind === 'auto' ? autoMs(total, expectedPerMinute) : steadyMs(total, expectedPerMinute);
  const restsOn = [
    paceSetting.kind === 'fixed'
      ? `Pace: ${minuteShare(topPerMinute)} (your setting).`
      : `Pace: auto, up to ${minuteShare(topPerMinute)} after a slow start.`,
  ];
  if (carriedPerMinute < topPerMinute)
    restsOn.push(
      `${counted(facts.maxInFlight, 'image', 'images')} in progress at ${fine.format(secondsPerImage)} s each allow ${minuteShare(carriedPerMinute)}.`,
    );
  restsOn.push(`${fine.format(secondsPerImage)} s per image${facts.secondsFrom ? ` (${facts.secondsFrom})` : ''}.`);
  if (costPerImageUsd !== undefined)
    restsOn.push(`${money.format(costPerImageUsd)} USD per image${facts.costFrom ? ` (${facts.costFrom})` : ''}.`);
  return {
    expectedPerMinute,
    expectedMs: total === 0 ? 0 : startingMs + secondsPerImage * 1_000,
    ...(costPerImageUsd === undefined ? {} : { expectedCostUsd: costPerImageUsd * total }),
    restsOn,
  };
}

/** From the first start to the last. */
const steadyMs = (total: number, perMinute: number) => (Math.max(0, total - 1) * MINUTE_MS) / perMinute;

/** The same, when the pace begins at 20 a minute and doubles every 10 s (see pacer.ts). */
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
 * The time that what is left will take, ms: at the rate observed, or at the pace where that is lower (a person just
 * slowed the run down) or nothing was observed yet. Undefined when nothing moves.
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
  /** Share of the model's requests that may be taken, per cent. */
  readonly quotaPercent: number;
  /** Undefined when it could not be read. */
  readonly freeConcurrency?: number;
  /** Share of the free concurrency that may be in flight, per cent. */
  readonly concurrencyPercent: number;
  readonly secondsPerImage: number;
  /** The most images in flight, whatever the quotas say. */
  readonly maxInFlight: number;
  readonly modelName?: string;
  /** Tokens a minute that the model gives, and those of an image. */
  readonly tokens?: { readonly perMinute: number; readonly perImage: number };
  /** Provisioned write capacity, units a second, of the table and of each index; and the units that an image's records take. */
  readonly writes?: {
    readonly capacity: readonly { readonly name: string; readonly units: number }[];
    readonly unitsPerImage: number;
  };
}

/**
 * The fastest that a run may go, as a share of the model's requests a minute, and the most that may be in flight, as a
 * share of the free concurrency; provisioned write capacity and the model's tokens, where these are known, bound the pace
 * too. The share of the concurrency bounds the pace only as long as images take as long as they are thought to, so it is no
 * ceiling. Never less than one a minute and one in flight: pushback does the rest. `because` is the arithmetic, one line each.
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
  const carried = (maxInFlight * 60) / Math.max(0.001, secondsPerImage);
  if (carried < ofModel)
    because.push(
      `${whole.format(maxInFlight)} images at once × 60 ÷ ${fine.format(secondsPerImage)} s per image = ${fine.format(carried)} a minute`,
    );
  let limit = ofModel;
  const take = (perMinute: number, words: string) => {
    if (perMinute < limit) because.push(words);
    limit = Math.min(limit, perMinute);
  };
  if (facts.tokens && facts.tokens.perImage > 0) {
    const { perMinute, perImage } = facts.tokens;
    const ofTokens = (perMinute * quotaPercent) / 100 / perImage;
    take(
      ofTokens,
      `Tokens: ${whole.format(perMinute)} a minute × ${fine.format(quotaPercent)} % ÷ ${whole.format(perImage)} per image = ${fine.format(ofTokens)}`,
    );
  }
  for (const { name, units } of facts.writes?.capacity ?? []) {
    const unitsPerImage = facts.writes?.unitsPerImage ?? 1;
    const ofWrites = (units * 60) / unitsPerImage;
    take(
      ofWrites,
      `${name}: ${whole.format(units)} write units a second × 60 ÷ ${fine.format(unitsPerImage)} per image = ${fine.format(ofWrites)}`,
    );
  }
  const ceilingPerMinute = Math.max(1, Math.floor(limit));
  return { ceilingPerMinute, maxInFlight, because };
}
