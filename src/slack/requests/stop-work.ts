import type { AutopilotControl } from '../../checklist/contracts/autopilot-control.ts';
import type { DeployControl } from '../../checklist/contracts/step-control.ts';
import type { TableControl } from '../../checklist/contracts/table-control.ts';
import type { Clock } from '../../lib/clock.ts';
import { FaultError } from '../../pipeline/fault.ts';
import { noAnswer } from '../../state/table/control-table.ts';
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
  readonly clock: Pick<Clock, 'sleep'>;
}

/** How long everything else is waited for after the run's part is done, ms. Another process that stops its job takes up to 3 s. */
const REST_MS = 5_000;
const UNREAD =
  ':warning: It could not be read whether a flush, a restore, a deletion of backups, a deploy or the autopilot is in progress. Check with `/rescan status`, and stop again if one is.';

/**
 * Stops what is in progress: the run, a flush or restore, or the autopilot between two of these; and withdraws what was approved and
 * has not started. All are asked at the same time, so that a restore after a trip stops although that run is still open, and what
 * cannot be read of one does not keep the others from stopping. The autopilot is left alone only where the work that stops may be
 * its own: it then waits for a person. A deploy in progress goes on, and the answer says so. Returns the answer, within some seconds
 * of that about the run: what has no answer by then is still asked for, and the answer says that it was not read.
 * @throws where nothing was stopped because something could not be read.
 */
export async function stopWork(
  person: string,
  { now }: { readonly now: boolean },
  { requests, tables, deploys, autopilot, clock }: StopPorts,
): Promise<Message> {
  const halting = Promise.allSettled([requests.stop(person, { now })]);
  const answered = new AbortController();
  const late = halting.then(() => clock.sleep(REST_MS, answered.signal));
  try {
    return await stopAll();
  } finally {
    answered.abort();
  }

  async function inTime<T>(work: Promise<T>): Promise<PromiseSettledResult<T>> {
    const settled = await Promise.race([Promise.allSettled([work]), late]);
    return settled ? settled[0] : { status: 'rejected', reason: new FaultError(noAnswer(REST_MS)) };
  }

  async function stopAll(): Promise<Message> {
    const [[run], firstJob, ofTable, ofDeploys] = await Promise.all([
      halting,
      inTime(tables.stop(person)),
      // Approved a moment ago and not started yet: it must not start any more.
      inTime(tables.withdrawApproved(person)),
      inTime(deploys.withdrawApproved(person)),
    ]);
    // Another copy may have stored its job after the first look and used the approval before it could be withdrawn.
    const job = isFound(firstJob) ? firstJob : await inTime(tables.stop(person));
    const taken = [ofTable, ofDeploys].flatMap((answer) => (answer.status === 'fulfilled' ? answer.value : []));
    const inProgress = await inTime(deploys.inProgress());
    const deploy = inProgress.status === 'fulfilled' ? inProgress.value : undefined;
    // A deploy whose approval was withdrawn ends before it changes anything.
    const goesOn = deploy && !taken.some(({ id }) => id === deploy.approvalId) ? deployGoesOnLine(deploy) : undefined;
    const found = job.status === 'fulfilled' && job.value.ok ? job.value.value : undefined;
    const stopping = found && !taken.some(({ id }) => id === found.id) ? found : undefined;
    const halted = run.status === 'fulfilled' && run.value.done ? run.value : undefined;
    const isPilots = stopping?.work.kind === 'flush' || (halted && !halted.mayBeIdle);
    const pilot = isPilots ? undefined : await inTime(autopilot.stop(person, { now }));
    const stopped = [
      ...(stopping ? [stoppingJobMessage(stopping)] : []),
      // A flush, restore or deletion of backups excludes a run that is driven.
      ...(halted && (!stopping || stopping.work.kind === 'backup') ? [halted.message] : []),
      ...taken.map((approval) =>
        say(`The ${requestName(approval)} was approved but had not started. It will not start any more.`),
      ),
    ];
    const said = [...stopped, ...(pilot?.status === 'fulfilled' ? pilotLines(pilot.value, stopped.length > 0) : [])];
    const isUnread = [job, ofTable, ofDeploys, inProgress, pilot].some((answer) => answer?.status === 'rejected');
    if (said.length > 0) return withNotes(joined(said), goesOn, isUnread ? UNREAD : undefined);
    for (const each of [run, job, ofTable, ofDeploys]) if (each.status === 'rejected') throw each.reason;
    if (goesOn !== undefined) return refuseWith('Nothing was stopped.', goesOn);
    if (job.status === 'fulfilled' && !job.value.ok && job.value.refusal.reason !== 'no-job')
      return tableRefusalMessage(job.value.refusal);
    return run.status === 'fulfilled' ? run.value.message : say('Nothing was stopped.');
  }
}

/** What the stop of the autopilot came to; nothing where none runs. `besideOthers`: something else was stopped. */
function pilotLines(
  piloting: Awaited<ReturnType<AutopilotControl['stop']>>,
  besideOthers: boolean,
): readonly Message[] {
  if (piloting.ok) return [autopilotStoppedMessage(piloting.value)];
  // Whether an autopilot runs is not known, so the answer must not be that nothing does.
  if (piloting.refusal.reason !== 'fault') return [];
  if (!besideOthers) return [autopilotRefusalMessage(piloting.refusal)];
  const { fault } = piloting.refusal;
  return [say(`The autopilot could not be stopped: ${describeFault(fault)}.`, ...faultLines(fault))];
}

type Stopped = PromiseSettledResult<Awaited<ReturnType<TableControl['stop']>>>;
const isFound = (answer: Stopped): boolean => answer.status === 'fulfilled' && answer.value.ok;

const withNotes = (message: Message, ...notes: readonly (string | undefined)[]): Message =>
  notes.reduce((noted: Message, note) => (note === undefined ? noted : withNote(noted, note)), message);

/** Answers of plain lines as one, in this order. A line that two of them have is shown once. */
function joined(messages: readonly Message[]): Message {
  const [only, ...others] = messages;
  return only && others.length === 0 ? only : say(...new Set(messages.flatMap(({ text }) => text.split('\n'))));
}
