import { createLineFile, type LineFile } from './lines.ts';

/**
 * Sorts any number of lines in constant memory, by UTF-16 code units: sorted runs in temporary files, merged. A line is
 * a key, a tab and a value. The key is JSON text, which contains no tab and no smaller character, so the lines are
 * sorted by key and lines of the same key are adjacent.
 */
export interface LineSorter {
  add(line: string): void;
  /** Moves the lines to disk when they need much memory. Await it every few hundred lines. */
  flushIfLarge(): Promise<void>;
  /** All lines in order, a few hundred at a time. Call it once, after the last line. @throws `signal.reason` */
  sorted(signal?: AbortSignal): AsyncGenerator<readonly string[]>;
  /** Deletes the temporary files. */
  dispose(): Promise<void>;
}

export interface LineSorterOptions {
  /** How much is kept in memory before it is written as a run. */
  readonly memoryBytes?: number;
  readonly folder?: string;
}

/**
 * This many runs of one level are merged into one of the next level. It limits the open files and their blocks in
 * memory.
 */
const FAN_IN = 24;
const BATCH = 512;

export function createLineSorter({ memoryBytes = 2 * 2 ** 20, folder }: LineSorterOptions = {}): LineSorter {
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
  const deleteFile = async (file: LineFile) => {
    await file.dispose();
    files.delete(file);
  };
  const addRun = async (run: LineFile, level: number): Promise<void> => {
    levels[level] ??= [];
    const runs = levels[level];
    runs.push(run);
    if (runs.length < FAN_IN) return;
    levels[level] = [];
    const merged = newFile();
    for await (const lines of mergeSorted(runs.map((each) => each.read()))) await writeLines(merged, lines);
    for (const each of runs) await deleteFile(each);
    await addRun(merged, level + 1);
  };
  const flush = async () => {
    const lines = held;
    held = [];
    heldBytes = 0;
    lines.sort();
    const run = newFile();
    await writeLines(run, lines);
    await addRun(run, 0);
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
      for (const file of files) await deleteFile(file);
    },
  };
}

async function writeLines(file: LineFile, lines: readonly string[]): Promise<void> {
  for (let start = 0; start < lines.length; start += BATCH) {
    for (const line of lines.slice(start, start + BATCH)) file.add(line);
    await file.flushIfLarge();
  }
}

type Batches = AsyncGenerator<readonly string[]>;
interface Source {
  readonly batches: Batches;
  lines: readonly string[];
  index: number;
  /** The next line: `lines[index]`. */
  line: string;
}

/** Merges sorted sources. Keeps one batch of each in memory. */
async function* mergeSorted(all: readonly Batches[], signal?: AbortSignal): Batches {
  const heap: Source[] = [];
  try {
    for (const batches of all) {
      const source: Source = { batches, lines: [], index: -1, line: '' };
      if (await refill(source)) heap.push(source);
    }
    for (let index = Math.floor(heap.length / 2) - 1; index >= 0; index -= 1) siftDown(heap, index);
    let out: string[] = [];
    for (let top = heap[0]; top !== undefined; top = heap[0]) {
      out.push(top.line);
      top.index += 1;
      const next = top.lines[top.index];
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

/** Reads the next batch that is not empty. Returns whether there was one. */
async function refill(source: Source): Promise<boolean> {
  for (;;) {
    const { done, value } = await source.batches.next();
    if (done) return false;
    const [line] = value;
    if (line === undefined) continue;
    source.lines = value;
    source.index = 0;
    source.line = line;
    return true;
  }
}

function siftDown(heap: Source[], from: number): void {
  const sinking = heap[from];
  if (sinking === undefined) return;
  let parent = from;
  for (;;) {
    let child = parent * 2 + 1;
    let least = heap[child];
    if (least === undefined) break;
    const right = heap[child + 1];
    if (right !== undefined && right.line < least.line) {
      least = right;
      child += 1;
    }
    if (sinking.line <= least.line) break;
    heap[parent] = least;
    parent = child;
  }
  heap[parent] = sinking;
}

/** Calls `visit` for every line, split at its tab. Awaits `flushIfLarge` every few hundred lines. */
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
 * Calls `visit` for every key with its values, in order. When a key has more than `maxValues` values, they are passed
 * in several pieces of that size.
 */
export async function visitGroups(
  sorted: AsyncIterable<readonly string[]>,
  visit: (
    key: string,
    values: readonly string[],
    piece: { readonly isFirst: boolean; readonly isLast: boolean },
  ) => void,
  flushIfLarge: () => Promise<void>,
  maxValues = Number.POSITIVE_INFINITY,
): Promise<void> {
  let key: string | undefined;
  let values: string[] = [];
  let isFirst = true;
  const visitPiece = (isLast: boolean) => {
    if (key !== undefined) visit(key, values, { isFirst, isLast });
    values = [];
    isFirst = isLast;
  };
  const add = (nextKey: string, value: string) => {
    if (nextKey !== key) visitPiece(true);
    else if (values.length >= maxValues) visitPiece(false);
    key = nextKey;
    values.push(value);
  };
  await visitLines(sorted, add, flushIfLarge);
  visitPiece(true);
  await flushIfLarge();
}
