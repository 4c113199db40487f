import { overriddenMessage } from '../../../src/slack/messages/checklist/checklist-answers.ts';
import type { Message } from '../../../src/slack/messages/kit/message.ts';
import { belongingMessage } from '../../../src/slack/messages/pipelines/choose-messages.ts';

/**
 * One example for each command that the tour does not type: the tour has one pipeline, and skips no step. The message is made of fixed
 * sample states, with the same functions as in Slack. tour.json has the examples of all other commands.
 */
export const EXAMPLES: Readonly<Record<string, () => Message>> = {
  override: () =>
    overriddenMessage({
      step: 'sample',
      by: 'U0APPROVER',
      at: Date.parse('2026-01-05T09:00:00Z'),
      reason: 'the function was tested an hour ago',
      codeSha256: 'bmV4dCBjb2RlIG9mIHRoZSBmdW5jdGlvbi4uLi4uLi4=',
      covers: [],
    }),
  use: () => belongingMessage({ kind: 'listed', pipeline: 'dev' }, { all: ['dev', 'prod'], allowed: ['dev', 'prod'] }),
};
