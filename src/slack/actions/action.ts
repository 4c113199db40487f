import type { KnownHalts } from '../../run/model/run-control.ts';
import type { MessageLocation } from '../client/chat.ts';
import type { Requester } from '../commands/command.ts';
import type { Role } from '../intake/permissions.ts';
import type { Message } from '../messages/kit/message.ts';

/** A click on a button. */
export interface Click extends Requester {
  /** The message that holds the button. */
  readonly message: MessageLocation;
  readonly isEphemeral: boolean;
  /** The button's value: an opaque id to look up. It never says who clicked or what is permitted. */
  readonly value: string;
  readonly triggerId: string;
  /** Removes the buttons of the clicked message. Never throws. */
  readonly removeButtons: () => Promise<void>;
  /** Shows this in place of the clicked message, also of one that only this person sees. Never throws. */
  readonly replaceMessage: (message: Message) => Promise<void>;
}

export interface Action {
  readonly role: Role;
  /** Anyone may click it, but it changes something: the handler itself decides who is permitted. For the audit. */
  readonly changesState?: true;
  /** It may also be clicked in the person's direct messages with the bot. */
  readonly inDirectMessages?: true;
  /** It shows data of persons, so it is in the audit although it only reads. */
  readonly isAudited?: true;
  /** Whether it reads much with this value: only one such request at a time is carried out. */
  readonly isHeavy?: (value: string) => boolean;
  /** It starts or resumes a run. Called when the click arrives: a stop during the lookup of the permission must hold. */
  readonly knownHalts?: () => KnownHalts;
  /** Executes the action. The returned message is the reply to the person who clicked. */
  readonly execute: (click: Click) => Promise<Message | undefined>;
}
