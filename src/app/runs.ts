import { access } from 'node:fs/promises';
import type { Clock, Random } from '../lib/clock.ts';
import type { Logger } from '../lib/log.ts';
import { type AwsClients, createInvokeClient, expectedFaultOr } from '../pipeline/aws.ts';
import { listImages } from '../pipeline/images.ts';
import type { Fault } from '../pipeline/invoke/invocation.ts';
import { createOcrFunction, describeFunction } from '../pipeline/invoke/ocr-function.ts';
import { readAllQuotas } from '../pipeline/limits/quotas.ts';
import { countEntries } from '../pipeline/table/count.ts';
import { rowsOfImage } from '../pipeline/table/image-rows.ts';
import { describeTable } from '../pipeline/table/table.ts';
import { createRuns, type Runs } from '../run/control/runs.ts';
import { checkGrowth } from '../run/engines/local/growth-check.ts';
import { type ManifestLocation, readManifest, readManifestIndex, writeManifest } from '../run/plan/manifest.ts';
import { readLatestExperience } from '../run/plan/past-runs.ts';
import type { PlannerSettings } from '../run/plan/planner.ts';
import { createRunStore } from '../run/store/run-store.ts';
import type { Settings } from '../settings.ts';
import type { ControlTable } from '../state/control-table.ts';
import { createLease } from '../state/lease.ts';

/** How much longer than the function itself the bot waits for its reply, ms: never the one to give up first. */
const BEYOND_FUNCTION_TIMEOUT_MS = 30_000;
const POLL_MS = 400;

export interface RunsParts {
  readonly settings: Settings;
  readonly aws: AwsClients;
  readonly table: ControlTable;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly holder: string;
  readonly drainMs: number;
}

/** What plans rest on where nothing has told yet. */
export const plannerSettings = (settings: Settings): PlannerSettings => ({
  modelRequestsPerMinute: settings.modelRequestsPerMinute,
  quotaPercent: settings.paceQuotaPercent,
  concurrencyPercent: settings.concurrencyPercent,
  maxInFlight: settings.maxInFlight,
  secondsPerImage: settings.secondsPerImage,
  costPerImageUsd: settings.costPerImageUsd,
  entriesPerImage: settings.entriesPerImage,
  tokensPerImage: settings.tokensPerImage,
});

/** The runs of the pipeline that the settings name, on real AWS clients. */
export async function assembleRuns(parts: RunsParts): Promise<Runs> {
  const { settings, aws, table, clock, random, logger, holder } = parts;
  const store = createRunStore(table, settings.ocrFunction);
  const lease = createLease({
    table,
    name: settings.ocrFunction,
    holder,
    durationMs: settings.leaseMs,
    clock,
    logger,
  });
  const location = (runId: string): ManifestLocation => ({
    bucket: settings.controlBucket,
    prefix: `${settings.controlPrefix}runs/${runId}/manifest/`,
  });

  const fault = (error: unknown): Fault => expectedFaultOr(error, settings.ocrFunction);
  const warn = (message: string, cause: unknown) => logger.warn({ err: cause }, message);

  const countable = async (): Promise<boolean> => {
    const facts = await describeTable(aws.bulkDynamodb, settings.table);
    return facts.approximateBytes <= settings.growthCountMaxBytes;
  };
  const countIfSmall = async (): Promise<number | undefined> =>
    (await countable()) ? countEntries(aws.bulkDynamodb, settings.table) : undefined;

  async function* manifest(runId: string, from: number) {
    const index = await readManifestIndex(aws.s3, location(runId));
    yield* readManifest(aws.s3, location(runId), index, from);
  }

  return createRuns(
    {
      clock,
      random,
      store,
      lease,
      holder,
      manifest,
      stopFile: settings.stopFile,
      stopFileExists: () =>
        access(settings.stopFile).then(
          () => true,
          () => false,
        ),
      openFunction: async (maxInFlight) => {
        const facts = await describeFunction(aws.lambda, settings.ocrFunction);
        const client = createInvokeClient({
          timeoutMs: facts.timeoutMs + BEYOND_FUNCTION_TIMEOUT_MS,
          maxSockets: maxInFlight,
        });
        const ocr = createOcrFunction({
          client,
          functionName: settings.ocrFunction,
          bucket: settings.imageBucket,
          keyEncoding: settings.keyEncoding,
        });
        return ocr.invoke;
      },
      checkGrowth: async (question) => {
        const isCountable = question.growthKind === 'counted' || (await countable());
        return checkGrowth(question, {
          ...(isCountable ? { countEntries: () => countEntries(aws.bulkDynamodb, settings.table) } : {}),
          rowsOfImage: (resourceName, imageKey) =>
            rowsOfImage(aws.bulkDynamodb, settings.table, { resourceName, imageKey }),
        });
      },
      countEntries: countIfSmall,
      readFault: fault,
      warn,
      planner: {
        bucket: settings.imageBucket,
        listImages: (prefix, onLooked) =>
          listImages(
            aws.s3,
            {
              bucket: settings.imageBucket,
              extensions: settings.imageExtensions,
              excludedPrefixes: settings.excludedPrefixes,
              ...(prefix === undefined ? {} : { prefix }),
            },
            onLooked,
          ),
        writeManifest: (runId, images) => writeManifest(aws.s3, location(runId), images),
        readQuotas: () =>
          readAllQuotas(aws, {
            functionName: settings.ocrFunction,
            modelId: settings.modelId,
            tableName: settings.table,
          }),
        sizeUp: async () => {
          const facts = await describeTable(aws.bulkDynamodb, settings.table);
          return facts.approximateBytes <= settings.growthCountMaxBytes
            ? { entries: await countEntries(aws.bulkDynamodb, settings.table) }
            : { entriesApproximate: facts.approximateItems };
        },
        experience: () => readLatestExperience(store),
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
      throttleLimit: settings.throttleLimit,
      checkpointOutcomes: settings.checkpointOutcomes,
      checkpointMs: settings.checkpointMs,
      shutdownDrainMs: parts.drainMs,
      pollMs: POLL_MS,
      autoResume: settings.autoResume,
      standbyMs: Math.max(500, settings.leaseMs / 4),
      planner: plannerSettings(settings),
    },
  );
}
