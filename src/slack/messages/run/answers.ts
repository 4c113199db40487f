import type { TableJob } from '../../../checklist/contracts/table-control.ts';
import type { PaceSetting, RunSnapshot } from '../../../run/model/types.ts';
import { ACTION, button } from '../kit/buttons.ts';
import { code, link, mention } from '../kit/escape.ts';
import { clockTime, counted, rate } from '../kit/format.ts';
import { compose, type Message, say } from '../kit/message.ts';
import { jobName } from '../table/describe-table.ts';
import { waitingText } from './alerts.ts';
import { describeFault, describePace, describeState, faultLines, formatDone, runName } from './describe-run.ts';
import { runMessage } from './run-message.ts';

/** Answers that only the person who asked sees. */

export const listingMessage = (): Message => say('Listing the bucket… The plan will appear in the channel.');

export const noRunYetMessage = (): Message =>
  say('No rescan is running, and none was ever started.', 'Plan one with `/rescan start`. Planning invokes nothing.');

/** The run’s live message as it is now, with the link to it. */
export function statusMessage(run: RunSnapshot, options: { buttons: boolean; link?: string }): Message {
  const { text, blocks } = runMessage(run, options);
  if (options.link === undefined) return { text, blocks };
  const linkText = link(options.link, 'Its message and thread');
  const linkBlock = { type: 'context' as const, elements: [{ type: 'mrkdwn' as const, text: linkText }] };
  const buttons = blocks.filter((block) => block.type === 'actions');
  return {
    text: `${text}\n${linkText}`,
    blocks: [...blocks.filter((block) => block.type !== 'actions'), linkBlock, ...buttons],
  };
}

/** A flush or restore that runs now: what `/rescan status` shows where no run does. */
export const jobStatusMessage = (job: TableJob, options: { buttons: boolean; link?: string }): Message =>
  compose({
    fact: `No rescan is running. ${jobName(job)} is in progress.`,
    lines: [
      `Started at ${clockTime(job.startedAt)} by ${mention(job.by)}.${options.link === undefined ? '' : ` ${link(options.link, 'Show its progress')}`}`,
    ],
    buttons: options.buttons ? [button(ACTION.stopJob, 'Stop', job.id, { style: 'danger' })] : [],
  });

/** A request that waits for its approval: what `/rescan status` shows where nothing runs. */
export const approvalStatusMessage = (
  approval: { readonly action: 'flush' | 'restore'; readonly requestedBy: string; readonly expiresAt: number },
  linkToIt?: string,
): Message =>
  say(
    `No rescan is running. A ${approval.action} requested by ${mention(approval.requestedBy)} waits for approval until ${clockTime(approval.expiresAt)}.`,
    ...(linkToIt === undefined ? [] : [link(linkToIt, 'Show the request')]),
  );

/** The run cannot be read now: the fault, and the last state that this process knows. */
export const unreadStatusMessage = (
  fault: Parameters<typeof describeFault>[0],
  last: RunSnapshot | undefined,
): Message =>
  say(
    `The run cannot be read: ${describeFault(fault)}.`,
    ...faultLines(fault),
    ...(last === undefined ? [] : [`Last known state: ${runName(last.runId)} ${describeState(last)}.`]),
  );

/** After a pause or stop; the run may still be waiting for images in progress. */
export function haltedMessage(run: RunSnapshot, what: 'pause' | 'stop' | 'stop-now'): Message {
  const name = runName(run.runId);
  if (run.unsaved)
    return say(
      `${name} is already halted: nothing is invoked any more. But the ${what === 'pause' ? 'pause' : 'stop'} cannot be saved, because the control table cannot be written.`,
      `:warning: If the bot restarts before it is saved, the run *will continue*. To prevent that, create the stop file ${code(run.unsaved.stopFile, 200)} on the machine where the bot runs.`,
    );
  if (run.state.kind !== 'running') return say(`${name} ${describeState(run)}.`);
  const doing = what === 'pause' ? 'is pausing' : 'is stopping';
  if (what === 'stop-now' && run.inFlight > 0)
    return say(
      `${name} ${doing} without waiting: no more images start. ${formatDone(run)}.`,
      `A resume invokes the ${counted(run.inFlight, 'image')} in progress again.`,
    );
  return say(`${name} ${doing}: no more images start, ${waitingText(run.inFlight)}. ${formatDone(run)}.`);
}

export const resumedMessage = (run: RunSnapshot): Message => say(`${runName(run.runId)} ${describeState(run)}.`);

export const pacedMessage = (run: RunSnapshot): Message =>
  say(
    `The pace of ${runName(run.runId)} is now ${describePace(run.paceSetting)}${run.paceSetting.kind === 'auto' ? '' : ` (ceiling ${rate(run.ceilingPerMinute)})`}.`,
    ...(run.state.kind === 'running'
      ? []
      : [`The run ${describeState(run)}. The new pace applies when it is resumed.`]),
  );

export const paceNowMessage = (run: RunSnapshot, setting: PaceSetting): Message =>
  say(
    `The pace of ${runName(run.runId)} is ${describePace(setting)} (ceiling ${rate(run.ceilingPerMinute)}).`,
    'Change it with `/rescan pace 60`, `/rescan pace auto` or `/rescan pace batch=20 delay=30s`.',
  );

/** The button belongs to another run than the current one. */
export const anotherRunMessage = (clicked: string, current: RunSnapshot | undefined): Message =>
  say(
    current
      ? `Nothing was done: this button belongs to ${code(clicked, 60)}. The current run is ${runName(current.runId)}, which ${describeState(current)}.`
      : `Nothing was done: this button belongs to ${code(clicked, 60)}, which does not exist any more.`,
  );

/** A command that was not understood: why, and how it is typed. */
export const badLineMessage = (line: string, usage: string): Message =>
  say(`${line} Nothing was done.`, `Usage: ${code(`/rescan ${usage}`, 300)}`, '`/rescan help` explains every command.');
