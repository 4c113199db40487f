/** Words that the vocabulary of the project replaced, each with the word to use (docs/contributing.md, "Language"). */
export const RETIRED_WORDS: Readonly<Record<string, string>> = {
  aftermath: 'follow-up',
  aftermaths: 'follow-ups',
  breathe: 'flushIfLarge',
  deed: 'action, request',
  deeds: 'actions, requests',
  errand: 'follow-up',
  errands: 'follow-ups',
  foreseen: 'expected',
  hindrance: 'blocker',
  mend: 'fix',
  mends: 'fixes',
  pushback: 'throttled',
  pushbacks: 'throttled',
  spill: 'partitions',
  standing: 'approverCheck, or what is checked',
  told: 'reported, notified',
  untold: 'unreported',
  trouble: 'error, problem',
  troubles: 'errors, problems',
  wish: 'the thing that is asked for, e.g. pace',
  wishes: 'requests',
  witness: 'safetyBackup',
};

/** Phrases that a reader has to read twice. */
export const RETIRED_PHRASES: readonly RegExp[] = [
  /\bnobody foresaw\b/i,
  /\bgo(?:es)? on by itself\b/i,
  /\bcomes? to (?:its|their) end\b/i,
  /\bis through\b/i,
  /\bstands? below\b/i,
  /\bholds? no more\b/i,
  /\bnot who asks\b/i,
  /\bby whom\b/i,
  /\bunder two pairs of eyes\b/i,
  /\bthe face\b/i,
];

/** The words of an identifier: `mayActOn_HTTP2` gives may, act, on, http2. */
export const wordsOf = (identifier: string): readonly string[] =>
  identifier
    .replaceAll(/([a-z0-9])([A-Z])/g, '$1 $2')
    .replaceAll(/([A-Z]+)([A-Z][a-z])/g, '$1 $2')
    .split(/[^A-Za-z0-9]+/)
    .filter((word) => word !== '')
    .map((word) => word.toLowerCase());

/** One line for each retired word or phrase in a text; `name` is where it stands. */
export function retiredIn(name: string, text: string): readonly string[] {
  return text.split('\n').flatMap((line, at) => {
    const words = [...line.matchAll(/[A-Za-z_$][A-Za-z0-9_$]*/g)].flatMap(([word]) => wordsOf(word));
    const retired = [...new Set(words)].filter((word) => Object.hasOwn(RETIRED_WORDS, word));
    const phrases = RETIRED_PHRASES.filter((phrase) => phrase.test(line));
    return [
      ...retired.map((word) => `${name}:${at + 1}: "${word}" is retired; use ${RETIRED_WORDS[word]}`),
      ...phrases.map((phrase) => `${name}:${at + 1}: ${phrase.source} is retired: ${line.trim().slice(0, 100)}`),
    ];
  });
}
