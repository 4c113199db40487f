import { suggestNearest } from '../../../lib/nearest.ts';
import { code } from '../../messages/kit/escape.ts';

export type Read<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly line: string };

/** Quotes as people's keyboards give them. */
const CLOSING: Readonly<Record<string, string>> = { '"': '"', "'": "'", '“': '”', '”': '”', '„': '“', '‘': '’' };

/**
 * The words of a line, apart at spaces; what stands in quotes after a space or an equals sign is one piece, without its
 * quotes: `prefix="my folder/"` is the word `prefix=my folder/`.
 */
export function splitArguments(line: string): Read<readonly string[]> {
  const words: string[] = [];
  let word: string | undefined;
  const letters = [...line];
  for (let at = 0; at < letters.length; at++) {
    const letter = letters[at] ?? '';
    if (/\s/.test(letter)) {
      if (word !== undefined) words.push(word);
      word = undefined;
      continue;
    }
    const closing = word === undefined || word.endsWith('=') ? CLOSING[letter] : undefined;
    if (closing === undefined) {
      word = (word ?? '') + letter;
      continue;
    }
    const end = letters.findIndex(
      (other, index) => index > at && (other === closing || (letter === '“' && other === '"')),
    );
    if (end < 0) return { ok: false, line: `A quote is not closed: ${code(letters.slice(at).join(''), 60)}.` };
    word = (word ?? '') + letters.slice(at + 1, end).join('');
    at = end;
  }
  if (word !== undefined) words.push(word);
  return { ok: true, value: words };
}

/** Reads words `name=value`, each name once and out of `names`. The first thing that does not fit is the answer. */
export function readOptions<Name extends string>(
  words: readonly string[],
  names: readonly Name[],
): Read<ReadonlyMap<Name, string>> {
  const values = new Map<Name, string>();
  const allowed = names.map((name) => `\`${name}=\``).join(', ');
  for (const word of words) {
    const at = word.indexOf('=');
    if (at < 0) return { ok: false, line: `${code(word, 60)} is not understood. Options are ${allowed}.` };
    const typed = word.slice(0, at).toLowerCase();
    const name = names.find((candidate) => candidate === typed);
    if (name === undefined) {
      const [near] = suggestNearest(typed, names);
      const hint = near === undefined ? `Options are ${allowed}.` : `Did you mean \`${near}=\`?`;
      return { ok: false, line: `There is no option ${code(`${typed}=`, 60)}. ${hint}` };
    }
    if (values.has(name)) return { ok: false, line: `\`${name}=\` is there twice.` };
    const value = word.slice(at + 1);
    if (value.trim() === '') return { ok: false, line: `\`${name}=\` is empty.` };
    values.set(name, value);
  }
  return { ok: true, value: values };
}
