import type { LogDeeds } from '../log-deeds.ts';
import { code } from '../messages/escape.ts';
import type { LogsAsked } from '../messages/log-message.ts';
import { say } from '../messages/message.ts';
import type { Command } from './command.ts';
import { type Read, readOptions, splitWords } from './words.ts';

const MINUTE_MS = 60_000;
const MOST_MINUTES = 7 * 24 * 60;
const MOST_FOLLOW_MINUTES = 60;

/** `/rescan logs [errors] [minutes=15] [pattern=…] [image=KEY]`, `logs follow [10m]` */
export const logsCommand = ({ logs }: { logs: Pick<LogDeeds, 'show' | 'follow'> }): Command => ({
  word: 'logs',
  role: 'viewer',
  usage: 'logs [errors] [minutes=15] [pattern=…] [image=KEY] | logs follow [10m]',
  help: 'the function’s log by invocation, errors first; or new lines in a thread as they come',
  read(rest) {
    const words = splitWords(rest);
    if (!words.ok) return words;
    const [first, ...others] = words.value;
    if (first?.toLowerCase() === 'follow') {
      const minutes = readMinutes(others);
      if (!minutes.ok) return minutes;
      return { ok: true, value: { act: (asker) => logs.follow(minutes.value * MINUTE_MS, asker) } };
    }
    const asked = readLogsAsked(words.value);
    if (!asked.ok) return asked;
    return {
      ok: true,
      value: { atOnce: say('Reading the function’s log…'), act: (asker) => logs.show(asked.value, asker) },
    };
  },
});

/** Reads what follows `logs`. */
export function readLogsAsked(words: readonly string[]): Read<LogsAsked> {
  const isErrors = (word: string) => word.toLowerCase() === 'errors';
  const options = readOptions(
    words.filter((word) => !isErrors(word)),
    ['minutes', 'pattern', 'image'],
  );
  if (!options.ok) return options;
  const minutes = options.value.get('minutes') ?? '15';
  if (!/^[1-9]\d{0,4}$/.test(minutes) || Number(minutes) > MOST_MINUTES)
    return { ok: false, line: `\`minutes=\` must be a whole number from 1 to ${MOST_MINUTES} (a week).` };
  const pattern = options.value.get('pattern');
  const image = options.value.get('image');
  return {
    ok: true,
    value: {
      errorsOnly: words.some(isErrors),
      fromMs: Number(minutes) * MINUTE_MS,
      ...(pattern === undefined ? {} : { pattern }),
      ...(image === undefined ? {} : { image }),
    },
  };
}

function readMinutes(words: readonly string[]): Read<number> {
  const [typed = '10m', ...more] = words;
  const [, digits] = /^(\d{1,3})m?$/.exec(typed) ?? [];
  const minutes = Number(digits ?? Number.NaN);
  if (more.length > 0 || !(minutes >= 1 && minutes <= MOST_FOLLOW_MINUTES))
    return {
      ok: false,
      line: `${code(words.join(' '), 60)} is not understood: \`follow 10m\` takes 1 to ${MOST_FOLLOW_MINUTES} minutes.`,
    };
  return { ok: true, value: minutes };
}
