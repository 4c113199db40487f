import { suggestNearest } from '../../../lib/nearest.ts';
import type { Command } from '../../commands/command.ts';
import { code } from '../kit/escape.ts';
import { compose, type Message, say } from '../kit/message.ts';

type Entry = Pick<Command, 'word' | 'role' | 'usage' | 'help'>;

const ROLE_NOTE = { viewer: '', operator: ' · operators', approver: ' · approvers' } as const;

/** Every word, how it is typed, what it does and who may. */
export const helpMessage = (commands: readonly Entry[]): Message =>
  compose({
    fact: '/rescan runs the OCR function over every image, and stops itself when something is wrong.',
    lines: commands.map(({ usage, help, role }) => `• \`/rescan ${usage}\`: ${help}${ROLE_NOTE[role]}`),
    notes: ['A run shows itself in one message in the channel; warnings and details go into its thread.'],
  });

/** A word that is none of them, with the nearest ones. */
export function unknownWordMessage(typed: string, words: readonly string[]): Message {
  const near = suggestNearest(typed, words).map((word) => `\`/rescan ${word}\``);
  const hint =
    near.length === 0
      ? '`/rescan help` lists what there is.'
      : `Did you mean ${near.length === 1 ? near[0] : `${near.slice(0, -1).join(', ')} or ${near.at(-1)}`}? \`/rescan help\` lists all.`;
  return say(`There is no ${code(`/rescan ${typed}`, 60)}: nothing was done.`, hint);
}
