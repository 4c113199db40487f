import { type JsonRecord, recordOf, recordsOf, textOf } from '../../../slack/rules/json.ts';

/** A line that can be typed, and what it does where that is known. */
export interface Completion {
  readonly line: string;
  readonly help: string;
}

/** `` `/rescan pace 60`: images a minute ``, as an app lists what it understands. */
const SHOWN = /`(\/[^`\n]+)`(?::\s+([^\n]*))?/g;
/** Where a usage stops being what one types and begins to be what one fills in. */
const PLACEHOLDER = /\s*(\[|[A-Z]{2,}\b|…).*$/s;
const MOST = 9;

const texts = (messages: readonly JsonRecord[]): readonly string[] =>
  messages.flatMap((message) => [
    textOf(message.text) ?? '',
    ...recordsOf(message.blocks).map((block) => textOf(recordOf(block.text).text) ?? ''),
  ]);

/** Each alternative of a usage: `backup [note] | backup native` gives two. Brackets hold alternatives of their own. */
function alternatives(usage: string): readonly string[] {
  let depth = 0;
  let part = '';
  const parts: string[] = [];
  for (const letter of usage) {
    if (letter === '[') depth++;
    if (letter === ']') depth--;
    if (letter === '|' && depth <= 0) {
      parts.push(part.trim());
      part = '';
    } else part += letter;
  }
  return [...parts, part.trim()].filter((one) => one !== '' && one !== '…');
}

/**
 * Everything that can be typed after a `/`: the commands of the manifest with the words of their hints, and what the app has itself
 * shown as something to type, such as in its help, with what that does.
 */
export function knownLines(commands: readonly JsonRecord[], messages: readonly JsonRecord[]): readonly Completion[] {
  const known = new Map<string, string>();
  const add = (line: string, help: string) => {
    if (line !== '' && (help !== '' || !known.has(line))) known.set(line, help);
  };
  for (const command of commands) {
    const name = textOf(command.command) ?? '';
    add(name, textOf(command.description) ?? '');
    for (const word of alternatives(textOf(command.usageHint) ?? '')) add(`${name} ${word}`, '');
  }
  const names = new Set(commands.map((command) => textOf(command.command)));
  for (const text of texts(messages))
    for (const [, usage = '', help = ''] of text.matchAll(SHOWN)) {
      const [name = ''] = usage.split(' ');
      if (!names.has(name)) continue;
      const clean = help.replace(/ · [a-z]+$/, '').replaceAll('`', '');
      for (const [at, one] of alternatives(usage.slice(name.length + 1)).entries()) {
        // `pace 60 | auto`: what follows the bar is another end of the same word.
        const whole =
          at > 0 && !one.startsWith(usage.split(' ')[1] ?? '') ? `${usage.split(' ')[1] ?? ''} ${one}` : one;
        add(`${name} ${whole.replace(PLACEHOLDER, '').trimEnd()}`, help === '' ? '' : clean);
      }
    }
  return [...known].map(([line, help]) => ({ line, help }));
}

/** What the typed may become, nearest first: those that begin so, the shorter before the longer. */
export function completionsOf(known: readonly Completion[], typed: string): readonly Completion[] {
  if (!typed.startsWith('/')) return [];
  return known.filter(({ line }) => line.startsWith(typed) && line !== typed).slice(0, MOST);
}
