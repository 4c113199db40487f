import type { Refusal } from '../../../run/model/run-control.ts';
import type { PermissionRefusal, Role } from '../../intake/permissions.ts';
import { code, link, linkChannel, mentionGroup, mentionWho, sentence } from '../kit/escape.ts';
import { count, counted, rate } from '../kit/format.ts';
import { type Message, say } from '../kit/message.ts';
import { describeFault, describeSelection, describeState, faultLines, runName } from '../run/describe-run.ts';

/** Why nothing was done, in one place: what is so, then what can be done about it. `runLink`: the message of the run in question. */
export function refusalMessage(refusal: Refusal, runLink?: string): Message {
  const where = runLink === undefined ? '' : ` ${link(runLink, 'Show it')}.`;
  switch (refusal.reason) {
    case 'run-active':
      return say(
        `${runName(refusal.run.runId)} ${describeState(refusal.run)}. Only one run at a time: nothing was started.${where}`,
        'Wait for its end, or stop it with `/rescan stop`.',
      );
    case 'run-open':
      return say(
        `${runName(refusal.run.runId)} ${describeState(refusal.run)}, and is still open: nothing was started.${where}`,
        'Resume it with `/rescan resume`, or abandon it with the button under the new plan.',
      );
    case 'no-run':
      return say('No run is open: nothing was changed.', '`/rescan start` plans one.');
    case 'nothing-to-resume':
      return refusal.run
        ? say(
            `There is nothing to resume: ${runName(refusal.run.runId)} ${describeState(refusal.run)}.${where}`,
            '`/rescan start` plans a new run.',
          )
        : say('There is nothing to resume: no run was ever started here.', '`/rescan start` plans one.');
    case 'not-running':
      return say(
        `${runName(refusal.run.runId)} is not running: it ${describeState(refusal.run)}. Nothing was changed.${where}`,
        '`/rescan status` shows it.',
      );
    case 'plan-gone':
      return say(
        planGoneText(refusal.runId, refusal.state),
        '`/rescan status` shows what is there, `/rescan start` makes a new plan.',
      );
    case 'empty-bucket':
      return say(
        `The bucket ${code(refusal.bucket, 80)} is empty: there is nothing to run.`,
        'Is it the right one? The setting is `IMAGE_BUCKET`.',
      );
    case 'no-match': {
      const chosen = describeSelection(refusal.selection);
      return say(
        `None of the ${counted(refusal.looked, 'object')} looked at in ${code(refusal.bucket, 80)} is an image to run${chosen === undefined ? '' : ` (${chosen})`}: nothing was planned.`,
        'Look at `prefix=` (case and slashes count), and at the settings `IMAGE_EXTENSIONS` and `EXCLUDED_PREFIXES`.',
      );
    }
    case 'pace-over-ceiling':
      return say(
        `A pace of ${rate(refusal.asked)} images a minute is over the ceiling of ${rate(refusal.ceiling)}: nothing was changed.`,
        ...(refusal.because.length === 0 ? [] : [refusal.because.map((line) => sentence(line)).join(' · ')]),
      );
    case 'stop-file':
      return say(
        `The stop file ${code(refusal.path, 200)} is there: nothing starts while it exists.`,
        'Remove it on the machine of the bot, then try again.',
      );
    case 'lease-held':
      return say(
        `Another copy of the bot (${code(refusal.holder, 100)}) drives this pipeline: nothing was changed.`,
        'Try again in half a minute; if that copy is gone, its right ends by itself.',
      );
    case 'fault':
      return say(`Nothing was done: ${describeFault(refusal.fault)}.`, ...faultLines(refusal.fault));
  }
}

function planGoneText(runId: string, state: string | undefined): string {
  const name = runName(runId);
  if (state === undefined) return `The plan of ${name} is gone: nothing was done.`;
  if (state === 'abandoned') return `${name} was cancelled before: nothing was done.`;
  return `${name} was started before: nothing was done twice.`;
}

const ROLE_WORDS: Readonly<Record<Role, string>> = {
  viewer: 'read',
  operator: 'act on runs',
  approver: 'approve',
};

/** Why somebody may not do it, and who may. */
export function permissionRefusalMessage(refusal: PermissionRefusal): Message {
  switch (refusal.reason) {
    case 'nobody':
      return say(
        `Nobody may ${ROLE_WORDS[refusal.role]} here, as the setting \`${refusal.setting}\` is empty: nothing was done.`,
        'Whoever runs the bot can put user ids or user groups into it.',
      );
    case 'not-listed':
      return say(
        `You may look, but not ${ROLE_WORDS[refusal.role]}: nothing was done.`,
        `${refusal.who.slice(0, 20).map(mentionWho).join(', ')}${refusal.who.length > 20 ? ` and ${count(refusal.who.length - 20)} more` : ''} may.`,
      );
    case 'look-up-failed':
      return say(
        `Slack did not say who is in ${mentionGroup(refusal.group)}, so nothing was done.`,
        'Try again in a minute. If it stays so, the app may lack the scope `usergroups:read`, or the group is gone.',
      );
  }
}

/** Why nothing is begun from a channel in which the bot cannot speak. */
export function unheardMessage(channel: string, presence: 'not-member' | 'archived' | 'not-found'): Message {
  const where = linkChannel(channel);
  if (presence === 'archived')
    return say(
      `${where} is archived, so nothing could be told in it: nothing was done.`,
      'Use another channel of the bot’s.',
    );
  return say(
    `The bot is not in ${where}, so nobody would hear of it here: nothing was done.`,
    'Invite it with `/invite @rescan-bot`, then say it again. `/rescan stop` and `/rescan pause` work all the same.',
  );
}

/** Slack took nothing in that channel: what was asked for may have been begun. */
export const mutedMessage = (slackError: string): Message =>
  say(
    `Slack did not let the bot speak there (${code(slackError, 60)}). It is not certain that it was done.`,
    slackError.startsWith('restricted_action')
      ? 'The workspace keeps that channel from it: whoever runs the workspace can allow it. `/rescan status` shows how things stand.'
      : 'Is the bot still in the channel? Invite it with `/invite @rescan-bot`; `/rescan status` shows how things stand.',
  );

export const wrongChannelMessage = (channels: readonly string[]): Message =>
  say(`rescan-bot does not answer in this channel. It works in ${channels.map(linkChannel).join(', ')}.`);

/** For errors nobody foresaw: what was being done, and where to find the cause. */
export const defectMessage = (ref: string): Message =>
  say(
    `Something went wrong that should not have (ref ${code(ref, 20)}). It is not certain that it was done.`,
    '`/rescan status` shows how things stand; the reference finds the cause in the bot’s log.',
  );
