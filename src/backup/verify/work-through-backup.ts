import { piecesOf, workThrough } from '../../lib/async/workers.ts';
import type { Random } from '../../lib/clock.ts';
import { defined } from '../../lib/defined.ts';
import type { Item } from '../../pipeline/table/item.ts';
import type { BackupLocation } from '../catalogue/location.ts';
import type { BackupRecord } from '../format/backup-record.ts';
import { parseLine } from './read-file.ts';
import { type Positions, readWindows } from './read-windows.ts';

export interface WorkThroughBackupOptions {
  readonly done: Positions;
  readonly random: Random;
  /** Records of a piece. */
  readonly pieceSize: number;
  /** Pieces worked on side by side. */
  readonly atOnce: number;
  readonly signal: AbortSignal | undefined;
  readonly work: (items: readonly Item[]) => Promise<void>;
  /**
   * Waited for before the records up to `started` are worked on, and once at the end: everything up to `done` is worked
   * through, and nothing beyond `started` was touched.
   */
  readonly note: (positions: { readonly done: Positions; readonly started: Positions }) => Promise<void>;
}

/** Records; enough to spread over the partitions of the table, few enough to stay small in memory. */
const WINDOW = 800;

/**
 * Works through the items of a backup in pieces, many side by side, in the same memory for any size. Continues at `done`.
 * @throws BackupDamagedError, `signal.reason`, what `work` and `note` throw; the work that had started has ended by then.
 */
export async function workThroughBackup(
  location: BackupLocation,
  record: BackupRecord,
  options: WorkThroughBackupOptions,
): Promise<void> {
  const open: { left: number; readonly end: Positions }[] = [];
  let done = options.done;
  let started = options.done;
  const windows = readWindows(
    location,
    record,
    defined({ size: WINDOW, done, random: options.random, signal: options.signal }),
  );
  const pieces = async function* () {
    for await (const window of windows) {
      const parts = piecesOf(window.lines, options.pieceSize);
      const tracked = { left: parts.length, end: window.done };
      open.push(tracked);
      started = window.done;
      await options.note({ done, started });
      for (const lines of parts) yield { lines, tracked };
    }
  };
  await workThrough(
    pieces(),
    options.atOnce,
    async ({ lines, tracked }) => {
      await options.work(lines.map((line) => parseLine(line).item));
      tracked.left -= 1;
      for (let first = open[0]; first?.left === 0; first = open[0]) {
        done = first.end;
        open.shift();
      }
    },
    options.signal,
  );
  await options.note({ done, started });
}
