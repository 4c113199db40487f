import type { People, SeenMessage, SeenView } from '../people.ts';
import { messageLines, viewLines } from './wording.ts';

/** A command that somebody typed, and the lines of the message or the form that answered it. */
export interface RecordedCommand {
  readonly command: string;
  readonly lines: readonly string[];
}

export interface Recorder {
  /** The same people; what they type is recorded with its answer: the next message or form that the tour waits for and that is newer. */
  recorded(people: People): People;
  /** What was recorded so far, with stable placeholders. */
  readonly commands: readonly RecordedCommand[];
}

const MOST_LINES = 20;

export function createRecorder(): Recorder {
  const commands: RecordedCommand[] = [];
  /** The command without an answer, and the newest message when it was typed. */
  let open: { readonly command: string; readonly after: string } | undefined;
  function answer(lines: readonly string[]): void {
    // A list may be as long as the tour: its beginning and its buttons are enough.
    const shown = lines.length > MOST_LINES ? [...lines.slice(0, MOST_LINES - 1), ...lines.slice(-1)] : lines;
    if (open) commands.push({ command: stableLines([open.command])[0] ?? '', lines: stableLines(shown) });
    open = undefined;
  }
  return {
    commands,
    recorded: (people) => ({
      ...people,
      async command(user, text, channel) {
        open = { command: text, after: await newestOf(people) };
        return people.command(user, text, channel);
      },
      async sees(...about) {
        const seen: SeenMessage = await people.sees(...about);
        if (open && seen.ts > open.after) answer(messageLines(seen));
        return seen;
      },
      async openView(...about) {
        const id = await people.openView(...about);
        const view: SeenView | undefined = open && (await people.view(id));
        if (view) {
          const { title, submit } = view.body;
          answer([`[Form] ${title?.text ?? ''}`, ...viewLines(view).slice(1), `[${submit?.text ?? 'Close'}]`]);
        }
        return id;
      },
    }),
  };
}

/** The ts of the newest message that anybody can see. */
export async function newestOf(people: Pick<People, 'messages' | 'ephemerals'>): Promise<string> {
  const all = [...(await people.messages()), ...(await people.ephemerals())];
  return all.reduce((newest, { ts }) => (ts > newest ? ts : newest), '');
}

const TIME_WITH_SECONDS = /(?<![\d:])\d\d:\d\d:\d\d(?:\.\d+)?/g;
const TIME = /(?<![\d:])\d\d:\d\d(?![\d:])/g;
const TIMES: readonly RegExp[] = [TIME_WITH_SECONDS, TIME];

/** What differs in every tour, with a text of the same form in its place. The order matters: a long form may contain a short one. */
const PLACEHOLDERS: readonly (readonly [what: RegExp, instead: string])[] = [
  [/\/\S*\/rescan-tour-[^/\s`]+\//g, '/tmp/'],
  [/\b[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b/g, '0a1b2c3d-4e5f-4a6b-8c7d-0a1b2c3d4e5f'],
  [/\b\d{14}-[0-9a-f]{8}\b/g, '01796029492981-0a1b2c3d'],
  [/\b([abs])-[0-9a-f]{8}\b/g, '$1-0a1b2c3d'],
  [/\bsc-[a-z]{4}\b/g, 'sc-ghjk'],
  [/(?<![\w/+])[A-Za-z0-9+/]{43}=/g, 'bmV4dCBjb2RlIG9mIHRoZSBmdW5jdGlvbi4uLi4uLi4='],
  [/\b[0-9a-f]{64}\b/g, '0a1b2c3d4e5f'.padEnd(64, '0')],
  [/\b(?=[0-9a-f]*\d)(?=[0-9a-f]*[a-f])[0-9a-f]{12}\b/g, '0a1b2c3d4e5f'],
  [/\b\d{17}-[0-9a-f]{8}\b/g, '20260105090000000-0a1b2c3d'],
  [/\bp\d{16}\b/g, 'p1767603600000000'],
  [/\b\d{1,2} (?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)\b/g, '5 Jan'],
  [TIME_WITH_SECONDS, '09:00:00'],
  [TIME, '09:00'],
  [/\b\d{1,2}:\d\d [AP]M\b/g, '9:00 AM'],
  [/\b127\.0\.0\.1:\d+/g, '127.0.0.1:4390'],
  [/\b\d+ min(?: \d+ s)?\b/g, '2 min'],
  [/\b(?:under )?\d+(?:\.\d+)? (s|ms)\b/g, '5 $1'],
];

/** Days with a time of day. */
const DAY = /\b\d{4}-\d\d-\d\d(?=[T ]\d\d:\d\d)/g;
const FIRST_DAY = Date.parse('2026-01-05');
const DAY_MS = 86_400_000;

/**
 * The lines with ids, times, durations, hashes and ports that look real and are always the same. Several days stay several days. The
 * times in a line with a time zone are planned ones, which do not differ.
 */
export function stableLines(lines: readonly string[]): readonly string[] {
  const days = [...new Set(lines.flatMap((line) => line.match(DAY) ?? []))].sort();
  const dayOf = (day: string) => new Date(FIRST_DAY + days.indexOf(day) * DAY_MS).toISOString().slice(0, 10);
  return lines.map((line) => {
    const kept = / Europe\//.test(line) ? PLACEHOLDERS.filter(([what]) => !TIMES.includes(what)) : PLACEHOLDERS;
    return kept.reduce((text, [what, instead]) => text.replace(what, instead), line.replace(DAY, dayOf));
  });
}

const numberless = (text: string): string =>
  text.replace(/\d[\d,.]*(?: (?:ms|s|min|h)\b)?/g, '#').replace(/\b(\w{3,})s\b/g, '$1');

/**
 * What must be equal in two recordings of one command on machines of any speed: what its first line states, up to the first colon or
 * full stop, and its buttons; both without numbers, units of time and plurals.
 */
export function comparable({ command, lines }: RecordedCommand): readonly string[] {
  const [first = ''] = lines;
  const statement = first.split(/[.:](?= |$)/)[0] ?? '';
  const buttons = lines.filter((line) => /^(?:\[[^\]]+\] ?)+$/.test(line));
  return [command, ...[statement, ...buttons].map(numberless)];
}
