import { type JsonRecord, recordOf, recordsOf, textOf } from '../../../slack/rules/json.ts';

/** A line that can be typed, and its description if known. */
export interface Completion {
  readonly line: string;
  readonly help: string;
}

/** `` `/rescan pace 60`: images a minute ``, the format in which an app lists its commands. */
const SHOWN = /`(\/[^`\n]+)`(?::\s+([^\n]*))?/g;
/** The end of the literal part of a usage; parameters start there. */
const PLACEHOLDER = /\s*(\[|[A-Z]{2,}\b|…).*$/s;
const MOST = 9;

const texts = (messages: readonly JsonRecord[]): readonly string[] =>
  messages.flatMap((message) => [
    textOf(message.text) ?? '',
    ...recordsOf(message.blocks).map((block) => textOf(recordOf(block.text).text) ?? ''),
  ]);

/** The alternatives of a usage: `backup [note] | backup native` gives two. A bar inside of brackets does not count. */
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
 * All lines that can be typed after a `/`: the commands of the manifest with the words of their usage hints, and the
 * commands that the app has listed in messages such as its help, with their descriptions.
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
      const clean = help.replace(/ \((?:operators|approvers)\)$/, '').replaceAll('`', '');
      for (const [at, one] of alternatives(usage.slice(name.length + 1)).entries()) {
        // In `pace 60 | auto` the part after the bar replaces the last word.
        const whole =
          at > 0 && !one.startsWith(usage.split(' ')[1] ?? '') ? `${usage.split(' ')[1] ?? ''} ${one}` : one;
        add(`${name} ${whole.replace(PLACEHOLDER, '').trimEnd()}`, help === '' ? '' : clean);
      }
    }
  return [...known].map(([line, help]) => ({ line, help }));
}

/** The lines that start with the typed text, the shortest first. */
export function completionsOf(known: readonly Completion[], typed: string): readonly Completion[] {
  if (!typed.startsWith('/')) return [];
  return known.filter(({ line }) => line.startsWith(typed) && line !== typed).slice(0, MOST);
}
