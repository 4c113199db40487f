import type { ModalView, SectionBlock } from '@slack/types';
import type { AuditOutcome } from '../../checklist/audit/audit-outcome.ts';
import { carriedFault } from '../../pipeline/fault.ts';
import { FormGoneError } from '../client/view-client.ts';
import type { Requester } from '../commands/command.ts';
import { plainFact } from '../messages/kit/message.ts';
import { describeFault, faultLines } from '../messages/run/describe-run.ts';
import { refusalView } from './table-views.ts';

/** What opening a form came to, for the audit: it was shown, or the view says why nothing can be submitted. */
function formOutcome(view: ModalView): AuditOutcome {
  if (view.submit) return 'shown: the form';
  const section = view.blocks.find((block): block is SectionBlock => block.type === 'section');
  return `refused: ${plainFact({ text: section?.text?.text ?? '', blocks: [] })}`;
}

/**
 * Shows the view that `read` returns in an open modal, and notes for the audit whether it is a form or a refusal. Where that fails, the
 * modal says so instead of loading for ever. @throws what `read` and `updateView` throw
 */
export async function fillForm(
  { viewId, title }: { readonly viewId: string; readonly title: string },
  read: () => Promise<ModalView>,
  updateView: (viewId: string, view: ModalView) => Promise<void>,
  { noteOutcome }: Pick<Requester, 'noteOutcome'>,
): Promise<undefined> {
  try {
    const view = await read();
    await updateView(viewId, view);
    noteOutcome?.(formOutcome(view));
  } catch (error) {
    // Nothing more can be shown in a closed form, and what follows from the error is decided by the caller.
    if (!(error instanceof FormGoneError))
      await updateView(viewId, refusalView(title, failedLines(error))).catch(() => {});
    throw error;
  }
  return undefined;
}

function failedLines(error: unknown): readonly string[] {
  const fault = carriedFault(error);
  return fault
    ? [`The form cannot be shown: ${describeFault(fault)}. Nothing was changed.`, ...faultLines(fault)]
    : [
        'The form cannot be shown: unexpected error. Nothing was changed.',
        'The bot’s message in the channel has the reference to its log.',
      ];
}
