import type { ApprovalStore } from '../approvals/approval-store.ts';
import type { QuotaReport } from '../checklist/contracts/quota-report.ts';
import { createQuotaReader } from '../checklist/quotas/quota-reader.ts';
import { readLastBackup } from '../checklist/steps/backup-facts.ts';
import { type Checklist, createChecklist } from '../checklist/steps/checklist.ts';
import type { ChecklistStore } from '../checklist/steps/checklist-store.ts';
import type { JobRecord } from '../checklist/table-jobs/job-record.ts';
import { expectedFaultOr } from '../pipeline/aws.ts';
import { codeIdentity, describeFunction } from '../pipeline/invoke/ocr-function.ts';
import { readAllQuotas } from '../pipeline/limits/quotas.ts';
import type { RunControl } from '../run/model/run-control.ts';
import { readLatestExperience } from '../run/plan/past-runs.ts';
import type { Audit } from './audit.ts';
import type { BotContext } from './context.ts';

/** Reads the quotas of the pipeline and judges them. */
export const assembleQuotaReader = ({ aws, quotas, planner, runStore }: BotContext): (() => Promise<QuotaReport>) =>
  createQuotaReader({
    readQuotas: () => readAllQuotas(aws, quotas),
    experience: () => readLatestExperience(runStore),
    planner,
  });

/** The checklist of the pipeline. */
export function assembleChecklist(
  context: BotContext,
  parts: {
    readonly store: ChecklistStore;
    readonly approvals: ApprovalStore;
    readonly jobRecord: JobRecord;
    readonly runs: RunControl;
    readonly audit: Audit;
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
    lastBackup: () => readLastBackup(aws.bulkDynamodb, backups, settings.table),
    countRecords: async () => (await counts.records()) ?? 'not-counted',
    blockingQuotas: async () => (await parts.readQuotaReport()).blocking.map(({ limit }) => limit),
    currentRun: parts.runs.current,
    currentJob: async () => (await parts.jobRecord.read())?.job,
    approval: parts.approvals.read,
    audit: parts.audit,
    readFault: (error) => expectedFaultOr(error, settings.table),
    warn: context.warn,
  });
}
