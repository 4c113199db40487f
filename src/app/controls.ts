import { type ApprovalStore, createApprovalStore } from '../approvals/approval-store.ts';
import { controlTableJobs } from '../backup/jobs/job-store.ts';
import { createAuditor } from '../checklist/audit/audit-events.ts';
import { type AuditLog, createAuditAnchors, createAuditLog } from '../checklist/audit/audit-log.ts';
import { type AuditWriter, createAuditWriter } from '../checklist/audit/audit-writer.ts';
import { type Autopilot, createAutopilot } from '../checklist/autopilot/autopilot.ts';
import { createAutopilotStore } from '../checklist/autopilot/autopilot-store.ts';
import { createAutopilotSteps } from '../checklist/autopilot/autopilot-work.ts';
import type { FunctionLog } from '../checklist/contracts/function-log.ts';
import type { QuotaReport } from '../checklist/contracts/quota-report.ts';
import type { ResultControl, StartControl } from '../checklist/contracts/result-control.ts';
import type { ScopeControl } from '../checklist/contracts/scope-control.ts';

import type { Deploys } from '../checklist/deploy/deploys.ts';
import { createQuotaReader } from '../checklist/quotas/quota-reader.ts';
import type { DiagnoseControl } from '../checklist/results/diagnoses.ts';
import { readLastBackup } from '../checklist/steps/backup-facts.ts';
import { type Checklist, createChecklist } from '../checklist/steps/checklist.ts';
import { type ChecklistStore, createChecklistStore, watchChecklistStore } from '../checklist/steps/checklist-store.ts';
import { activeRunId } from '../checklist/steps/exclusive.ts';
import type { FunctionSteps } from '../checklist/steps/function-steps.ts';
import { createScopeControl } from '../checklist/steps/scope-control.ts';
import { createStartControl } from '../checklist/steps/start-control.ts';
import { createBackupJobRecord, createJobRecord, type JobRecord } from '../checklist/table-jobs/job-record.ts';
import { createTableSteps, type TableSteps } from '../checklist/table-jobs/table-steps.ts';
import { expectedFaultOr } from '../pipeline/aws.ts';
import { codeIdentity, describeFunction } from '../pipeline/invoke/ocr-function.ts';
import { readAllQuotas } from '../pipeline/limits/quotas.ts';
import type { EngineControl } from '../run/engines/step-functions/install.ts';
import type { RunControl } from '../run/model/run-control.ts';
import { readLatestExperience } from '../run/plan/past-runs.ts';
import { lastWholeRunEndedAt } from '../run/store/run-chain.ts';
import { stopperSince } from '../state/stops/stored-stops.ts';
import type { BotContext } from './context.ts';
import { assembleDeploys, assembleFunctionSteps } from './function-steps.ts';
import { assembleDiagnoses, assembleFunctionLog, assembleResults } from './results.ts';
import { assembleEngineControl } from './runs/engine-control.ts';
import { assembleScopes, type Scopes } from './runs/scopes.ts';

const POLL_MS = 500;

/** The audit log of the pipeline: reading, verifying and writing. */
export type Audit = Omit<AuditLog, 'append'> & AuditWriter;

/** What Slack can ask of the bot, besides its runs. */
export interface BotControls {
  readonly tables: TableSteps;
  readonly checklist: Checklist;
  /** Calls the listener after each change of a step, proof or override. Returns the function that removes it. */
  readonly watchChecklist: (listener: () => void) => () => void;
  readonly scope: ScopeControl;
  readonly starts: StartControl;
  readonly steps: FunctionSteps;
  readonly deploys: Deploys;
  readonly autopilot: Autopilot;
  readonly audit: Audit;
  readonly results: ResultControl;
  readonly diagnoses: DiagnoseControl;
  readonly functionLog: FunctionLog;
  readonly engine: EngineControl;
}

/** Builds the controls in the order of their dependencies, and connects their events. */
export function assembleControls(context: BotContext, runs: RunControl): BotControls {
  const { settings, table, warn } = context;
  const pipeline = settings.ocrFunction;
  const audit = assembleAudit(context);
  const approvals = createApprovalStore(table, pipeline, context.warnOnce);
  const jobRecord = createJobRecord(table, pipeline);
  const store = watchChecklistStore(createChecklistStore(table, pipeline), warn);
  const readQuotaReport = assembleQuotaReader(context);
  const checklist = assembleChecklist(context, { store, approvals, jobRecord, runs, audit, readQuotaReport });
  const scopes = assembleScopes(context);
  const tables = assembleTableJobs(context, { approvals, record: jobRecord, runs, checklist, audit, scopes });
  const steps = assembleFunctionSteps(context, { runs, tables, checklist, readQuotaReport });
  const deploys = assembleDeploys(context, { runs, tables, checklist, audit });
  const starts = createStartControl(runs, checklist, audit, scopes.manifests, context.clock);
  const scope = createScopeControl({
    checklist,
    resolve: scopes.resolve,
    people: scopes.people,
    profile: context.profile,
    audit,
    clock: context.clock,
    readFault: (error) => expectedFaultOr(error, settings.table),
    warn,
  });
  const results = assembleResults(context, { starts, store, audit, scopes: scopes.manifests });
  const functionLog = assembleFunctionLog(context);
  const diagnoses = assembleDiagnoses(context, { runs, results, functionLog });
  const autopilot = assembleAutopilot(context, { runs, tables, checklist, starts, steps, deploys, results });

  const auditor = createAuditor(audit);
  runs.watch(auditor.onRunEvent);
  tables.watch(auditor.onTableEvent);
  autopilot.watch(auditor.onAutopilotEvent);
  runs.watch(checklist.onRunEvent);
  tables.watch(checklist.onTableEvent);
  checklist.watchObsoleteRequests(async ({ approvalId, by }) => void (await tables.withdraw(approvalId, by)));

  return {
    tables,
    checklist,
    scope,
    watchChecklist: store.watch,
    starts,
    steps,
    deploys,
    autopilot,
    audit,
    results,
    diagnoses,
    functionLog,
    engine: assembleEngineControl(context),
  };
}

function assembleAudit({ settings, aws, table, clock, warn }: BotContext): Audit {
  const pipeline = settings.ocrFunction;
  const anchors = createAuditAnchors(aws.s3, {
    bucket: settings.controlBucket,
    prefix: `${settings.controlPrefix}audit/${encodeURIComponent(pipeline)}/`,
  });
  const { append, ...log } = createAuditLog(table, pipeline, { anchors, warn });
  return { ...log, ...createAuditWriter({ append, anchor: anchors.put, clock, warn }) };
}

/** Reads the quotas of the pipeline and judges them. */
const assembleQuotaReader = ({ aws, quotas, planner, runStore }: BotContext): (() => Promise<QuotaReport>) =>
  createQuotaReader({
    readQuotas: () => readAllQuotas(aws, quotas),
    experience: () => readLatestExperience(runStore),
    planner,
  });

/** The checklist of the pipeline. */
function assembleChecklist(
  context: BotContext,
  parts: Pick<BotControls, 'audit'> & {
    readonly store: ChecklistStore;
    readonly approvals: ApprovalStore;
    readonly jobRecord: JobRecord;
    readonly runs: RunControl;
    readonly readQuotaReport: () => Promise<QuotaReport>;
  },
): Checklist {
  const { settings, aws, backups, counts } = context;
  return createChecklist({
    store: parts.store,
    clock: context.clock,
    rules: {
      maxBackupAgeMs: settings.backupMaxAgeMs,
      maxDifference: settings.flushMaxDifference,
      maxSampleAgeMs: settings.sampleMaxAgeMs,
      sampleImages: settings.sampleImages,
      autoResume: settings.autoResume,
    },
    codeSha256: async () => codeIdentity(await describeFunction(aws.lambda, settings.ocrFunction)),
    lastBackup: () => readLastBackup(aws.bulkDynamodb, backups, settings.table, context.clock.now()),
    countRecords: async () => (await counts.records()) ?? 'not-counted',
    blockingQuotas: async () => (await parts.readQuotaReport()).blocking.map(({ limit }) => limit),
    currentRun: parts.runs.current,
    currentJob: async () => (await parts.jobRecord.read())?.job,
    approval: parts.approvals.read,
    audit: parts.audit,
    runs: context.runStore.newestFirst,
    readFault: (error) => expectedFaultOr(error, settings.table),
    warn: context.warn,
  });
}

/** Backup, flush and restore of the pipeline's table. */
function assembleTableJobs(
  context: BotContext,
  parts: Pick<BotControls, 'checklist' | 'audit'> & {
    readonly approvals: ApprovalStore;
    readonly record: JobRecord;
    readonly runs: RunControl;
    readonly scopes: Scopes;
  },
): TableSteps {
  const { settings, aws } = context;
  const { runs, checklist, scopes } = parts;
  const functionFacts = () => describeFunction(aws.lambda, settings.ocrFunction);
  return createTableSteps({
    ...parts,
    profile: context.profile,
    dynamodb: aws.bulkDynamodb,
    autoScaling: aws.autoScaling,
    lambda: aws.lambda,
    location: context.backups,
    clock: context.clock,
    random: context.random,
    jobs: controlTableJobs(context.table, context.warnOnce),
    lease: context.leases.tableJobs,
    backupRecord: createBackupJobRecord(context.table, settings.ocrFunction),
    backupLease: context.leases.backups,
    table: settings.table,
    functionName: settings.ocrFunction,
    codeSha256: async () => codeIdentity(await functionFacts()),
    activeRun: () => activeRunId(runs),
    lastWholeRunEndedAt: () => lastWholeRunEndedAt(context.runStore),
    ignoredFields: context.ignoredFields,
    policy: settings.approvalPolicy,
    approvalMs: settings.approvalMs,
    maxBackupAgeMs: settings.backupMaxAgeMs,
    maxDifference: settings.flushMaxDifference,
    preconditions: checklist.preconditions,
    stopFile: settings.stopFile,
    stopFileExists: context.stopFileExists,
    storedStop: async ({ id: jobId, startedAt: since }) =>
      stopperSince((await context.storedStops.find()).stops, { since, jobId }),
    storeStop: (jobId, by) =>
      context.storedStops.put({ request: 'stop', by, jobId, at: Math.round(context.clock.now()) }),
    readFault: (error) => expectedFaultOr(error, settings.table),
    warn: context.warn,
    scopes: scopes.manifests,
    readNotRebuildable: scopes.readNotRebuildable,
    pollMs: POLL_MS,
  });
}

/** The autopilot of the pipeline. */
function assembleAutopilot(
  context: BotContext,
  parts: Pick<BotControls, 'tables' | 'checklist' | 'starts' | 'steps' | 'deploys' | 'results'> & { runs: RunControl },
): Autopilot {
  const { settings, table, clock, warn } = context;
  return createAutopilot({
    ...createAutopilotSteps({ ...parts, warn }),
    store: createAutopilotStore(table, settings.ocrFunction),
    clock,
    lease: context.leases.autopilot,
    checklist: parts.checklist,
    tables: parts.tables,
    starts: parts.starts,
    runs: parts.runs,
    pace: settings.pace,
    canary: { images: settings.canaryImages, percent: settings.canaryPercent },
    stopFile: settings.stopFile,
    stopFileExists: context.stopFileExists,
    storedStop: async (since) => stopperSince((await context.storedStops.find()).stops, { since }),
    readFault: (error) => expectedFaultOr(error, settings.ocrFunction),
    warn,
    pollMs: POLL_MS,
  });
}
