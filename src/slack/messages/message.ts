import type { ActionsBlock, Button, ContextBlock, PlanBlock, SectionBlock } from '@slack/types';

export type MessageBlock = SectionBlock | ContextBlock | ActionsBlock | PlanBlock;

/** What is said in Slack. `text` is what notifications and old clients show: it says the same as the blocks. */
export interface Message {
  readonly text: string;
  readonly blocks: readonly MessageBlock[];
  /** The same in blocks that every client takes, for where the newer ones are refused; the text alone where not given. */
  readonly plain?: readonly MessageBlock[];
}

export interface Said {
  /** The fact, first and bold. mrkdwn, escaped where it came from outside. */
  readonly fact: string;
  readonly lines?: readonly string[];
  /** Numbers side by side: what they are, and what they are just now. */
  readonly numbers?: readonly (readonly [name: string, value: string])[];
  /** Small print under it. */
  readonly notes?: readonly string[];
  /** A block between the lines and the notes, and the lines that say the same where Slack refuses it. */
  readonly figure?: { readonly block: PlanBlock; readonly plain: readonly string[] };
  readonly buttons?: readonly Button[];
}

/** A message in the house's order: the fact, the numbers, what can be done. */
export function compose(said: Said): Message {
  const { fact, lines = [], numbers = [], notes = [], figure } = said;
  const values = numbers.map(([name, value]) => `${name}: ${value}`);
  return {
    text: [fact, ...lines, ...(figure?.plain ?? []), ...values, ...notes].join('\n'),
    blocks: blocksOf(said, figure ? [figure.block] : []),
    ...(figure ? { plain: blocksOf(said, [section(figure.plain.join('\n'))]) } : {}),
  };
}

function blocksOf(
  { fact, lines = [], numbers = [], notes = [], buttons = [] }: Said,
  figure: readonly MessageBlock[],
): MessageBlock[] {
  return [
    section([`*${fact}*`, ...lines].join('\n')),
    ...figure,
    ...(numbers.length === 0
      ? []
      : [{ type: 'section' as const, fields: numbers.map(([name, value]) => mrkdwn(`*${name}*\n${value}`)) }]),
    ...(notes.length === 0 ? [] : [{ type: 'context' as const, elements: [mrkdwn(notes.join('\n'))] }]),
    ...(buttons.length === 0 ? [] : [{ type: 'actions' as const, elements: [...buttons] }]),
  ];
}

/** A message of plain lines: answers to one person. */
export const say = (...lines: readonly string[]): Message => ({
  text: lines.join('\n'),
  blocks: [section(lines.join('\n'))],
});

const mrkdwn = (text: string) => ({ type: 'mrkdwn' as const, text });
const section = (text: string): SectionBlock => ({ type: 'section', text: mrkdwn(text) });
