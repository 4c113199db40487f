import { HeadObjectCommand, NotFound } from '@aws-sdk/client-s3';
import type { BackupLocation } from '../backup/catalogue/location.ts';
import type { ResultControl } from '../checklist/contracts/result-control.ts';
import { createDiagnoses, type DiagnoseControl } from '../checklist/results/diagnoses.ts';
import { createResults } from '../checklist/results/results.ts';
import type { ChecklistStore } from '../checklist/steps/checklist-store.ts';
import type { StartControl } from '../checklist/steps/start-control.ts';
import type { Clock, Random } from '../lib/clock.ts';
import { type AwsClients, asFaultError, expectedFaultOr } from '../pipeline/aws.ts';
import { imageTest, type ListedImage, listImages } from '../pipeline/images.ts';
import { describeFunction } from '../pipeline/invoke/ocr-function.ts';
import { readMetrics } from '../pipeline/limits/metrics.ts';
import { readAllQuotas } from '../pipeline/limits/quotas.ts';
import { findLines, followLines, type LogLine, type LogWindow, logGroupOf } from '../pipeline/logs/logs.ts';
import { describeTable } from '../pipeline/table/table.ts';
import type { RunControl } from '../run/model/run-control.ts';
import { type ManifestLocation, readManifest, readManifestIndex } from '../run/plan/manifest.ts';
import { createRunStore } from '../run/store/run-store.ts';
import type { Settings } from '../settings.ts';
import type { ControlTable } from '../state/control-table.ts';
import { createStops, type Stops } from '../state/stops.ts';

/** Looking at the log of the function. */
export interface FunctionLog {
  findLines(window: LogWindow): AsyncIterable<LogLine>;
  followLines(window: LogWindow & { readonly signal: AbortSignal }): AsyncIterable<readonly LogLine[]>;
  /** By which a copy of the bot asks another to follow the log no more. */
  readonly followStops: Stops;
}

export interface ResultParts {
  readonly results: ResultControl;
  readonly diagnoses: DiagnoseControl;
  readonly functionLog: FunctionLog;
}

const FOLLOW_EVERY_MS = 2_000;

/** What tells what came of a rescan, on real AWS clients. */
export function assembleResults(parts: {
  readonly settings: Settings;
  readonly aws: AwsClients;
  readonly table: ControlTable;
  readonly location: BackupLocation;
  readonly clock: Clock;
  readonly random: Random;
  readonly runs: Pick<RunControl, 'current' | 'read'>;
  readonly starts: Pick<StartControl, 'plan'>;
  readonly checklists: Pick<ChecklistStore, 'list' | 'steps' | 'setStep'>;
  readonly warn: (message: string, cause: unknown) => void;
}): ResultParts {
  const { settings, aws, clock, random, warn } = parts;
  const { ocrFunction: functionName, modelId, table, imageBucket: bucket } = settings;
  const manifestPlace = (runId: string): ManifestLocation => ({
    bucket: settings.controlBucket,
    prefix: `${settings.controlPrefix}runs/${runId}/manifest/`,
  });
  const imageFilter = { bucket, extensions: settings.imageExtensions, excludedPrefixes: settings.excludedPrefixes };
  const isImage = imageTest(imageFilter);
  const results = createResults({
    dynamodb: aws.bulkDynamodb,
    location: parts.location,
    table,
    bucket,
    clock,
    random,
    store: createRunStore(parts.table, functionName),
    async *manifest(runId, from) {
      const index = await readManifestIndex(aws.s3, manifestPlace(runId));
      yield* readManifest(aws.s3, manifestPlace(runId), index, from);
    },
    listImages: () => listImages(aws.s3, imageFilter),
    async findImage(key): Promise<ListedImage | undefined> {
      if (!isImage(key)) return;
      try {
        const head = await aws.s3.send(new HeadObjectCommand({ Bucket: bucket, Key: key }));
        const size = head.ContentLength ?? 0;
        return size > 0 ? { key, size } : undefined;
      } catch (error) {
        if (error instanceof NotFound) return;
        throw asFaultError(error, { service: 's3', action: 's3:GetObject', resource: `${bucket}/${key}` });
      }
    },
    starts: parts.starts,
    checklists: parts.checklists,
    ignoredFields: settings.diffIgnoredFields,
    samplePeople: settings.validatePeople,
    readFault: (error) => expectedFaultOr(error, table),
    warn,
  });
  let known: string | undefined;
  /** Where the function's configuration says it logs; Lambda's own place while that cannot be read. */
  async function logGroup(): Promise<string> {
    if (known !== undefined) return known;
    try {
      const facts = await describeFunction(aws.lambda, functionName);
      known = facts.logGroup ?? logGroupOf(facts.name);
      return known;
    } catch (error) {
      warn('the function does not say where it logs', error);
      return logGroupOf(functionName);
    }
  }
  const functionLog: FunctionLog = {
    async *findLines(window) {
      yield* findLines(aws.logs, await logGroup(), window);
    },
    async *followLines(window) {
      yield* followLines(aws.logs, await logGroup(), { ...window, clock, intervalMs: FOLLOW_EVERY_MS });
    },
    followStops: createStops(parts.table, `follow#${functionName}`),
  };
  const diagnoses = createDiagnoses({
    results,
    clock,
    readRun: (runId) => (runId === undefined ? parts.runs.current() : parts.runs.read(runId)),
    async readMetrics(window) {
      // Without the permission to look, what the indexes turn away is not told: the table's own figures are.
      const facts = await describeTable(aws.bulkDynamodb, table).catch((error: unknown) => {
        warn('the indexes of the table are not known, so their metrics are not read', error);
        return undefined;
      });
      const indexes = facts?.indexes.map(({ name }) => name) ?? [];
      return readMetrics(aws.cloudwatch, { functionName, modelId, table, indexes }, window);
    },
    findLines: functionLog.findLines,
    functionFacts: () => describeFunction(aws.lambda, functionName),
    async modelQuota() {
      const { modelRequestsPerMinute: quota } = await readAllQuotas(aws, { functionName, modelId, tableName: table });
      return quota && { name: quota.name, perMinute: quota.value };
    },
    region: () => aws.cloudwatch.config.region(),
    functionName,
    readFault: (error) => expectedFaultOr(error, functionName),
  });
  return { results, diagnoses, functionLog };
}
