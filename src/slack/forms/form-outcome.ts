import type { ModalView, SectionBlock } from '@slack/types';

/** What opening a form came to, for the audit: it was shown, or the view says why nothing can be submitted. */
export function formOutcome(view: ModalView): string {
  if (view.submit) return 'form shown';
  const section = view.blocks.find((block): block is SectionBlock => block.type === 'section');
  return `refused: ${section?.text?.text.split('\n')[0] ?? ''}`;
}
