import { actionTable } from '../../slack/actions/action-table.ts';
import { commandTable } from '../../slack/commands/command-table.ts';
import { formTable } from '../../slack/forms/form-table.ts';
import type { Acceptor } from '../../slack/intake/accept.ts';
import { createDeduplicator } from '../../slack/intake/deduplicate.ts';
import { createIntake, type Intake } from '../../slack/intake/dispatch.ts';
import { createErrorReporter } from '../../slack/intake/error-reporter.ts';
import { createHeavyReads } from '../../slack/intake/heavy-reads.ts';
import { lastKnownLines } from '../../slack/messages/checklist/status-message.ts';
import { createApprovalDecider } from '../../slack/requests/decide-approval.ts';
import type { PipelineStates } from '../../slack/requests/pipeline-state.ts';
import { stepStarters } from '../../slack/requests/step-starters.ts';
import type { AccessParts, ClientParts } from './clients.ts';
import type { DeliveryParts } from './delivery.ts';
import type { SlackPorts } from './ports.ts';
import type { RequestParts } from './requests.ts';
import type { ThreadParts } from './threads.ts';

/** Every command by its word, every button by its action id, and every form by its callback id. */
export function assembleHandlers(
  ports: SlackPorts,
  { answers, modals }: ClientParts,
  { permissions, people, checkApprover, whoApproves }: AccessParts,
  { links, runMessages }: DeliveryParts,
  requests: RequestParts,
  { logFollower: following }: ThreadParts,
  states: PipelineStates,
) {
  const { settings, runs, tables, checklist, scope, schedules, starts, steps, autopilot, audit, clock, onError } =
    ports;
  const { answers: offers, places, planning, runRequests, resultFiles, resultRequests, exportAudit } = requests;
  const { tableForms, deployForms, restoreRowsForm } = requests;
  const { pace } = settings;
  const decide = createApprovalDecider({
    tables,
    deploys: ports.deploys,
    chat: answers,
    checkApprover,
    people,
    whoApproves,
    onError,
  });
  const status = { states, links, permissions, clock };
  const stepPorts = { steps, answers: offers, sampleImages: settings.sampleImages };
  const commands = commandTable({
    runs,
    engine: ports.engine,
    planning,
    status,
    requests: runRequests,
    table: { tables, forms: tableForms },
    checklist: { checklist, permissions, clock, autopilot, checkApprover },
    scope,
    schedules,
    steps: stepPorts,
    deploys: deployForms,
    stop: ports,
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
    choice: ports.choice,
    pace,
  });
  const actions = actionTable({
    runs,
    engine: ports.engine,
    starts,
    autopilot,
    scope,
    scopeForm: requests.scopeForm,
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
    deploys: ports.deploys,
    decide,
    results: resultRequests,
    resultFiles,
    places,
    answers: offers,
    putBack: restoreRowsForm,
    forms: tableForms,
    following,
    openView: modals.openView,
    clock,
    onError,
  });
  const forms = formTable(planning, tableForms, deployForms, restoreRowsForm, decide, requests.scopeForm);
  return { commands, actions, forms };
}
export type HandlerParts = ReturnType<typeof assembleHandlers>;

/** What checks requests and dispatches them to their handlers. */
export function assembleIntake(
  ports: SlackPorts,
  { permissions, membership }: AccessParts,
  handlers: HandlerParts,
  states: Pick<PipelineStates, 'lastKnown'>,
  acceptor: Acceptor,
): Intake {
  const { audit, clock, random, logger } = ports;
  return createIntake({
    ...handlers,
    permissions,
    membership,
    channels: ports.channels,
    deduplicator: createDeduplicator(clock),
    acceptor,
    heavyReads: createHeavyReads(clock),
    lastKnown: () => lastKnownLines(states.lastKnown()),
    clock,
    reportError: createErrorReporter(logger, random),
    noteFormGone: (error, request) => logger.info({ request, reason: error.reason }, error.message),
    audit: audit.enqueue,
  });
}
