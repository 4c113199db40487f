import { nameOf, type People, type SeenMessage } from '../people.ts';
import { filledLines, labelOf, messageLines, viewLines, wrapped } from './wording.ts';

/** Tells in a terminal what is said in the local Slack while it is said. */
export interface Narrator {
  heading(text: string): void;
  /** The same people, whose deeds are told: after what they have seen by then. */
  hearing(people: People): People;
  /** Something that happens outside of Slack. */
  aside(text: string): void;
  /** Resolves when what was said so far has been told. */
  settle(): Promise<void>;
  /** Tells nothing more. */
  close(): Promise<void>;
}

const LOOK_EVERY_MS = 300;
/** A message whose numbers alone move is told again after so long. */
const MOVES_EVERY_MS = 4_000;
const NAME_WIDTH = 12;
const THREAD_INDENT = 4;

interface Told {
  readonly fact: string;
  readonly at: number;
  /** Lines that were told of this message, numbers aside. */
  readonly lines: Set<string>;
}

const numberless = (line: string): string => line.replace(/[\d,.]+/g, '#').replace(/[▁▂▃▄▅▆▇█░]+/g, '▁');

export function narrate(options: {
  print: (line: string) => void;
  /** Characters of a line. */
  width: number;
  now: () => number;
}): Narrator {
  const { print, width, now } = options;
  const told = new Map<string, Told>();
  let people: People | undefined;
  let looking: Promise<void> = Promise.resolve();

  /** The speaker in a column, what is said beside it. */
  function say(who: string, lines: readonly string[], indent = 0): void {
    const gap = ' '.repeat(2 + indent + NAME_WIDTH + 1);
    const room = Math.max(30, width - gap.length);
    for (const [at, line] of lines.flatMap((whole) => wrapped(whole, room)).entries())
      print(at === 0 ? `  ${' '.repeat(indent)}${who.padEnd(NAME_WIDTH)} ${line}` : `${gap}${line}`);
  }

  function tell(message: SeenMessage): void {
    const lines = messageLines(message);
    const fact = lines[0] ?? '';
    const before = told.get(message.ts);
    const isReply = message.threadTs !== undefined && message.threadTs !== message.ts;
    const name = message.userId === 'U0BOT' ? 'rescan-bot' : nameOf(message.userId);
    const speak = (what: readonly string[]) => say(isReply ? `↳ ${name}` : name, what, isReply ? THREAD_INDENT : 0);
    if (!before) {
      told.set(message.ts, { fact, at: now(), lines: new Set(lines.map(numberless)) });
      return speak([...(message.onlyFor ? [`(only ${nameOf(message.onlyFor)} sees this)`] : []), ...lines]);
    }
    const fresh = lines.slice(1).filter((line) => !before.lines.has(numberless(line)));
    const isSame = numberless(fact) === numberless(before.fact) && fresh.length === 0;
    if (isSame && (fact === before.fact || now() - before.at < MOVES_EVERY_MS)) return;
    for (const line of lines) before.lines.add(numberless(line));
    told.set(message.ts, { fact, at: now(), lines: before.lines });
    speak([`(edited) ${fact}`, ...fresh]);
  }
  async function look(): Promise<void> {
    if (!people) return;
    const all = [...(await people.messages()), ...(await people.ephemerals())];
    for (const message of all.sort((a, b) => (a.ts < b.ts ? -1 : 1))) tell(message);
  }
  const settle = () => {
    looking = looking
      .then(look)
      .catch((error: unknown) => print(`  (the conversation could not be read: ${String(error)})`));
    return looking;
  };
  const timer = setInterval(() => void settle(), LOOK_EVERY_MS);
  const does = (user: string, lines: readonly string[]) => say(`@${user}`, lines);

  return {
    heading: (text) => print(`\n── ${text}\n`),
    aside: (text) => print(`  (${text})`),
    hearing(real) {
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
        async bot(deed) {
          await settle();
          print(`  (somebody ${deed === 'kill' ? 'kills the bot: kill -9' : `${deed}s the bot`})`);
          return real.bot(deed);
        },
      };
    },
    settle,
    async close() {
      clearInterval(timer);
      await looking;
    },
  };
}
