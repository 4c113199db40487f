import type { ApprovalStore } from '../approvals/approval-store.ts';
import { controlTableJobs } from '../backup/jobs/job-store.ts';
import type { Checklist } from '../checklist/steps/checklist.ts';
import { activeRunId } from '../checklist/steps/exclusive.ts';
import type { JobRecord } from '../checklist/table-jobs/job-record.ts';
import { createTableSteps, type TableSteps } from '../checklist/table-jobs/table-steps.ts';
import { expectedFaultOr } from '../pipeline/aws.ts';
import { codeIdentity, describeFunction } from '../pipeline/invoke/ocr-function.ts';
import type { RunControl } from '../run/model/run-control.ts';
import type { Audit } from './audit.ts';
import type { BotContext } from './context.ts';

const POLL_MS = 500;

/** Backup, flush and restore of the pipeline's table. */
export function assembleTableJobs(
  context: BotContext,
  parts: {
    readonly approvals: ApprovalStore;
    readonly record: JobRecord;
    readonly runs: RunControl;
    readonly checklist: Checklist;
    readonly audit: Audit;
  },
): TableSteps {
  const { settings, aws } = context;
  const { runs, checklist } = parts;
  const functionFacts = () => describeFunction(aws.lambda, settings.ocrFunction);
  return createTableSteps({
    ...parts,
    dynamodb: aws.bulkDynamodb,
    lambda: aws.lambda,
    location: context.backups,
    clock: context.clock,
    random: context.random,
    jobs: controlTableJobs(context.table),
    lease: context.leases.tableJobs,
    table: settings.table,
    functionName: settings.ocrFunction,
    codeSha256: async () => codeIdentity(await functionFacts()),
    activeRun: () => activeRunId(runs),
    policy: settings.approvalPolicy,
    approvalMs: settings.approvalMs,
    maxBackupAgeMs: settings.backupMaxAgeMs,
    maxDifference: settings.flushMaxDifference,
    preconditions: checklist.preconditions,
    stopFile: settings.stopFile,
    stopFileExists: context.stopFileExists,
    readFault: (error) => expectedFaultOr(error, settings.table),
    warn: context.warn,
    pollMs: POLL_MS,
  });
}
