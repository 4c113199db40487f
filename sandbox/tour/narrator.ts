import { nameOf, type People, type SeenMessage } from '../people.ts';
import { filledLines, labelOf, messageLines, viewLines, wrapped } from './wording.ts';

/** Prints the conversation in the local Slack to a terminal while it happens. */
export interface Narrator {
  heading(text: string): void;
  /** The same people; their actions are printed, after the messages that they have seen before. */
  narrated(people: People): People;
  /** Prints an event outside of Slack. */
  note(text: string): void;
  /** Resolves when all messages so far have been printed. */
  settle(): Promise<void>;
  /** Stops printing. */
  close(): Promise<void>;
}

const POLL_EVERY_MS = 300;
/** A message in which only numbers change is printed again after this time. */
const NUMBERS_EVERY_MS = 4_000;
const NAME_WIDTH = 12;
const THREAD_INDENT = 4;

interface Printed {
  readonly statement: string;
  readonly at: number;
  /** The lines of this message that were printed, without their numbers. */
  readonly lines: Set<string>;
}

const numberless = (line: string): string => line.replace(/[\d,.]+/g, '#').replace(/[▁▂▃▄▅▆▇█░]+/g, '▁');

export function narrate(options: {
  print: (line: string) => void;
  /** Width of a line in characters. */
  width: number;
  now: () => number;
}): Narrator {
  const { print, width, now } = options;
  const printed = new Map<string, Printed>();
  let people: People | undefined;
  let polling: Promise<void> = Promise.resolve();

  /** Prints the name in a column and the lines beside it. */
  function say(who: string, lines: readonly string[], indent = 0): void {
    const gap = ' '.repeat(2 + indent + NAME_WIDTH + 1);
    const textWidth = Math.max(30, width - gap.length);
    for (const [at, line] of lines.flatMap((whole) => wrapped(whole, textWidth)).entries())
      print(at === 0 ? `  ${' '.repeat(indent)}${who.padEnd(NAME_WIDTH)} ${line}` : `${gap}${line}`);
  }

  function printMessage(message: SeenMessage): void {
    const lines = messageLines(message);
    const statement = lines[0] ?? '';
    const before = printed.get(message.ts);
    const isReply = message.threadTs !== undefined && message.threadTs !== message.ts;
    const name = message.userId === 'U0BOT' ? 'rescan-bot' : nameOf(message.userId);
    const printLines = (what: readonly string[]) =>
      say(isReply ? `↳ ${name}` : name, what, isReply ? THREAD_INDENT : 0);
    if (!before) {
      printed.set(message.ts, { statement, at: now(), lines: new Set(lines.map(numberless)) });
      return printLines([...(message.onlyFor ? [`(only ${nameOf(message.onlyFor)} sees this)`] : []), ...lines]);
    }
    const fresh = lines.slice(1).filter((line) => !before.lines.has(numberless(line)));
    const isSame = numberless(statement) === numberless(before.statement) && fresh.length === 0;
    if (isSame && (statement === before.statement || now() - before.at < NUMBERS_EVERY_MS)) return;
    for (const line of lines) before.lines.add(numberless(line));
    printed.set(message.ts, { statement, at: now(), lines: before.lines });
    printLines([`(edited) ${statement}`, ...fresh]);
  }
  async function poll(): Promise<void> {
    if (!people) return;
    const all = [...(await people.messages()), ...(await people.ephemerals())];
    for (const message of all.sort((a, b) => (a.ts < b.ts ? -1 : 1))) printMessage(message);
  }
  const settle = () => {
    polling = polling
      .then(poll)
      .catch((error: unknown) => print(`  (the conversation could not be read: ${String(error)})`));
    return polling;
  };
  const timer = setInterval(() => void settle(), POLL_EVERY_MS);
  const does = (user: string, lines: readonly string[]) => say(`@${user}`, lines);

  return {
    heading: (text) => print(`\n── ${text}\n`),
    note: (text) => print(`  (${text})`),
    narrated(real) {
      people = real;
      return {
        ...real,
        async command(user, text, channel) {
          await settle();
          does(user, [`types   ${text}`]);
          return real.command(user, text, channel);
        },
        async click(user, ts, actionId) {
          await settle();
          const all = [...(await real.messages()), ...(await real.ephemerals())];
          does(user, [
            `presses [${labelOf(
              all.find((message) => message.ts === ts),
              actionId,
            )}]`,
          ]);
          return real.click(user, ts, actionId);
        },
        async openView(user, what, withinMs) {
          const id = await real.openView(user, what, withinMs);
          const view = await real.view(id);
          await settle();
          if (view) say('rescan-bot', viewLines(view));
          return id;
        },
        async submit(user, viewId, values) {
          const view = await real.view(viewId);
          const filled = filledLines(view, values);
          does(user, [...filled.map((line) => `fills in ${line}`), `presses [${view?.body.submit?.text ?? 'Submit'}]`]);
          return real.submit(user, viewId, values);
        },
        async bot(action) {
          await settle();
          print(`  (somebody ${action === 'kill' ? 'kills the bot: kill -9' : `${action}s the bot`})`);
          return real.bot(action);
        },
      };
    },
    settle,
    async close() {
      clearInterval(timer);
      await polling;
    },
  };
}
