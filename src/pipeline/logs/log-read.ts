import type { LogLine, LogWindow } from './logs.ts';

export type FindLines = (window: LogWindow) => AsyncIterable<LogLine>;

/** Lines of the log, oldest first. */
export interface LogRead {
  readonly lines: readonly LogLine[];
  /** There were more than could be held. */
  readonly isCut: boolean;
  /** From then on everything was read, epoch ms. */
  readonly from: number;
}

export interface LogLimits {
  readonly lines: number;
  readonly characters: number;
}

/** More are not read: a person looks at the newest, and memory is what it is. */
const MOST: LogLimits = { lines: 20_000, characters: 16 * 2 ** 20 };
const MOST_HITS: LogLimits = { lines: 2_000, characters: 4 * 2 ** 20 };
const MOST_STREAMS = 40;
const FIRST_SLICE_MS = 5 * 60_000;
const LONGEST_SLICE_MS = 24 * 60 * 60_000;
/** No invocation takes longer (Lambda's limit of a timeout). */
const LONGEST_INVOCATION_MS = 15 * 60_000;

type Window = Pick<LogWindow, 'from' | 'signal'> & { readonly to: number };

/**
 * The newest lines of a time, as many as can be held. CloudWatch gives the oldest first, so the time is read in slices from its end
 * back. @throws what `find` throws.
 */
export async function readNewest(find: FindLines, window: Window, most: LogLimits = MOST): Promise<LogRead> {
  let lines: LogLine[] = [];
  let characters = 0;
  let to = window.to;
  let sliceMs = FIRST_SLICE_MS;
  for (;;) {
    const from = Math.max(window.from, to - sliceMs + 1);
    const component = { lines: most.lines - lines.length, characters: most.characters - characters };
    const slice = await newestOf(find({ ...window, from, to }), component);
    lines = [...slice.lines, ...lines];
    characters += slice.characters;
    if (slice.isCut) return { lines, isCut: true, from: lines[0]?.at ?? from };
    if (from <= window.from) return { lines, isCut: false, from: window.from };
    to = from - 1;
    sliceMs = Math.min(sliceMs * 2, LONGEST_SLICE_MS);
  }
}

/** The last lines of a stream of them that fit; those before are let go on the way. */
async function newestOf(source: AsyncIterable<LogLine>, most: LogLimits) {
  let lines: LogLine[] = [];
  let gone = 0;
  let characters = 0;
  let isCut = false;
  for await (const line of source) {
    lines.push(line);
    characters += line.message.length;
    while (gone < lines.length && (lines.length - gone > most.lines || characters > most.characters)) {
      characters -= lines[gone]?.message.length ?? 0;
      gone += 1;
      isCut = true;
    }
    if (gone < 1_000) continue;
    lines = lines.slice(gone);
    gone = 0;
  }
  return { lines: lines.slice(gone), characters, isCut };
}

/**
 * Lines that a pattern finds, with all others of the same stream within the time of an invocation: a pattern alone would tear
 * invocations apart. `hits`: the ids of those it found. @throws what `find` throws.
 */
export async function readAround(
  find: FindLines,
  window: Window,
  pattern: string,
): Promise<LogRead & { readonly hits: ReadonlySet<string> }> {
  const found = await readNewest((slice) => find({ ...slice, pattern }), window, MOST_HITS);
  const byStream = Map.groupBy(found.lines.toReversed(), ({ stream }) => stream);
  const lines: LogLine[] = [];
  let characters = 0;
  let isCut = found.isCut;
  let streams = 0;
  for (const [stream, hits] of byStream) {
    streams += 1;
    if (streams > MOST_STREAMS || lines.length >= MOST.lines || characters >= MOST.characters) {
      isCut = true;
      break;
    }
    for (const span of spansAround(hits.map(({ at }) => at))) {
      const component = { lines: MOST.lines - lines.length, characters: MOST.characters - characters };
      const read = await newestOf(find({ ...window, ...span, stream }), component);
      lines.push(...read.lines);
      characters += read.characters;
      isCut ||= read.isCut;
    }
  }
  return { lines, isCut, from: found.from, hits: new Set(found.lines.map(({ id }) => id)) };
}

/** The times about these, the newest first; where they touch they are one. */
export function spansAround(newestFirst: readonly number[]): readonly { readonly from: number; readonly to: number }[] {
  const spans: { from: number; to: number }[] = [];
  for (const at of newestFirst) {
    const last = spans.at(-1);
    const [from, to] = [at - LONGEST_INVOCATION_MS, at + LONGEST_INVOCATION_MS];
    if (last && to >= last.from) last.from = Math.min(last.from, from);
    else spans.push({ from, to });
  }
  return spans;
}

/** A pattern of CloudWatch's that finds lines with exactly this text. */
export const patternOfText = (text: string): string => `"${text.replace(/["\\]/g, '\\$&')}"`;
