/** A filter pattern is not understood; the message is fit for InvalidParameterException. */
export class FilterPatternError extends Error {
  override readonly name = 'FilterPatternError';
}

const TERM = /([?-]?)(?:"((?:[^"\\]|\\.)*)"|(\S+))(?=\s|$)/y;
const bad = (why: string) => new FilterPatternError(`Invalid filter pattern: ${why}`);

/**
 * Compiles a filter pattern for unstructured lines to a test. All words and "phrases" must be in the line, and no
 * `-word`. Of several `?word` terms one must be in the line; they are ignored when there are other terms. @throws
 * FilterPatternError for a pattern that CloudWatch refuses, and for the kinds that only the real CloudWatch has: `{
 * $.json }`, `[a, b]`, `%regex%`.
 */
export function readFilterPattern(pattern: string): (line: string) => boolean {
  const trimmed = pattern.trim();
  if (trimmed.startsWith('{') && !trimmed.endsWith('}'))
    throw bad("If a filter pattern starts with '{' it must end with '}'");
  if (trimmed.startsWith('[') && !trimmed.endsWith(']'))
    throw bad("If a filter pattern starts with '[' it must end with ']'");
  if (/^[{[%]/.test(trimmed)) throw bad('the local AWS takes words, "phrases", ?words and -words only');
  const wanted: string[] = [];
  const unwanted: string[] = [];
  const either: string[] = [];
  let at = 0;
  while (at < trimmed.length) {
    if (/\s/.test(trimmed[at] ?? '')) {
      at++;
      continue;
    }
    TERM.lastIndex = at;
    const [whole, sign, phrase, word] = TERM.exec(trimmed) ?? [];
    if (whole === undefined) throw bad(`Invalid character(s) in term '${trimmed.slice(at)}'`);
    if (word !== undefined && !/^[\p{L}\p{N}_]+$/u.test(word)) throw bad(`Invalid character(s) in term '${word}'`);
    const term = word ?? (phrase ?? '').replace(/\\(.)/g, '$1');
    (sign === '-' ? unwanted : sign === '?' ? either : wanted).push(term);
    at += whole.length;
  }
  const isPlain = wanted.length > 0 || unwanted.length > 0 || either.length === 0;
  return (line) =>
    wanted.every((term) => line.includes(term)) &&
    !unwanted.some((term) => line.includes(term)) &&
    (isPlain || either.some((term) => line.includes(term)));
}
