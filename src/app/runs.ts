import { access } from 'node:fs/promises';
import type { Clock, Random } from '../lib/clock.ts';
import type { Logger } from '../lib/log.ts';
import { type AwsClients, createInvokeClient, foreseenOr } from '../pipeline/aws.ts';
import { listImages } from '../pipeline/images.ts';
import type { Fault } from '../pipeline/invoke/invocation.ts';
import { createOcrFunction, describeFunction } from '../pipeline/invoke/ocr-function.ts';
import { readAllQuotas } from '../pipeline/limits/quotas.ts';
import { countEntries, describeTable, rowsOfImage } from '../pipeline/table/table.ts';
import { createRuns, type Runs } from '../run/control/runs.ts';
import { lookForGrowth } from '../run/engines/local/growth-look.ts';
import { type ManifestPlace, readManifest, readManifestIndex, writeManifest } from '../run/plan/manifest.ts';
import { readLatestExperience } from '../run/plan/past-runs.ts';
import type { PlannerSettings } from '../run/plan/planner.ts';
import { createRunStore } from '../run/store/run-store.ts';
import type { Config } from '../settings.ts';
import type { ControlTable } from '../state/control-table.ts';
import { createLease } from '../state/lease.ts';

/** How much longer than the function itself the bot waits for its reply, ms: never the one to give up first. */
const BEYOND_FUNCTION_TIMEOUT_MS = 30_000;
const POLL_MS = 400;
const MEGABYTE = 1024 * 1024;

export interface RunsParts {
  readonly config: Config;
  readonly aws: AwsClients;
  readonly table: ControlTable;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly holder: string;
  readonly drainMs: number;
}

/** What plans rest on where nothing has told yet. */
export const plannerSettings = (config: Config): PlannerSettings => ({
  modelRequestsPerMinute: config.MODEL_REQUESTS_PER_MINUTE,
  quotaPercent: config.PACE_QUOTA_PERCENT,
  concurrencyPercent: config.CONCURRENCY_PERCENT,
  maxInFlight: config.MAX_IN_FLIGHT,
  secondsPerImage: config.SECONDS_PER_IMAGE,
  costPerImageUsd: config.COST_PER_IMAGE_USD,
  entriesPerImage: config.ENTRIES_PER_IMAGE,
  tokensPerImage: config.TOKENS_PER_IMAGE,
});

/** The runs of the pipeline that the settings name, on real AWS clients. */
export async function assembleRuns(parts: RunsParts): Promise<Runs> {
  const { config, aws, table, clock, random, logger, holder } = parts;
  const store = createRunStore(table, config.OCR_FUNCTION);
  const lease = createLease({
    table,
    name: config.OCR_FUNCTION,
    holder,
    durationMs: config.LEASE_SECONDS,
    clock,
    logger,
  });
  const place = (runId: string): ManifestPlace => ({
    bucket: config.CONTROL_BUCKET,
    prefix: `${config.CONTROL_PREFIX}runs/${runId}/manifest/`,
  });

  const fault = (error: unknown): Fault => foreseenOr(error, config.OCR_FUNCTION);
  const warn = (message: string, cause: unknown) => logger.warn({ err: cause }, message);

  const countable = async (): Promise<boolean> => {
    const facts = await describeTable(aws.dynamodb, config.TABLE);
    return facts.approximateBytes <= config.GROWTH_COUNT_MAX_MB * MEGABYTE;
  };
  const countIfSmall = async (): Promise<number | undefined> =>
    (await countable()) ? countEntries(aws.dynamodb, config.TABLE) : undefined;

  async function* manifest(runId: string, from: number) {
    const index = await readManifestIndex(aws.s3, place(runId));
    yield* readManifest(aws.s3, place(runId), index, from);
  }

  return createRuns(
    {
      clock,
      random,
      store,
      lease,
      holder,
      manifest,
      stopFile: config.STOP_FILE,
      stopFileExists: () =>
        access(config.STOP_FILE).then(
          () => true,
          () => false,
        ),
      openFunction: async (maxInFlight) => {
        const facts = await describeFunction(aws.lambda, config.OCR_FUNCTION);
        const client = createInvokeClient({
          timeoutMs: facts.timeoutMs + BEYOND_FUNCTION_TIMEOUT_MS,
          maxSockets: maxInFlight,
        });
        const ocr = createOcrFunction({
          client,
          functionName: config.OCR_FUNCTION,
          bucket: config.IMAGE_BUCKET,
          keyEncoding: config.KEY_ENCODING,
        });
        return ocr.invoke;
      },
      lookForGrowth: async (run) => {
        const small = run.terms.growthKind === 'counted' || (await countable());
        return lookForGrowth(run, {
          ...(small ? { countEntries: () => countEntries(aws.dynamodb, config.TABLE) } : {}),
          rowsOfImage: (resourceName, imageKey) => rowsOfImage(aws.dynamodb, config.TABLE, { resourceName, imageKey }),
        });
      },
      countEntries: countIfSmall,
      readFault: fault,
      warn,
      planner: {
        bucket: config.IMAGE_BUCKET,
        listImages: (prefix, onLooked) =>
          listImages(
            aws.s3,
            {
              bucket: config.IMAGE_BUCKET,
              extensions: config.IMAGE_EXTENSIONS,
              excludedPrefixes: config.EXCLUDED_PREFIXES,
              ...(prefix === undefined ? {} : { prefix }),
            },
            onLooked,
          ),
        writeManifest: (runId, images) => writeManifest(aws.s3, place(runId), images),
        readQuotas: () =>
          readAllQuotas(aws, {
            functionName: config.OCR_FUNCTION,
            modelId: config.MODEL_ID,
            tableName: config.TABLE,
          }),
        sizeUp: async () => {
          const facts = await describeTable(aws.dynamodb, config.TABLE);
          return facts.approximateBytes <= config.GROWTH_COUNT_MAX_MB * MEGABYTE
            ? { entries: await countEntries(aws.dynamodb, config.TABLE) }
            : { entriesApproximate: facts.approximateItems };
        },
        experience: () => readLatestExperience(store),
        drawSeed: () => Math.floor(random() * 1_000_000),
      },
    },
    {
      breaker: {
        consecutive: config.BREAKER_CONSECUTIVE,
        window: config.BREAKER_WINDOW,
        percent: config.BREAKER_PERCENT,
      },
      growth: {
        checkImages: config.GROWTH_CHECK_IMAGES,
        warnMs: config.GROWTH_WARN_MINUTES,
        tripMs: config.GROWTH_TRIP_MINUTES,
      },
      warnings: {
        imagesPerMinute: config.WARN_IMAGES_PER_MINUTE,
        failurePercent: config.WARN_FAILURE_PERCENT,
        throttlePercent: config.WARN_THROTTLE_PERCENT,
        growthMinutes: config.GROWTH_WARN_MINUTES / 60_000,
      },
      pushbackLimit: config.PUSHBACK_LIMIT,
      checkpointOutcomes: config.CHECKPOINT_OUTCOMES,
      checkpointMs: config.CHECKPOINT_SECONDS,
      shutdownDrainMs: parts.drainMs,
      pollMs: POLL_MS,
      autoResume: config.AUTO_RESUME,
      standbyMs: Math.max(500, config.LEASE_SECONDS / 4),
      planner: plannerSettings(config),
    },
  );
}
