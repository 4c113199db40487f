import { z } from 'zod';
import type { AttributeValue, Item } from '../../pipeline/table/item.ts';
import { describeTable, type TableFacts } from '../../pipeline/table/table.ts';
import { findBackup, requireUsable } from '../catalogue/catalogue.ts';
import { keyReader, keyText } from '../format/item-key.ts';
import type { BackupPorts } from '../ports.ts';
import { readBack } from '../verify/verify.ts';
import { type BackupResult, storeBackup } from '../write/make-backup.ts';
import { looksLikeNumber, printedBinary, printedSet } from './python-text.ts';

/** Backups in the format of the runbook: `json.dump(items, default=str)` turns numbers, sets and binary into text. */

export interface LegacyLoss {
  readonly attribute: string;
  readonly lookedLike: 'number' | 'set' | 'binary';
  readonly values: number;
  readonly example: string;
}

/** A backup of the runbook. Restored as it is, it would write text in place of numbers and sets. */
export class LegacyBackupError extends Error {
  override readonly name = 'LegacyBackupError';
  readonly fileName: string;
  readonly items: number;
  readonly losses: readonly LegacyLoss[];
  constructor(fileName: string, items: number, losses: readonly LegacyLoss[]) {
    super(
      `${fileName} holds ${items} items without their types: ${losses.map(({ attribute }) => attribute).join(', ')}`,
    );
    this.fileName = fileName;
    this.items = items;
    this.losses = losses;
  }
}

/** The backup `typesFrom` does not have a type for these values, the values do not have that type, or keys are missing or double. */
export class LegacyTypesUnknownError extends Error {
  override readonly name = 'LegacyTypesUnknownError';
  readonly fileName: string;
  readonly problems: readonly string[];
  constructor(fileName: string, problems: readonly string[]) {
    super(`${fileName}: ${problems.join('; ')}`);
    this.fileName = fileName;
    this.problems = problems;
  }
}

type Json = z.core.util.JSONType;
export interface LegacyItem {
  readonly [name: string]: Json;
}

/** Not a record of zod: that loses an attribute named `__proto__`. The members of what JSON.parse returns are JSON. */
const itemsSchema = z.array(
  z.custom<LegacyItem>((value) => typeof value === 'object' && value !== null && !Array.isArray(value)),
);

/** The items of such a file. @throws SyntaxError or ZodError when the text has another form. */
export const parseLegacy = (text: string): readonly LegacyItem[] => itemsSchema.parse(JSON.parse(text));

/** What was probably lost, by attribute. Text that looks like a number may always have been text. */
export function legacyLosses(items: readonly LegacyItem[]): readonly LegacyLoss[] {
  const losses = new Map<string, LegacyLoss>();
  const look = (attribute: string, value: Json): void => {
    if (Array.isArray(value)) for (const member of value) look(attribute, member);
    else if (typeof value === 'object' && value !== null)
      for (const [name, member] of Object.entries(value)) look(`${attribute}.${name}`, member);
    if (typeof value !== 'string') return;
    const lookedLike = looksLikeNumber(value)
      ? 'number'
      : printedSet(value) !== undefined
        ? 'set'
        : printedBinary(value) !== undefined
          ? 'binary'
          : undefined;
    if (lookedLike === undefined) return;
    const id = `${attribute} ${lookedLike}`;
    const before = losses.get(id);
    const example = before?.example ?? value.slice(0, 80);
    losses.set(id, { attribute, lookedLike, values: (before?.values ?? 0) + 1, example });
  };
  for (const item of items) for (const [name, value] of Object.entries(item)) look(name, value);
  return [...losses.values()];
}

/** Refuses such a backup. @throws LegacyBackupError with what it lost; SyntaxError or ZodError when the text has another form. */
export function refuseLegacy(fileName: string, text: string): never {
  const items = parseLegacy(text);
  throw new LegacyBackupError(fileName, items.length, legacyLosses(items));
}

type Tag = 'S' | 'N' | 'B' | 'BOOL' | 'NULL' | 'SS' | 'NS' | 'BS' | 'L' | 'M';
/** The types found at the path of an attribute (`Name`, `Map.Name`, `List[]`). */
type Types = Map<string, Set<Tag>>;

const TAGS: readonly Tag[] = ['S', 'N', 'B', 'BOOL', 'NULL', 'SS', 'NS', 'BS', 'L', 'M'];

function noteTypes(types: Types, path: string, value: AttributeValue): void {
  const tag = TAGS.find((candidate) => candidate in value);
  if (tag === undefined) return;
  const seen = types.get(path) ?? new Set<Tag>();
  types.set(path, seen.add(tag));
  if ('M' in value) for (const [name, member] of Object.entries(value.M)) noteTypes(types, `${path}.${name}`, member);
  if ('L' in value) for (const member of value.L) noteTypes(types, `${path}[]`, member);
}

class Untypable extends Error {}

function typed(types: Types, path: string, value: Json): AttributeValue {
  if (value === null) return { NULL: true };
  if (typeof value === 'boolean') return { BOOL: value };
  if (Array.isArray(value)) return { L: value.map((member) => typed(types, `${path}[]`, member)) };
  if (typeof value === 'object')
    return {
      M: Object.fromEntries(
        Object.entries(value).map(([name, member]) => [name, typed(types, `${path}.${name}`, member)]),
      ),
    };
  if (typeof value === 'number') return { N: String(value) };
  const tags = [...(types.get(path) ?? [])].filter((tag) => !['BOOL', 'NULL', 'L', 'M'].includes(tag));
  if (tags.length === 0) throw new Untypable(`the backup with the types has no text, number, set or binary at ${path}`);
  if (tags.length > 1) throw new Untypable(`the backup with the types has ${tags.join(' and ')} at ${path}`);
  const [tag] = tags;
  const set = printedSet(value);
  if (tag === 'S') return { S: value };
  if (tag === 'N' && looksLikeNumber(value)) return { N: value };
  if (tag === 'SS' && set !== undefined && 'SS' in set) return set;
  if (tag === 'NS' && set !== undefined && 'NS' in set) return set;
  if (tag === 'BS' && set !== undefined && 'BS' in set) return set;
  const binary = tag === 'B' ? printedBinary(value) : undefined;
  if (binary !== undefined) return { B: binary };
  throw new Untypable(`${JSON.stringify(value.slice(0, 60))} at ${path} is not of type ${tag}`);
}

/**
 * Makes a verified backup of one in the format of the runbook. Each value gets the type that the backup `typesFrom` has at the
 * same path. The new backup is in the catalogue and can be restored like any other. The file is held in memory.
 * @throws LegacyTypesUnknownError naming the values without a type and the keys that are missing or double; then no backup is made. What `requireUsable` throws.
 */
export async function importLegacy(
  ports: BackupPorts,
  request: {
    readonly fileName: string;
    readonly text: string;
    readonly table: string;
    readonly typesFrom: string;
    readonly by: string;
    readonly signal?: AbortSignal;
  },
): Promise<BackupResult> {
  const facts = await describeTable(ports.dynamodb, request.table);
  const good = await findBackup(ports.location, request.typesFrom);
  requireUsable(good, facts.arn);
  const types: Types = new Map();
  await readBack(ports.location, good, {
    ...(request.signal && { signal: request.signal }),
    visit({ item }) {
      for (const [name, value] of Object.entries(item)) noteTypes(types, name, value);
    },
  });
  const problems = new Set<string>();
  const items = parseLegacy(request.text).map((legacy): Item => {
    const item: [string, AttributeValue][] = [];
    for (const [name, value] of Object.entries(legacy))
      try {
        item.push([name, typed(types, name, value)]);
      } catch (error) {
        if (!(error instanceof Untypable)) throw error;
        problems.add(error.message);
      }
    return Object.fromEntries(item);
  });
  const found = problems.size > 0 ? problems : keyProblems(items, facts);
  if (found.size > 0) throw new LegacyTypesUnknownError(request.fileName, [...found].slice(0, 20));
  const note = `from ${request.fileName}, types of ${good.id}`;
  return storeBackup(ports, { ...request, note }, facts, () => [onePage(items)]);
}

/** A restore and a flush could not decide between two records with the same key. */
function keyProblems(items: readonly Item[], { keys }: Pick<TableFacts, 'keys'>): ReadonlySet<string> {
  const problems = new Set<string>();
  const keyOf = keyReader(keys);
  const found = new Set<string>();
  for (const item of items) {
    if (keys.some(({ name }) => !Object.hasOwn(item, name))) {
      problems.add('the file has a record without its key');
      continue;
    }
    const text = keyText(keyOf(item));
    if (found.has(text)) problems.add(`the file has two records with the key ${JSON.stringify(keyOf(item))}`);
    found.add(text);
  }
  return problems;
}

async function* onePage(items: readonly Item[]) {
  yield { segment: 0, items, count: items.length };
}
