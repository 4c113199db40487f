import type { Refusal } from '../../../run/model/run-control.ts';
import type { PaceSetting, RunSnapshot } from '../../../run/model/types.ts';
import { code } from '../kit/escape.ts';
import { counted, rate } from '../kit/format.ts';
import { type Message, refuseWith, say } from '../kit/message.ts';
import { gateLines, storedLine, waitingText } from './alert-lines.ts';
import { describeFault, describePace, describeState, faultLines, formatDone, runName } from './describe-run.ts';

/** Answers that only the person who asked sees. */

export const listingMessage = (): Message => say('Listing the bucket… The plan will appear in the channel.');

export const noRunYetMessage = (): Message =>
  refuseWith(
    'No rescan is running, and none was ever started.',
    'Plan one with `/rescan start`. Planning invokes nothing.',
  );

/** The run cannot be read, and a request to halt it was stored for whatever drives it, or could not be. */
export const haltUnreadMessage = (refusal: Extract<Refusal, { reason: 'halt-unread' }>): Message => {
  const halt = refusal.request === 'pause' ? 'pause' : 'stop';
  return say(
    `The run cannot be read: ${describeFault(refusal.fault)}. This process drives no run.`,
    // A table job and the autopilot know no pause.
    storedLine(
      halt,
      { stopFile: refusal.stopFile, ...(refusal.stored && { storedIn: refusal.stored }) },
      halt === 'stop' ? 'what was in progress' : 'the run',
    ),
    ...(refusal.stored?.kind === 'bucket'
      ? [
          `${halt === 'stop' ? 'A run, flush or restore' : 'A run'} that another process drives ${halt === 'stop' ? 'stops' : 'pauses'} within 10 s. \`/rescan resume\` removes the stored request.`,
        ]
      : []),
    ...faultLines(refusal.fault),
  );
};

/** After a pause or stop; the run may still be waiting for images in progress. */
export function haltedMessage(run: RunSnapshot, what: 'pause' | 'stop' | 'stop-now'): Message {
  const name = runName(run.runId);
  const halt = what === 'pause' ? 'pause' : 'stop';
  const doing = what === 'pause' ? 'is pausing' : 'is stopping';
  if (run.unsaved)
    return say(
      run.gateAfterHalt === undefined
        ? `${name} starts no more images: ${waitingText(run.inFlight)}.`
        : `${name} ${doing}.`,
      ...gateLines(run),
      'The control table cannot be written.',
      storedLine(halt, run.unsaved),
    );
  if (run.state.kind !== 'running') return say(`${name} ${describeState(run)}.`);
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
  refuseWith(
    current
      ? `Nothing was done: this button belongs to ${code(clicked, 60)}. The current run is ${runName(current.runId)}, which ${describeState(current)}.`
      : `Nothing was done: this button belongs to ${code(clicked, 60)}, which does not exist any more.`,
  );

/** A command that was not understood: why, and how it is typed. */
export const badLineMessage = (line: string, usage: string): Message =>
  refuseWith(
    `${line} Nothing was done.`,
    `Usage: ${code(`/rescan ${usage}`, 300)}`,
    '`/rescan help` explains every command.',
  );
