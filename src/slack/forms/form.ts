import type { Requester } from '../commands/command.ts';
import type { Role } from '../intake/permissions.ts';
import type { Message } from '../messages/kit/message.ts';
import type { ModalView } from './change-plan-view.ts';

export type SubmittedView = { readonly viewId: string; readonly privateMetadata: string; readonly values: unknown };

/** The result of a submission: errors at the fields; an action after the form has closed; or an action while another view is shown. */
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
  /** Its submission reads much: only one such request at a time is carried out. */
  readonly isHeavy?: true;
  /** Pure, because Slack waits 3 s for the answer. Undefined if the submission is not of this form. */
  readonly read: (submitted: SubmittedView) => Submission | undefined;
}
