import { randomUUID } from 'node:crypto';
import { createApprovalStore } from '../approvals/approval-store.ts';
import type { AuditWriter } from '../checklist/audit/audit-writer.ts';
import type { QuotaReport } from '../checklist/contracts/quota-report.ts';
import { createDeployStore, isInProgress } from '../checklist/deploy/deploy-store.ts';
import { createDeployWork } from '../checklist/deploy/deploy-work.ts';
import { createDeploys, type Deploys } from '../checklist/deploy/deploys.ts';
import { createWrapperNotes } from '../checklist/deploy/wrapper-watch.ts';
import { createFailureRecordSearch, createInvocationLogReader } from '../checklist/logging-test/failure-evidence.ts';
import { testName } from '../checklist/logging-test/logging-test.ts';
import { createPendingTests } from '../checklist/logging-test/pending-tests.ts';
import { readLogGroup } from '../checklist/results/function-log.ts';
import type { Checklist } from '../checklist/steps/checklist.ts';
import { activeRunId } from '../checklist/steps/exclusive.ts';
import { createFunctionSteps, type FunctionSteps } from '../checklist/steps/function-steps.ts';
import type { TableSteps } from '../checklist/table-jobs/table-steps.ts';
import { expectedFaultOr } from '../pipeline/aws.ts';
import { listImages } from '../pipeline/images.ts';
import { codeIdentity, describeFunction } from '../pipeline/invoke/ocr-function.ts';
import { invokeOnce } from '../pipeline/invoke/open-function.ts';
import { readWrapperState } from '../pipeline/package/function-package.ts';
import type { RunControl } from '../run/model/run-control.ts';
import type { BotContext } from './context.ts';
import { assembleRowChecks } from './runs/rows.ts';

interface FunctionStepParts {
  readonly runs: RunControl;
  readonly tables: TableSteps;
  readonly checklist: Checklist;
}

const exclusivePorts = ({ settings, stopFileExists }: BotContext, { runs, tables }: FunctionStepParts) => ({
  activeRun: () => activeRunId(runs),
  currentJob: tables.current,
  stopFile: settings.stopFile,
  stopFileExists,
});

/** Quotas, logging test and sample of the pipeline's function. */
export function assembleFunctionSteps(
  context: BotContext,
  parts: FunctionStepParts & { readonly readQuotaReport: () => Promise<QuotaReport> },
): FunctionSteps {
  const { settings, aws, table, clock, random, warn } = context;
  const deploys = createDeployStore(table, settings.ocrFunction);
  const functionFacts = () => describeFunction(aws.lambda, settings.ocrFunction);
  const readFault = (error: unknown) => expectedFaultOr(error, settings.ocrFunction);
  const invoke = (imageKey: string) => invokeOnce(aws.lambda, context.invocations, imageKey);
  const evidence = { table: settings.table, maxScanBytes: settings.growthCountMaxBytes, profile: context.profile };
  return createFunctionSteps({
    checklist: parts.checklist,
    sampleImages: settings.sampleImages,
    readQuotaReport: parts.readQuotaReport,
    exclusive: { ...exclusivePorts(context, parts), lease: context.leases.functionSteps },
    isDeploying: async () => (await Array.fromAsync(deploys.open())).some(({ record }) => isInProgress(record)),
    codeSha256: async () => codeIdentity(await functionFacts()),
    readFault,
    warn,
    logging: {
      clock,
      uniqueName: () => testName(clock.now(), randomUUID()),
      invoke,
      ...createFailureRecordSearch(aws.bulkDynamodb, evidence),
      readLog: createInvocationLogReader(aws.logs, () => readLogGroup(functionFacts)),
      readFault,
      pendingTests: createPendingTests(table, settings.ocrFunction),
    },
    sample: {
      clock,
      random,
      invoke,
      listImages: () => listImages(aws.s3, context.images),
      lookUpRows: assembleRowChecks(context, settings.rowsWaitMs).lookUpRows,
      rowsWaitMs: settings.rowsWaitMs,
    },
  });
}

/** Deploys of failure logging to the pipeline's function. */
export function assembleDeploys(
  context: BotContext,
  parts: FunctionStepParts & { readonly audit: AuditWriter },
): Deploys {
  const { settings, aws, table, clock, logger } = context;
  return createDeploys({
    ...createDeployWork({
      dynamodb: aws.bulkDynamodb,
      lambda: aws.lambda,
      packages: { s3: aws.s3, bucket: settings.controlBucket, prefix: `${settings.controlPrefix}packages/` },
      clock,
      ...context.quotas,
      keyEncoding: settings.keyEncoding,
      versionFile: context.profile.versionFile,
      failed: context.profile.failed,
      onStage: (stage) => logger.info({ stage }, 'a deploy reached a stage'),
    }),
    store: createDeployStore(table, settings.ocrFunction),
    // Apart from those of the table: nothing that works on the table finds them.
    approvals: createApprovalStore(table, `${settings.ocrFunction}#deploys`, context.warnOnce),
    policy: settings.approvalPolicy,
    approvalMs: settings.approvalMs,
    wrapper: {
      notes: createWrapperNotes(table, settings.ocrFunction),
      readWrapper: (plan, known) => readWrapperState({ lambda: aws.lambda }, plan, known),
    },
    clock,
    checklist: parts.checklist,
    audit: parts.audit,
    exclusive: { ...exclusivePorts(context, parts), lease: context.leases.deploys },
    codeSha256: async () => codeIdentity(await describeFunction(aws.lambda, settings.ocrFunction)),
    readFault: (error) => expectedFaultOr(error, settings.ocrFunction),
    warn: context.warn,
  });
}
