import type { PaceSetting, RunSnapshot } from '../../../run/model/types.ts';
import { code, link } from '../kit/escape.ts';
import { counted, rate } from '../kit/format.ts';
import { type Message, say } from '../kit/message.ts';
import { describePace, describeState, formatDone, runName } from './describe-run.ts';
import { runMessage } from './run-message.ts';

/** What somebody who asked is told, and nobody else. */

export const listingMessage = (): Message => say('Listing the bucket… The plan comes into the channel in a moment.');

export const noRunYetMessage = (): Message =>
  say(
    'No run was ever started here, and none is open.',
    '`/rescan start` plans one: nothing is invoked before you say so.',
  );

/** The same picture as the run's message, with the way there. */
export function statusMessage(run: RunSnapshot, options: { buttons: boolean; link?: string }): Message {
  const { text, blocks } = runMessage(run, options);
  if (options.link === undefined) return { text, blocks };
  const way = link(options.link, 'Its message and thread');
  const where = { type: 'context' as const, elements: [{ type: 'mrkdwn' as const, text: way }] };
  const buttons = blocks.filter((block) => block.type === 'actions');
  return {
    text: `${text}\n${way}`,
    blocks: [...blocks.filter((block) => block.type !== 'actions'), where, ...buttons],
  };
}

/** After pause and stop: the run may still be waiting for what is in flight. */
export const haltedMessage = (run: RunSnapshot, what: 'pause' | 'stop' | 'stop-now'): Message => {
  const name = runName(run.runId);
  if (run.state.kind !== 'running') return say(`${name} ${describeState(run)}.`);
  const doing = what === 'pause' ? 'is pausing' : 'is stopping';
  const flying = counted(run.inFlight, 'image');
  if (run.inFlight === 0)
    return say(`${name} ${doing}: no image starts any more, none is in flight. ${formatDone(run)}.`);
  return what === 'stop-now'
    ? say(
        `${name} ${doing} without waiting: no image starts any more, ${flying} in flight ${run.inFlight === 1 ? 'is' : 'are'} left behind and invoked again at a resume. ${formatDone(run)}.`,
      )
    : say(
        `${name} ${doing}: no image starts any more, ${flying} in flight ${run.inFlight === 1 ? 'is' : 'are'} waited for. ${formatDone(run)}.`,
      );
};

export const resumedMessage = (run: RunSnapshot): Message => say(`${runName(run.runId)} ${describeState(run)}.`);

export const pacedMessage = (run: RunSnapshot): Message =>
  say(
    `The pace of ${runName(run.runId)} is ${describePace(run.paceSetting)} now${run.paceSetting.kind === 'auto' ? '' : ` (ceiling ${rate(run.ceilingPerMinute)})`}.`,
    ...(run.state.kind === 'running' ? [] : [`It ${describeState(run)}; the pace counts from the next resume on.`]),
  );

export const paceNowMessage = (run: RunSnapshot, setting: PaceSetting): Message =>
  say(
    `The pace of ${runName(run.runId)} is ${describePace(setting)}; the ceiling is ${rate(run.ceilingPerMinute)}.`,
    'Change it with `/rescan pace 60`, `/rescan pace auto` or `/rescan pace batch=20 delay=30s`.',
  );

/** The button of a message that belongs to another run than the one that is there now. */
export const anotherRunMessage = (clicked: string, current: RunSnapshot | undefined): Message =>
  say(
    current
      ? `This button belongs to ${code(clicked, 60)}; the run now is ${runName(current.runId)}, which ${describeState(current)}. Nothing was done.`
      : `This button belongs to ${code(clicked, 60)}, and no such run is there any more. Nothing was done.`,
  );

export const badLineMessage = (line: string, usage: string): Message =>
  say(`${line} Nothing was done.`, `It goes like this: \`/rescan ${usage}\``);
