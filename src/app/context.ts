import type { BackupLocation } from '../backup/catalogue/location.ts';
import type { Clock, Random } from '../lib/clock.ts';
import { fileExists } from '../lib/disk/lines.ts';
import type { Logger } from '../lib/log.ts';
import { type Warn, warnOnce } from '../lib/warn-once.ts';
import type { AwsClients } from '../pipeline/aws.ts';
import type { ImageFilter } from '../pipeline/images.ts';
import type { InvocationTarget } from '../pipeline/invoke/open-function.ts';
import { type BoundedCount, createBoundedCount } from '../pipeline/table/count.ts';
import { createManifestStore, type ManifestStore } from '../run/plan/manifest-store.ts';
import type { PlannerSettings } from '../run/plan/planner.ts';
import { createRunStore, type RunStore } from '../run/store/run-store.ts';
import type { Settings } from '../settings.ts';
import type { ControlTable } from '../state/control-table.ts';
import { createPipelineLeases, type PipelineLeases } from '../state/pipeline-leases.ts';
import { createStoredStops, type StoredStops } from '../state/stops/stored-stops.ts';

export interface ContextPorts {
  readonly settings: Settings;
  readonly aws: AwsClients;
  readonly table: ControlTable;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** The name of this process in leases. No other process has or had it. */
  readonly holder: string;
}

/** What all parts of the bot are built from. */
export interface BotContext extends ContextPorts {
  readonly leases: PipelineLeases;
  readonly runStore: RunStore;
  readonly manifests: ManifestStore;
  readonly backups: BackupLocation;
  readonly images: ImageFilter;
  readonly invocations: InvocationTarget;
  readonly quotas: { readonly functionName: string; readonly modelId: string; readonly tableName: string };
  readonly counts: BoundedCount;
  readonly planner: PlannerSettings;
  readonly stopFileExists: () => Promise<boolean>;
  readonly storedStops: StoredStops;
  readonly warn: Warn;
  /** For what is found again at every look. */
  readonly warnOnce: Warn;
}

export function createContext(ports: ContextPorts): BotContext {
  const { settings, aws, table, clock, logger, holder } = ports;
  const pipeline = settings.ocrFunction;
  const warn: Warn = (message, cause) => logger.warn({ err: cause }, message);
  const once = warnOnce(warn);
  const control = { bucket: settings.controlBucket, prefix: settings.controlPrefix };
  return {
    ...ports,
    leases: createPipelineLeases({ table, pipeline, holder, durationMs: settings.leaseMs, clock, logger }),
    runStore: createRunStore(table, pipeline),
    manifests: createManifestStore(aws.s3, control),
    backups: { s3: aws.s3, bucket: control.bucket, prefix: `${control.prefix}backups/`, warn: once },
    images: {
      bucket: settings.imageBucket,
      extensions: settings.imageExtensions,
      excludedPrefixes: settings.excludedPrefixes,
    },
    invocations: { functionName: pipeline, bucket: settings.imageBucket, keyEncoding: settings.keyEncoding },
    quotas: { functionName: pipeline, modelId: settings.modelId, tableName: settings.table },
    counts: createBoundedCount(aws.bulkDynamodb, settings.table, settings.growthCountMaxBytes),
    planner: {
      modelRequestsPerMinute: settings.modelRequestsPerMinute,
      quotaPercent: settings.paceQuotaPercent,
      concurrencyPercent: settings.concurrencyPercent,
      maxInFlight: settings.maxInFlight,
      secondsPerImage: settings.secondsPerImage,
      costPerImageUsd: settings.costPerImageUsd,
      entriesPerImage: settings.entriesPerImage,
      tokensPerImage: settings.tokensPerImage,
    },
    stopFileExists: () => fileExists(settings.stopFile),
    storedStops: createStoredStops({
      s3: aws.s3,
      ...control,
      name: pipeline,
      file: `${settings.stopFile}.${encodeURIComponent(pipeline)}.json`,
      clock,
      warn,
    }),
    warn,
    warnOnce: once,
  };
}
