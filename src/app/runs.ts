import { expectedFaultOr } from '../pipeline/aws.ts';
import { listImages } from '../pipeline/images.ts';
import { objectExists, withMissingImages } from '../pipeline/invoke/missing-image.ts';
import { openFunction } from '../pipeline/invoke/open-function.ts';
import { readAllQuotas } from '../pipeline/limits/quotas.ts';
import { countEntries } from '../pipeline/table/count.ts';
import { createRuns, type Runs } from '../run/control/runs.ts';
import { checkGrowth } from '../run/engines/local/growth-check.ts';
import { readLatestExperience } from '../run/plan/past-runs.ts';
import { readKnownOutcomes } from '../run/store/run-chain.ts';
import type { BotContext } from './context.ts';
import { assembleRowChecks } from './rows.ts';

const POLL_MS = 400;
/** The share of the time for a shutdown that invocations in flight have to end. */
const DRAIN_SHARE = 0.4;

/** The runs of the pipeline. */
export function assembleRuns(context: BotContext): Runs {
  const { settings, aws, runStore, manifests, images, counts, random, warn } = context;
  const countAll = () => countEntries(aws.bulkDynamodb, settings.table);
  const rowChecks = assembleRowChecks(context, settings.rowsWaitMs);
  return createRuns(
    {
      clock: context.clock,
      random,
      store: runStore,
      lease: context.leases.runs,
      holder: context.holder,
      manifest: manifests.read,
      stopFile: settings.stopFile,
      stopFileExists: context.stopFileExists,
      storedStops: context.storedStops,
      openFunction: async (maxInFlight) => {
        const { invoke } = await openFunction(aws.lambda, context.invocations, maxInFlight);
        return withMissingImages(
          invoke,
          (key, signal) => objectExists(aws.s3, settings.imageBucket, key, signal),
          warn,
        );
      },
      checkGrowth: async (question) =>
        checkGrowth(question, {
          ...(question.growthKind === 'counted' || (await counts.isCountable()) ? { countEntries: countAll } : {}),
          lookUp: rowChecks.lookUp,
        }),
      lookUpRows: rowChecks.lookUpRows,
      missingRows: rowChecks.missingRows,
      countEntries: counts.entries,
      readFault: (error) => expectedFaultOr(error, settings.ocrFunction),
      warn,
      planner: {
        bucket: settings.imageBucket,
        listImages: (prefix, on) => listImages(aws.s3, prefix === undefined ? images : { ...images, prefix }, on),
        writeManifest: manifests.write,
        knownOutcomes: () => readKnownOutcomes(runStore),
        readQuotas: () => readAllQuotas(aws, context.quotas),
        sizeUp: counts.size,
        experience: () => readLatestExperience(runStore),
        drawSeed: () => Math.floor(random() * 1_000_000),
      },
    },
    {
      breaker: {
        consecutive: settings.breakerConsecutive,
        window: settings.breakerWindow,
        percent: settings.breakerPercent,
      },
      growth: {
        checkImages: settings.growthCheckImages,
        warnMs: settings.growthWarnMs,
        tripMs: settings.growthTripMs,
      },
      warnings: {
        imagesPerMinute: settings.warnImagesPerMinute,
        failurePercent: settings.warnFailurePercent,
        throttlePercent: settings.warnThrottlePercent,
        withoutGrowthMs: settings.growthWarnMs,
      },
      rowsWaitMs: settings.rowsWaitMs,
      throttleLimit: settings.throttleLimit,
      checkpointOutcomes: settings.checkpointOutcomes,
      checkpointMs: settings.checkpointMs,
      shutdownDrainMs: settings.shutdownMs * DRAIN_SHARE,
      pollMs: POLL_MS,
      autoResume: settings.autoResume,
      standbyMs: Math.max(500, settings.leaseMs / 4),
      planner: context.planner,
    },
  );
}
