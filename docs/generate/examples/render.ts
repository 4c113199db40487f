import { z } from 'zod';
import { messageLines, wrapped } from '../../../sandbox/tour/wording.ts';
import type { Message } from '../../../src/slack/messages/kit/message.ts';

const WIDTH = 110;
const MOST_LINES = 8;

const blocksSchema = z.array(z.looseObject({ type: z.string() }));
/** The characters around code are not shown by Slack; within a code block of a page they would be noise. */
const readable = (line: string): string => line.replaceAll('`', '');

/** What Slack shows of a message, as at most 8 lines of plain text. */
export function exampleLines(shown: Message): readonly string[] {
  const blocks = blocksSchema.parse(JSON.parse(JSON.stringify(shown.blocks)));
  return shortened(messageLines({ text: shown.text, blocks, files: [] }));
}

/**
 * The lines for a page: at most 8, of at most 112 characters. A longer text is cut in the middle: the first lines say what it is, the
 * last one holds the buttons.
 */
export function shortened(lines: readonly string[]): readonly string[] {
  const parts = lines.map((line) => wrapped(readable(line), WIDTH).map((part, at) => (at === 0 ? part : `  ${part}`)));
  const all = parts.flat();
  if (all.length <= MOST_LINES) return all;
  const last = parts.at(-1) ?? [];
  return [...all.slice(0, MOST_LINES - 1 - last.length), '…', ...last];
}
