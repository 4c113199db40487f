import type { Random } from '../../lib/clock.ts';
import type { BackupLocation } from '../catalogue/location.ts';
import type { BackupRecord } from '../format/backup-record.ts';
import { readDataFile, type StoredItem } from './read-file.ts';

/** How many items of each object of data are done, by the object's key: where a flush or a restore goes on. */
export type Done = Readonly<Record<string, number>>;

/** Some thousand items from several objects at once, in random order, and what is done when they are. */
export interface Window {
  readonly items: readonly StoredItem[];
  readonly done: Done;
}

/**
 * A backup's items in windows: drawn from up to eight objects side by side (each is one segment of the scan, so one range of
 * the table's partitions) and shuffled, so that writing them spreads over all partitions at any moment. The order within an
 * object is fixed, so `done` of one pass is valid for the next. One window is read ahead.
 * @throws BackupDamagedError, `signal.reason`.
 */
export async function* readWindows(
  location: BackupLocation,
  record: BackupRecord,
  options: { readonly size: number; readonly done: Done; readonly random: Random; readonly signal?: AbortSignal },
): AsyncGenerator<Window> {
  const done: Record<string, number> = { ...options.done };
  const waiting = record.files.filter((file) => (done[file.key] ?? 0) < file.items);
  interface Open {
    readonly key: string;
    readonly batches: AsyncGenerator<readonly StoredItem[]>;
    skip: number;
  }
  const open: Open[] = [];
  const fill = async (): Promise<Window | undefined> => {
    const items: StoredItem[] = [];
    while (items.length < options.size) {
      while (open.length < 8) {
        const file = waiting.shift();
        if (file === undefined) break;
        const batches = readDataFile(location, record.id, file, options.signal);
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
      for (const item of fresh) items.push(item);
    }
    return items.length === 0 ? undefined : { items: shuffled(items, options.random), done: { ...done } };
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
