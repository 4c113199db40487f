import { createThreadFinder } from '../../slack/delivery/message-locations.ts';
import { createDeployForms } from '../../slack/forms/deploy-forms.ts';
import { createRestoreRowsForm } from '../../slack/forms/restore-rows-form.ts';
import { createScopeForm } from '../../slack/forms/scope/scope-form.ts';
import { createTableForms } from '../../slack/forms/table-forms.ts';
import { createAnswers } from '../../slack/requests/answers.ts';
import { createAuditExport } from '../../slack/requests/results/export-audit.ts';
import { createFilePlaces } from '../../slack/requests/results/file-places.ts';
import { createLogRequests } from '../../slack/requests/results/log-requests.ts';
import { createResultFiles } from '../../slack/requests/results/result-files.ts';
import { createResultRequests } from '../../slack/requests/results/result-requests.ts';
import { createRunRequests } from '../../slack/requests/run-requests.ts';
import type { AccessParts, ClientParts } from './clients.ts';
import type { DeliveryParts } from './delivery.ts';
import type { SlackPorts } from './ports.ts';

/** What commands, buttons and forms have in common: the requests, and the modals. */
export function assembleRequests(
  ports: SlackPorts,
  { answers: chat, modals, files, download, lookups }: ClientParts,
  { whoApproves, checkApprover, permissions }: AccessParts,
  { links, runMessages, findRunLocation, isDeleted }: DeliveryParts,
) {
  const { settings, runs, tables, scope, starts, deploys, audit, results, diagnoses, functionLog, clock, onError } =
    ports;
  const planning = { runs, starts, chat, links, clock };
  const tableForms = createTableForms({ tables, scope, chat, clock, whoApproves, checkApprover, ...modals });
  const answers = createAnswers({ store: ports.answerStore, chat, clock, onError });
  const places = createFilePlaces({
    threadIn: createThreadFinder(runs, findRunLocation, isDeleted),
    links,
    directChannel: lookups.directChannel,
    onError,
  });
  const resultFiles = createResultFiles({ results, files });
  return {
    answers,
    places,
    planning,
    runRequests: createRunRequests({ runs: { ...runs, resume: starts.resume }, liveMessages: runMessages, links }),
    resultFiles,
    resultRequests: createResultRequests({
      results,
      diagnoses,
      answers,
      places,
      mayRecord: async (person) => (await permissions.check(person, 'operator')).ok,
      files: resultFiles,
      planning,
      pace: settings.pace,
      clock,
    }),
    logRequests: createLogRequests({ findLines: functionLog.findLines, results, answers, places, files, clock }),
    exportAudit: createAuditExport({ audit, files, places }),
    tableForms,
    deployForms: createDeployForms({ deploys, download, chat, whoApproves, checkApprover, ...modals }),
    scopeForm: createScopeForm({ scope, download, ...modals }),
    restoreRowsForm: createRestoreRowsForm({ results, askApproval: tableForms.ask, ...modals }),
  };
}
export type RequestParts = ReturnType<typeof assembleRequests>;
