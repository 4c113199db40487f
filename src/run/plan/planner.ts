import type { Clock } from '../../lib/clock.ts';
import { defined } from '../../lib/defined.ts';
import { type Result, refuse, succeed } from '../../lib/result.ts';
import { type BucketImage, type ListedImage, type ListingEvents, withoutArchived } from '../../pipeline/images.ts';
import type { Fault } from '../../pipeline/invoke/invocation.ts';
import type { QuotaReading } from '../../pipeline/limits/quotas.ts';
import type { Profile } from '../../pipeline/profile/profile.ts';
import type { Refusal, RunControl, RunForecast, RunPlan, StoredPlan, UnreadableImages } from '../model/run-control.ts';
import type { EngineKind, ImageSelection, PaceSetting } from '../model/types.ts';
import { type EngineCost, type EngineWork, engineCost } from '../rules/engine-cost.ts';
import { type CeilingFacts, forecast, paceCeiling } from '../rules/forecast.ts';
import { MOST_IMAGES } from '../store/lanes.ts';
import { type JournalChunk, type RunStore, runNumberOf } from '../store/run-store.ts';
import type { ManifestIndex } from './manifest.ts';
import { type PlannedImage, separateNeighbours } from './neighbours.ts';
import { reservoir, seededRandom } from './sample.ts';

/** Duration, cost and failures per image in the last run of this pipeline. */
export interface Experience {
  readonly runId: string;
  readonly images: number;
  readonly secondsPerImage: number;
  /** What the last run that reported a cost reported: it may be an earlier one. */
  readonly cost?: { readonly runId: string; readonly perImageUsd: number };
  /** Failed images of all, 0 to 1. */
  readonly failedShare: number;
}

const TOO_MANY: Fault = {
  reason: 'configuration',
  message: 'A run on AWS Step Functions has fewer than 100,000,000 images.',
  fix: 'Plan it with `engine=local`, or in parts with `prefix=`.',
};

/** How many keys of images that cannot be read a plan names. */
const UNREADABLE_EXAMPLES = 3;

/** What planning needs from outside. */
export interface PlannerPorts {
  readonly clock: Clock;
  readonly store: Pick<RunStore, 'nextRunId'>;
  /** The runs whose lists of images are in the control bucket. */
  readonly storedRuns: () => Promise<readonly string[]>;
  readonly bucket: string;
  readonly profile: Profile;
  /** Lists the images under a prefix. */
  readonly listImages: (prefix: string | undefined, on: ListingEvents) => AsyncIterable<BucketImage>;
  readonly writeManifest: (runId: string, images: AsyncIterable<PlannedImage>) => Promise<ManifestIndex>;
  /** See `readKnownOutcomes`. */
  readonly knownOutcomes: () => Promise<AsyncIterable<Pick<JournalChunk, 'records'>> | undefined>;
  readonly readQuotas: () => Promise<QuotaReading>;
  /** Entries in the table: counted, or approximate where it is too large to count. */
  readonly sizeUp: () => Promise<{ entries: number } | { entriesApproximate: number }>;
  readonly experience: () => Promise<Experience | undefined>;
  readonly drawSeed: () => number;
  /** The state machine of the engine `step-functions`; undefined where none is installed. */
  readonly stateMachine: () => Promise<InstalledMachine | undefined>;
}

/** What the cost of a run on the state machine depends on. */
export interface InstalledMachine extends Pick<EngineWork, 'childType'> {
  readonly imagesPerRow: (pacePerMinute: number) => number;
}

export interface PlannerSettings {
  readonly modelRequestsPerMinute: number;
  readonly quotaPercent: number;
  readonly concurrencyPercent: number;
  readonly maxInFlight: number;
  readonly secondsPerImage: number;
  readonly costPerImageUsd: number;
  readonly entriesPerImage: number;
  /** 0: unknown. */
  readonly tokensPerImage: number;
}

export interface Planned {
  readonly plan: StoredPlan;
  readonly maxInFlight: number;
}

/**
 * Plans a run: lists the bucket, writes the list as the run's manifest, reads the quotas, and estimates duration and
 * cost. Nothing is invoked. A refused plan leaves no manifest that a run could be started with.
 */
export async function planRun(
  request: Omit<Parameters<RunControl['plan']>[0], 'location'>,
  ports: PlannerPorts,
  settings: PlannerSettings,
  onProgress: (listed: number) => void = () => {},
): Promise<Result<Planned, Refusal>> {
  const selection: ImageSelection =
    request.selection.sample !== undefined && request.selection.seed === undefined
      ? { ...request.selection, seed: ports.drawSeed() }
      : request.selection;
  const conditions = await readConditions(ports, settings);
  const { quotas, ceiling } = conditions;
  const { paceSetting, engine } = request;
  if (paceSetting.kind === 'fixed' && paceSetting.perMinute > ceiling.ceilingPerMinute) {
    const { ceilingPerMinute, because } = ceiling;
    return refuse({ reason: 'pace-over-ceiling', asked: paceSetting.perMinute, ceiling: ceilingPerMinute, because });
  }

  const runId = await newRunId(ports);
  let listed = 0;
  const archived = createUnreadable();
  const empty = createUnreadable();
  const listing = ports.listImages(selection.prefix, {
    page(count) {
      listed = count;
      onProgress(count);
    },
    empty: empty.add,
  });
  const readable = withoutArchived(listing, archived.add);
  const chosen = request.images ?? choose(readable, selection);
  const outcomes = await ports.knownOutcomes();
  const index = await ports.writeManifest(
    runId,
    outcomes ? separateNeighbours(chosen, outcomes, ports.profile.together) : chosen,
  );
  if (engine === 'step-functions' && index.count >= MOST_IMAGES) return refuse({ reason: 'fault', fault: TOO_MANY });
  if (index.count === 0) return refuse(nothingToRun(ports.bucket, listed, selection));

  const table = await ports.sizeUp();
  const expected = expect(index.count, paceSetting, conditions);
  const plan: StoredPlan = defined({
    runId,
    selection,
    total: index.count,
    totalBytes: index.bytes,
    leftOut: Math.max(0, listed - index.count),
    archived: archived.found(),
    empty: empty.found(),
    paceSetting,
    keep: request.keep ? true : undefined,
    canary: request.canary,
    engine: engine === 'step-functions' ? engine : undefined,
    ceilingPerMinute: ceiling.ceilingPerMinute,
    paceBecause: [...ceiling.because, ...quotas.notes],
    expectedPerMinute: expected.expectedPerMinute,
    expectedMs: expected.expectedMs,
    expectedCostUsd: expected.expectedCostUsd,
    engineCosts: costsOf(engine ?? 'local', await ports.stateMachine(), {
      images: index.count,
      secondsPerImage: conditions.secondsPerImage,
      pacePerMinute: expected.expectedPerMinute,
    }),
    forecastRestsOn: expected.restsOn,
    ...table,
    plannedBy: request.by,
    plannedAt: Math.round(ports.clock.now()),
  });
  return succeed({ plan, maxInFlight: ceiling.maxInFlight });
}

/**
 * A run id that was never used, also where the control table was lost or restored to an earlier time: the buttons of earlier
 * messages must not start or stop another run than they show.
 */
export async function newRunId({ store, storedRuns }: Pick<PlannerPorts, 'store' | 'storedRuns'>): Promise<string> {
  const runId = await store.nextRunId();
  // By number: as text, r-10000 is before r-9999.
  const last = (await storedRuns()).reduce((most, id) => Math.max(most, runNumberOf(id) ?? 0), 0);
  return last < (runNumberOf(runId) ?? 0) ? runId : store.nextRunId(last);
}

/** What the chosen engine costs, and the other one where it could run the plan, too. */
function costsOf(
  chosen: EngineKind,
  machine: InstalledMachine | undefined,
  { pacePerMinute, ...work }: Pick<EngineWork, 'images' | 'secondsPerImage'> & { readonly pacePerMinute: number },
): readonly EngineCost[] {
  const local = engineCost({ engine: 'local', ...work, imagesPerRow: 1, childType: 'STANDARD' });
  if (!machine) return chosen === 'local' ? [local] : [];
  const { childType } = machine;
  const imagesPerRow = machine.imagesPerRow(pacePerMinute);
  const remote = engineCost({ engine: 'step-functions', ...work, childType, imagesPerRow });
  return chosen === 'local' ? [local, remote] : [remote, local];
}

/** The forecast of a run over all images, or over `known` ones. Nothing is planned: no manifest is written and no run id is used. */
export async function forecastRun(
  paceSetting: PaceSetting,
  ports: Omit<PlannerPorts, 'store' | 'clock'>,
  settings: PlannerSettings,
  known?: number,
): Promise<Result<RunForecast, Refusal>> {
  const conditions = await readConditions(ports, settings);
  let listed = 0;
  let images = known ?? 0;
  const page = (count: number) => {
    listed = count;
  };
  if (known === undefined) for await (const _ of withoutArchived(ports.listImages(undefined, { page }))) images++;
  if (images === 0) return refuse(nothingToRun(ports.bucket, listed, {}));
  const { failedShare } = conditions.experience ?? {};
  const expectedFailures = failedShare === undefined ? undefined : Math.round(failedShare * images);
  return succeed({ images, ...expect(images, paceSetting, conditions), ...defined({ expectedFailures }) });
}

interface Conditions {
  readonly quotas: QuotaReading;
  readonly experience: Experience | undefined;
  readonly secondsPerImage: number;
  readonly costPerImageUsd: number | undefined;
  readonly ceiling: ReturnType<typeof paceCeiling>;
}

/** The limits of a run and what an image takes, as read now. */
async function readConditions(
  ports: Pick<PlannerPorts, 'readQuotas' | 'experience'>,
  settings: PlannerSettings,
): Promise<Conditions> {
  const [quotas, experience] = await Promise.all([ports.readQuotas(), ports.experience()]);
  const secondsPerImage = experience?.secondsPerImage ?? settings.secondsPerImage;
  const costPerImageUsd =
    experience?.cost?.perImageUsd ?? (settings.costPerImageUsd > 0 ? settings.costPerImageUsd : undefined);
  const ceiling = paceCeiling(ceilingFacts(quotas, settings, secondsPerImage));
  return { quotas, experience, secondsPerImage, costPerImageUsd, ceiling };
}

/** What limits the pace, from quotas and settings. Plans and `/rescan quotas` share it. */
export function ceilingFacts(quotas: QuotaReading, settings: PlannerSettings, secondsPerImage: number): CeilingFacts {
  const { modelRequestsPerMinute: model, modelTokensPerMinute: tokens, freeConcurrency, table } = quotas;
  return defined({
    modelRequestsPerMinute: model?.value ?? settings.modelRequestsPerMinute,
    quotaPercent: settings.quotaPercent,
    concurrencyPercent: settings.concurrencyPercent,
    secondsPerImage,
    maxInFlight: settings.maxInFlight,
    modelName: model?.name,
    freeConcurrency,
    tokens:
      tokens && settings.tokensPerImage > 0
        ? { perMinute: tokens.value, perImage: settings.tokensPerImage }
        : undefined,
    // A record of up to 1 KB takes one unit, in the table and in each index that contains it.
    writes: table && { capacity: table.writeCapacity, unitsPerImage: settings.entriesPerImage },
  });
}

/** Duration and cost of so many images under these conditions, and what the estimate is based on. */
function expect(total: number, paceSetting: PaceSetting, conditions: Conditions): ReturnType<typeof forecast> {
  const { experience, secondsPerImage, costPerImageUsd, ceiling } = conditions;
  const expected = forecast(
    defined({
      total,
      ceilingPerMinute: ceiling.ceilingPerMinute,
      paceSetting,
      secondsPerImage,
      maxInFlight: ceiling.maxInFlight,
      secondsFrom: experience
        ? `mean of ${experience.images} images of ${experience.runId}`
        : 'SECONDS_PER_IMAGE; no run has been measured yet',
      costFrom: experience?.cost ? `as in ${experience.cost.runId}` : 'COST_PER_IMAGE_USD',
      costPerImageUsd,
    }),
  );
  return costPerImageUsd === undefined
    ? {
        ...expected,
        restsOn: [
          ...expected.restsOn,
          `Cost: unknown, because ${experience ? `the last run (${experience.runId}) reported none` : 'no run has reported one'} and COST_PER_IMAGE_USD is not set.`,
        ],
      }
    : expected;
}

function nothingToRun(bucket: string, listed: number, selection: ImageSelection): Refusal {
  const { prefix, limit, sample, retry } = selection;
  const hasNoFilter = prefix === undefined && limit === undefined && sample === undefined && retry === undefined;
  return listed === 0 && hasNoFilter
    ? { reason: 'empty-bucket', bucket }
    : { reason: 'no-match', bucket, listed, selection };
}

/** The images of a selection, in the order of the listing. Drawing a sample takes memory for the sample only. */
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

/** Counts images that cannot be read, and names the first of them. */
function createUnreadable() {
  const examples: string[] = [];
  let images = 0;
  return {
    add(key: string) {
      images += 1;
      if (examples.length < UNREADABLE_EXAMPLES) examples.push(key);
    },
    found: (): UnreadableImages | undefined => (images === 0 ? undefined : { images, examples }),
  };
}

/** A plan with the open run that has to be abandoned first, if there is one. */
export const withOpenRun = (plan: StoredPlan, openRun: RunPlan['openRun']): RunPlan =>
  openRun ? { ...plan, openRun } : plan;
