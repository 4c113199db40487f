import type { Clock } from '../../lib/clock.ts';
import type { ListedImage } from '../../pipeline/images.ts';
import type { QuotaReading } from '../../pipeline/limits/quotas.ts';
import type { Refusal, RunForecast, RunPlan } from '../model/run-control.ts';
import type { Canary, ImageSelection, PaceSetting, Person } from '../model/types.ts';
import { type CeilingFacts, forecast, paceCeiling } from '../rules/forecast.ts';
import type { RunStore, StoredPlan } from '../store/run-store.ts';
import type { ManifestIndex } from './manifest.ts';
import { reservoir, seededRandom } from './sample.ts';

/** What images have cost and taken so far in this pipeline, from its last run. */
export interface Experience {
  readonly runId: string;
  readonly images: number;
  readonly secondsPerImage: number;
  readonly costPerImageUsd?: number;
  /** Failed of all, 0 to 1. */
  readonly failedShare: number;
}

/** What a plan is made from, and no more. */
export interface PlannerPorts {
  readonly clock: Clock;
  readonly store: RunStore;
  readonly bucket: string;
  /** Lists the images under a prefix; tells how many objects were looked at. */
  readonly listImages: (prefix: string | undefined, onLooked: (looked: number) => void) => AsyncIterable<ListedImage>;
  readonly writeManifest: (runId: string, images: AsyncIterable<ListedImage>) => Promise<ManifestIndex>;
  readonly readQuotas: () => Promise<QuotaReading>;
  /** Entries in the table: counted, or about, where it is too large to count. */
  readonly sizeUp: () => Promise<{ entries: number } | { entriesApproximate: number }>;
  readonly experience: () => Promise<Experience | undefined>;
  readonly drawSeed: () => number;
}

export interface PlannerSettings {
  readonly modelRequestsPerMinute: number;
  readonly quotaPercent: number;
  readonly concurrencyPercent: number;
  readonly maxInFlight: number;
  readonly secondsPerImage: number;
  readonly costPerImageUsd: number;
  readonly entriesPerImage: number;
  /** 0: not known. */
  readonly tokensPerImage: number;
}

export type Planned =
  | { readonly ok: true; readonly plan: StoredPlan; readonly maxInFlight: number }
  | { readonly ok: false; readonly refusal: Refusal };

/**
 * Makes the plan of a run: lists the bucket, freezes the list as the run's manifest, reads the quotas and says what to
 * expect. Nothing is invoked; a refused plan leaves no manifest that a run could start from.
 */
export async function planRun(
  request: {
    selection: ImageSelection;
    paceSetting: PaceSetting;
    keep?: boolean;
    canary?: Canary;
    /** In place of a listing of the bucket. */
    images?: AsyncIterable<ListedImage>;
    by: Person;
  },
  ports: PlannerPorts,
  settings: PlannerSettings,
  onProgress: (seen: number) => void = () => {},
): Promise<Planned> {
  const selection: ImageSelection =
    request.selection.sample !== undefined && request.selection.seed === undefined
      ? { ...request.selection, seed: ports.drawSeed() }
      : request.selection;
  const conditions = await readConditions(ports, settings);
  const { quotas, ceiling } = conditions;
  const { paceSetting } = request;
  if (paceSetting.kind === 'fixed' && paceSetting.perMinute > ceiling.ceilingPerMinute) {
    const { ceilingPerMinute, because } = ceiling;
    const refusal: Refusal = {
      reason: 'pace-over-ceiling',
      asked: paceSetting.perMinute,
      ceiling: ceilingPerMinute,
      because,
    };
    return { ok: false, refusal };
  }

  const runId = await ports.store.nextRunId();
  let looked = 0;
  const listed = ports.listImages(selection.prefix, (count) => {
    looked = count;
    onProgress(count);
  });
  const index = await ports.writeManifest(runId, request.images ?? choose(listed, selection));
  if (index.count === 0) return { ok: false, refusal: nothingToRun(ports.bucket, looked, selection) };

  const table = await ports.sizeUp();
  const expected = expect(index.count, paceSetting, conditions);
  const plan: StoredPlan = {
    runId,
    selection,
    total: index.count,
    totalBytes: index.bytes,
    leftOut: Math.max(0, looked - index.count),
    paceSetting,
    ...(request.keep ? { keep: true } : {}),
    ...(request.canary === undefined ? {} : { canary: request.canary }),
    ceilingPerMinute: ceiling.ceilingPerMinute,
    paceBecause: [...ceiling.because, ...quotas.notes],
    expectedPerMinute: expected.expectedPerMinute,
    expectedMs: expected.expectedMs,
    ...(expected.expectedCostUsd === undefined ? {} : { expectedCostUsd: expected.expectedCostUsd }),
    forecastRestsOn: expected.restsOn,
    ...table,
    plannedBy: request.by,
    plannedAt: Math.round(ports.clock.now()),
  };
  return { ok: true, plan, maxInFlight: ceiling.maxInFlight };
}

/** What is to be expected of a run over all images, without planning one: no manifest is written, no id is taken. */
export async function forecastRun(
  paceSetting: PaceSetting,
  ports: Omit<PlannerPorts, 'store' | 'clock'>,
  settings: PlannerSettings,
): Promise<{ readonly ok: true; readonly value: RunForecast } | { readonly ok: false; readonly refusal: Refusal }> {
  const conditions = await readConditions(ports, settings);
  let looked = 0;
  let images = 0;
  for await (const _ of ports.listImages(undefined, (count) => {
    looked = count;
  }))
    images++;
  if (images === 0) return { ok: false, refusal: nothingToRun(ports.bucket, looked, {}) };
  const { failedShare } = conditions.experience ?? {};
  return {
    ok: true,
    value: {
      images,
      ...expect(images, paceSetting, conditions),
      ...(failedShare === undefined ? {} : { expectedFailures: Math.round(failedShare * images) }),
    },
  };
}

interface Conditions {
  readonly quotas: QuotaReading;
  readonly experience: Experience | undefined;
  readonly secondsPerImage: number;
  readonly costPerImageUsd: number | undefined;
  readonly ceiling: ReturnType<typeof paceCeiling>;
}

/** What bounds a run and what images take, read just now. */
async function readConditions(
  ports: Pick<PlannerPorts, 'readQuotas' | 'experience'>,
  settings: PlannerSettings,
): Promise<Conditions> {
  const [quotas, experience] = await Promise.all([ports.readQuotas(), ports.experience()]);
  const secondsPerImage = experience?.secondsPerImage ?? settings.secondsPerImage;
  const costPerImageUsd =
    experience?.costPerImageUsd ?? (settings.costPerImageUsd > 0 ? settings.costPerImageUsd : undefined);
  const ceiling = paceCeiling(ceilingFacts(quotas, settings, secondsPerImage));
  return { quotas, experience, secondsPerImage, costPerImageUsd, ceiling };
}

/** What bounds the pace, out of what was read and what is set: the one arithmetic of plans and of `/rescan quotas`. */
export function ceilingFacts(quotas: QuotaReading, settings: PlannerSettings, secondsPerImage: number): CeilingFacts {
  const { modelRequestsPerMinute: model, modelTokensPerMinute: tokens, freeConcurrency, table } = quotas;
  return {
    modelRequestsPerMinute: model?.value ?? settings.modelRequestsPerMinute,
    quotaPercent: settings.quotaPercent,
    concurrencyPercent: settings.concurrencyPercent,
    secondsPerImage,
    maxInFlight: settings.maxInFlight,
    ...(model ? { modelName: model.name } : {}),
    ...(freeConcurrency === undefined ? {} : { freeConcurrency }),
    ...(tokens && settings.tokensPerImage > 0
      ? { tokens: { perMinute: tokens.value, perImage: settings.tokensPerImage } }
      : {}),
    // A record of up to 1 KB takes one unit, in the table and in each index that shows it.
    ...(table ? { writes: { capacity: table.writeCapacity, unitsPerImage: settings.entriesPerImage } } : {}),
  };
}

/** What so many images take and cost under these conditions, and what that rests on. */
function expect(total: number, setting: PaceSetting, conditions: Conditions): ReturnType<typeof forecast> {
  const { experience, secondsPerImage, costPerImageUsd, ceiling } = conditions;
  const expected = forecast({
    total,
    ceilingPerMinute: ceiling.ceilingPerMinute,
    setting,
    secondsPerImage,
    maxInFlight: ceiling.maxInFlight,
    secondsFrom: experience
      ? `the mean of ${experience.images} images of ${experience.runId}`
      : 'the setting SECONDS_PER_IMAGE, as no run has told yet',
    costFrom: experience?.costPerImageUsd === undefined ? 'the setting COST_PER_IMAGE_USD' : experience.runId,
    ...(costPerImageUsd === undefined ? {} : { costPerImageUsd }),
  });
  return costPerImageUsd === undefined
    ? {
        ...expected,
        restsOn: [...expected.restsOn, 'Cost: not known, as no run has told and COST_PER_IMAGE_USD is not set.'],
      }
    : expected;
}

function nothingToRun(bucket: string, looked: number, selection: ImageSelection): Refusal {
  const { prefix, limit, sample, retry } = selection;
  const nothingAsked = prefix === undefined && limit === undefined && sample === undefined && retry === undefined;
  return looked === 0 && nothingAsked
    ? { reason: 'empty-bucket', bucket }
    : { reason: 'no-match', bucket, looked, selection };
}

/** The images of a selection, in the order of the listing. A sample is drawn with its seed in memory of its own size. */
async function* choose(images: AsyncIterable<ListedImage>, selection: ImageSelection): AsyncIterable<ListedImage> {
  const { limit, sample, seed } = selection;
  if (sample === undefined) {
    let taken = 0;
    for await (const image of images) {
      if (limit !== undefined && taken >= limit) return;
      taken++;
      yield image;
    }
    return;
  }
  const drawn = reservoir<ListedImage>(sample, seededRandom(seed ?? 0));
  for await (const image of images) drawn.offer(image);
  yield* drawn.result().slice(0, limit ?? sample);
}

/** What the plan of a run says, with the run that stands in its way, if one does. */
export const withOpenRun = (plan: StoredPlan, openRun: RunPlan['openRun']): RunPlan =>
  openRun ? { ...plan, openRun } : plan;
