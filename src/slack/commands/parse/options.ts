import { suggestNearest } from '../../../lib/nearest.ts';
import { succeed } from '../../../lib/result.ts';
import { code } from '../../messages/kit/escape.ts';
import { plainValue, plainWord } from './typed.ts';

export type Read<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly line: string };

/** Refuses a line that does not fit. `line` says why, as mrkdwn. */
export const reject = (line: string) => ({ ok: false, line }) as const;

/** Opening quotes of keyboards, with what closes them; the first kind that follows counts. */
const CLOSING: Readonly<Record<string, readonly string[]>> = {
  '"': ['"', '”'],
  "'": ["'", '’'],
  '“': ['”', '"'],
  '”': ['”', '"'],
  '„': ['“', '”', '"'],
  '‘': ['’', "'"],
  '’': ['’', "'"],
  '‚': ['‘', '’', "'"],
  '«': ['»'],
  '»': ['«', '»'],
};
/** A full stop or another sign on its own. */
const ONLY_SIGNS = /^[.,;!?…]+$/u;

/**
 * Splits a line at spaces of any kind. Text in quotes after a space or an equals sign stays together, without its quotes: `prefix="my folder/"`
 * is `prefix=my folder/`.
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
    const after = letters.slice(at + 1);
    const found = closing.map((quote) => after.indexOf(quote)).find((index) => index >= 0);
    const end = found === undefined ? -1 : at + 1 + found;
    if (end < 0) return reject(`A quote is not closed: ${code(letters.slice(at).join(''), 60)}.`);
    word = (word ?? '') + letters.slice(at + 1, end).join('');
    at = end;
  }
  if (word !== undefined) words.push(word);
  return succeed(words.filter((each) => !ONLY_SIGNS.test(each)));
}

/** Reads arguments `name=value`, each name of `names` at most once. Refuses at the first that does not fit. `flags`: arguments without value, for the hint. */
export function readOptions<Name extends string>(
  words: readonly string[],
  names: readonly Name[],
  flags: readonly string[] = [],
): Read<ReadonlyMap<Name, string>> {
  const values = new Map<Name, string>();
  const allowed = [...flags.map((flag) => `\`${flag}\``), ...names.map((name) => `\`${name}=\``)].join(', ');
  for (const [index, word] of words.entries()) {
    const at = word.indexOf('=');
    if (at < 0)
      return reject(
        `${missingEquals(word, words[index + 1], names) ?? `Unknown argument ${code(word, 60)}.`} Options: ${allowed}.`,
      );
    const typed = plainWord(word.slice(0, at));
    const name = names.find((candidate) => candidate === typed);
    if (name === undefined) {
      const [near] = suggestNearest(typed, names);
      const hint = near === undefined ? `Options: ${allowed}.` : `Did you mean \`${near}=\`?`;
      return reject(`Unknown option ${code(`${typed}=`, 60)}. ${hint}`);
    }
    if (values.has(name)) return reject(`\`${name}=\` is given twice.`);
    const value = word.slice(at + 1);
    if (value.trim() === '') return reject(`\`${name}=\` has no value.`);
    values.set(name, value);
  }
  return succeed(values);
}

/** The values as they are meant: numbers, times, ids and words of a fixed vocabulary (see `plainValue`). */
export function plainValues<Name extends string>(given: ReadonlyMap<Name, string>): Partial<Record<Name, string>> {
  const plain: Partial<Record<Name, string>> = {};
  for (const [name, value] of given) plain[name] = plainValue(value);
  return plain;
}

/** `limit 5` is meant as `limit=5`: says so. */
function missingEquals(word: string, next: string | undefined, names: readonly string[]): string | undefined {
  const name = names.find((candidate) => candidate === plainWord(word));
  if (name === undefined) return;
  const value = next === undefined || next.includes('=') ? 'VALUE' : next;
  return `Write ${code(`${name}=${/\s/.test(value) ? `"${value}"` : value}`, 80)} (with an equals sign).`;
}
