import { isDeepStrictEqual } from 'node:util';
import type { BackupLocation } from '../backup/catalogue/location.ts';
import type { Clock, Random } from '../lib/clock.ts';
import { fileExists } from '../lib/disk/lines.ts';
import { type FollowedClock, uncorrected } from '../lib/followed-clock.ts';
import type { Logger } from '../lib/log.ts';
import { type Warn, warnOnce } from '../lib/warn-once.ts';
import type { AwsClients } from '../pipeline/aws.ts';
import type { ImageFilter } from '../pipeline/images.ts';
import type { InvocationTarget } from '../pipeline/invoke/open-function.ts';
import type { Profile } from '../pipeline/profile/profile.ts';
import { TIMESHEETS } from '../pipeline/profile/timesheets.ts';
import { type BoundedCount, createBoundedCount } from '../pipeline/table/count.ts';
import { createManifestStore, type ManifestStore } from '../run/plan/manifest-store.ts';
import type { PlannerSettings } from '../run/plan/planner.ts';
import { createRunStore, type RunStore } from '../run/store/run-store.ts';
import { createStateNotes, type StateNotes } from '../run/store/state-notes.ts';
import type { Settings } from '../settings.ts';
import { createPipelineLeases, type PipelineLeases } from '../state/pipeline-leases.ts';
import { createStoredStops, type StoredStops } from '../state/stops/stored-stops.ts';
import type { ControlTable } from '../state/table/control-table.ts';

export interface ContextPorts {
  readonly settings: Settings;
  readonly profile: Profile;
  readonly aws: AwsClients;
  readonly table: ControlTable;
  readonly clock: Clock | FollowedClock;
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
  /** Fields that a diff does not compare. */
  readonly ignoredFields: readonly string[];
  readonly stopFileExists: () => Promise<boolean>;
  readonly storedStops: StoredStops;
  readonly stateNotes: StateNotes;
  readonly warn: Warn;
  /** For what is found again at every look. */
  readonly warnOnce: Warn;
}

export function createContext(ports: ContextPorts): BotContext {
  const { settings, profile, aws, table, clock, logger, holder } = ports;
  const pipeline = settings.ocrFunction;
  const warn: Warn = (message, cause) => logger.warn({ err: cause }, message);
  const once = warnOnce(warn);
  const control = { bucket: settings.controlBucket, prefix: settings.controlPrefix };
  return {
    ...ports,
    leases: createPipelineLeases({
      table,
      pipeline,
      holder,
      durationMs: settings.leaseMs,
      // A correction of the clock is no time in which a holder was silent.
      clock: uncorrected(clock),
      logger,
    }),
    runStore: createRunStore(table, pipeline, profile.reply),
    manifests: createManifestStore(aws.s3, control),
    backups: { s3: aws.s3, bucket: control.bucket, prefix: `${control.prefix}backups/`, warn: once },
    images: {
      bucket: settings.imageBucket,
      extensions: settings.imageExtensions,
      excludedPrefixes: settings.excludedPrefixes,
    },
    invocations: { functionName: pipeline, bucket: settings.imageBucket, keyEncoding: settings.keyEncoding, profile },
    quotas: { functionName: pipeline, modelId: settings.modelId, tableName: settings.table },
    counts: createBoundedCount(aws.bulkDynamodb, settings.table, { maxBytes: settings.growthCountMaxBytes, profile }),
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
    // A list of its own in the settings counts; their default is the list of the default profile.
    ignoredFields: isDeepStrictEqual(settings.diffIgnoredFields, TIMESHEETS.noise)
      ? profile.noise
      : settings.diffIgnoredFields,
    stopFileExists: () => fileExists(settings.stopFile),
    storedStops: assembleStoredStops(ports, warn),
    stateNotes: createStateNotes(aws.s3, control, clock, warn),
    warn,
    warnOnce: once,
  };
}

/** Where a stop of the pipeline is stored while its control table cannot be used. */
export const assembleStoredStops = (
  { settings, aws, clock }: Pick<ContextPorts, 'settings' | 'aws' | 'clock'>,
  warn: Warn,
): StoredStops =>
  createStoredStops({
    s3: aws.s3,
    bucket: settings.controlBucket,
    prefix: settings.controlPrefix,
    name: settings.ocrFunction,
    file: `${settings.stopFile}.${encodeURIComponent(settings.ocrFunction)}.json`,
    clock,
    warn,
  });
