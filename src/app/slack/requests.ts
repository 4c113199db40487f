import { createDeployForms } from '../../slack/forms/deploy-forms.ts';
import { createRestoreRowsForm } from '../../slack/forms/restore-rows-form.ts';
import { createTableForms } from '../../slack/forms/table-forms.ts';
import type { Message } from '../../slack/messages/kit/message.ts';
import { createAuditExport } from '../../slack/requests/export-audit.ts';
import { createLogRequests } from '../../slack/requests/log-requests.ts';
import { createResultFiles } from '../../slack/requests/result-files.ts';
import { createResultRequests } from '../../slack/requests/result-requests.ts';
import { createRunRequests } from '../../slack/requests/run-requests.ts';
import type { AccessParts, ClientParts } from './clients.ts';
import type { DeliveryParts } from './delivery.ts';
import type { SlackPorts } from './ports.ts';

/** What commands, buttons and forms have in common: the requests, and the modals. */
export function assembleRequests(
  ports: SlackPorts,
  { answers, modals, files, download }: ClientParts,
  { whoApproves }: AccessParts,
  { links, runMessages }: DeliveryParts,
) {
  const { settings, runs, tables, starts, deploys, audit, results, diagnoses, functionLog, clock } = ports;
  const announce = async (channel: string, message: Message) => void (await answers.post(channel, message));
  const planning = { runs, starts, chat: answers, links, clock };
  const tableForms = createTableForms({ tables, chat: answers, whoApproves, ...modals });
  const resultFiles = createResultFiles({ results, files });
  return {
    announce,
    planning,
    runRequests: createRunRequests({ runs: { ...runs, resume: starts.resume }, liveMessages: runMessages, links }),
    resultFiles,
    resultRequests: createResultRequests({
      results,
      diagnoses,
      announce,
      files: resultFiles,
      planning,
      pace: settings.pace,
      clock,
    }),
    logRequests: createLogRequests({ findLines: functionLog.findLines, results, chat: answers, files, clock }),
    exportAudit: createAuditExport({ audit, files }),
    tableForms,
    deployForms: createDeployForms({ deploys, announce, download, ...modals }),
    restoreRowsForm: createRestoreRowsForm({ results, askApproval: tableForms.ask, ...modals }),
  };
}
export type RequestParts = ReturnType<typeof assembleRequests>;
