import { within } from '../../lib/async/within.ts';
import type { Clock } from '../../lib/clock.ts';
import { carriedFault } from '../../pipeline/fault.ts';
import type { Requester } from '../commands/command.ts';
import type { MessageLinks } from '../delivery/message-links.ts';
import type { Permissions } from '../intake/permissions.ts';
import { type Rights, statusMessage, stopQuestion, unreadMessage } from '../messages/checklist/status-message.ts';
import type { Message } from '../messages/kit/message.ts';
import { type PipelineState, type PipelineStates, stoppableIds } from './pipeline-state.ts';

export interface StatusPorts {
  readonly states: Pick<PipelineStates, 'read' | 'lastKnown'>;
  readonly links: Pick<MessageLinks, 'toRun' | 'to'>;
  readonly permissions: Permissions;
  readonly clock: Pick<Clock, 'sleep'>;
}

/** How long the question before a stop waits for the state, before it is about whatever is in progress, ms. */
const QUESTION_MS = 3_000;

/** Which buttons a person gets, by the roles that were looked up within the last minute. */
export async function rightsOf(person: string, permissions: Permissions): Promise<Rights> {
  if ((await permissions.check(person, 'operator', 'cached')).ok) return 'act';
  return (await permissions.check(person, 'stopper', 'cached')).ok ? 'stop' : 'read';
}

/** Everything that is going on, with the buttons that this person may press. When it cannot be read: why, and the last known state. */
export async function showStatus(requester: Pick<Requester, 'person'>, ports: StatusPorts): Promise<Message> {
  const { states, links } = ports;
  try {
    const state = await states.read();
    const [rights, shown] = await Promise.all([rightsOf(requester.person, ports.permissions), linksTo(state, links)]);
    return statusMessage({ ...state, links: shown }, rights);
  } catch (error) {
    const fault = carriedFault(error);
    if (!fault) throw error;
    return unreadMessage(fault, states.lastKnown());
  }
}

/** Asks whether to stop, with one button. Where nothing can be read, the button stops whatever is in progress. */
export async function askToStop({ states, clock }: Pick<StatusPorts, 'states' | 'clock'>): Promise<Message> {
  try {
    const state = await within(clock, QUESTION_MS, states.read());
    return stopQuestion(state, state ? stoppableIds(state) : null);
  } catch (error) {
    if (!carriedFault(error)) throw error;
    return stopQuestion(undefined, null);
  }
}

/** The addresses of the messages that show run, job, deploy, autopilot and requests, by id. */
async function linksTo(
  { run, job, deploy, autopilot, approvals }: PipelineState,
  links: StatusPorts['links'],
): Promise<ReadonlyMap<string, string>> {
  const found = await Promise.all(
    [
      ...(run ? [[run.runId, links.toRun(run.runId)] as const] : []),
      ...(job ? [[job.id, links.to(job.liveMessage)] as const] : []),
      ...(deploy ? [[deploy.id, links.to(deploy.message)] as const] : []),
      ...(autopilot ? [[autopilot.id, links.to(autopilot.location)] as const] : []),
      ...approvals.map((approval) => [approval.id, links.to(approval)] as const),
    ].map(async ([id, url]) => [id, await url] as const),
  );
  return new Map(found.flatMap(([id, url]) => (url === undefined ? [] : [[id, url] as const])));
}
