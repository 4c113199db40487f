import type { ScheduledWork } from '../../../checklist/schedules/schedule.ts';
import { defined } from '../../../lib/defined.ts';
import { succeed } from '../../../lib/result.ts';
import { code } from '../../messages/kit/escape.ts';
import { type Read, readOptions, reject } from './options.ts';
import { readRetryWords } from './retry-request.ts';
import { isOfScope, readScopeRequest } from './scope-request.ts';
import { plainText, plainValue, plainWord } from './typed.ts';

/** What `/rescan schedule …` asks for. */
export type ScheduleRequest =
  | { readonly kind: 'list' }
  | { readonly kind: 'create'; readonly work: ScheduledWork; readonly cron: string; readonly zone?: string }
  | { readonly kind: 'remove' | 'off' | 'on'; readonly id: string };

const FIELDS = 5;
const CRON_FIELD = /^[\d*][\d*,/-]*$|^[a-z]{3}([,-][a-z]{3})*$/i;
/** Phones put one behind a line. */
const FULL_STOP = /[.…!]+$/u;
const MOST_NOTE = 300;
/** As many as fit into an entry and a message. */
const MOST_CHARACTERS = 2_000;

/** `pause ID` and `resume ID` are understood, too: with an id they cannot mean the run. */
const CHANGES: Readonly<Record<string, 'remove' | 'off' | 'on'>> = {
  remove: 'remove',
  off: 'off',
  pause: 'off',
  on: 'on',
  resume: 'on',
};

/** Reads the words after `/rescan schedule`. */
export function readScheduleWords(words: readonly string[]): Read<ScheduleRequest> {
  const [typed = 'list', ...more] = words;
  const verb = plainWord(typed);
  if (verb === 'list') return more.length === 0 ? succeed({ kind: 'list' }) : reject('`schedule list` has no options.');
  const change = CHANGES[verb];
  if (change !== undefined) {
    const [id, ...others] = more;
    if (id === undefined || others.length > 0)
      return reject(
        `${code(`schedule ${verb}`, 60)} takes the id of one schedule: \`schedule ${change} sc-ghjk\`. No run was paused or resumed.`,
      );
    return succeed({ kind: change, id: plainValue(id) });
  }
  if (verb !== 'backup' && verb !== 'retry' && verb !== 'rescan')
    return reject(`\`schedule\` does not take ${code(typed, 60)}.`);
  return readNew(verb, more);
}

function readNew(kind: ScheduledWork['kind'], words: readonly string[]): Read<ScheduleRequest> {
  const isZone = (word: string) => word.includes('=') && plainWord(word.split('=')[0] ?? '') === 'tz';
  const options = readOptions(words.filter(isZone), ['tz']);
  if (!options.ok) return options;
  const zone = options.value.get('tz')?.trim().replace(FULL_STOP, '');
  const found = takeCron(words.filter((word) => !isZone(word)));
  if (!found)
    return reject(
      'A cron expression of five fields is missing: minute, hour, day of month, month, day of week. Example: `"0 2 * * *"` is every day at 02:00.',
    );
  const { cron, rest } = found;
  if (rest.join(' ').length > MOST_CHARACTERS) return reject('The options of a schedule are too long.');
  const work = readWork(kind, rest);
  return work.ok ? succeed({ kind: 'create', work: work.value, cron, ...defined({ zone }) }) : work;
}

/** What is to be done, checked as its own command checks it. */
function readWork(kind: ScheduledWork['kind'], words: readonly string[]): Read<ScheduledWork> {
  if (kind === 'backup')
    return words.join(' ').length > MOST_NOTE
      ? reject(`A note is at most ${MOST_NOTE} characters.`)
      : succeed({ kind, words });
  if (kind === 'retry') {
    const retry = readRetryWords(words);
    return retry.ok ? succeed({ kind, words }) : retry;
  }
  if (!words.some(isOfScope))
    return reject(
      '`schedule rescan` needs a scope, for example `people="Ana Bel"`. See the options with `/rescan help scope`.',
    );
  const scope = readScopeRequest(words);
  return scope.ok ? succeed({ kind, words }) : scope;
}

/** The cron expression: one word in quotes, or five words in a row. The other words are left. */
function takeCron(words: readonly string[]): { cron: string; rest: readonly string[] } | undefined {
  for (const [at, word] of words.entries()) {
    const quoted = fieldsText(word);
    if (isCron(quoted.split(' '))) return { cron: quoted, rest: words.toSpliced(at, 1) };
    const five = words.slice(at, at + FIELDS).map(fieldsText);
    if (isCron(five)) return { cron: five.join(' '), rest: words.toSpliced(at, FIELDS) };
  }
  // Fewer or more fields in quotes: the reader of the expression says what is wrong.
  const at = words.findIndex((word) => /^[\d*][\d*,/ -]* [\d*,/ -]*$/.test(fieldsText(word)));
  const word = words[at];
  return word === undefined ? undefined : { cron: fieldsText(word), rest: words.toSpliced(at, 1) };
}

const fieldsText = (word: string): string => plainText(word).replace(FULL_STOP, '');

const isCron = (fields: readonly string[]): boolean =>
  fields.length === FIELDS && fields.every((field) => CRON_FIELD.test(field) || /^[\dLW#/*,-]+$/.test(field));
