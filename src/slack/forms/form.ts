import type { Requester } from '../commands/command.ts';
import type { Role } from '../intake/permissions.ts';
import type { Message } from '../messages/kit/message.ts';
import type { ModalView } from './change-plan-view.ts';

export type SubmittedView = { readonly viewId: string; readonly privateMetadata: string; readonly values: unknown };

/** What a form that was sent in comes to: errors at its fields, something to do once it is closed, or another view in its place and something to do. */
export type Submission =
  | { readonly kind: 'errors'; readonly errors: Readonly<Record<string, string>> }
  | {
      readonly kind: 'next';
      readonly view: ModalView;
      readonly channel: string;
      readonly execute: (requester: Requester) => Promise<Message | undefined>;
    }
  | {
      readonly kind: 'execute';
      readonly channel: string;
      readonly execute: (requester: Requester) => Promise<Message | undefined>;
    };

export interface FormHandler {
  readonly role: Role;
  /** Pure: it decides before Slack's three seconds are over. Undefined where the form is none of ours. */
  readonly read: (submitted: SubmittedView) => Submission | undefined;
}
