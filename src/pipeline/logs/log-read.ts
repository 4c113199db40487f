import type { LogLine, LogWindow } from './logs.ts';

export type FindLines = (window: LogWindow) => AsyncIterable<LogLine>;

/** Lines of the log, oldest first. */
export interface LogRead {
  readonly lines: readonly LogLine[];
  /** There were more lines than the limits allow. */
  readonly isCut: boolean;
  /** Everything since this time was read, epoch ms. */
  readonly from: number;
}

export interface LogLimits {
  readonly lines: number;
  readonly characters: number;
}

/** Older lines are not read, because people need the newest and memory is limited. */
const MAX: LogLimits = { lines: 20_000, characters: 16 * 2 ** 20 };
const MAX_HITS: LogLimits = { lines: 2_000, characters: 4 * 2 ** 20 };
const MAX_STREAMS = 40;
const FIRST_SLICE_MS = 5 * 60_000;
const LONGEST_SLICE_MS = 24 * 60 * 60_000;
/** Lambda's limit for the duration of an invocation. */
const LONGEST_INVOCATION_MS = 15 * 60_000;

type Window = Pick<LogWindow, 'from' | 'signal'> & { readonly to: number };

/**
 * The newest lines of a time window, within the limits. CloudWatch returns the oldest first, so the window is read in
 * slices, backwards from its end. @throws the error of `find`
 */
export async function readNewest(find: FindLines, window: Window, limits: LogLimits = MAX): Promise<LogRead> {
  let lines: LogLine[] = [];
  let characters = 0;
  let to = window.to;
  let sliceMs = FIRST_SLICE_MS;
  for (;;) {
    const from = Math.max(window.from, to - sliceMs + 1);
    const left = { lines: limits.lines - lines.length, characters: limits.characters - characters };
    const slice = await newestOf(find({ ...window, from, to }), left);
    lines = [...slice.lines, ...lines];
    characters += slice.characters;
    if (slice.isCut) return { lines, isCut: true, from: lines[0]?.at ?? from };
    if (from <= window.from) return { lines, isCut: false, from: window.from };
    to = from - 1;
    sliceMs = Math.min(sliceMs * 2, LONGEST_SLICE_MS);
  }
}

/** The last lines of a source that are within the limits. */
async function newestOf(source: AsyncIterable<LogLine>, limits: LogLimits) {
  let lines: LogLine[] = [];
  let dropped = 0;
  let characters = 0;
  let isCut = false;
  for await (const line of source) {
    lines.push(line);
    characters += line.message.length;
    while (dropped < lines.length && (lines.length - dropped > limits.lines || characters > limits.characters)) {
      characters -= lines[dropped]?.message.length ?? 0;
      dropped += 1;
      isCut = true;
    }
    if (dropped < 1_000) continue;
    lines = lines.slice(dropped);
    dropped = 0;
  }
  return { lines: lines.slice(dropped), characters, isCut };
}

/**
 * The lines that match a pattern, with all other lines of the same stream that may belong to the same invocations.
 * `hits`: the ids of the matching lines. @throws the error of `find`
 */
export async function readAround(
  find: FindLines,
  window: Window,
  pattern: string,
): Promise<LogRead & { readonly hits: ReadonlySet<string> }> {
  const found = await readNewest((slice) => find({ ...slice, pattern }), window, MAX_HITS);
  const byStream = Map.groupBy(found.lines.toReversed(), ({ stream }) => stream);
  const lines: LogLine[] = [];
  let characters = 0;
  let isCut = found.isCut;
  let streams = 0;
  for (const [stream, hits] of byStream) {
    streams += 1;
    if (streams > MAX_STREAMS || lines.length >= MAX.lines || characters >= MAX.characters) {
      isCut = true;
      break;
    }
    for (const span of spansAround(hits.map(({ at }) => at))) {
      const left = { lines: MAX.lines - lines.length, characters: MAX.characters - characters };
      const read = await newestOf(find({ ...window, ...span, stream }), left);
      lines.push(...read.lines);
      characters += read.characters;
      isCut ||= read.isCut;
    }
  }
  return { lines, isCut, from: found.from, hits: new Set(found.lines.map(({ id }) => id)) };
}

/** The time spans around these times, newest first. Overlapping spans are merged. */
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

/** A CloudWatch filter pattern for lines that contain exactly this text. */
export const patternOfText = (text: string): string => `"${text.replace(/["\\]/g, '\\$&')}"`;
