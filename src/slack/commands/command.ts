import type { Role } from '../intake/permissions.ts';
import type { Message } from '../messages/kit/message.ts';
import type { Read } from './parse/options.ts';

/** Who says something and where, as Slack's own envelope has it. */
export interface Requester {
  readonly person: string;
  readonly channel: string;
  /** Opens one modal, within three seconds of what they did. Not there where that was a form. */
  readonly triggerId?: string;
  /** Says something to this person only. Never throws: where it cannot be said, it is logged. */
  readonly reply: (message: Message) => Promise<void>;
  /** Tells the audit what the request came to, where that is not the first line of its answer: `form shown`. */
  readonly noteOutcome?: (outcome: string) => void;
}

/** One word of /rescan. */
export interface Command {
  readonly word: string;
  readonly role: Role;
  /** How it is typed, as help shows it. */
  readonly usage: string;
  readonly help: string;
  /** Reads what follows the word. Pure: a line that does not fit is answered at once, and nothing happens. */
  readonly read: (rest: string) => Read<ParsedCommand>;
}

/** A command that was understood. */
export interface ParsedCommand {
  /** What is answered while it is being done. */
  readonly immediateReply?: Message;
  /** It is done also where the bot cannot speak in the channel: a stop works always. */
  readonly worksWithoutMembership?: true;
  /** Does it. What it answers is told to whoever asked. */
  readonly execute: (requester: Requester) => Promise<Message | undefined>;
}

/** For commands that take nothing. */
export const withoutArguments =
  (word: string, parsed: ParsedCommand) =>
  (rest: string): Read<ParsedCommand> =>
    rest.trim() === ''
      ? { ok: true, value: parsed }
      : { ok: false, line: `\`/rescan ${word}\` takes nothing after it. Nothing was done.` };
