import type { HomeView, ModalView } from '@slack/types';
import { cutMrkdwn, LIMITS } from './limits.ts';

/**
 * The name of the pipeline in everything that the bot shows, where it has several: the one place for it. A name holds only
 * `a-z 0-9 -`, so nothing of it has to be escaped. The buttons and forms carry it as well: the bot then knows whose they
 * are, wherever and whenever they are pressed.
 */

type AnyBlock = { readonly type: string };
interface AnyMessage {
  readonly text: string;
  readonly blocks: readonly AnyBlock[];
  readonly plain?: readonly AnyBlock[];
}

const BLOCK_TAG = /^pipeline:([a-z0-9-]+):/;
const CALLBACK_TAG = /^([a-z0-9-]+):(.*)$/s;

/** The text with the name of the pipeline before it; as it is where it already has it, or where there is one pipeline. */
export const nameText = (text: string, name: string | undefined): string =>
  name === undefined || text.startsWith(`[${name}] `) ? text : `[${name}] ${text}`;

/** The message with the name of its pipeline first, and with buttons that carry it; as it is where there is one pipeline. */
export function nameMessage<M extends AnyMessage>(message: M, name: string | undefined): M {
  if (name === undefined) return message;
  const { text, blocks, plain } = message;
  return {
    ...message,
    text: cutMrkdwn(nameText(text, name), LIMITS.text),
    blocks: nameBlocks(blocks, name),
    ...(plain ? { plain: nameBlocks(plain, name) } : {}),
  };
}

function nameBlocks(blocks: readonly AnyBlock[], name: string): readonly AnyBlock[] {
  if (blocks.length === 0) return blocks;
  const tagged = blocks.map((block, index) => (hasButtons(block) ? tag(block, name, index) : block));
  const [first, ...others] = tagged;
  const text = first?.type === 'section' ? sectionText(first) : undefined;
  if (first && text !== undefined) {
    const named = { ...first, text: { type: 'mrkdwn', text: cutMrkdwn(nameText(text, name), LIMITS.sectionText) } };
    return [named, ...others];
  }
  return isNameBlock(first, name) ? tagged : [nameBlock(name), ...tagged];
}

/** The text of a section of mrkdwn. */
function sectionText(block: AnyBlock): string | undefined {
  const text: unknown = 'text' in block ? block.text : undefined;
  return typeof text === 'object' && text !== null && 'text' in text && typeof text.text === 'string'
    ? text.text
    : undefined;
}

const hasButtons = (block: AnyBlock): boolean => block.type === 'actions' || 'accessory' in block;
const tag = (block: AnyBlock, name: string, index: number): AnyBlock => {
  const id = 'block_id' in block && typeof block.block_id === 'string' ? block.block_id : String(index);
  const tagged = { ...block, block_id: `pipeline:${name}:${id}` };
  return BLOCK_TAG.test(id) ? block : tagged;
};
const nameBlock = (name: string) => ({
  type: 'context' as const,
  block_id: `name:${name}`,
  elements: [{ type: 'mrkdwn' as const, text: `[${name}]` }],
});
const isNameBlock = (block: AnyBlock | undefined, name: string): boolean =>
  block !== undefined && 'block_id' in block && block.block_id === `name:${name}`;

/** The view with the name of its pipeline first, in its content and as what its submission says; as it is for one pipeline. */
export function nameView<V extends ModalView | HomeView>(view: V, name: string | undefined): V {
  if (name === undefined) return view;
  const callback = view.callback_id ?? '';
  return {
    ...view,
    callback_id: CALLBACK_TAG.test(callback) ? callback : `${name}:${callback}`,
    blocks: isNameBlock(view.blocks[0], name) ? view.blocks : [nameBlock(name), ...view.blocks],
  };
}

/** Whose button it is, by the id of its block; undefined where the message named no pipeline. */
export const pipelineOfBlock = (blockId: string | undefined): string | undefined =>
  blockId === undefined ? undefined : BLOCK_TAG.exec(blockId)?.[1];

/** Whose form it is, and its callback id without the name of the pipeline. */
export function pipelineOfView(callbackId: string): { readonly name?: string; readonly callbackId: string } {
  const [, name, rest] = CALLBACK_TAG.exec(callbackId) ?? [];
  return name === undefined || rest === undefined ? { callbackId } : { name, callbackId: rest };
}

/** The name of a file with the name of the pipeline before it. */
export const nameFile = (fileName: string, name: string | undefined): string =>
  name === undefined ? fileName : `${name}-${fileName}`;
