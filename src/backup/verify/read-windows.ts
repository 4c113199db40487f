import type { Random } from '../../lib/clock.ts';
import type { BackupLocation } from '../catalogue/location.ts';
import type { BackupRecord } from '../format/backup-record.ts';
import { readLines } from './read-file.ts';

/** A number of items of each data file, counted from its start, by the key of the file. */
export type Positions = Readonly<Record<string, number>>;

/**
 * Lines of several files in random order, to be read with `parseLine`: unread they take a quarter of the memory. `done`: the
 * positions when all of them are worked through.
 */
export interface Window {
  readonly lines: readonly string[];
  readonly done: Positions;
}

const FILES_AT_ONCE = 8;

/**
 * Reads the items of a backup in windows. A window takes items from up to eight files (each holds one segment of the scan, so
 * one range of the table's partitions) and shuffles them, so that writes spread over all partitions. The order within a file
 * is fixed, so `done` is valid for a later call. One window is read ahead.
 * @throws BackupDamagedError, `signal.reason`.
 */
export async function* readWindows(
  location: BackupLocation,
  record: BackupRecord,
  options: { readonly size: number; readonly done: Positions; readonly random: Random; readonly signal?: AbortSignal },
): AsyncGenerator<Window> {
  const done: Record<string, number> = { ...options.done };
  const waiting = record.files.filter((file) => (done[file.key] ?? 0) < file.items);
  interface OpenFile {
    readonly key: string;
    readonly batches: AsyncGenerator<readonly string[]>;
    skip: number;
  }
  const open: OpenFile[] = [];
  const fill = async (): Promise<Window | undefined> => {
    const all: string[] = [];
    while (all.length < options.size) {
      while (open.length < FILES_AT_ONCE) {
        const file = waiting.shift();
        if (file === undefined) break;
        const batches = readLines(location, record.id, file, options.signal);
        open.push({ key: file.key, batches, skip: done[file.key] ?? 0 });
      }
      const source = open.shift();
      if (source === undefined) break;
      const batch = await source.batches.next();
      if (batch.done) continue;
      open.push(source);
      const fresh = batch.value.slice(source.skip);
      source.skip = Math.max(0, source.skip - batch.value.length);
      done[source.key] = (done[source.key] ?? 0) + fresh.length;
      for (const line of fresh) all.push(line);
    }
    return all.length === 0 ? undefined : { lines: shuffled(all, options.random), done: { ...done } };
  };
  let ahead = fill();
  try {
    for (let window = await ahead; window !== undefined; window = await ahead) {
      ahead = fill();
      ahead.catch(() => {});
      yield window;
    }
  } finally {
    await ahead.catch(() => {});
    for (const source of open) await source.batches.return(undefined).catch(() => {});
  }
}

function shuffled<T>(list: T[], random: Random): readonly T[] {
  for (let at = list.length - 1; at > 0; at -= 1) {
    const other = Math.floor(random() * (at + 1));
    const [a, b] = [list[at], list[other]];
    if (a !== undefined && b !== undefined) [list[at], list[other]] = [b, a];
  }
  return list;
}
