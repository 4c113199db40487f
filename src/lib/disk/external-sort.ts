import { createLineFile, type LineFile } from './lines.ts';

/**
 * Sorts any number of lines in the same memory, by UTF-16 units: sorted runs in temporary files, merged. A line is a key, a tab
 * and a value, where the key is JSON text: that has no tab and nothing below it, so lines stand by key, and those of one
 * key together.
 */
export interface LineSorter {
  add(line: string): void;
  /** Resolves when what was added so far takes little memory; to be awaited every few hundred lines. */
  flushIfLarge(): Promise<void>;
  /** All lines in order, some hundred at a time; to be called once, after the last line. @throws `signal.reason` */
  sorted(signal?: AbortSignal): AsyncGenerator<readonly string[]>;
  /** Frees the space. */
  dispose(): Promise<void>;
}

export interface LineSorterOptions {
  /** What is held before it becomes a run, bytes. */
  readonly memoryBytes?: number;
  readonly folder?: string;
}

/** As many runs of one size make one of the next: what bounds the open files and their blocks in memory. */
const FAN_IN = 24;
const BATCH = 512;

export function createLineSorter({ memoryBytes = 8 * 2 ** 20, folder }: LineSorterOptions = {}): LineSorter {
  let held: string[] = [];
  let heldBytes = 0;
  const levels: LineFile[][] = [];
  const files = new Set<LineFile>();
  let flushing: Promise<void> | undefined;

  const newFile = () => {
    const file = createLineFile(folder);
    files.add(file);
    return file;
  };
  const drop = async (file: LineFile) => {
    await file.dispose();
    files.delete(file);
  };
  const location = async (run: LineFile, level: number): Promise<void> => {
    levels[level] ??= [];
    const runs = levels[level];
    runs.push(run);
    if (runs.length < FAN_IN) return;
    levels[level] = [];
    const merged = newFile();
    for await (const lines of mergeSorted(runs.map((each) => each.read()))) await write(merged, lines);
    for (const each of runs) await drop(each);
    await location(merged, level + 1);
  };
  const flush = async () => {
    const lines = held;
    held = [];
    heldBytes = 0;
    lines.sort();
    const run = newFile();
    await write(run, lines);
    await location(run, 0);
  };

  return {
    add(line) {
      held.push(line);
      heldBytes += line.length * 2 + 32;
    },
    async flushIfLarge() {
      if (heldBytes <= memoryBytes && flushing === undefined) return;
      flushing ??= flush().finally(() => {
        flushing = undefined;
      });
      await flushing;
    },
    async *sorted(signal) {
      await flushing;
      held.sort();
      const last = (async function* () {
        yield held;
      })();
      yield* mergeSorted([last, ...levels.flat().map((run) => run.read(signal))], signal);
    },
    async dispose() {
      await flushing?.catch(() => {});
      held = [];
      for (const file of files) await drop(file);
    },
  };
}

async function write(file: LineFile, lines: readonly string[]): Promise<void> {
  for (let at = 0; at < lines.length; at += BATCH) {
    for (const line of lines.slice(at, at + BATCH)) file.add(line);
    await file.flushIfLarge();
  }
}

type Batches = AsyncGenerator<readonly string[]>;
interface Source {
  readonly batches: Batches;
  lines: readonly string[];
  at: number;
  /** The next line: `lines[at]`. */
  line: string;
}

/** Lines of several sorted sources as one; holds one batch of each. */
async function* mergeSorted(all: readonly Batches[], signal?: AbortSignal): Batches {
  const heap: Source[] = [];
  try {
    for (const batches of all) {
      const source: Source = { batches, lines: [], at: -1, line: '' };
      if (await refill(source)) heap.push(source);
    }
    for (let at = Math.floor(heap.length / 2) - 1; at >= 0; at -= 1) siftDown(heap, at);
    let out: string[] = [];
    for (let top = heap[0]; top !== undefined; top = heap[0]) {
      out.push(top.line);
      top.at += 1;
      const next = top.lines[top.at];
      if (next !== undefined) top.line = next;
      else if (!(await refill(top))) {
        const last = heap.pop();
        if (last !== undefined && last !== top) heap[0] = last;
      }
      siftDown(heap, 0);
      if (out.length < BATCH) continue;
      signal?.throwIfAborted();
      yield out;
      out = [];
    }
    if (out.length > 0) yield out;
  } finally {
    for (const batches of all) await batches.return(undefined).catch(() => {});
  }
}

/** Takes the next batch that has lines; whether there was one. */
async function refill(source: Source): Promise<boolean> {
  for (;;) {
    const { done, value } = await source.batches.next();
    if (done) return false;
    const [line] = value;
    if (line === undefined) continue;
    source.lines = value;
    source.at = 0;
    source.line = line;
    return true;
  }
}

function siftDown(heap: Source[], from: number): void {
  const sinking = heap[from];
  if (sinking === undefined) return;
  let at = from;
  for (;;) {
    let child = at * 2 + 1;
    let least = heap[child];
    if (least === undefined) break;
    const right = heap[child + 1];
    if (right !== undefined && right.line < least.line) {
      least = right;
      child += 1;
    }
    if (sinking.line <= least.line) break;
    heap[at] = least;
    at = child;
  }
  heap[at] = sinking;
}

/** Calls `visit` for every line, split at its tab; `breathe` is waited for every few hundred lines. */
export async function visitLines(
  sorted: AsyncIterable<readonly string[]>,
  visit: (key: string, value: string) => void,
  flushIfLarge: () => Promise<void>,
): Promise<void> {
  for await (const lines of sorted) {
    for (const line of lines) {
      const tab = line.indexOf('\t');
      visit(line.slice(0, tab), line.slice(tab + 1));
    }
    await flushIfLarge();
  }
}

/**
 * Calls `visit` for every key with its values, in order: with all of them, or where there are more than `most`, in pieces of so
 * many one after the other.
 */
export async function visitGroups(
  sorted: AsyncIterable<readonly string[]>,
  visit: (
    key: string,
    values: readonly string[],
    piece: { readonly isFirst: boolean; readonly isLast: boolean },
  ) => void,
  flushIfLarge: () => Promise<void>,
  most = Number.POSITIVE_INFINITY,
): Promise<void> {
  let key: string | undefined;
  let values: string[] = [];
  let isFirst = true;
  const hand = (isLast: boolean) => {
    if (key !== undefined) visit(key, values, { isFirst, isLast });
    values = [];
    isFirst = isLast;
  };
  const take = (itsKey: string, value: string) => {
    if (itsKey !== key) hand(true);
    else if (values.length >= most) hand(false);
    key = itsKey;
    values.push(value);
  };
  await visitLines(sorted, take, flushIfLarge);
  hand(true);
  await flushIfLarge();
}
