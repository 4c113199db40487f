import { auditDescription } from './checklist/audit-command.ts';
import { autopilotDescription } from './checklist/autopilot-command.ts';
import {
  checklistDescription,
  closeDescription,
  historyDescription,
  overrideDescription,
} from './checklist/checklist-commands.ts';
import { deployDescription } from './checklist/deploy-command.ts';
import { scopeDescription } from './checklist/scope-command.ts';
import { quotasDescription, sampleDescription, testLoggingDescription } from './checklist/step-commands.ts';
import type { CommandDescription } from './command.ts';
import { helpDescription } from './help-command.ts';
import { logsDescription } from './results/log-command.ts';
import {
  diagnoseDescription,
  diffDescription,
  exportDescription,
  failuresDescription,
  retryDescription,
  validateDescription,
} from './results/result-commands.ts';
import {
  haltDescription,
  paceDescription,
  pauseDescription,
  resumeDescription,
  stopDescription,
} from './run/control-commands.ts';
import { engineDescription } from './run/engine-command.ts';
import { startDescription } from './run/start-command.ts';
import { statusDescription } from './run/status-command.ts';
import { scheduleDescription } from './schedule-command.ts';
import { backupDescription, backupsDescription, flushDescription, restoreDescription } from './table-commands.ts';
import { useDescription } from './use-command.ts';

/** Every command of /rescan, in the order of help and documentation. */
export const COMMANDS: readonly CommandDescription[] = [
  autopilotDescription,
  checklistDescription,
  scopeDescription,
  scheduleDescription,
  overrideDescription,
  closeDescription,
  historyDescription,
  useDescription,
  quotasDescription,
  deployDescription,
  testLoggingDescription,
  sampleDescription,
  engineDescription,
  backupDescription,
  backupsDescription,
  flushDescription,
  restoreDescription,
  startDescription,
  statusDescription,
  pauseDescription,
  resumeDescription,
  stopDescription,
  haltDescription,
  paceDescription,
  failuresDescription,
  retryDescription,
  validateDescription,
  diffDescription,
  diagnoseDescription,
  exportDescription,
  logsDescription,
  auditDescription,
  helpDescription,
];
