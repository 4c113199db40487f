import type { ContextBlock, HomeView, InputBlock, KnownBlock, ModalView, PlainTextOption } from '@slack/types';
import { shorten } from './escape.ts';
import { fitContext, fitSection, MessageLimitError, note } from './limits.ts';

/** Slack's limits of a view (docs.slack.dev, "Views", Block Kit reference). */
export const VIEW_LIMITS = {
  blocks: 100,
  bytes: 250 * 1024,
  metadata: 3_000,
  title: 24,
  header: 150,
  label: 2_000,
  option: 75,
  optionValue: 150,
  options: 100,
  /** Radio buttons and checkboxes. */
  choices: 10,
  initialValue: 3_000,
} as const;

/**
 * The view within Slack's limits: long texts are cut with an ellipsis; extra blocks are left out, and a line says so. Every view passes
 * here before it is shown.
 * @throws MessageLimitError for what cannot be shortened: a title, a button beside a section, the private metadata, a choice without
 * options or with too many.
 */
export function viewWithinLimits<V extends ModalView | HomeView>(view: V): V {
  if ((view.private_metadata?.length ?? 0) > VIEW_LIMITS.metadata)
    throw new MessageLimitError(`The private metadata of a view has ${view.private_metadata?.length} characters.`);
  if (view.type === 'modal')
    for (const text of [view.title, view.submit, view.close])
      if ((text?.text.length ?? 0) > VIEW_LIMITS.title)
        throw new MessageLimitError(`A title or button of a view is too long: ${text?.text}`);
  const fitted = { ...view, blocks: fitCount(view.blocks.flatMap(fitBlock)) };
  if (Buffer.byteLength(JSON.stringify(fitted)) > VIEW_LIMITS.bytes)
    throw new MessageLimitError('A view is larger than Slack’s limit.');
  return fitted;
}

type ViewBlock = (ModalView | HomeView)['blocks'][number];

function fitCount<B extends ViewBlock>(blocks: readonly (B | ContextBlock)[]): (B | ContextBlock)[] {
  const { blocks: most } = VIEW_LIMITS;
  if (blocks.length <= most) return [...blocks];
  const left = blocks.length - most + 1;
  return [...blocks.slice(0, most - 1), note(`${left} more, not shown here.`)];
}

function fitBlock(block: ViewBlock): readonly ViewBlock[] {
  if (!isKnown(block)) return [block];
  switch (block.type) {
    case 'section':
      return fitSection(block);
    case 'context':
      return fitContext(block);
    case 'header':
      return [{ ...block, text: { ...block.text, text: shorten(block.text.text, VIEW_LIMITS.header) } }];
    case 'input':
      return [fitInput(block)];
    default:
      return [block];
  }
}

const isKnown = (block: ViewBlock): block is KnownBlock =>
  ['section', 'context', 'header', 'input'].includes(block.type);

function fitInput(block: InputBlock): InputBlock {
  const cut = (text: string, most: number) => shorten(text, most);
  const { element } = block;
  const labels = {
    label: { ...block.label, text: cut(block.label.text, VIEW_LIMITS.label) },
    ...(block.hint ? { hint: { ...block.hint, text: cut(block.hint.text, VIEW_LIMITS.label) } } : {}),
  };
  if (element.type === 'plain_text_input')
    return {
      ...block,
      ...labels,
      element: {
        ...element,
        ...(element.initial_value === undefined
          ? {}
          : { initial_value: cut(element.initial_value, VIEW_LIMITS.initialValue) }),
      },
    };
  if ('options' in element && element.options) {
    const isChoice = element.type === 'radio_buttons' || element.type === 'checkboxes';
    const most = isChoice ? VIEW_LIMITS.choices : VIEW_LIMITS.options;
    if (element.options.length === 0 || element.options.length > most)
      throw new MessageLimitError(`A choice has ${element.options.length} options; 1 to ${most} are allowed.`);
    for (const option of element.options) checkOption(option);
  }
  return { ...block, ...labels };
}

/** Options are not cut here, because the initial option must equal one of them. */
function checkOption(
  option: Pick<PlainTextOption, 'value' | 'description'> & { readonly text: { readonly text: string } },
): void {
  const { text, description, value = '' } = option;
  const isFit = (label: string) => label !== '' && label.length <= VIEW_LIMITS.option;
  if (!isFit(text.text) || (description && !isFit(description.text)) || value.length > VIEW_LIMITS.optionValue)
    throw new MessageLimitError(`An option of a view is too long or empty: ${text.text}`);
}
