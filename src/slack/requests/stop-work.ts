import type { AutopilotControl } from '../../checklist/contracts/autopilot-control.ts';
import type { TableControl } from '../../checklist/contracts/table-control.ts';
import { autopilotStoppedMessage } from '../messages/checklist/autopilot-message.ts';
import { type Message, say } from '../messages/kit/message.ts';
import { actionName } from '../messages/table/describe-table.ts';
import { stoppingJobMessage } from '../messages/table/table-messages.ts';
import { tableRefusalMessage } from '../messages/table/table-refusals.ts';
import type { RunRequests } from './run-requests.ts';

export interface StopPorts {
  readonly requests: Pick<RunRequests, 'stop'>;
  readonly tables: Pick<TableControl, 'stop' | 'withdrawApproved'>;
  readonly autopilot: Pick<AutopilotControl, 'stop'>;
}

/**
 * Stops what is in progress: the run, a flush or restore, or the autopilot between two of these. All are asked at the same time, so
 * that a restore after a trip stops although that run is still open, and what cannot be read of one does not keep the others from
 * stopping. Returns the answer. @throws where nothing was stopped because something could not be read.
 */
export async function stopWork(
  person: string,
  { now }: { readonly now: boolean },
  { requests, tables, autopilot }: StopPorts,
): Promise<Message> {
  const [run, firstJob, withdrawn] = await Promise.allSettled([
    requests.stop(person, { now }),
    tables.stop(person),
    // Approved a moment ago and not started yet: it must not start any more.
    tables.withdrawApproved(person),
  ]);
  // Another copy may have stored its job after the first look and used the approval before it could be withdrawn.
  const job = isFound(firstJob) ? firstJob : (await Promise.allSettled([tables.stop(person)]))[0];
  const [taken] = withdrawn.status === 'fulfilled' ? withdrawn.value : [];
  const stopping = job.status === 'fulfilled' && job.value.ok ? job.value.value : undefined;
  if (stopping && stopping.id !== taken?.id) return stoppingJobMessage(stopping);
  if (run.status === 'fulfilled' && run.value.done) return run.value.message;
  const piloting = await autopilot.stop(person);
  if (piloting.ok) return autopilotStoppedMessage(piloting.value);
  if (taken)
    return say(`The ${actionName(taken.action)} was approved but had not started. It will not start any more.`);
  if (run.status === 'rejected') throw run.reason;
  if (job.status === 'rejected') throw job.reason;
  const { value: answer } = job;
  return answer.ok || answer.refusal.reason === 'no-job' ? run.value.message : tableRefusalMessage(answer.refusal);
}

const isFound = (answer: PromiseSettledResult<Awaited<ReturnType<TableControl['stop']>>>): boolean =>
  answer.status === 'fulfilled' && answer.value.ok;
