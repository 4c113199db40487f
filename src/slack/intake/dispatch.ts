import type { Clock } from '../../lib/clock.ts';
import { FaultError } from '../../pipeline/fault.ts';
import { ControlTableError } from '../../state/control-table.ts';
import type { Action } from '../actions/action.ts';
import type { MessageLocation } from '../client/chat.ts';
import { classifySlackError, isPostingForbidden } from '../client/slack-errors.ts';
import type { Command, Requester } from '../commands/command.ts';
import type { ModalView } from '../forms/change-plan-view.ts';
import type { FormHandler, SubmittedView } from '../forms/form.ts';
import { unknownWordMessage } from '../messages/help/help.ts';
import { type Message, say } from '../messages/kit/message.ts';
import {
  faultWhileMessage,
  mutedMessage,
  permissionRefusalMessage,
  unexpectedErrorMessage,
  unheardMessage,
  wrongChannelMessage,
} from '../messages/refusals/refusals.ts';
import { badLineMessage } from '../messages/run/answers.ts';
import type { MembershipCheck } from './channel-membership.ts';
import type { Deduplicator } from './deduplicate.ts';
import type { Permission, Permissions, Role } from './permissions.ts';

/** What comes in from Slack, out of a verified envelope. */
interface Incoming {
  readonly person: string;
  /** The same when Slack delivers it again, another for each command, click and submission. */
  readonly deliveryId: string;
  readonly reply: (message: Message) => Promise<void>;
}
export interface IncomingCommand extends Incoming {
  readonly channel: string;
  readonly triggerId: string;
  readonly text: string;
  /** Acknowledges, with an answer if there is one. Never throws; false where Slack did not get it. */
  readonly acknowledge: (message?: Message) => Promise<boolean>;
}
export interface IncomingClick extends Incoming {
  readonly message: MessageLocation;
  readonly isEphemeral: boolean;
  readonly actionId: string;
  readonly value: string;
  readonly triggerId: string;
  readonly removeButtons: () => Promise<void>;
  readonly acknowledge: () => Promise<boolean>;
}
export interface IncomingSubmission extends SubmittedView {
  readonly person: string;
  readonly deliveryId: string;
  readonly callbackId: string;
  readonly replyIn: (channel: string, message: Message) => Promise<void>;
  readonly acknowledge: (answer?: SubmissionAnswer) => Promise<boolean>;
}

/** What a form shows next: errors at its fields, or another view in its place. */
export type SubmissionAnswer = { readonly errors: Readonly<Record<string, string>> } | { readonly view: ModalView };

/** The one way in: drops what was delivered twice, asks who may, finds the handler, says what came of it. */
export interface Intake {
  command(incoming: IncomingCommand): Promise<void>;
  click(incoming: IncomingClick): Promise<void>;
  submission(incoming: IncomingSubmission): Promise<void>;
}

/** An acknowledgement waits no longer than this for who may (design: within a second). */
const PERMISSION_WITHIN_MS = 600;

export function createIntake(ports: {
  commands: ReadonlyMap<string, Command>;
  actions: Readonly<Record<string, Action>>;
  views: ReadonlyMap<string, FormHandler>;
  permissions: Permissions;
  membership: MembershipCheck;
  channels: readonly string[];
  deduplicator: Deduplicator;
  clock: Clock;
  /** Logs why a request failed; returns the reference under which the log has it. */
  onError: (error: unknown, doing: string) => string;
  /** Takes down who did what and what came of it. Returns at once: nothing waits for it, a stop least of all. */
  audit: (facts: { who: string; what: string; outcome: string }) => void;
}): Intake {
  const { commands, permissions, channels, clock } = ports;
  const isAllowed = (channel: string) => channels.includes(channel);

  /** Runs it to its end and says what there is to say. Never throws. */
  async function carryOut(
    requester: Pick<Requester, 'reply' | 'person'>,
    doing: string,
    role: Role,
    execute: (noteOutcome: (outcome: string) => void) => Promise<Message | undefined>,
  ) {
    // Who only looks changes nothing.
    const note = (outcome: string) =>
      role === 'viewer' ? undefined : ports.audit({ who: requester.person, what: doing, outcome });
    let noted: string | undefined;
    try {
      const answer = await execute((outcome) => {
        noted = outcome;
      });
      note(noted ?? answer?.text.split('\n')[0] ?? 'done');
      if (answer) await requester.reply(answer);
    } catch (error) {
      const trouble = classifySlackError(error);
      if (trouble.kind === 'refused' && isPostingForbidden(trouble.code)) {
        note(`Slack answered ${trouble.code}`);
        return requester.reply(mutedMessage(trouble.code));
      }
      const ref = ports.onError(error, doing);
      if (error instanceof ControlTableError || error instanceof FaultError) {
        note(`failed: ${error.fault.message}`);
        return requester.reply(faultWhileMessage(error.fault));
      }
      note(`unexpected error (reference ${ref})`);
      await requester.reply(unexpectedErrorMessage(ref));
    }
  }

  async function ifAllowed(
    person: string,
    role: Role,
    execute: () => Promise<Message | undefined>,
  ): Promise<Message | undefined> {
    const permission = await permissions.check(person, role);
    return permission.ok ? execute() : permissionRefusalMessage(permission.refusal);
  }

  /** The permission, if it is known quickly. */
  async function soon(permission: Promise<Permission>): Promise<Permission | undefined> {
    const known = new AbortController();
    try {
      return await Promise.race([permission, clock.sleep(PERMISSION_WITHIN_MS, known.signal).then(() => undefined)]);
    } finally {
      known.abort();
    }
  }

  return {
    async command({ text, person, channel, triggerId, deliveryId, reply, acknowledge }) {
      // A failed acknowledgement shows the person Slack's own error; what they asked for is done all the same.
      const replyImmediately = async (message: Message) => {
        if (!(await acknowledge(message))) await reply(message);
      };
      if (!ports.deduplicator.isNew(deliveryId)) return void (await acknowledge());
      if (!isAllowed(channel)) return replyImmediately(wrongChannelMessage(channels));
      const [, typed = '', rest = ''] = /^(\S*)\s*([\s\S]*)$/.exec(text.trim()) ?? [];
      const word = typed === '' ? 'help' : typed.toLowerCase();
      const command = commands.get(word);
      if (!command) return replyImmediately(unknownWordMessage(typed, [...commands.keys()]));
      const read = command.read(rest);
      if (!read.ok) return replyImmediately(badLineMessage(read.line, command.usage));
      const deciding = permissions.check(person, command.role);
      const decided = await soon(deciding);
      const said = `/rescan ${text.trim()}`;
      if (decided && !decided.ok) {
        const refusal = permissionRefusalMessage(decided.refusal);
        ports.audit({ who: person, what: said, outcome: refusal.text.split('\n')[0] ?? '' });
        return replyImmediately(refusal);
      }
      const { immediateReply, execute, worksWithoutMembership } = read.value;
      if (decided && immediateReply) await replyImmediately(immediateReply);
      else await acknowledge();
      const requester = { person, channel, triggerId, reply };
      await carryOut(requester, said, command.role, async (noteOutcome) => {
        const permission = await deciding;
        if (!permission.ok) return permissionRefusalMessage(permission.refusal);
        if (command.role !== 'viewer' && !worksWithoutMembership) {
          const presence = await ports.membership.of(channel);
          if (presence !== 'member' && presence !== 'unknown') return unheardMessage(channel, presence);
        }
        if (!decided && immediateReply) await reply(immediateReply);
        return execute({ ...requester, noteOutcome });
      });
    },

    async click(incoming) {
      await incoming.acknowledge();
      if (!ports.deduplicator.isNew(incoming.deliveryId)) return;
      const { message, person, actionId, reply } = incoming;
      if (!isAllowed(message.channel)) return reply(wrongChannelMessage(channels));
      const action = Object.hasOwn(ports.actions, actionId) ? ports.actions[actionId] : undefined;
      if (!action)
        return reply(
          say(
            'Nothing was done: this button is from an older version of the bot. See the current state with `/rescan status`.',
          ),
        );
      const doing = `the button ${actionId}${incoming.value === '' ? '' : ` of ${incoming.value}`}`;
      await carryOut(incoming, doing, action.changesState ? 'operator' : action.role, (noteOutcome) =>
        ifAllowed(person, action.role, () => action.execute({ ...incoming, channel: message.channel, noteOutcome })),
      );
    },

    async submission(incoming) {
      const { person, callbackId, acknowledge } = incoming;
      const view = ports.views.get(callbackId);
      const submission = view?.read(incoming);
      if (submission?.kind === 'errors') return void (await acknowledge({ errors: submission.errors }));
      await acknowledge(submission?.kind === 'next' ? { view: submission.view } : undefined);
      if (!view || !submission || !ports.deduplicator.isNew(incoming.deliveryId) || !isAllowed(submission.channel))
        return;
      const { channel, execute } = submission;
      const requester: Requester = { person, channel, reply: (message) => incoming.replyIn(channel, message) };
      await carryOut(requester, `the form ${callbackId}`, view.role, (noteOutcome) =>
        ifAllowed(person, view.role, () => execute({ ...requester, noteOutcome })),
      );
    },
  };
}
