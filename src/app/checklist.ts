import { randomUUID } from 'node:crypto';
import { access } from 'node:fs/promises';
import { createApprovalStore } from '../approvals/approval-store.ts';
import { lastVerified, listBackups } from '../backup/catalogue/catalogue.ts';
import { controlTableJobs } from '../backup/jobs/job-store.ts';
import { auditOfAutopilot, auditOfRun, auditOfStep, auditOfTable } from '../checklist/audit/audit-events.ts';
import { type Autopilot, createAutopilot } from '../checklist/autopilot/autopilot.ts';
import { createAutopilotStore } from '../checklist/autopilot/autopilot-store.ts';
import { judgeQuotas } from '../checklist/contracts/quota-report.ts';
import { createDeployStore } from '../checklist/deploy/deploy-store.ts';
import { createDeploys, type Deploys } from '../checklist/deploy/deploys.ts';
import { createFailureRecordSearch, createInvocationLogReader } from '../checklist/logging-test/failure-evidence.ts';
import { createPendingTests } from '../checklist/logging-test/pending-tests.ts';
import { watchStore } from '../checklist/model/watched-store.ts';
import { type Checklist, createChecklist } from '../checklist/steps/checklist.ts';
import { createChecklistStore } from '../checklist/steps/checklist-store.ts';
import { createFunctionSteps, type FunctionSteps } from '../checklist/steps/function-steps.ts';
import { createStartControl, type StartControl } from '../checklist/steps/start-control.ts';
import { createJobRecord } from '../checklist/table-jobs/job-record.ts';
import { createTableSteps, type TableSteps } from '../checklist/table-jobs/table-steps.ts';
import type { Clock, Random } from '../lib/clock.ts';
import type { Logger } from '../lib/log.ts';
import { type AwsClients, createInvokeClient, expectedFaultOr } from '../pipeline/aws.ts';
import { listImages } from '../pipeline/images.ts';
import { codeIdentity, createOcrFunction, describeFunction } from '../pipeline/invoke/ocr-function.ts';
import { readAllQuotas } from '../pipeline/limits/quotas.ts';
import { logGroupOf } from '../pipeline/logs/logs.ts';
import { readModuleSources } from '../pipeline/package/failure-module.ts';
import { planDeploy, previewRollback } from '../pipeline/package/function-package.ts';
import { carryOutDeploy, carryOutRollback, type DeployStage } from '../pipeline/package/function-update.ts';
import { countRecords } from '../pipeline/table/count.ts';
import { describeTable } from '../pipeline/table/table.ts';
import type { RunControl } from '../run/model/run-control.ts';
import type { PaceSetting } from '../run/model/types.ts';
import { readLatestExperience } from '../run/plan/past-runs.ts';
import { createRunStore } from '../run/store/run-store.ts';
import type { Settings } from '../settings.ts';
import type { ControlTable } from '../state/control-table.ts';
import { createLease } from '../state/lease.ts';
import { type Audit, assembleAudit } from './audit.ts';
import { assembleResults, type ResultParts } from './results.ts';
import { plannerSettings } from './runs.ts';

const POLL_MS = 500;
/** How much longer than the function itself the bot waits for its reply, ms. */
const BEYOND_FUNCTION_TIMEOUT_MS = 30_000;

export interface ChecklistPorts {
  readonly settings: Settings;
  readonly aws: AwsClients;
  readonly table: ControlTable;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly holder: string;
  readonly runs: RunControl;
  readonly pace: PaceSetting;
}

/** Everything a rescan is made of, besides its runs. */
export interface ChecklistParts extends ResultParts {
  readonly tables: TableSteps;
  readonly checklist: Checklist;
  /** Hears when a step, a proof or an override changes. */
  readonly watchChecklist: (listener: () => void) => () => void;
  readonly starts: StartControl;
  readonly steps: FunctionSteps;
  readonly deploys: Deploys;
  readonly autopilot: Autopilot;
  readonly audit: Audit;
}

/** The steps of a rescan on the pipeline that the settings name, on real AWS clients. */
export function createChecklistParts(parts: ChecklistPorts): ChecklistParts {
  const { settings, aws, table, clock, random, logger, runs } = parts;
  const name = settings.ocrFunction;
  const location = { s3: aws.s3, bucket: settings.controlBucket, prefix: `${settings.controlPrefix}backups/` };
  const warn = (message: string, cause: unknown) => logger.warn({ err: cause }, message);
  // The lease of the runs, held under another name: a run and other work on the pipeline exclude each other.
  const leaseAs = (part: string, of = name) =>
    createLease({
      table,
      name: of,
      holder: `${parts.holder}/${part}`,
      durationMs: settings.leaseMs,
      clock,
      logger,
    });
  const stopFileExists = () =>
    access(settings.stopFile).then(
      () => true,
      () => false,
    );
  const codeSha256 = async () => codeIdentity(await describeFunction(aws.lambda, name));
  const activeRun = async () => {
    const run = await runs.current();
    return run?.state.kind === 'running' ? run.runId : undefined;
  };
  const faultOfTable = (error: unknown) => expectedFaultOr(error, settings.table);
  const faultOfFunction = (error: unknown) => expectedFaultOr(error, name);
  const { store, watch: watchChecklist } = watchStore(createChecklistStore(table, name));
  const audit = assembleAudit({ settings, aws, table, clock, warn });

  const readReport = async () => {
    const about = { functionName: name, modelId: settings.modelId, tableName: settings.table };
    const [reading, experience] = await Promise.all([
      readAllQuotas(aws, about),
      readLatestExperience(createRunStore(table, name)),
    ]);
    const planner = plannerSettings(settings);
    return judgeQuotas(reading, planner, experience?.secondsPerImage ?? planner.secondsPerImage);
  };
  const checklist = createChecklist({
    store,
    clock,
    rules: {
      maxBackupAgeMs: settings.backupMaxAgeMs,
      maxDifference: settings.flushMaxDifference,
      maxSampleAgeMs: settings.sampleMaxAgeMs,
      sampleImages: settings.sampleImages,
      autoResume: settings.autoResume,
    },
    codeSha256,
    async lastBackup() {
      const { arn } = await describeTable(aws.bulkDynamodb, settings.table);
      const backup = lastVerified(await listBackups(location), arn);
      return backup && { id: backup.id, startedAt: backup.startedAt, records: backup.counts.total };
    },
    async countRecords() {
      const { approximateBytes } = await describeTable(aws.bulkDynamodb, settings.table);
      return approximateBytes <= settings.growthCountMaxBytes
        ? countRecords(aws.bulkDynamodb, settings.table)
        : 'not-counted';
    },
    blockingQuotas: async () => (await readReport()).blocking.map(({ limit }) => limit),
    currentRun: () => runs.current(),
    currentJob: () => tables.current(),
    approval: (id) => tables.approval(id),
    withdraw: (id, by) => tables.withdraw(id, by),
    audit,
    readFault: faultOfTable,
    warn,
  });

  const tables: TableSteps = createTableSteps({
    dynamodb: aws.bulkDynamodb,
    lambda: aws.lambda,
    location,
    clock,
    random,
    jobs: controlTableJobs(table),
    record: createJobRecord(table, name),
    lease: leaseAs('table'),
    approvals: createApprovalStore(table, name),
    table: settings.table,
    functionName: name,
    codeSha256,
    activeRun,
    policy: settings.approvalPolicy,
    approvalMs: settings.approvalMs,
    maxBackupAgeMs: settings.backupMaxAgeMs,
    maxDifference: settings.flushMaxDifference,
    preconditions: (step) => checklist.preconditions(step),
    checklist,
    audit,
    stopFile: settings.stopFile,
    stopFileExists,
    readFault: faultOfTable,
    warn,
    pollMs: POLL_MS,
  });

  const invoke = async (imageKey: string) => {
    const facts = await describeFunction(aws.lambda, name);
    const client = createInvokeClient({ timeoutMs: facts.timeoutMs + BEYOND_FUNCTION_TIMEOUT_MS, maxSockets: 1 });
    try {
      const ocr = createOcrFunction({
        client,
        functionName: name,
        bucket: settings.imageBucket,
        keyEncoding: settings.keyEncoding,
      });
      return await ocr.invoke(imageKey);
    } finally {
      client.destroy();
    }
  };
  const noteStage = (onStage: (stage: DeployStage) => void) => (stage: DeployStage) => {
    logger.info({ stage }, 'deploying');
    onStage(stage);
  };
  const exclusive = {
    lease: leaseAs('function'),
    activeRun,
    currentJob: () => tables.current(),
    stopFile: settings.stopFile,
    stopFileExists,
  };
  const steps = createFunctionSteps({
    checklist,
    sampleImages: settings.sampleImages,
    readQuotaReport: readReport,
    exclusive,
    codeSha256,
    readFault: faultOfFunction,
    warn,
    logging: {
      clock,
      uniqueName: () => `${new Date(clock.now()).toISOString().replace(/[^0-9]/g, '')}-${randomUUID().slice(0, 8)}`,
      invoke,
      ...createFailureRecordSearch(aws.bulkDynamodb, {
        table: settings.table,
        mostBytes: settings.growthCountMaxBytes,
      }),
      readLog: createInvocationLogReader(aws.logs, async () => {
        const facts = await describeFunction(aws.lambda, name);
        return facts.logGroup ?? logGroupOf(facts.name);
      }),
      readFault: faultOfFunction,
      pendingTests: createPendingTests(table, name),
    },
    sample: {
      clock,
      random,
      invoke,
      listImages: () =>
        listImages(aws.s3, {
          bucket: settings.imageBucket,
          extensions: settings.imageExtensions,
          excludedPrefixes: settings.excludedPrefixes,
        }),
    },
  });
  const packages = { s3: aws.s3, bucket: settings.controlBucket, prefix: `${settings.controlPrefix}packages/` };
  const updating = { lambda: aws.lambda, location: packages, clock };
  const deploys = createDeploys({
    store: createDeployStore(table, name),
    clock,
    checklist,
    exclusive: { ...exclusive, lease: leaseAs('deploy') },
    async plan(given) {
      const [{ keys }, modules] = await Promise.all([
        describeTable(aws.bulkDynamodb, settings.table),
        readModuleSources(),
      ]);
      return planDeploy(
        { lambda: aws.lambda, location: packages, modules },
        {
          functionName: name,
          tableName: settings.table,
          tableKeys: keys,
          keyEncoding: settings.keyEncoding,
          modelId: settings.modelId,
          ...(given ? { given } : {}),
        },
      );
    },
    carryOut: (plan, { signal, onStage }) => carryOutDeploy({ ...updating, signal }, plan, noteStage(onStage)),
    previewRollback: (plan) => previewRollback({ lambda: aws.lambda }, plan),
    rollBack: (plan, { signal, onStage, keeps }) =>
      carryOutRollback({ ...updating, signal }, plan, noteStage(onStage), keeps),
    codeSha256,
    readFault: faultOfFunction,
    warn,
  });
  const starts = createStartControl(runs, checklist, audit);
  const resultParts = assembleResults({
    settings,
    aws,
    table,
    location,
    clock,
    random,
    runs,
    starts,
    checklists: {
      ...store,
      async setStep(id, step) {
        await store.setStep(id, step);
        audit.enqueue(auditOfStep(id, step));
      },
    },
    warn,
  });
  const autopilot = createAutopilot({
    store: createAutopilotStore(table, name),
    clock,
    lease: leaseAs('autopilot', `${name}#autopilot`),
    checklist,
    tables,
    starts,
    runs,
    async doStep(step, by) {
      switch (step) {
        case 'test-logging': {
          const tested = await steps.testLogging(by);
          return tested.ok ? undefined : { kind: 'step-refused', step, refusal: tested.refusal };
        }
        case 'sample': {
          const tried = await steps.sample(by);
          return tried.ok ? undefined : { kind: 'step-refused', step, refusal: tried.refusal };
        }
        case 'quotas': {
          const read = await steps.quotas(by);
          return read.ok ? undefined : { kind: 'step-refused', step, refusal: read.refusal };
        }
        case 'deploy': {
          const planned = await deploys.plan(by);
          const done = planned.ok ? await deploys.deploy(planned.value.id, by) : planned;
          return done.ok ? undefined : { kind: 'step-refused', step, refusal: done.refusal };
        }
      }
    },
    async validate(by) {
      const validated = await resultParts.results.validate({ by });
      if (validated.ok) return validated.value;
      warn('the autopilot could not validate', validated.refusal);
      return;
    },
    async forecast() {
      const expected = await runs.forecast(parts.pace);
      return expected.ok ? expected : { ok: false, refusal: { reason: 'start', refusal: expected.refusal } };
    },
    pace: parts.pace,
    canary: { images: settings.canaryImages, percent: settings.canaryPercent },
    stopFile: settings.stopFile,
    stopFileExists,
    readFault: faultOfFunction,
    warn,
    pollMs: POLL_MS,
  });

  const note = (told: ReturnType<typeof auditOfRun>) => {
    if (told) audit.enqueue(told);
  };
  // Before anyone is told: what a step came to is on record first.
  runs.watch((event) => {
    note(auditOfRun(event));
    return checklist.onRunEvent(event);
  });
  tables.watch((event) => {
    note(auditOfTable(event));
    return checklist.onTableEvent(event);
  });
  autopilot.watch((event) => note(auditOfAutopilot(event)));

  return { tables, checklist, watchChecklist, starts, steps, deploys, autopilot, audit, ...resultParts };
}
