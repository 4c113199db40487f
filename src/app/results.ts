import type { AuditWriter } from '../checklist/audit/audit-writer.ts';
import type { FunctionLog } from '../checklist/contracts/function-log.ts';
import type { ResultControl, StartControl } from '../checklist/contracts/result-control.ts';
import { createDiagnoses, createDiagnosisSources, type DiagnoseControl } from '../checklist/results/diagnoses.ts';
import { createFunctionLog } from '../checklist/results/function-log.ts';
import { createResults } from '../checklist/results/results.ts';
import type { ChecklistStore } from '../checklist/steps/checklist-store.ts';
import { auditedSteps } from '../checklist/steps/step-recorder.ts';
import { expectedFaultOr } from '../pipeline/aws.ts';
import { findImage, listImages } from '../pipeline/images.ts';
import { describeFunction } from '../pipeline/invoke/ocr-function.ts';
import type { RunControl } from '../run/model/run-control.ts';
import type { ScopeManifests } from '../run/scope/scope-manifests.ts';
import { createStops } from '../state/stops/stops.ts';
import type { BotContext } from './context.ts';

/** The results of the pipeline's runs. */
export function assembleResults(
  context: BotContext,
  parts: {
    readonly starts: StartControl;
    readonly store: ChecklistStore;
    readonly audit: AuditWriter;
    readonly scopes: ScopeManifests;
  },
): ResultControl {
  const { settings, aws, images } = context;
  return createResults({
    dynamodb: aws.bulkDynamodb,
    location: context.backups,
    table: settings.table,
    profile: context.profile,
    bucket: settings.imageBucket,
    clock: context.clock,
    random: context.random,
    store: context.runStore,
    manifest: context.manifests.read,
    listImages: () => listImages(aws.s3, images),
    findImage: (key) => findImage(aws.s3, images, key),
    starts: parts.starts,
    scopes: parts.scopes,
    checklists: auditedSteps(parts.store, parts.audit),
    ignoredFields: context.ignoredFields,
    samplePeople: settings.validatePeople,
    readFault: (error) => expectedFaultOr(error, settings.table),
    warn: context.warn,
  });
}

/** The log of the pipeline's function. */
export function assembleFunctionLog({ settings, aws, table, clock, warn }: BotContext): FunctionLog {
  return createFunctionLog({
    logs: aws.logs,
    functionName: settings.ocrFunction,
    functionFacts: () => describeFunction(aws.lambda, settings.ocrFunction),
    followStops: createStops(table, `follow#${settings.ocrFunction}`),
    clock,
    warn,
  });
}

/** Diagnoses of the pipeline's runs. */
export function assembleDiagnoses(
  context: BotContext,
  parts: { readonly runs: RunControl; readonly results: ResultControl; readonly functionLog: FunctionLog },
): DiagnoseControl {
  const { settings, aws, clock, warn } = context;
  const { runs } = parts;
  return createDiagnoses({
    ...createDiagnosisSources({ aws, ...context.quotas, warn }),
    results: parts.results,
    profile: context.profile,
    clock,
    readRun: (runId) => (runId === undefined ? runs.current() : runs.read(runId)),
    findLines: parts.functionLog.findLines,
    functionFacts: () => describeFunction(aws.lambda, settings.ocrFunction),
    functionName: settings.ocrFunction,
    readFault: (error) => expectedFaultOr(error, settings.ocrFunction),
  });
}
