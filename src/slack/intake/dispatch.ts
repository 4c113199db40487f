import type { Clock } from '../../lib/clock.ts';
import { FaultError } from '../../pipeline/fault.ts';
import { ControlTableError } from '../../state/control-table.ts';
import type { Action } from '../actions/action.ts';
import type { MessageLocation } from '../client/chat.ts';
import { classifySlackError, isPostingForbidden } from '../client/slack-errors.ts';
import { FormGoneError } from '../client/view-client.ts';
import type { Command, Requester } from '../commands/command.ts';
import { readCommandLine } from '../commands/parse/command-line.ts';
import type { ModalView } from '../forms/change-plan-view.ts';
import type { FormHandler, SubmittedView } from '../forms/form.ts';
import { unknownWordMessage } from '../messages/help/help.ts';
import { type Message, say } from '../messages/kit/message.ts';
import {
  faultWhileMessage,
  formExpiredMessage,
  mutedMessage,
  permissionRefusalMessage,
  unexpectedErrorMessage,
  unheardMessage,
  wrongChannelMessage,
} from '../messages/refusals/refusals.ts';
import { badLineMessage } from '../messages/run/answers.ts';
import type { MembershipCheck } from './channel-membership.ts';
import type { Deduplicator } from './deduplicate.ts';
import type { ReportError } from './error-reporter.ts';
import type { Permission, Permissions, Role } from './permissions.ts';

/** A request from a payload that Slack delivered. */
interface Incoming {
  readonly person: string;
  /** The same when Slack delivers a request again; different for each command, click and submission. */
  readonly deliveryId: string;
  /** Never throws. */
  readonly reply: (message: Message) => Promise<void>;
}
export interface IncomingCommand extends Incoming {
  readonly channel: string;
  readonly triggerId: string;
  readonly text: string;
  /** Acknowledges, with a reply if one is given. Never throws; false if Slack did not get it. */
  readonly acknowledge: (message?: Message) => Promise<boolean>;
}
export interface IncomingClick extends Incoming {
  readonly message: MessageLocation;
  readonly isEphemeral: boolean;
  readonly actionId: string;
  readonly value: string;
  readonly triggerId: string;
  readonly removeButtons: () => Promise<void>;
  readonly replaceMessage: (message: Message) => Promise<void>;
  readonly acknowledge: () => Promise<boolean>;
}
export interface IncomingSubmission extends SubmittedView {
  readonly person: string;
  readonly deliveryId: string;
  readonly callbackId: string;
  readonly replyIn: (channel: string, message: Message) => Promise<void>;
  readonly acknowledge: (answer?: SubmissionAnswer) => Promise<boolean>;
}

/** What a modal shows next: errors at its fields, or another view in its place. */
export type SubmissionAnswer = { readonly errors: Readonly<Record<string, string>> } | { readonly view: ModalView };

/**
 * Dispatches requests: drops repeated deliveries, checks channel and permission, calls the handler, and replies. No method
 * throws.
 */
export interface Intake {
  command(incoming: IncomingCommand): Promise<void>;
  click(incoming: IncomingClick): Promise<void>;
  submission(incoming: IncomingSubmission): Promise<void>;
}

/** How long an acknowledgement waits for the lookup of the permission, ms. Slack must hear within a second. */
const PERMISSION_TIMEOUT_MS = 600;

/** A request on its way to its handler. `what`: how the audit and the log name it. */
interface Request extends Pick<Incoming, 'person' | 'reply'> {
  readonly what: string;
  readonly role: Role;
}
type Handler = (noteOutcome: (outcome: string) => void) => Promise<Message | undefined>;

const firstLine = ({ text }: Message): string => text.split('\n')[0] ?? '';

export function createIntake(ports: {
  commands: ReadonlyMap<string, Command>;
  actions: Readonly<Record<string, Action>>;
  forms: ReadonlyMap<string, FormHandler>;
  permissions: Permissions;
  membership: MembershipCheck;
  /** The configured channels. */
  channels: readonly string[];
  deduplicator: Deduplicator;
  clock: Clock;
  reportError: ReportError;
  /** A form was closed while it was filled, or its trigger expired: nothing failed, so one quiet line in the log is enough. */
  noteFormGone: (error: FormGoneError, request: string) => void;
  /** Records who did what, with which outcome. Returns at once: no request waits for it, least of all a stop. */
  audit: (facts: { who: string; what: string; outcome: string }) => void;
}): Intake {
  const { commands, permissions, channels, clock, deduplicator } = ports;

  /** Calls the handler, replies with its message, and records the outcome unless the request only reads. Never throws. */
  async function execute({ person, reply, what, role }: Request, handler: Handler): Promise<void> {
    const audit = (outcome: string) => {
      if (role !== 'viewer') ports.audit({ who: person, what, outcome });
    };
    let noted: string | undefined;
    try {
      const message = await handler((outcome) => {
        noted = outcome;
      });
      audit(noted ?? (message ? firstLine(message) : 'done'));
      if (message) await reply(message);
    } catch (error) {
      if (error instanceof FormGoneError) {
        audit(`no form shown: ${error.reason}`);
        ports.noteFormGone(error, what);
        if (error.reason === 'expired') await reply(formExpiredMessage());
        return;
      }
      const { message, outcome } = describeError(error, what);
      audit(outcome);
      await reply(message);
    }
  }

  function describeError(error: unknown, what: string): { message: Message; outcome: string } {
    const failure = classifySlackError(error);
    if (failure.kind === 'refused' && isPostingForbidden(failure.code))
      return { message: mutedMessage(failure.code), outcome: `failed: Slack answered ${failure.code}` };
    const ref = ports.reportError(error, what);
    if (error instanceof ControlTableError || error instanceof FaultError)
      return { message: faultWhileMessage(error.fault), outcome: `failed: ${error.fault.message}` };
    return { message: unexpectedErrorMessage(ref), outcome: `unexpected error (reference ${ref})` };
  }

  const withPermission =
    (person: string, role: Role, handler: Handler): Handler =>
    async (noteOutcome) => {
      const permission = await permissionFor(role, permissions.check(person, role));
      return permission.ok ? handler(noteOutcome) : permissionRefusalMessage(permission.refusal);
    };

  /** The permission, if it is known within 600 ms. */
  async function beforeTimeout(permission: Promise<Permission>): Promise<Permission | undefined> {
    const known = new AbortController();
    try {
      return await Promise.race([permission, clock.sleep(PERMISSION_TIMEOUT_MS, known.signal).then(() => undefined)]);
    } finally {
      known.abort();
    }
  }

  /** The permission when it is known. A stop waits for no slow lookup. */
  const permissionFor = async (role: Role, checking: Promise<Permission>): Promise<Permission> =>
    role === 'stopper' ? ((await beforeTimeout(checking)) ?? { ok: true }) : checking;

  return {
    async command({ text, person, channel, triggerId, deliveryId, reply, acknowledge }) {
      // When the acknowledgement fails, Slack shows the person an error. The request is executed all the same.
      const replyImmediately = async (message: Message) => {
        if (!(await acknowledge(message))) await reply(message);
      };
      if (!deduplicator.isNew(deliveryId)) return void (await acknowledge());
      if (!channels.includes(channel)) return replyImmediately(wrongChannelMessage(channels));
      const { word, typed, rest } = readCommandLine(text, [...commands.keys()]);
      const command = commands.get(word);
      if (!command) return replyImmediately(unknownWordMessage(typed, [...commands.keys()]));
      const parsed = command.read(rest);
      if (!parsed.ok) return replyImmediately(badLineMessage(parsed.line, command.usage));

      const what = `/rescan ${text.trim()}`;
      const checking = permissions.check(person, command.role);
      const known = await beforeTimeout(checking);
      const quickPermission: Permission | undefined = !known && command.role === 'stopper' ? { ok: true } : known;
      if (quickPermission && !quickPermission.ok) {
        const refusal = permissionRefusalMessage(quickPermission.refusal);
        ports.audit({ who: person, what, outcome: firstLine(refusal) });
        return replyImmediately(refusal);
      }
      const { immediateReply, worksWithoutMembership } = parsed.value;
      if (quickPermission && immediateReply) await replyImmediately(immediateReply);
      else await acknowledge();

      await execute({ person, reply, what, role: command.role }, async (noteOutcome) => {
        const permission = quickPermission ?? (await checking);
        if (!permission.ok) return permissionRefusalMessage(permission.refusal);
        if (command.role !== 'viewer' && !worksWithoutMembership) {
          const membership = await ports.membership.of(channel);
          if (membership !== 'member' && membership !== 'unknown') return unheardMessage(channel, membership);
        }
        if (!quickPermission && immediateReply) await reply(immediateReply);
        return parsed.value.execute({ person, channel, triggerId, reply, noteOutcome });
      });
    },

    async click(incoming) {
      await incoming.acknowledge();
      if (!deduplicator.isNew(incoming.deliveryId)) return;
      const { message, person, actionId, value, reply } = incoming;
      const { channel } = message;
      const action = Object.hasOwn(ports.actions, actionId) ? ports.actions[actionId] : undefined;
      const isAllowedHere = channels.includes(channel) || (action?.inDirectMessages && channel.startsWith('D'));
      if (!isAllowedHere) return reply(wrongChannelMessage(channels));
      if (!action)
        return reply(
          say(
            'Nothing was done: this button is from an older version of the bot. See the current state with `/rescan status`.',
          ),
        );
      const what = `the button ${actionId}${value === '' ? '' : ` of ${value}`}`;
      await execute(
        { person, reply, what, role: action.changesState ? 'operator' : action.role },
        withPermission(person, action.role, (noteOutcome) => action.execute({ ...incoming, channel, noteOutcome })),
      );
    },

    async submission(incoming) {
      const { person, callbackId, acknowledge } = incoming;
      const form = ports.forms.get(callbackId);
      const submission = form?.read(incoming);
      if (submission?.kind === 'errors') return void (await acknowledge({ errors: submission.errors }));
      await acknowledge(submission?.kind === 'next' ? { view: submission.view } : undefined);
      if (!form || !submission || !deduplicator.isNew(incoming.deliveryId)) return;
      const { channel } = submission;
      if (!channels.includes(channel)) return;
      const requester: Requester = { person, channel, reply: (message) => incoming.replyIn(channel, message) };
      await execute(
        { ...requester, what: `the form ${callbackId}`, role: form.role },
        withPermission(person, form.role, (noteOutcome) => submission.execute({ ...requester, noteOutcome })),
      );
    },
  };
}
