import { defined } from '../../../lib/defined.ts';
import { succeed } from '../../../lib/result.ts';
import { say } from '../../messages/kit/message.ts';
import type { LogsAsked } from '../../messages/results/log-message.ts';
import type { LogRequests } from '../../requests/results/log-requests.ts';
import type { FollowRequest, LogFollower } from '../../threads/log-follower.ts';
import type { Command, CommandDescription } from '../command.ts';
import { plainValues, type Read, readOptions, reject, splitArguments } from '../parse/options.ts';
import { objectKey, plainValue, plainWord } from '../parse/typed.ts';

const MINUTE_MS = 60_000;
const MOST_MINUTES = 7 * 24 * 60;
const MOST_FOLLOW_MINUTES = 60;

export interface LogCommandPorts {
  readonly logs: LogRequests;
  readonly following: Pick<LogFollower, 'follow' | 'stopIn'>;
}

export const logsDescription: CommandDescription = {
  word: 'logs',
  group: 'log',
  role: 'viewer',
  summary: 'show the function’s log by invocation, errors first; or post new lines in the run’s thread',
  usage: 'logs [errors] [minutes=15] [pattern=…] [image=KEY] | logs follow [10m] [errors] [pattern=…] | logs stop',
  options: [
    ['errors', 'only invocations with errors'],
    ['minutes=15', 'how far back, up to a week'],
    ['pattern=…', 'a CloudWatch filter pattern'],
    ['image=KEY', 'only invocations for this image'],
    ['follow 10m', 'post new lines for 10 minutes in the thread of the run, else in your direct messages'],
    ['stop', 'stop following the log in this channel'],
  ],
  example: 'logs errors minutes=60',
};

export const logsCommand = ({ logs, following }: LogCommandPorts): Command => ({
  ...logsDescription,
  read(rest) {
    const words = splitArguments(rest);
    if (!words.ok) return words;
    const [first, ...others] = words.value;
    switch (plainWord(first ?? '')) {
      case 'follow': {
        const asked = readFollow(others);
        if (!asked.ok) return asked;
        return succeed({
          changesState: true,
          isAudited: true,
          execute: (requester) => following.follow(asked.value, requester),
        });
      }
      case 'stop':
        if (others.length > 0) return reject('`logs stop` has no arguments.');
        return succeed({
          worksWithoutMembership: true,
          changesState: true,
          isAudited: true,
          execute: ({ channel, person }) => following.stopIn(channel, person),
        });
    }
    const asked = readLogsAsked(words.value);
    if (!asked.ok) return asked;
    return succeed({
      immediateReply: say('Reading the function’s log…'),
      isAudited: true,
      execute: (requester) => logs.show(asked.value, requester),
    });
  },
});

/** Reads what follows `logs`. */
export function readLogsAsked(words: readonly string[]): Read<LogsAsked> {
  const options = readOptions(
    words.filter((word) => !isErrors(word)),
    ['minutes', 'pattern', 'image'],
  );
  if (!options.ok) return options;
  const { minutes = '15' } = plainValues(options.value);
  const image = options.value.get('image');
  if (!/^[1-9]\d{0,4}$/.test(minutes) || Number(minutes) > MOST_MINUTES)
    return reject(`\`minutes=\` must be a whole number from 1 to ${MOST_MINUTES} (a week).`);
  const asked = {
    errorsOnly: words.some(isErrors),
    fromMs: Number(minutes) * MINUTE_MS,
    pattern: options.value.get('pattern'),
    image: image === undefined ? undefined : objectKey(image),
  };
  return succeed(defined(asked));
}

/** Reads what follows `logs follow`. */
export function readFollow(words: readonly string[]): Read<FollowRequest> {
  const isTime = (word: string) => /^\d+m?$/.test(plainValue(word));
  const times = words.filter(isTime).map(plainValue);
  const options = readOptions(
    words.filter((word) => !isTime(word) && !isErrors(word)),
    ['pattern'],
  );
  if (!options.ok) return options;
  const [time = '10m', ...more] = times;
  const minutes = Number(time.replace(/m$/, ''));
  if (more.length > 0 || minutes < 1 || minutes > MOST_FOLLOW_MINUTES)
    return reject(`\`follow\` takes one time from 1 to ${MOST_FOLLOW_MINUTES} minutes. Example: \`follow 10m\`.`);
  const pattern = options.value.get('pattern');
  return succeed(defined({ forMs: minutes * MINUTE_MS, errorsOnly: words.some(isErrors), pattern }));
}

const isErrors = (word: string): boolean => plainWord(word) === 'errors';
