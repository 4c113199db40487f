import type { Fault } from '../../../pipeline/invoke/invocation.ts';
import type { Refusal } from '../../../run/model/run-control.ts';
import type { AcceptedRequest } from '../../../state/delivery-claims.ts';
import type { Outsider } from '../../intake/people.ts';
import type { PermissionRefusal, Role } from '../../intake/permissions.ts';
import { code, link, linkChannel, mention, mentionGroup, mentionWho, sentence } from '../kit/escape.ts';
import { clockTime, count, counted, rate } from '../kit/format.ts';
import { asRefusal, type Message, refuseWith, say } from '../kit/message.ts';
import { haltUnreadMessage } from '../run/answers.ts';
import { describeFault, describeSelection, describeState, faultLines, runName } from '../run/describe-run.ts';
import { dateTime } from '../table/describe-table.ts';
import { tryAgainLine } from './lease-refusal.ts';

/** Why a request about a run was refused, then what to do about it. `runLink`: the message of the run in question. */
export function refusalMessage(refusal: Refusal, runLink?: string): Message {
  const message = describeRefusal(refusal, runLink);
  // Such a run may be running.
  return refusal.reason === 'maybe-started' ? message : asRefusal(message);
}

function describeRefusal(refusal: Refusal, runLink?: string): Message {
  const where = runLink === undefined ? '' : ` ${link(runLink, 'Show it')}.`;
  switch (refusal.reason) {
    case 'run-active':
      return say(
        `Not started: ${runName(refusal.run.runId)} ${describeState(refusal.run)}. Only one run at a time.${where}`,
        'Wait until it ends, or stop it with `/rescan stop`.',
      );
    case 'run-open':
      return say(
        `Not started: ${runName(refusal.run.runId)} ${describeState(refusal.run)} and can still be resumed.${where}`,
        'Resume it with `/rescan resume`, or plan a new run with `/rescan start` and abandon this one with the button there.',
      );
    case 'no-run':
      return say(
        'No run is open, so nothing was changed.',
        ...(refusal.isHalt ? [NOT_BEGUN] : []),
        'Plan one with `/rescan start`.',
      );
    case 'nothing-to-resume':
      return refusal.run
        ? say(
            `There is no run to resume: ${runName(refusal.run.runId)} ${describeState(refusal.run)}.${where}`,
            'Plan a new run with `/rescan start`.',
          )
        : say('There is no run to resume: none was ever started.', 'Plan one with `/rescan start`.');
    case 'not-running':
      return say(
        `Nothing was changed: ${runName(refusal.run.runId)} is not running. It ${describeState(refusal.run)}.${where}`,
        ...(refusal.isHalt ? [NOT_BEGUN] : []),
        'See it with `/rescan status`.',
      );
    case 'plan-gone':
      return say(
        describeGonePlan(refusal.runId, refusal.state),
        'See the current run with `/rescan status`, or make a new plan with `/rescan start`.',
      );
    case 'empty-bucket':
      return say(
        `Nothing was planned: the bucket ${code(refusal.bucket, 80)} is empty.`,
        'Check the setting `IMAGE_BUCKET`.',
      );
    case 'no-match': {
      const chosen = describeSelection(refusal.selection);
      return say(
        `Nothing was planned: none of the ${counted(refusal.listed, 'object')} in ${code(refusal.bucket, 80)} is an image to run${chosen === undefined ? '' : ` (${chosen})`}.`,
        'Check `prefix=` (upper and lower case and slashes matter) and the settings `IMAGE_EXTENSIONS` and `EXCLUDED_PREFIXES`.',
      );
    }
    case 'pace-over-ceiling':
      return say(
        `The pace was not changed: ${rate(refusal.asked)} images a minute is above the ceiling of ${rate(refusal.ceiling)}.`,
        ...(refusal.because.length === 0 ? [] : [refusal.because.map((line) => sentence(line)).join(' · ')]),
      );
    case 'stop-file':
      return say(...stopFileLines(refusal.path));
    case 'stop-stored':
      return say(
        `Not started: ${refusal.by === undefined ? '' : `${mention(refusal.by)} asked for `}a ${refusal.request === 'pause' ? 'pause' : 'stop'}${refusal.by === undefined ? ' was requested' : ''}, and only a person may start the run after that.`,
        'Press `Start` on its plan, or plan a new run with `/rescan start`.',
      );
    case 'halted-since': {
      const halt = refusal.request === 'pause' ? 'pause' : 'stop';
      const asked = refusal.by === undefined ? `a ${halt} was requested` : `${mention(refusal.by)} asked for a ${halt}`;
      return say(
        `Not started: ${asked} after this was requested and before it began.`,
        'See the current state with `/rescan status`. If the run is still wanted, start or resume it again.',
      );
    }
    case 'changed-since':
      return say(
        `Not resumed: ${runName(refusal.run.runId)} ${describeState(refusal.run)}. This changed after the resume was requested and before it began.${where}`,
        'Check why, then resume it with `/rescan resume`.',
      );
    case 'lease-held':
      return say(
        `Nothing was changed: other work of the bot (${code(refusal.holder, 100)}) may still be in progress.`,
        tryAgainLine(refusal.waitMs),
      );
    case 'shutting-down':
      return say('Nothing was started, because the bot is restarting.', 'Try again in half a minute.');
    case 'maybe-started':
      return maybeStartedMessage(refusal);
    case 'halt-unread':
      return haltUnreadMessage(refusal);
    case 'fault':
      return faultMessage(refusal.fault);
  }
}

const maybeStartedMessage = ({ runId, fault }: Extract<Refusal, { reason: 'maybe-started' }>): Message =>
  say(
    `It is not known whether ${runName(runId)} was started: ${describeFault(fault)}.`,
    'It may be running, or begin as soon as the control table can be read. See it with `/rescan status`, and stop it with `/rescan stop`.',
    ...faultLines(fault),
  );

/** A stop or pause that finds nothing to halt. */
const NOT_BEGUN = 'A start or resume that was requested before and has not begun is refused.';

export const stopFileLines = (path: string): string[] => [
  `Nothing was started: the stop file ${code(path, 200)} exists.`,
  'Remove it on the machine where the bot runs, then try again.',
];

/** Nothing was done, because the environment is broken. */
export const faultMessage = (fault: Fault): Message =>
  refuseWith(`Nothing was done: ${describeFault(fault)}.`, ...faultLines(fault));

function describeGonePlan(runId: string, state: string | undefined): string {
  const name = runName(runId);
  if (state === undefined) return `Nothing was done: the plan of ${name} does not exist any more.`;
  if (state === 'abandoned') return `Nothing was done: ${name} was cancelled.`;
  return `Nothing was done: ${name} was already started.`;
}

const ROLES: Readonly<Record<Role, string>> = {
  viewer: 'use this',
  stopper: 'stop this',
  operator: 'do this',
  approver: 'approve',
};
const OUTSIDERS: Readonly<Record<Outsider, string>> = {
  deactivated: 'Slack reports your account as deactivated.',
  bot: 'bots may only read, although this one is listed.',
  guest: 'guests of the workspace may only read, although you are listed.',
  external: 'people from other workspaces may only read, although you are listed.',
};
const MOST_NAMED = 20;

/** Why somebody may not do it, and who may. */
export const permissionRefusalMessage = (refusal: PermissionRefusal): Message =>
  asRefusal(describePermissionRefusal(refusal));

function describePermissionRefusal(refusal: PermissionRefusal): Message {
  switch (refusal.reason) {
    case 'nobody':
      return say(
        `Nothing was done: nobody may ${ROLES[refusal.role]}, because the setting \`${refusal.setting}\` is empty.`,
        'Whoever runs the bot can add user ids or user groups to it.',
      );
    case 'not-listed': {
      const named = refusal.who.slice(0, MOST_NAMED).map(mentionWho);
      const more = refusal.who.length - named.length;
      const people = more > 0 ? `${named.join(', ')} or ${count(more)} more` : alternatives(named);
      return refusal.role === 'approver'
        ? say(`Nothing was done: only approvers can do this. Ask ${people}.`)
        : say(`Nothing was done: you have read-only access. Ask ${people}.`);
    }
    case 'outsider':
      return say(`Nothing was done: ${OUTSIDERS[refusal.outsider]}`);
    case 'look-up-failed':
      if (refusal.group === undefined)
        return say(
          'Nothing was done: Slack did not say whether you are an active member of this workspace.',
          'Try again in a minute. If this repeats, the app may lack the scope `users:read`. `/rescan stop` works without this.',
        );
      return say(
        `Nothing was done: Slack did not say who is in ${mentionGroup(refusal.group)}.`,
        'Try again in a minute. If this repeats, the app may lack the scope `usergroups:read`, or the group does not exist any more.',
      );
  }
}

/** `@a`, `@a or @b`, `@a, @b or @c` */
export const alternatives = (names: readonly string[]): string =>
  names.length < 2 ? (names[0] ?? 'nobody') : `${names.slice(0, -1).join(', ')} or ${names.at(-1)}`;

/** Why nothing is started from a channel in which the bot cannot post. */
export const unheardMessage = (channel: string, presence: 'not-member' | 'archived' | 'not-found'): Message =>
  asRefusal(describeUnheard(channel, presence));

function describeUnheard(channel: string, presence: 'not-member' | 'archived' | 'not-found'): Message {
  const where = linkChannel(channel);
  if (presence === 'archived')
    return say(`Nothing was done: ${where} is archived, so the bot cannot post there.`, 'Use another channel.');
  return say(
    `Nothing was done: the bot is not in ${where}, so it could not report there.`,
    'Invite it with `/invite @rescan-bot`, then try again. `/rescan stop` and `/rescan pause` work without that.',
  );
}

/** Slack accepted no message in that channel: the request may have been started. */
export const mutedMessage = (slackError: string): Message =>
  say(
    `Slack did not let the bot post in this channel (${code(slackError, 60)}). Your request may have been carried out or not.`,
    slackError.startsWith('restricted_action')
      ? 'The workspace restricts who may post there: an administrator of the workspace can allow it. See the current state with `/rescan status`.'
      : 'Invite the bot with `/invite @rescan-bot`. See the current state with `/rescan status`.',
  );

export const wrongChannelMessage = (channels: readonly string[]): Message =>
  refuseWith(`rescan-bot does not work in this channel. Use ${alternatives(channels.map(linkChannel))}.`);

/** The button of a message about another pipeline: this channel belonged to it before. Its name holds only `a-z 0-9 -`. */
export const foreignButtonMessage = (pipeline: string | undefined): Message =>
  refuseWith(
    `Nothing was done: this button is ${pipeline === undefined ? 'from a time when this channel had another pipeline' : `of the pipeline ${code(pipeline)}, and this channel has another one now`}.`,
    'See the current state with `/rescan status`.',
  );

/** Slack opens a form only within three seconds after the command or the click. */
export const formExpiredMessage = (): Message =>
  say(
    'The form could not be opened within 3 seconds, and Slack does not open it after that. Nothing was done. Please try again.',
  );

/** An unexpected error; `ref` finds its cause in the log. */
export const unexpectedErrorMessage = (ref: string): Message =>
  say(
    `Unexpected error (reference ${code(ref, 20)}). Your request may have been carried out or not.`,
    'See the current state with `/rescan status`. Search the bot’s log for the reference to find the cause.',
  );

/**
 * The environment failed while a request was carried out: which service refuses, what to do, and what was known last. Unlike with
 * `faultMessage` the request may have been started, unless it only reads.
 */
export const faultWhileMessage = (
  fault: Fault,
  { isRead, lastKnown }: { readonly isRead: boolean; readonly lastKnown: readonly string[] },
): Message =>
  say(
    `Failed: ${describeFault(fault)}. ${isRead ? 'Nothing was changed.' : 'Your request may have been carried out or not.'}`,
    ...faultLines(fault),
    ...lastKnown,
    isRead ? 'Then try again. `/rescan stop` works all the same.' : 'Then see the current state with `/rescan status`.',
  );

/** The process that had accepted what a person asked for ended before it finished that, or is frozen. */
export const unfinishedMessage = ({ shownAs, at }: Pick<AcceptedRequest, 'shownAs' | 'at'>): Message =>
  say(
    `The bot process that worked on your request of ${dateTime(at)} no longer responds: ${code(shownAs, 150)}.`,
    'The request may have been carried out or not. See the current state with `/rescan status` before you try again.',
  );

/** Another heavy read is in progress. */
export const heavyReadMessage = ({ person, what, since }: { person: string; what: string; since: number }): Message =>
  refuseWith(
    `Nothing was read: ${code(what, 100)} of ${mention(person)} has been in progress since ${clockTime(since)}. Only one large comparison runs at a time.`,
    'Try again when it has ended.',
  );
