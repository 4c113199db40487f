import type { ActionsBlock, Button, ContextBlock, PlanBlock, SectionBlock, TableBlock } from '@slack/types';

import { unescapeMrkdwn } from './escape.ts';

/** One line of a chart: a value for each category, in their order. */
export interface ChartSeries {
  readonly name: string;
  readonly data: readonly { readonly label: string; readonly value: number }[];
}
/** Slack's `data_visualization` block, which `@slack/types` does not know yet. */
export interface ChartBlock {
  type: 'data_visualization';
  block_id?: string;
  title: string;
  chart: {
    readonly type: 'line' | 'bar' | 'area';
    readonly series: readonly ChartSeries[];
    readonly axis_config: {
      readonly categories: readonly string[];
      readonly x_label?: string;
      readonly y_label?: string;
    };
  };
}

export type MessageBlock = SectionBlock | ContextBlock | ActionsBlock | PlanBlock | TableBlock | ChartBlock;

/** A block that not every client accepts, and lines with the same content. */
export interface Figure {
  readonly block: PlanBlock | TableBlock | ChartBlock | SectionBlock;
  readonly plain: readonly string[];
}

/** A message in Slack. `text` is what notifications and old clients show; it has the same content as the blocks. */
export interface Message {
  readonly text: string;
  readonly blocks: readonly MessageBlock[];
  /** The same in blocks that every client accepts, used where the newer ones are refused; if absent, the text is used. */
  readonly plain?: readonly MessageBlock[];
  /** It says why nothing was done: the audit records a refusal. */
  readonly isRefusal?: true;
}

/** The same message as the answer to a request that was refused. */
export const asRefusal = (message: Message): Message => ({ ...message, isRefusal: true });

/** Why a request was refused: nothing was done. */
export const refuseWith = (...lines: readonly string[]): Message => asRefusal(say(...lines));

/** The first line of a message without formatting, for the audit and the log. */
export const plainFact = ({ text }: Message): string =>
  unescapeMrkdwn((text.split('\n')[0] ?? '').replaceAll(/[*`]/g, '')).trim();

export interface MessageParts {
  /** The fact, first and bold. mrkdwn, escaped where it came from outside. */
  readonly fact: string;
  readonly lines?: readonly string[];
  /** Numbers side by side, each with its name. */
  readonly numbers?: readonly (readonly [name: string, value: string])[];
  /** Small print under it. */
  readonly notes?: readonly string[];
  /** Blocks between the lines and the numbers; where Slack refuses one, its plain lines are used. */
  readonly figures?: readonly Figure[];
  /** Sections below the figures, each with its own button. */
  readonly offers?: readonly { readonly text: string; readonly button: Button }[];
  readonly buttons?: readonly Button[];
}

/** A message in the order of every message: the fact, the numbers, what to do next (design, "Slack"). */
export function compose(parts: MessageParts): Message {
  const { fact, lines = [], numbers = [], notes = [], figures = [], offers = [] } = parts;
  const values = numbers.map(([name, value]) => `${name}: ${value}`);
  const withFigures = (draw: (figure: Figure) => MessageBlock) => blocksOf(parts, figures.map(draw));
  return {
    text: [
      fact,
      ...lines,
      ...figures.flatMap(({ plain }) => plain),
      ...offers.map(({ text }) => text),
      ...values,
      ...notes,
    ].join('\n'),
    blocks: withFigures(({ block }) => block),
    ...(figures.length === 0 ? {} : { plain: withFigures(({ plain }) => section(plain.join('\n'))) }),
  };
}

/** Slack does not nest bold text: a `*` within it, outside of code, would be shown as it is. */
const withoutBold = (text: string): string => text.replace(/(`[^`]*`)|\*/g, (_, code = '') => code);

function blocksOf(
  { fact, lines = [], numbers = [], notes = [], offers = [], buttons = [] }: MessageParts,
  figures: readonly MessageBlock[],
): MessageBlock[] {
  return [
    ...sections([`*${withoutBold(fact)}*`, ...lines]),
    ...figures,
    ...offers.map(({ text, button }) => ({ ...section(text), accessory: button })),
    ...(numbers.length === 0
      ? []
      : [{ type: 'section' as const, fields: numbers.map(([name, value]) => mrkdwn(`*${name}*\n${value}`)) }]),
    ...(notes.length === 0 ? [] : [{ type: 'context' as const, elements: [mrkdwn(notes.join('\n'))] }]),
    ...(buttons.length === 0 ? [] : [{ type: 'actions' as const, elements: [...buttons] }]),
  ];
}

/** The message with one more button, after its others. */
export function withButton(message: Message, added: Button): Message {
  const extend = (blocks: readonly MessageBlock[]): readonly MessageBlock[] => {
    const last = blocks.at(-1);
    return last?.type === 'actions'
      ? [...blocks.slice(0, -1), { ...last, elements: [...last.elements, added] }]
      : [...blocks, { type: 'actions', elements: [added] }];
  };
  const { blocks, plain } = message;
  return { ...message, blocks: extend(blocks), ...(plain ? { plain: extend(plain) } : {}) };
}

/** The message with one more line of small print, above its buttons. mrkdwn. */
export function withNote(message: Message, line: string): Message {
  const extend = (blocks: readonly MessageBlock[]): readonly MessageBlock[] => {
    const buttons = blocks.at(-1)?.type === 'actions' ? blocks.slice(-1) : [];
    const content = blocks.slice(0, blocks.length - buttons.length);
    return [...content, { type: 'context', elements: [mrkdwn(line)] }, ...buttons];
  };
  const { text, blocks, plain } = message;
  return { text: `${text}\n${line}`, blocks: extend(blocks), ...(plain ? { plain: extend(plain) } : {}) };
}

/** The message with each of its texts changed. Figures and buttons stay as they are. */
export function mapTexts(message: Message, change: (text: string) => string): Message {
  const blocks = (list: readonly MessageBlock[]) => list.map((block) => mapBlock(block, change));
  const { plain } = message;
  return {
    ...message,
    text: change(message.text),
    blocks: blocks(message.blocks),
    ...(plain ? { plain: blocks(plain) } : {}),
  };
}

function mapBlock(block: MessageBlock, change: (text: string) => string): MessageBlock {
  if (block.type === 'context')
    return {
      ...block,
      elements: block.elements.map((one) => ('text' in one ? { ...one, text: change(one.text) } : one)),
    };
  if (block.type !== 'section') return block;
  const { text, fields } = block;
  return {
    ...block,
    ...(text ? { text: { ...text, text: change(text.text) } } : {}),
    ...(fields ? { fields: fields.map((field) => ({ ...field, text: change(field.text) })) } : {}),
  };
}

/** A message of plain lines, for answers to one person. */
export const say = (...lines: readonly string[]): Message => ({
  text: lines.join('\n'),
  blocks: sections(lines),
});

/** Slightly below Slack's 3,000 characters, so that the cut of one line does not depend on the lines around it. */
const MOST_SECTION = 2_900;

/** The lines in as few sections as possible; no line is split. */
function sections(lines: readonly string[]): SectionBlock[] {
  const texts: string[] = [];
  for (const line of lines) {
    const last = texts.at(-1);
    if (last !== undefined && last.length + 1 + line.length <= MOST_SECTION)
      texts[texts.length - 1] = `${last}\n${line}`;
    else texts.push(line);
  }
  return (texts.length === 0 ? [''] : texts).map(section);
}

const mrkdwn = (text: string) => ({ type: 'mrkdwn' as const, text });
const section = (text: string): SectionBlock => ({ type: 'section', text: mrkdwn(text) });
