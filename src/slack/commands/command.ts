import type { AuditOutcome } from '../../checklist/audit/audit-outcome.ts';
import { succeed } from '../../lib/result.ts';
import type { KnownHalts } from '../../run/model/run-control.ts';
import type { Role } from '../intake/permissions.ts';
import type { Message } from '../messages/kit/message.ts';
import { type Read, reject } from './parse/options.ts';
import { isBlank } from './parse/typed.ts';

/** Who makes a request and where, as Slack's own envelope says. */
export interface Requester {
  readonly person: string;
  readonly channel: string;
  /** Opens one modal, within three seconds. Absent where the request was the submission of a form. */
  readonly triggerId?: string;
  /** Replies to this person only. Never throws: a reply that cannot be delivered is logged. */
  readonly reply: (message: Message) => Promise<void>;
  /** Tells the audit what the request came to, where that is not the first line of its answer: `shown: the form`. */
  readonly noteOutcome?: (outcome: AuditOutcome) => void;
  /** What `knownHalts` of the action or command returned when the request arrived. */
  readonly halts?: KnownHalts;
}

/** The groups of commands in `/rescan help`, in its order. */
export const COMMAND_GROUPS = ['rescan', 'prepare', 'table', 'run', 'results', 'log'] as const;
export type CommandGroup = (typeof COMMAND_GROUPS)[number];

/** A command as help and documentation describe it: the only source of these texts. mrkdwn without anything to escape. */
export interface CommandDescription {
  readonly word: string;
  readonly group: CommandGroup;
  readonly role: Role;
  /** What it does, in one line. */
  readonly summary: string;
  /** How it is typed, without `/rescan`; forms are separated by ` | `. */
  readonly usage: string;
  readonly options?: readonly (readonly [option: string, meaning: string])[];
  /** A line that works as it is, without `/rescan`. */
  readonly example: string;
}

/** One command of /rescan. */
export interface Command extends CommandDescription {
  /** Reads what follows the word. Pure. A line that does not fit is answered at once, and nothing is done. */
  readonly read: (rest: string) => Read<ParsedCommand>;
}

/** A command that was understood. */
export interface ParsedCommand {
  /** The answer while the command is executed. */
  readonly immediateReply?: Message;
  /** The command also works in a channel where the bot cannot post: a stop always works. */
  readonly worksWithoutMembership?: true;
  /** The role that this form of the command needs, where it is more than that of the command. */
  readonly role?: Role;
  /** It changes something although everyone may do it: where it fails, nobody knows whether that was done. */
  readonly changesState?: true;
  /** It shows data of persons, so it is in the audit although it only reads. What changes something is there anyway. */
  readonly isAudited?: true;
  /** It reads much: only one such request at a time is carried out. */
  readonly isHeavy?: true;
  /** It starts or resumes a run. Called when the request arrives: a stop during the lookup of the permission must hold. */
  readonly knownHalts?: () => KnownHalts;
  /** Executes it. The message it returns goes to the requester. */
  readonly execute: (requester: Requester) => Promise<Message | undefined>;
}

/** For commands that have no arguments. */
export const withoutArguments =
  (word: string, parsed: ParsedCommand) =>
  (rest: string): Read<ParsedCommand> =>
    isBlank(rest) ? succeed(parsed) : reject(`\`/rescan ${word}\` has no arguments.`);
