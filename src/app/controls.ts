import { createApprovalStore } from '../approvals/approval-store.ts';
import { createAuditor } from '../checklist/audit/audit-events.ts';
import type { Autopilot } from '../checklist/autopilot/autopilot.ts';
import type { FunctionLog } from '../checklist/contracts/function-log.ts';
import type { ResultControl, StartControl } from '../checklist/contracts/result-control.ts';
import type { Deploys } from '../checklist/deploy/deploys.ts';
import type { DiagnoseControl } from '../checklist/results/diagnoses.ts';
import type { Checklist } from '../checklist/steps/checklist.ts';
import { createChecklistStore, watchChecklistStore } from '../checklist/steps/checklist-store.ts';
import type { FunctionSteps } from '../checklist/steps/function-steps.ts';
import { createStartControl } from '../checklist/steps/start-control.ts';
import { createJobRecord } from '../checklist/table-jobs/job-record.ts';
import type { TableSteps } from '../checklist/table-jobs/table-steps.ts';
import type { RunControl } from '../run/model/run-control.ts';
import { type Audit, assembleAudit } from './audit.ts';
import { assembleAutopilot } from './autopilot.ts';
import { assembleChecklist, assembleQuotaReader } from './checklist.ts';
import type { BotContext } from './context.ts';
import { assembleDeploys, assembleFunctionSteps } from './function-steps.ts';
import { assembleDiagnoses, assembleFunctionLog, assembleResults } from './results.ts';
import { assembleTableJobs } from './table-jobs.ts';

/** What Slack can ask of the bot, besides its runs. */
export interface BotControls {
  readonly tables: TableSteps;
  readonly checklist: Checklist;
  /** Calls the listener after each change of a step, proof or override. Returns the function that removes it. */
  readonly watchChecklist: (listener: () => void) => () => void;
  readonly starts: StartControl;
  readonly steps: FunctionSteps;
  readonly deploys: Deploys;
  readonly autopilot: Autopilot;
  readonly audit: Audit;
  readonly results: ResultControl;
  readonly diagnoses: DiagnoseControl;
  readonly functionLog: FunctionLog;
}

/** Builds the controls in the order of their dependencies, and connects their events. */
export function assembleControls(context: BotContext, runs: RunControl): BotControls {
  const { settings, table, warn } = context;
  const pipeline = settings.ocrFunction;
  const audit = assembleAudit(context);
  const approvals = createApprovalStore(table, pipeline);
  const jobRecord = createJobRecord(table, pipeline);
  const store = watchChecklistStore(createChecklistStore(table, pipeline), warn);
  const readQuotaReport = assembleQuotaReader(context);
  const checklist = assembleChecklist(context, { store, approvals, jobRecord, runs, audit, readQuotaReport });
  const tables = assembleTableJobs(context, { approvals, record: jobRecord, runs, checklist, audit });
  const steps = assembleFunctionSteps(context, { runs, tables, checklist, readQuotaReport });
  const deploys = assembleDeploys(context, { runs, tables, checklist });
  const starts = createStartControl(runs, checklist, audit);
  const results = assembleResults(context, { starts, store, audit });
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
    watchChecklist: store.watch,
    starts,
    steps,
    deploys,
    autopilot,
    audit,
    results,
    diagnoses,
    functionLog,
  };
}
