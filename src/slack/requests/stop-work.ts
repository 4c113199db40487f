import type { AutopilotControl } from '../../checklist/contracts/autopilot-control.ts';
import type { DeployControl } from '../../checklist/contracts/step-control.ts';
import type { TableControl } from '../../checklist/contracts/table-control.ts';
import { autopilotRefusalMessage, autopilotStoppedMessage } from '../messages/checklist/autopilot-message.ts';
import { requestName } from '../messages/checklist/deploy-approval-message.ts';
import { deployGoesOnLine } from '../messages/checklist/deploy-message.ts';
import { type Message, refuseWith, say, withNote } from '../messages/kit/message.ts';
import { describeFault, faultLines } from '../messages/run/describe-run.ts';
import { stoppingJobMessage } from '../messages/table/table-messages.ts';
import { tableRefusalMessage } from '../messages/table/table-refusals.ts';
import type { RunRequests } from './run-requests.ts';

export interface StopPorts {
  readonly requests: Pick<RunRequests, 'stop'>;
  readonly tables: Pick<TableControl, 'stop' | 'withdrawApproved'>;
  readonly deploys: Pick<DeployControl, 'withdrawApproved' | 'inProgress'>;
  readonly autopilot: Pick<AutopilotControl, 'stop'>;
}

/**
 * Stops what is in progress: the run, a flush or restore, or the autopilot between two of these; and withdraws what was approved and
 * has not started. All are asked at the same time, so that a restore after a trip stops although that run is still open, and what
 * cannot be read of one does not keep the others from stopping. The autopilot is left alone only where the work that stops may be
 * its own: it then waits for a person. A deploy in progress goes on, and the answer says so. Returns the answer.
 * @throws where nothing was stopped because something could not be read.
 */
export async function stopWork(
  person: string,
  { now }: { readonly now: boolean },
  { requests, tables, deploys, autopilot }: StopPorts,
): Promise<Message> {
  const [run, firstJob, ofTable, ofDeploys] = await Promise.allSettled([
    requests.stop(person, { now }),
    tables.stop(person),
    // Approved a moment ago and not started yet: it must not start any more.
    tables.withdrawApproved(person),
    deploys.withdrawApproved(person),
  ]);
  // Another copy may have stored its job after the first look and used the approval before it could be withdrawn.
  const job = isFound(firstJob) ? firstJob : (await Promise.allSettled([tables.stop(person)]))[0];
  const taken = [ofTable, ofDeploys].flatMap((answer) => (answer.status === 'fulfilled' ? answer.value : []));
  // A deploy whose approval was withdrawn ends before it changes anything.
  const deploy = await deploys.inProgress().catch(() => undefined);
  const goesOn = deploy && !taken.some(({ id }) => id === deploy.approvalId) ? deployGoesOnLine(deploy) : undefined;
  const said = await whatStopped();
  if (said.length > 0) return goesOn === undefined ? joined(said) : withNote(joined(said), goesOn);
  for (const each of [run, job, ofTable, ofDeploys]) if (each.status === 'rejected') throw each.reason;
  if (goesOn !== undefined) return refuseWith('Nothing was stopped.', goesOn);
  if (job.status === 'fulfilled' && !job.value.ok && job.value.refusal.reason !== 'no-job')
    return tableRefusalMessage(job.value.refusal);
  return run.status === 'fulfilled' ? run.value.message : say('Nothing was stopped.');

  /** What was stopped or withdrawn, and what of it failed; empty where nothing was. */
  async function whatStopped(): Promise<readonly Message[]> {
    const found = job.status === 'fulfilled' && job.value.ok ? job.value.value : undefined;
    const stopping = found && !taken.some(({ id }) => id === found.id) ? found : undefined;
    const halted = run.status === 'fulfilled' && run.value.done ? run.value : undefined;
    const said = [
      ...(stopping ? [stoppingJobMessage(stopping)] : []),
      // A flush, restore or deletion of backups excludes a run that is driven.
      ...(halted && (!stopping || stopping.work.kind === 'backup') ? [halted.message] : []),
      ...taken.map((approval) =>
        say(`The ${requestName(approval)} was approved but had not started. It will not start any more.`),
      ),
    ];
    if (stopping?.work.kind === 'flush' || (halted && !halted.mayBeIdle)) return said;
    const piloting = await autopilot.stop(person, { now });
    if (piloting.ok) return [...said, autopilotStoppedMessage(piloting.value)];
    // Whether an autopilot runs is not known, so the answer must not be that nothing does.
    if (piloting.refusal.reason !== 'fault') return said;
    if (said.length === 0) return [autopilotRefusalMessage(piloting.refusal)];
    const { fault } = piloting.refusal;
    return [...said, say(`The autopilot could not be stopped: ${describeFault(fault)}.`, ...faultLines(fault))];
  }
}

const isFound = (answer: PromiseSettledResult<Awaited<ReturnType<TableControl['stop']>>>): boolean =>
  answer.status === 'fulfilled' && answer.value.ok;

/** Answers of plain lines as one, in this order. A line that two of them have is shown once. */
function joined(messages: readonly Message[]): Message {
  const [only, ...others] = messages;
  return only && others.length === 0 ? only : say(...new Set(messages.flatMap(({ text }) => text.split('\n'))));
}
