import { expectedFaultOr } from '../../pipeline/aws.ts';
import { listImages } from '../../pipeline/images.ts';
import { objectExists, withMissingImages } from '../../pipeline/invoke/missing-image.ts';
import { openFunction } from '../../pipeline/invoke/open-function.ts';
import { readAllQuotas } from '../../pipeline/limits/quotas.ts';
import { countEntries } from '../../pipeline/table/count.ts';
import { describeTable, shapeOf } from '../../pipeline/table/table.ts';
import { createRuns, type Runs } from '../../run/control/runs.ts';
import { checkGrowth } from '../../run/engines/growth-check.ts';
import { createLocalEngine } from '../../run/engines/local/engine.ts';
import { readLatestExperience } from '../../run/plan/past-runs.ts';
import { readMachineFault } from '../../run/store/machine-entry.ts';
import { readKnownOutcomes } from '../../run/store/run-chain.ts';
import type { BotContext } from '../context.ts';
import { assembleEngineControl, installedMachine } from './engine-control.ts';
import { assembleRowChecks } from './rows.ts';
import { assembleStepFunctions } from './step-functions.ts';

const POLL_MS = 400;
/** The share of the time for a shutdown that invocations in flight have to end. */
const DRAIN_SHARE = 0.4;

/** The runs of the pipeline. */
export function assembleRuns(context: BotContext): Runs {
  const { settings, aws, runStore, manifests, images, counts, random, warn } = context;
  const countAll = async () => {
    const keys = shapeOf(await describeTable(aws.bulkDynamodb, settings.table), context.profile);
    return countEntries(aws.bulkDynamodb, settings.table, { keys });
  };
  const rowChecks = assembleRowChecks(context, settings.rowsWaitMs);
  const readFault = (error: unknown) => expectedFaultOr(error, settings.ocrFunction);
  const local = createLocalEngine({
    clock: context.clock,
    random,
    manifest: manifests.read,
    openFunction: async (maxInFlight) => {
      const { invoke, close } = await openFunction(
        aws.lambda,
        context.invocations,
        maxInFlight,
        context.leases.runs.holds,
      );
      const exists = (key: string, signal: AbortSignal) => objectExists(aws.s3, settings.imageBucket, key, signal);
      return { invoke: withMissingImages(invoke, exists, warn), close };
    },
    readFault,
    warn,
  });
  return createRuns(
    {
      clock: context.clock,
      store: runStore,
      lease: context.leases.runs,
      holder: context.holder,
      engines: { local, 'step-functions': assembleStepFunctions(context, assembleEngineControl(context), readFault) },
      stopFile: settings.stopFile,
      stopFileExists: context.stopFileExists,
      storedStops: context.storedStops,
      stateNotes: context.stateNotes,
      readMachineFault: (noted) => readMachineFault(noted, settings.ocrFunction),
      checkGrowth: async (question) =>
        checkGrowth(question, {
          ...(question.growthKind === 'counted' || (await counts.isCountable()) ? { countEntries: countAll } : {}),
          lookUp: rowChecks.lookUp,
        }),
      lookUpRows: rowChecks.lookUpRows,
      missingRows: rowChecks.missingRows,
      countEntries: counts.entries,
      readFault,
      warn,
      planner: {
        bucket: settings.imageBucket,
        profile: context.profile,
        listImages: (prefix, on) => listImages(aws.s3, prefix === undefined ? images : { ...images, prefix }, on),
        writeManifest: manifests.write,
        storedRuns: manifests.ids,
        knownOutcomes: () => readKnownOutcomes(runStore),
        readQuotas: () => readAllQuotas(aws, context.quotas),
        sizeUp: counts.size,
        experience: () => readLatestExperience(runStore),
        drawSeed: () => Math.floor(random() * 1_000_000),
        stateMachine: () => installedMachine(assembleEngineControl(context), warn),
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
      engine: settings.runEngine,
    },
  );
}
