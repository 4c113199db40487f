import { actionTable } from '../../slack/actions/action-table.ts';
import { commandTable } from '../../slack/commands/command-table.ts';
import { formTable } from '../../slack/forms/form-table.ts';
import { createDeduplicator } from '../../slack/intake/deduplicate.ts';
import { createIntake, type Intake } from '../../slack/intake/dispatch.ts';
import { createErrorReporter } from '../../slack/intake/error-reporter.ts';
import type { PipelineStates } from '../../slack/requests/pipeline-state.ts';
import { stepStarters } from '../../slack/requests/step-starters.ts';
import type { AccessParts, ClientParts } from './clients.ts';
import type { DeliveryParts } from './delivery.ts';
import type { SlackPorts } from './ports.ts';
import type { RequestParts } from './requests.ts';
import type { ThreadParts } from './threads.ts';

/** Every command, button and form, and what dispatches to them. */
export function assembleIntake(
  ports: SlackPorts,
  { answers, modals }: ClientParts,
  { permissions, people, membership, checkApprover, whoApproves }: AccessParts,
  { links, runMessages }: DeliveryParts,
  requests: RequestParts,
  { logFollower: following }: ThreadParts,
  states: PipelineStates,
): Intake {
  const { settings, runs, tables, checklist, scope, starts, steps, autopilot, audit, clock, random, logger, onError } =
    ports;
  const { answers: offers, places, planning, runRequests, resultFiles, resultRequests, exportAudit } = requests;
  const { tableForms, deployForms, restoreRowsForm } = requests;
  const { pace } = settings;
  const status = { states, links, permissions };
  const stepPorts = { steps, answers: offers, sampleImages: settings.sampleImages };
  const commands = commandTable({
    runs,
    planning,
    status,
    requests: runRequests,
    table: { tables, forms: tableForms },
    checklist: { checklist, permissions, clock, autopilot, checkApprover },
    scope,
    steps: stepPorts,
    deploys: deployForms,
    autopilot: { autopilot, chat: answers },
    audit: { audit, exportAudit },
    results: {
      requests: resultRequests,
      files: resultFiles,
      exportAudit,
      putBack: restoreRowsForm,
      places,
    },
    logs: requests.logRequests,
    following,
    pace,
  });
  const actions = actionTable({
    runs,
    starts,
    autopilot,
    scope,
    startStep: stepStarters({
      tables,
      forms: tableForms,
      planning,
      pace,
      stepPorts,
      deploys: deployForms,
      results: resultRequests,
    }),
    requests: runRequests,
    status,
    liveMessages: runMessages,
    chat: answers,
    links,
    tables,
    checkApprover,
    people,
    whoApproves,
    results: resultRequests,
    resultFiles,
    places,
    answers: offers,
    putBack: restoreRowsForm,
    forms: tableForms,
    following,
    openView: modals.openView,
    onError,
  });
  return createIntake({
    commands,
    actions,
    forms: formTable(planning, tableForms, deployForms, restoreRowsForm),
    permissions,
    membership,
    channels: settings.slackChannels,
    deduplicator: createDeduplicator(clock),
    clock,
    reportError: createErrorReporter(logger, random),
    noteFormGone: (error, request) => logger.info({ request, reason: error.reason }, error.message),
    audit: audit.enqueue,
  });
}
