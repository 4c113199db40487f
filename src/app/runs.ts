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
import { lookForGrowth } from '../run/engines/local/growth-look.ts';
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
const MEGABYTE = 1024 * 1024;

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
  modelRequestsPerMinute: settings.MODEL_REQUESTS_PER_MINUTE,
  quotaPercent: settings.PACE_QUOTA_PERCENT,
  concurrencyPercent: settings.CONCURRENCY_PERCENT,
  maxInFlight: settings.MAX_IN_FLIGHT,
  secondsPerImage: settings.SECONDS_PER_IMAGE,
  costPerImageUsd: settings.COST_PER_IMAGE_USD,
  entriesPerImage: settings.ENTRIES_PER_IMAGE,
  tokensPerImage: settings.TOKENS_PER_IMAGE,
});

/** The runs of the pipeline that the settings name, on real AWS clients. */
export async function assembleRuns(parts: RunsParts): Promise<Runs> {
  const { settings, aws, table, clock, random, logger, holder } = parts;
  const store = createRunStore(table, settings.OCR_FUNCTION);
  const lease = createLease({
    table,
    name: settings.OCR_FUNCTION,
    holder,
    durationMs: settings.LEASE_SECONDS,
    clock,
    logger,
  });
  const location = (runId: string): ManifestLocation => ({
    bucket: settings.CONTROL_BUCKET,
    prefix: `${settings.CONTROL_PREFIX}runs/${runId}/manifest/`,
  });

  const fault = (error: unknown): Fault => expectedFaultOr(error, settings.OCR_FUNCTION);
  const warn = (message: string, cause: unknown) => logger.warn({ err: cause }, message);

  const countable = async (): Promise<boolean> => {
    const facts = await describeTable(aws.bulkDynamodb, settings.TABLE);
    return facts.approximateBytes <= settings.GROWTH_COUNT_MAX_MB * MEGABYTE;
  };
  const countIfSmall = async (): Promise<number | undefined> =>
    (await countable()) ? countEntries(aws.bulkDynamodb, settings.TABLE) : undefined;

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
      stopFile: settings.STOP_FILE,
      stopFileExists: () =>
        access(settings.STOP_FILE).then(
          () => true,
          () => false,
        ),
      openFunction: async (maxInFlight) => {
        const facts = await describeFunction(aws.lambda, settings.OCR_FUNCTION);
        const client = createInvokeClient({
          timeoutMs: facts.timeoutMs + BEYOND_FUNCTION_TIMEOUT_MS,
          maxSockets: maxInFlight,
        });
        const ocr = createOcrFunction({
          client,
          functionName: settings.OCR_FUNCTION,
          bucket: settings.IMAGE_BUCKET,
          keyEncoding: settings.KEY_ENCODING,
        });
        return ocr.invoke;
      },
      lookForGrowth: async (run) => {
        const small = run.terms.growthKind === 'counted' || (await countable());
        return lookForGrowth(run, {
          ...(small ? { countEntries: () => countEntries(aws.bulkDynamodb, settings.TABLE) } : {}),
          rowsOfImage: (resourceName, imageKey) =>
            rowsOfImage(aws.bulkDynamodb, settings.TABLE, { resourceName, imageKey }),
        });
      },
      countEntries: countIfSmall,
      readFault: fault,
      warn,
      planner: {
        bucket: settings.IMAGE_BUCKET,
        listImages: (prefix, onLooked) =>
          listImages(
            aws.s3,
            {
              bucket: settings.IMAGE_BUCKET,
              extensions: settings.IMAGE_EXTENSIONS,
              excludedPrefixes: settings.EXCLUDED_PREFIXES,
              ...(prefix === undefined ? {} : { prefix }),
            },
            onLooked,
          ),
        writeManifest: (runId, images) => writeManifest(aws.s3, location(runId), images),
        readQuotas: () =>
          readAllQuotas(aws, {
            functionName: settings.OCR_FUNCTION,
            modelId: settings.MODEL_ID,
            tableName: settings.TABLE,
          }),
        sizeUp: async () => {
          const facts = await describeTable(aws.bulkDynamodb, settings.TABLE);
          return facts.approximateBytes <= settings.GROWTH_COUNT_MAX_MB * MEGABYTE
            ? { entries: await countEntries(aws.bulkDynamodb, settings.TABLE) }
            : { entriesApproximate: facts.approximateItems };
        },
        experience: () => readLatestExperience(store),
        drawSeed: () => Math.floor(random() * 1_000_000),
      },
    },
    {
      breaker: {
        consecutive: settings.BREAKER_CONSECUTIVE,
        window: settings.BREAKER_WINDOW,
        percent: settings.BREAKER_PERCENT,
      },
      growth: {
        checkImages: settings.GROWTH_CHECK_IMAGES,
        warnMs: settings.GROWTH_WARN_MINUTES,
        tripMs: settings.GROWTH_TRIP_MINUTES,
      },
      warnings: {
        imagesPerMinute: settings.WARN_IMAGES_PER_MINUTE,
        failurePercent: settings.WARN_FAILURE_PERCENT,
        throttlePercent: settings.WARN_THROTTLE_PERCENT,
        growthMinutes: settings.GROWTH_WARN_MINUTES / 60_000,
      },
      throttleLimit: settings.THROTTLE_LIMIT,
      checkpointOutcomes: settings.CHECKPOINT_OUTCOMES,
      checkpointMs: settings.CHECKPOINT_SECONDS,
      shutdownDrainMs: parts.drainMs,
      pollMs: POLL_MS,
      autoResume: settings.AUTO_RESUME,
      standbyMs: Math.max(500, settings.LEASE_SECONDS / 4),
      planner: plannerSettings(settings),
    },
  );
}
