import { formatDecimal } from '../../lib/decimal.ts';
import { defined } from '../../lib/defined.ts';
import { createLineSorter, type LineSorterOptions, visitGroups } from '../../lib/disk/external-sort.ts';
import { createLineFile, type LineFile } from '../../lib/disk/lines.ts';
import type { RecordKind } from '../../pipeline/profile/record-kinds.ts';
import { attributeOf, type Item, textOf } from '../../pipeline/table/item.ts';
import { kindOfRecord, type RecordShape } from '../../pipeline/table/records.ts';
import { type FieldChange, hoursOf, keyOfItem, personBesideKey, sortKey } from './diff-entry.ts';

/** One record that is in the table under another key than in the backup, with the same image, date and hours. */
export interface Move {
  readonly from: Item;
  readonly to: Item;
  readonly record: RecordKind;
  /** Where the profile names the person by an attribute that is not in the key. */
  readonly people?: { readonly from?: string; readonly to?: string };
  /** What moved it: the person (the hash key) or the project code. */
  readonly field: FieldChange;
  /** Exact, in plain decimal notation; absent where the record has none. */
  readonly hours?: string;
}

/** Moved records, and the sort keys of both sides in order, so that a reader can leave them out. */
export interface Moves {
  readonly moved: LineFile;
  readonly removedKeys: LineFile;
  readonly addedKeys: LineFile;
}

export const createMoves = (folder?: string): Moves => ({
  moved: createLineFile(folder),
  removedKeys: createLineFile(folder),
  addedKeys: createLineFile(folder),
});

const REMOVED = 'r';
const ADDED = 'a';
/** Of one image, date and number of hours. More are paired in pieces of this size. */
const MAX_GROUP = 5_000;

interface Candidate {
  readonly key: Item;
  readonly record: RecordKind;
  readonly code?: string;
  readonly person: string;
  /** See `Move.people`. */
  readonly who?: string;
  /** What must be equal when only the person differs. */
  readonly rest: string;
}

/**
 * Finds the records among the removed and added ones that were only moved: another person with the same range key and project
 * code, or the same person with another project code; in both cases with the same source image, date and hours. Each record is in
 * one move at most. Memory does not grow with the number of records.
 * @throws `signal.reason`, the error of the file system.
 */
export async function findMoves(
  found: { readonly removed: LineFile; readonly added: LineFile },
  moves: Moves,
  keys: RecordShape,
  onMove: (move: Move) => void,
  options: LineSorterOptions & { readonly signal?: AbortSignal },
): Promise<void> {
  if (found.removed.count() === 0 || found.added.count() === 0) return;
  const { signal } = options;
  const candidates = createLineSorter(options);
  const settled = createLineSorter(options);
  const flush = async () => {
    await moves.moved.flushIfLarge();
    await settled.flushIfLarge();
  };
  try {
    for (const [side, file] of [
      [REMOVED, found.removed],
      [ADDED, found.added],
    ] as const)
      for await (const lines of file.read(signal)) {
        for (const line of lines) {
          const candidate = candidateOf(JSON.parse(line), keys);
          if (candidate) candidates.add(`${candidate.group}\t${side}${JSON.stringify(candidate.about)}`);
        }
        await candidates.flushIfLarge();
      }
    const visit = (group: string, values: readonly string[]) => {
      for (const move of pair(group, values, keys)) {
        moves.moved.add(JSON.stringify(move));
        settled.add(`${sortKey(move.from, keys)}\t${REMOVED}`);
        settled.add(`${sortKey(move.to, keys)}\t${ADDED}`);
        onMove(move);
      }
    };
    await visitGroups(candidates.sorted(signal), visit, flush, MAX_GROUP);
    for await (const lines of settled.sorted(signal)) {
      for (const line of lines) {
        const tab = line.lastIndexOf('\t');
        (line.endsWith(REMOVED) ? moves.removedKeys : moves.addedKeys).add(line.slice(0, tab));
      }
      await moves.removedKeys.flushIfLarge();
      await moves.addedKeys.flushIfLarge();
    }
  } finally {
    await candidates.dispose();
    await settled.dispose();
  }
}

/** What a record must have in common with the one it became; undefined where it cannot be recognised again. */
function candidateOf(item: Item, keys: RecordShape): { readonly group: string; readonly about: Candidate } | undefined {
  const record = kindOfRecord(item, keys);
  const { record: names, date: days } = keys.profile;
  const text = (name: string | undefined) => (name === undefined ? undefined : textOf(attributeOf(item, name)));
  const image = text(names.image);
  const date = text(days?.day) ?? text(days?.firstDay);
  const person = textOf(item[keys.hash]);
  const hours = hoursOf(item, record, keys.profile);
  if ((record !== 'entry' && record !== 'zero-hour') || image === undefined || date === undefined) return undefined;
  if (person === undefined || hours === 'unreadable') return undefined;
  const code = text(names.code);
  const { person: who } = personBesideKey(item, record, keys);
  const range = keys.range === undefined ? undefined : textOf(item[keys.range]);
  return {
    group: JSON.stringify([image, date, hours === 'none' ? null : formatDecimal(hours)]),
    about: {
      key: keyOfItem(item, keys),
      record,
      person,
      rest: JSON.stringify([record, range ?? null, code ?? null]),
      ...(code !== undefined && { code }),
      ...(who !== undefined && { who }),
    },
  };
}

function pair(group: string, values: readonly string[], keys: RecordShape): readonly Move[] {
  const [, , hours]: [string, string, string | null] = JSON.parse(group);
  const read = (side: string) =>
    values.filter((value) => value.startsWith(side)).map((value): Candidate => JSON.parse(value.slice(side.length)));
  const last = keys.range ?? keys.hash;
  let removed = read(REMOVED);
  const added = new Set(read(ADDED));
  const moves: Move[] = [];
  const match = (keyOf: (candidate: Candidate) => string, fieldOf: (a: Candidate, b: Candidate) => FieldChange) => {
    const waiting = Map.groupBy(added, keyOf);
    removed = removed.filter((from) => {
      const to = waiting.get(keyOf(from))?.shift();
      if (!to) return true;
      added.delete(to);
      const field = fieldOf(from, to);
      const people =
        from.who === undefined && to.who === undefined ? {} : { people: defined({ from: from.who, to: to.who }) };
      moves.push({ from: from.key, to: to.key, record: to.record, ...people, field, ...(hours !== null && { hours }) });
      return false;
    });
  };
  match(
    ({ rest }) => rest,
    (from, to) => ({ name: keys.hash, ...sides(from.key[keys.hash], to.key[keys.hash]) }),
  );
  match(
    ({ person, record }) => JSON.stringify([person, record]),
    (from, to) =>
      keys.profile.record.code !== undefined && (from.code !== to.code || keys.range === undefined)
        ? { name: keys.profile.record.code, ...sides(textValue(from.code), textValue(to.code)) }
        : { name: last, ...sides(from.key[last], to.key[last]) },
  );
  return moves;
}

const textValue = (text: string | undefined) => (text === undefined ? undefined : { S: text });
const sides = (before: FieldChange['before'], after: FieldChange['after']) => ({
  ...(before && { before }),
  ...(after && { after }),
});
