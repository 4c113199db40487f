import type { TableBlock } from '@slack/types';
import { code, shorten } from './escape.ts';
import type { Figure } from './message.ts';

const MOST_CELL = 120;

/** One cell of raw text: Slack applies no formatting to it. */
const cell = (text: string) => ({
  type: 'raw_text' as const,
  text: shorten(oneLine(text), MOST_CELL) || '–',
});

const oneLine = (text: string): string => text.replace(/\s+/g, ' ').trim();

/** Rows with headings as Slack's table block, and as plain lines. A message can have one such block. */
export function tableFigure(
  headings: readonly string[],
  rows: readonly (readonly string[])[],
  options: { readonly right?: readonly number[] } = {},
): Figure {
  const block: TableBlock = {
    type: 'table',
    column_settings: headings.map((_, at) => ({
      align: options.right?.includes(at) ? 'right' : 'left',
      is_wrapped: true,
    })),
    rows: [headings.map(cell), ...rows.map((row) => row.map(cell))],
  };
  return { block, plain: rows.map((row) => `• ${row.map((text) => code(text, MOST_CELL)).join(' · ')}`) };
}
