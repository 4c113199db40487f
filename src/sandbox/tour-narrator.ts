import type { People, SeenMessage } from './people.ts';

/** Tells in a terminal what is said in the local Slack while it is said. */
export interface Narrator {
  heading(text: string): void;
  /** The same people, whose deeds are told. */
  hearing(people: People): People;
  /** Resolves when what was said so far has been told. */
  settle(): Promise<void>;
  close(): void;
}

const LOOK_EVERY_MS = 400;
const MOST_LINES = 6;
const MOST_LENGTH = 150;

/** mrkdwn as a terminal shows it best: without its signs. */
const plain = (text: string): string =>
  text
    .replace(/<@U0([A-Z]+)>/g, (_, name: string) => `@${name.toLowerCase()}`)
    .replace(/<!date\^\d+\^[^|>]*\|([^>]*)>/g, '$1')
    .replace(/<([^|>]+)\|([^>]+)>/g, '$2')
    .replace(/:white_check_mark:/g, '✔')
    .replace(/:warning:/g, '⚠')
    .replace(/:x:/g, '✘')
    .replace(/:[a-z_]+:/g, '·')
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&amp;', '&');

export function narrate(print: (line: string) => void): Narrator {
  const told = new Map<string, string>();
  let people: People | undefined;
  let looking: Promise<void> = Promise.resolve();

  function tell(message: SeenMessage): void {
    // A message that is edited again and again is told anew only when its fact changes.
    const [fact = '', ...others] = plain(message.text).split('\n');
    const key = fact.replace(/\d+ of (\d+) done \(\d+ %\)/, '… of $1 done');
    if (told.get(message.ts) === key) return;
    const isFirst = !told.has(message.ts);
    told.set(message.ts, key);
    const isReply = message.thread_ts !== undefined && message.thread_ts !== message.ts;
    print(`${isReply ? '    ↳ ' : '  '}rescan-bot  ${fact.slice(0, MOST_LENGTH)}`);
    if (!isFirst) return;
    for (const line of others.slice(0, MOST_LINES))
      print(`${isReply ? '  ' : ''}              ${line.slice(0, MOST_LENGTH)}`);
    if (others.length > MOST_LINES) print(`              … ${others.length - MOST_LINES} more lines`);
  }
  async function look(): Promise<void> {
    if (!people) return;
    for (const message of await people.messages()) tell(message);
  }
  const timer = setInterval(() => {
    looking = looking
      .then(look)
      .catch((error: unknown) => print(`(the conversation could not be read: ${String(error)})`));
  }, LOOK_EVERY_MS);

  return {
    heading: (text) => print(`\n── ${text}`),
    hearing(real) {
      people = real;
      return {
        ...real,
        command(user, text, channel) {
          print(`  ${user.padEnd(10)}  ${text}`);
          return real.command(user, text, channel);
        },
        click(user, ts, actionId) {
          print(`  ${user.padEnd(10)}  presses ${actionId}`);
          return real.click(user, ts, actionId);
        },
        submit(user, viewId, values) {
          print(`  ${user.padEnd(10)}  sends the form ${JSON.stringify(values)}`);
          return real.submit(user, viewId, values);
        },
        bot(deed) {
          print(`  (somebody)  ${deed === 'kill' ? 'kills the bot: kill -9' : `${deed}s the bot`}`);
          return real.bot(deed);
        },
      };
    },
    async settle() {
      looking = looking.then(look);
      await looking;
    },
    close: () => clearInterval(timer),
  };
}
