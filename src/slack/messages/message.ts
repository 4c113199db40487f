import type { ActionsBlock, Button, ContextBlock, SectionBlock } from '@slack/types';

export type MessageBlock = SectionBlock | ContextBlock | ActionsBlock;

/** What is said in Slack. `text` is what notifications and old clients show: it says the same as the blocks. */
export interface Message {
  readonly text: string;
  readonly blocks: readonly MessageBlock[];
}

export interface Said {
  /** The fact, first and bold. mrkdwn, escaped where it came from outside. */
  readonly fact: string;
  readonly lines?: readonly string[];
  /** Numbers side by side: what they are, and what they are just now. */
  readonly numbers?: readonly (readonly [name: string, value: string])[];
  /** Small print under it. */
  readonly notes?: readonly string[];
  readonly buttons?: readonly Button[];
}

/** A message in the house's order: the fact, the numbers, what can be done. */
export function compose({ fact, lines = [], numbers = [], notes = [], buttons = [] }: Said): Message {
  return {
    text: [fact, ...lines, ...numbers.map(([name, value]) => `${name}: ${value}`), ...notes].join('\n'),
    blocks: [
      section([`*${fact}*`, ...lines].join('\n')),
      ...(numbers.length === 0
        ? []
        : [{ type: 'section' as const, fields: numbers.map(([name, value]) => mrkdwn(`*${name}*\n${value}`)) }]),
      ...(notes.length === 0 ? [] : [{ type: 'context' as const, elements: [mrkdwn(notes.join('\n'))] }]),
      ...(buttons.length === 0 ? [] : [{ type: 'actions' as const, elements: [...buttons] }]),
    ],
  };
}

/** A message of plain lines: answers to one person. */
export const say = (...lines: readonly string[]): Message => ({
  text: lines.join('\n'),
  blocks: [section(lines.join('\n'))],
});

const mrkdwn = (text: string) => ({ type: 'mrkdwn' as const, text });
const section = (text: string): SectionBlock => ({ type: 'section', text: mrkdwn(text) });
