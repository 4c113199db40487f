import type { MessageLocation } from '../client/chat.ts';
import type { Requester } from '../commands/command.ts';
import type { Role } from '../intake/permissions.ts';
import type { Message } from '../messages/kit/message.ts';

/** A click on a button of a message. */
export interface Click extends Requester {
  /** The message that holds the button. */
  readonly message: MessageLocation;
  readonly isEphemeral: boolean;
  /** What the button holds: an opaque id, to be looked up; never who clicked, never what may be done. */
  readonly value: string;
  readonly triggerId: string;
  /** Takes the buttons off the message that was clicked. Never throws. */
  readonly removeButtons: () => Promise<void>;
}

export interface Action {
  readonly role: Role;
  /** It acts though everyone may press it: who may is decided elsewhere. */
  readonly changesState?: true;
  /** Does it. What it answers is told to whoever clicked. */
  readonly execute: (click: Click) => Promise<Message | undefined>;
}
