import type { AuditOutcome } from '../../checklist/audit/audit-outcome.ts';
import { within } from '../../lib/async/within.ts';
import type { Clock } from '../../lib/clock.ts';
import { defined } from '../../lib/defined.ts';
import { carriedFault } from '../../pipeline/fault.ts';
import type { Action } from '../actions/action.ts';
import type { MessageLocation } from '../client/chat.ts';
import { classifySlackError, isPostingForbidden } from '../client/slack-errors.ts';
import { FormGoneError } from '../client/view-client.ts';
import type { Command, Requester } from '../commands/command.ts';
import { readCommandLine } from '../commands/parse/command-line.ts';
import type { ModalView } from '../forms/change-plan-view.ts';
import type { FormHandler, SubmittedView } from '../forms/form.ts';
import { refusalView } from '../forms/table-views.ts';
import { unknownWordMessage } from '../messages/help/help.ts';
import { type Message, plainFact, refuseWith } from '../messages/kit/message.ts';
import {
  faultWhileMessage,
  foreignButtonMessage,
  formExpiredMessage,
  heavyReadMessage,
  mutedMessage,
  permissionRefusalMessage,
  unexpectedErrorMessage,
  unheardMessage,
  wrongChannelMessage,
} from '../messages/refusals/refusals.ts';
import { badLineMessage } from '../messages/run/answers.ts';
import type { Acceptance, Acceptor } from './accept.ts';
import type { MembershipCheck } from './channel-membership.ts';
import type { Deduplicator } from './deduplicate.ts';
import type { ReportError } from './error-reporter.ts';
import type { HeavyReads } from './heavy-reads.ts';
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
  /** The text on the button. */
  readonly label?: string;
  readonly value: string;
  readonly triggerId: string;
  /** The button is of a message about something else than this pipeline: whose it is, where that is known. */
  readonly foreign?: { readonly pipeline?: string };
  readonly removeButtons: () => Promise<void>;
  readonly replaceMessage: (message: Message) => Promise<void>;
  readonly acknowledge: () => Promise<boolean>;
}
export interface IncomingSubmission extends SubmittedView {
  readonly person: string;
  readonly deliveryId: string;
  readonly callbackId: string;
  /** The title of the form. */
  readonly label?: string;
  readonly replyIn: (channel: string, message: Message) => Promise<void>;
  readonly acknowledge: (answer?: SubmissionAnswer) => Promise<boolean>;
}

/** What a modal shows next: errors at its fields, or another view in its place. */
export type SubmissionAnswer = { readonly errors: Readonly<Record<string, string>> } | { readonly view: ModalView };

/**
 * Dispatches requests: drops repeated deliveries and those that another process executes, checks channel and permission, calls
 * the handler, and replies. No method throws.
 */
export interface Intake {
  command(incoming: IncomingCommand): Promise<void>;
  click(incoming: IncomingClick): Promise<void>;
  submission(incoming: IncomingSubmission): Promise<void>;
}

/** How long an acknowledgement waits for the lookup of the permission, ms. Slack must hear within a second. */
const BEFORE_ACKNOWLEDGEMENT_MS = 600;
/** How long it waits for the claim, ms: less, because every request has one. */
const CLAIM_BEFORE_ACKNOWLEDGEMENT_MS = 200;

/** A request on its way to its handler. `what`: how the audit and the log name it. */
interface Request extends Pick<Incoming, 'person' | 'reply'> {
  readonly what: string;
  /** Whether the audit has it: it changes something, or shows data of persons. */
  readonly isAudited: boolean;
  /** It only reads: where it fails, nothing can have been changed. */
  readonly isRead: boolean;
  readonly isHeavy: boolean;
}
type NoteOutcome = (outcome: AuditOutcome) => void;
type Handler = (noteOutcome: NoteOutcome) => Promise<Message | undefined>;

export function createIntake(ports: {
  commands: ReadonlyMap<string, Command>;
  actions: Readonly<Record<string, Action>>;
  forms: ReadonlyMap<string, FormHandler>;
  permissions: Permissions;
  membership: MembershipCheck;
  /** The channels of the pipeline now. */
  channels: () => readonly string[];
  deduplicator: Deduplicator;
  /**
   * Called before anything is done or said. A stop does not wait for it, and each process that gets it executes it. The acknowledgement
   * waits for it for a moment: what a person knows to be accepted is then stored, and is not forgotten when the process ends.
   */
  acceptor: Pick<Acceptor, 'accept'>;
  heavyReads: HeavyReads;
  clock: Clock;
  reportError: ReportError;
  /** A form was closed while it was filled, is already open, or its trigger expired: nothing failed, so one quiet line in the log is enough. */
  noteFormGone: (error: FormGoneError, request: string) => void;
  /** What was known last, as lines of mrkdwn, where something cannot be read now. */
  lastKnown: () => readonly string[];
  /** Records who did what, with which outcome. Returns at once: no request waits for it, least of all a stop. */
  audit: (facts: { who: string; what: string; outcome: AuditOutcome }) => void;
}): Intake {
  const { commands, permissions, channels, clock, deduplicator } = ports;
  const { accept } = ports.acceptor;

  /** Calls the handler, replies with its message, and records the outcome. Never throws. */
  async function execute(request: Request, handler: Handler): Promise<void> {
    const { person, reply, what } = request;
    const audit: NoteOutcome = (outcome) => {
      if (request.isAudited) ports.audit({ who: person, what, outcome });
    };
    let noted: AuditOutcome | undefined;
    try {
      const message = await exclusively(request, () =>
        handler((outcome) => {
          noted = outcome;
        }),
      );
      audit(noted ?? outcomeOf(message));
      if (message) await reply(message);
    } catch (error) {
      if (error instanceof FormGoneError) {
        audit(`failed: no form shown (${error.reason})`);
        ports.noteFormGone(error, what);
        if (error.reason === 'expired') await reply(formExpiredMessage());
        return;
      }
      const { message, outcome } = describeError(error, request);
      audit(outcome);
      await reply(message);
    }
  }

  /** Heavy reads take place one after the other: a second one is refused and says which one is in progress. */
  async function exclusively({ person, what, isHeavy }: Request, work: () => Promise<Message | undefined>) {
    if (!isHeavy) return work();
    const begun = ports.heavyReads.begin(person, what);
    if (!begun.ok) return heavyReadMessage(begun.inProgress);
    try {
      return await work();
    } finally {
      begun.end();
    }
  }

  function describeError(error: unknown, { what, isRead }: Request): { message: Message; outcome: AuditOutcome } {
    const failure = classifySlackError(error);
    if (failure.kind === 'refused' && isPostingForbidden(failure.code))
      return { message: mutedMessage(failure.code), outcome: `failed: Slack answered ${failure.code}` };
    const ref = ports.reportError(error, what);
    const fault = carriedFault(error);
    if (fault)
      return {
        message: faultWhileMessage(fault, { isRead, lastKnown: ports.lastKnown() }),
        outcome: `failed: ${fault.message}`,
      };
    return { message: unexpectedErrorMessage(ref), outcome: `failed: unexpected error (reference ${ref})` };
  }

  /** What the work resolves to, if it is known before Slack must hear. */
  const beforeAcknowledgement = <T>(work: Promise<T>) => within(clock, BEFORE_ACKNOWLEDGEMENT_MS, work);

  /** Executes it, unless another process took the request while this one was frozen. */
  const unlessTaken =
    (accepting: Promise<Acceptance | undefined>, handler: Handler): Handler =>
    async (noteOutcome) => {
      if (await (await accepting)?.isHeld()) return handler(noteOutcome);
      noteOutcome('interrupted: another process took the request');
      return undefined;
    };
  const claimBeforeAcknowledgement = (accepting: Promise<Acceptance | undefined>) =>
    within(clock, CLAIM_BEFORE_ACKNOWLEDGEMENT_MS, accepting);
  const finish = async (accepting: Promise<Acceptance | undefined>) => (await accepting)?.finish();

  const withPermission =
    (person: string, role: Role, handler: Handler): Handler =>
    async (noteOutcome) => {
      const checking = permissions.check(person, role);
      // A stop waits for no slow lookup.
      const permission =
        role === 'stopper' ? ((await beforeAcknowledgement(checking)) ?? { ok: true as const }) : await checking;
      return permission.ok ? handler(noteOutcome) : permissionRefusalMessage(permission.refusal);
    };

  /** A request in a channel that is not configured is in the audit where it would have changed something. */
  function auditWrongChannel(person: string, what: string, isAudited: boolean): void {
    if (isAudited) ports.audit({ who: person, what, outcome: 'refused: the bot does not work in that channel' });
  }

  return {
    async command({ text, person, channel, triggerId, deliveryId, reply, acknowledge }) {
      if (!deduplicator.isNew(deliveryId)) return void (await acknowledge());
      const { word, typed, rest } = readCommandLine(text, [...commands.keys()]);
      const command = commands.get(word);
      const what = `/rescan ${text.trim()}`;
      const acceptAs = (isAudited: boolean) =>
        accept(deliveryId, { who: person, what, shownAs: what, channel, isAudited });
      /** Acknowledges with the whole answer. Where Slack did not get it, the answer is sent another way. */
      const answer = async (message: Message, audit = () => {}, accepting = acceptAs(false)) => {
        const isShown = await acknowledge(message);
        if (!(await accepting)) return;
        audit();
        if (!isShown) await reply(message);
        await finish(accepting);
      };
      if (!channels().includes(channel))
        return answer(wrongChannelMessage(channels()), () =>
          auditWrongChannel(person, what, command !== undefined && command.role !== 'viewer'),
        );
      if (!command) return answer(unknownWordMessage(typed, [...commands.keys()]));
      const parsed = command.read(rest);
      if (!parsed.ok) return answer(badLineMessage(parsed.line, command.usage));

      const { immediateReply, worksWithoutMembership, changesState, isHeavy = false, isAudited } = parsed.value;
      const { role = command.role } = parsed.value;
      const halts = parsed.value.knownHalts?.();
      const isForAll = role === 'viewer';
      const isStop = role === 'stopper';
      const isRead = isForAll && !changesState;
      const request: Request = { person, reply, what, isAudited: isAudited ?? !isForAll, isRead, isHeavy };
      const accepting = acceptAs(request.isAudited);
      const checking = permissions.check(person, role);
      const [known] = await Promise.all([
        beforeAcknowledgement(checking),
        isStop ? undefined : claimBeforeAcknowledgement(accepting),
      ]);
      const quickPermission: Permission | undefined = !known && isStop ? { ok: true } : known;
      if (quickPermission && !quickPermission.ok) {
        const refusal = permissionRefusalMessage(quickPermission.refusal);
        const audit = () => {
          if (request.isAudited) ports.audit({ who: person, what, outcome: outcomeOf(refusal) });
        };
        return answer(refusal, audit, accepting);
      }
      // When the acknowledgement fails, Slack shows the person an error. The request is executed all the same.
      const isAcknowledged = await acknowledge(quickPermission && immediateReply);
      if (!isStop && !(await accepting)) return;
      if (!isAcknowledged && quickPermission && immediateReply) await reply(immediateReply);

      const work: Handler = (noteOutcome) =>
        parsed.value.execute({ person, channel, triggerId, reply, noteOutcome, ...defined({ halts }) });
      await execute(request, async (noteOutcome) => {
        const permission = quickPermission ?? (await checking);
        if (!permission.ok) return permissionRefusalMessage(permission.refusal);
        if (!isForAll && !worksWithoutMembership) {
          const membership = await ports.membership.of(channel);
          if (membership !== 'member' && membership !== 'unknown') return unheardMessage(channel, membership);
        }
        if (!quickPermission && immediateReply) await reply(immediateReply);
        return (isStop ? work : unlessTaken(accepting, work))(noteOutcome);
      });
      await finish(accepting);
    },

    async click(incoming) {
      const { message, person, actionId, value, reply, deliveryId, acknowledge } = incoming;
      if (!deduplicator.isNew(deliveryId)) return void (await acknowledge());
      const { channel } = message;
      const action = Object.hasOwn(ports.actions, actionId) ? ports.actions[actionId] : undefined;
      const halts = action?.knownHalts?.();
      const what = `the button ${actionId}${value === '' ? '' : ` of ${value}`}`;
      const isRead = action?.role === 'viewer' && !action.changesState;
      const isAudited = !isRead || (action?.isAudited ?? false);
      const isStop = action?.role === 'stopper';
      const isInChannel = message.ts !== '' && !channel.startsWith('D');
      const accepting = accept(deliveryId, {
        who: person,
        what,
        shownAs: incoming.label ?? what,
        ...(isInChannel ? { channel } : {}),
        isAudited,
      });
      if (!isStop) await claimBeforeAcknowledgement(accepting);
      await acknowledge();
      if (!isStop && !(await accepting)) return;
      await carryOut();
      await finish(accepting);

      async function carryOut(): Promise<void> {
        const isAllowedHere = channels().includes(channel) || (action?.inDirectMessages && channel.startsWith('D'));
        if (!isAllowedHere) {
          auditWrongChannel(person, what, isAudited);
          return reply(wrongChannelMessage(channels()));
        }
        if (incoming.foreign) {
          if (isAudited) ports.audit({ who: person, what, outcome: 'refused: the button is of another pipeline' });
          return reply(foreignButtonMessage(incoming.foreign.pipeline));
        }
        if (!action)
          return reply(
            refuseWith(
              'Nothing was done: this button is from an older version of the bot. See the current state with `/rescan status`.',
            ),
          );
        const isHeavy = action.isHeavy?.(value) ?? false;
        const work: Handler = (noteOutcome) =>
          action.execute({ ...incoming, channel, noteOutcome, ...defined({ halts }) });
        await execute(
          { person, reply, what, isAudited, isRead, isHeavy },
          withPermission(person, action.role, isStop ? work : unlessTaken(accepting, work)),
        );
      }
    },

    async submission(incoming) {
      const { person, callbackId, deliveryId, acknowledge } = incoming;
      const form = ports.forms.get(callbackId);
      const submission = form?.read(incoming);
      if (submission?.kind === 'errors') return void (await acknowledge({ errors: submission.errors }));
      const what = `the form ${callbackId}`;
      const acceptIn = (channel: string) =>
        deduplicator.isNew(deliveryId)
          ? accept(deliveryId, {
              who: person,
              what,
              shownAs: incoming.label ?? what,
              channel,
              isAudited: true,
            })
          : Promise.resolve(undefined);
      if (!form || !submission || !channels().includes(submission.channel)) {
        const refusal = submission
          ? wrongChannelMessage(channels())
          : refuseWith('Nothing was done: this form is from an older version of the bot.', 'Open it again.');
        await acknowledge({ view: refusalView('Nothing was done', refusal.text.split('\n')) });
        if (!submission) return;
        const accepting = acceptIn(submission.channel);
        if (await accepting) auditWrongChannel(person, what, true);
        return finish(accepting);
      }
      const { channel } = submission;
      const accepting = acceptIn(channel);
      await claimBeforeAcknowledgement(accepting);
      await acknowledge(submission.kind === 'next' ? { view: submission.view } : undefined);
      if (!(await accepting)) return;
      const requester: Requester = { person, channel, reply: (message) => incoming.replyIn(channel, message) };
      await execute(
        { ...requester, what, isAudited: true, isRead: false, isHeavy: form.isHeavy ?? false },
        withPermission(
          person,
          form.role,
          unlessTaken(accepting, (noteOutcome) => submission.execute({ ...requester, noteOutcome })),
        ),
      );
      await finish(accepting);
    },
  };
}

/** What a request came to where its handler did not say so: the fact of its answer, or that it was shown where it has none. */
function outcomeOf(message: Message | undefined): AuditOutcome {
  if (!message) return 'shown';
  const fact = plainFact(message);
  return message.isRefusal ? `refused: ${fact}` : `answered: ${fact}`;
}
