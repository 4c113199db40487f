import type { DifferenceKind } from '../../backup/compare/compare.ts';
import { entryId } from '../../backup/format/item-key.ts';
import { defined } from '../../lib/defined.ts';
import { createLineFile, type LineFile } from '../../lib/disk/lines.ts';
import type { Item } from '../../pipeline/table/item.ts';
import { kindOfRecord, type RecordShape } from '../../pipeline/table/records.ts';
import { DIFFERENCE_ORDER, type DiffEntry, type DiffKind, keyOfItem, sortKey } from './diff-entry.ts';
import { createMoves, type Move, type Moves } from './moves.ts';

/** The differences in temporary files, each sorted by key. `moves` tells which of the removed and added ones belong together. */
export interface Differences extends Readonly<Record<DifferenceKind, LineFile>> {
  readonly moves: Moves;
  flushIfLarge(): Promise<void>;
  /** Deletes the files. */
  dispose(): Promise<void>;
}

export function createDifferences(folder?: string): Differences {
  const files = {
    removed: createLineFile(folder),
    changed: createLineFile(folder),
    added: createLineFile(folder),
  };
  const moves = createMoves(folder);
  return {
    ...files,
    moves,
    async flushIfLarge() {
      for (const file of Object.values(files)) await file.flushIfLarge();
    },
    async dispose() {
      for (const file of [...Object.values(files), ...Object.values(moves)]) await file.dispose();
    },
  };
}

/** The entries of these kinds, in the order of DIFFERENCE_ORDER. A moved record is not among the removed and added ones. */
export async function* readEntries(
  found: Differences,
  keys: RecordShape,
  kinds: readonly DiffKind[],
  signal: AbortSignal | undefined,
): AsyncGenerator<DiffEntry> {
  for (const kind of DIFFERENCE_ORDER) {
    if (!kinds.includes(kind)) continue;
    if (kind === 'moved') {
      for await (const lines of found.moves.moved.read(signal)) for (const line of lines) yield parseMove(line);
      continue;
    }
    const settled = kind === 'changed' ? undefined : found.moves[kind === 'removed' ? 'removedKeys' : 'addedKeys'];
    const isMoved = createMovedTest(settled, keys, signal);
    for await (const lines of found[kind].read(signal))
      for (const line of lines) {
        const entry = parseEntry(line, kind, keys);
        if (!(await isMoved(entry))) yield entry;
      }
  }
}

/** A test whether an entry was moved. The entries must come in the order of their keys, as the file of moved keys has them. */
function createMovedTest(moved: LineFile | undefined, keys: RecordShape, signal: AbortSignal | undefined) {
  if (moved === undefined || moved.count() === 0) return () => false;
  const movedKeys = (async function* () {
    for await (const lines of moved.read(signal)) yield* lines;
  })();
  let next: IteratorResult<string> | undefined;
  return async ({ key }: DiffEntry): Promise<boolean> => {
    next ??= await movedKeys.next();
    if (next.done || next.value !== sortKey(key, keys)) return false;
    next = undefined;
    return true;
  };
}

function parseMove(line: string): DiffEntry {
  const { to, people, ...move }: Move = JSON.parse(line);
  const person = people?.to;
  return { kind: 'moved', id: entryId(move.from), key: to, ...move, ...defined({ person }) };
}

function parseEntry(line: string, kind: DifferenceKind, keys: RecordShape): DiffEntry {
  if (kind === 'changed') {
    const changed: Omit<Extract<DiffEntry, { kind: 'changed' }>, 'kind' | 'id'> = JSON.parse(line);
    return { kind, id: entryId(changed.key), ...changed };
  }
  const item: Item = JSON.parse(line);
  const key = keyOfItem(item, keys);
  return { kind, id: entryId(key), key, record: kindOfRecord(item, keys), item };
}
