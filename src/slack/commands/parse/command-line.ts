import { editDistance } from '../../../lib/nearest.ts';

/** What follows `/rescan`: the command word in lower case, the word as it was typed, and the rest of the line. */
export interface CommandLine {
  readonly word: string;
  readonly typed: string;
  readonly rest: string;
}

const INVISIBLE = /\p{Cf}/gu;
/** Signs around a word, such as quotes and full stops; none of them has a meaning before or directly after the command word. */
const SIGNS_BEFORE = /^[^\p{L}\p{N}]+/u;
const SIGNS_AFTER = /^[^\p{L}\p{N}\s]+/u;
const STOP = /^stop+(?=now\b|[^\p{L}\p{N}]|$)/iu;

/**
 * Splits a line into its command word and the rest. The word is found in any capitalisation and between any signs (`STOP!!!`,
 * `"stop"`, `stop—now`). A word that is not in `words` but one typing mistake away from `stop`, and from no other word, is `stop`: a
 * stop that was meant is a stop (design, "Safety"). Without a word the line asks for `help`.
 */
export function readCommandLine(text: string, words: readonly string[]): CommandLine {
  const line = text.normalize('NFKC').replace(INVISIBLE, '').trim().replace(SIGNS_BEFORE, '');
  const [stop] = STOP.exec(line) ?? [];
  if (stop !== undefined) return { word: 'stop', typed: stop, rest: line.slice(stop.length).replace(SIGNS_AFTER, '') };
  const [typed = ''] = /^[\p{L}\p{N}][\p{L}\p{N}-]*/u.exec(line) ?? [];
  if (typed === '') return { word: 'help', typed, rest: '' };
  // Quotes and signs in the rest may belong to an argument, so it is taken from the line as it was typed.
  const at = text.indexOf(typed);
  const rest = (at < 0 ? line.slice(typed.length) : text.slice(at + typed.length)).replace(SIGNS_AFTER, '').trim();
  const word = typed.toLowerCase();
  if (words.includes(word) || !isMistypedStop(word, words)) return { word, typed, rest };
  return { word: 'stop', typed, rest };
}

const isMistypedStop = (word: string, words: readonly string[]): boolean =>
  editDistance(word, 'stop') <= 1 && words.every((other) => other === 'stop' || editDistance(word, other) > 1);
