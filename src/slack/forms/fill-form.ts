import type { ModalView, SectionBlock } from '@slack/types';
import type { AuditOutcome } from '../../checklist/audit/audit-outcome.ts';
import type { Requester } from '../commands/command.ts';
import { plainFact } from '../messages/kit/message.ts';

/** What opening a form came to, for the audit: it was shown, or the view says why nothing can be submitted. */
export function formOutcome(view: ModalView): AuditOutcome {
  if (view.submit) return 'shown: the form';
  const section = view.blocks.find((block): block is SectionBlock => block.type === 'section');
  return `refused: ${plainFact({ text: section?.text?.text ?? '', blocks: [] })}`;
}

/** Shows the view in an open modal, and notes for the audit whether it is a form or a refusal. */
export async function fillForm(
  viewId: string,
  view: ModalView,
  updateView: (viewId: string, view: ModalView) => Promise<void>,
  { noteOutcome }: Pick<Requester, 'noteOutcome'>,
): Promise<undefined> {
  await updateView(viewId, view);
  noteOutcome?.(formOutcome(view));
  return undefined;
}
