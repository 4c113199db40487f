import { editDistance } from '../../../lib/nearest.ts';
import { plainText } from './typed.ts';

/** What follows `/rescan`: the command word in lower case, the word as it was typed, and the rest of the line. */
export interface CommandLine {
  readonly word: string;
  readonly typed: string;
  readonly rest: string;
}

/** Signs around a word, such as quotes and full stops; none of them has a meaning before or directly after the command word. */
const SIGNS_BEFORE = /^[^\p{L}\p{N}]+/u;
const SIGNS_AFTER = /^[^\p{L}\p{N}\s]+/u;
const STOP = /^stop+(?=now\b|[^\p{L}\p{N}]|$)/iu;
/** Words for which people expect a stop, and which may mean something else: they ask with one button (`halt`). */
const HALT: readonly string[] = ['halt', 'abort', 'cancel'];
const WORD = /^[\p{L}\p{N}]+(?:-[\p{L}\p{N}]+)*/u;

/**
 * Splits a line into its command word and the rest. The word is found in any capitalisation and between any signs (`STOP!!!`,
 * `"stop"`, `stop—now`). A word that is not in `words` but one typing mistake away from `stop`, and from no other word, is `stop`: a
 * stop that was meant is a stop (design, "Safety"). `abort` and `cancel` are `halt`. Without a word the line asks for `help`.
 */
export function readCommandLine(text: string, words: readonly string[]): CommandLine {
  const line = plainText(text).replace(SIGNS_BEFORE, '');
  const [stop] = STOP.exec(line) ?? [];
  if (stop !== undefined) return { word: 'stop', typed: stop, rest: line.slice(stop.length).replace(SIGNS_AFTER, '') };
  const typed = longestWord(line, words);
  if (typed === '') return { word: 'help', typed, rest: '' };
  const rest = afterWord(text, typed).replace(SIGNS_AFTER, '').trim();
  const word = typed.toLowerCase().replaceAll(' ', '-');
  if (words.includes(word)) return { word, typed, rest };
  if (isMeant(word, ['stop'], words)) return { word: 'stop', typed, rest };
  return { word: isMeant(word, HALT, words) ? 'halt' : word, typed, rest };
}

/** The command word as it was typed. `status-chart` is `status`, and `test logging` is `test-logging`: phones change dashes. */
function longestWord(line: string, words: readonly string[]): string {
  const [joined = ''] = WORD.exec(line) ?? [];
  const [two = ''] = /^[\p{L}\p{N}]+ [\p{L}\p{N}]+/u.exec(line) ?? [];
  const [first = ''] = joined.split('-');
  const isCommand = (typed: string) => [...words, ...HALT].includes(typed.toLowerCase().replaceAll(' ', '-'));
  return [joined, two, first].find(isCommand) ?? joined;
}

/** What follows the word in the line as it was typed: there, every character may belong to a key or a name. */
function afterWord(text: string, typed: string): string {
  let rest = text;
  for (const letter of typed.replace(/[ -]/g, '')) {
    const at = [...rest].findIndex((other) => other.normalize('NFKC').includes(letter));
    rest = [...rest].slice(at + 1).join('');
  }
  return rest;
}

/** Whether the word is one of these, or one typing mistake away from it and from no other command. */
const isMeant = (word: string, meant: readonly string[], words: readonly string[]): boolean =>
  meant.some((candidate) => word === candidate || editDistance(word, candidate) <= 1) &&
  words.every((other) => [...meant, 'stop', 'halt'].includes(other) || editDistance(word, other) > 1);
