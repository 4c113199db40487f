import { defined } from '../../../lib/defined.ts';
import { readSpelling } from '../../../lib/look-alike.ts';
import { succeed } from '../../../lib/result.ts';
import { MOST_PEOPLE, type ScopeRequest } from '../../../run/scope/scope.ts';
import { code } from '../../messages/kit/escape.ts';
import { count } from '../../messages/kit/format.ts';
import { type Read, readOptions, reject } from './options.ts';
import { plainValue, plainWord } from './typed.ts';

/** The options of a scope. `failed` is a word of its own. */
export const SCOPE_OPTIONS = ['people', 'images', 'from', 'to', 'changed-since'] as const;
export const FAILED_WORD = 'failed';

/** What the options mean, for help and documentation. */
export const SCOPE_OPTION_TEXTS: readonly (readonly [string, string])[] = [
  ['people="Ana Bel, Bob Ray"', 'the images with a record of these people'],
  ['images="a.png, b.png"', 'exactly these images'],
  ['from=2025-09-01 to=2025-09-30', 'the images with a record of these days, both included'],
  ['changed-since=2025-11-20', 'the images that were uploaded or changed since this day (UTC)'],
  ['failed', 'the images with a failed-image record in the table'],
];

/** Lists of this many characters come from a file, not from a command. */
const MOST_IMAGES = 2_000;

/** Whether a word belongs to a scope. */
export const isOfScope = (word: string): boolean => {
  const [name = ''] = word.split('=').map(plainWord);
  return plainWord(word) === FAILED_WORD || (word.includes('=') && SCOPE_OPTIONS.some((option) => option === name));
};

/** Reads `people="Ana Bel, Bob Ray" from=2025-09-01 to=2025-09-30 failed`. At least one criterion is needed. */
export function readScopeRequest(words: readonly string[]): Read<ScopeRequest> {
  const isFailed = (word: string) => plainWord(word) === FAILED_WORD;
  const options = readOptions(
    words.filter((word) => !isFailed(word)),
    SCOPE_OPTIONS,
    [FAILED_WORD],
  );
  if (!options.ok) return options;
  const { value: given } = options;
  const people = listOf(given.get('people'));
  const images = listOf(given.get('images'))?.map(readSpelling);
  if (people && people.length > MOST_PEOPLE) return reject(`\`people=\` takes up to ${count(MOST_PEOPLE)} names.`);
  if (images && images.length > MOST_IMAGES) return reject(`\`images=\` takes up to ${count(MOST_IMAGES)} keys.`);
  for (const name of ['from', 'to', 'changed-since'] as const) {
    const day = plainDay(given.get(name));
    if (day !== undefined && !isDay(day))
      return reject(`${code(`${name}=${day}`, 60)} is not a day, such as 2025-09-30.`);
  }
  const from = plainDay(given.get('from'));
  const to = plainDay(given.get('to'));
  if (from !== undefined && to !== undefined && from > to)
    return reject(`${code(`from=${from}`, 40)} is later than ${code(`to=${to}`, 40)}.`);
  const failed = words.some(isFailed) ? (true as const) : undefined;
  return succeed(defined({ people, images, from, to, failed, changedSince: plainDay(given.get('changed-since')) }));
}

/** The names of a list, each once. Undefined where there are none. */
function listOf(text: string | undefined): readonly string[] | undefined {
  const names = (text ?? '').split(/[,;\n]/).map((name) => name.trim());
  const found = [...new Set(names.filter((name) => name !== ''))];
  return found.length === 0 ? undefined : found;
}

const plainDay = (typed: string | undefined) => (typed === undefined ? undefined : plainValue(typed));

function isDay(text: string): boolean {
  const at = /^\d{4}-\d{2}-\d{2}$/.test(text) ? new Date(`${text}T00:00:00Z`) : undefined;
  return at !== undefined && !Number.isNaN(at.getTime()) && at.toISOString().startsWith(text);
}
