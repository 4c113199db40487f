import { within } from '../../lib/async/within.ts';
import type { Clock } from '../../lib/clock.ts';
import type { Item } from '../../pipeline/table/item.ts';
import type { RecordShape } from '../../pipeline/table/records.ts';
import { factsOfRecord, spellingOf } from './record-facts.ts';

/** A person of the table: the name in the key, and the name that is shown where it is another one. */
export interface NamedPerson {
  readonly name: string;
  readonly displayName?: string;
}

export interface PeopleIndexPorts {
  /** The records of the table, page by page, with the attributes that name the person. */
  readonly read: () => AsyncIterable<{
    readonly items: readonly Item[];
    readonly keys: RecordShape;
    readonly bucket: string;
  }>;
  readonly clock: Clock;
  readonly warn: (message: string, cause: unknown) => void;
}

/** Finds people of the table by a part of their name. */
export interface PeopleIndex {
  /** At most `most` people whose name in the key or display name contains the text; those that begin with it come first. */
  find(typed: string, most: number): Promise<readonly NamedPerson[]>;
}

const FRESH_MS = 60_000;
/** Of the time, a large table is read a twentieth at the most. */
const REST_PER_READ = 20;
/** Slack waits 3 s for suggestions. */
const WAIT_MS = 1_500;
/** More people than this are not kept. */
const MOST_NAMES = 50_000;

/**
 * Keeps the names of the table's people and reads them again at most once a minute, and only when somebody types. While a large table
 * is read for the first time, the people that were found so far are suggested.
 */
export function createPeopleIndex({ read, clock, warn }: PeopleIndexPorts): PeopleIndex {
  let people = new Map<string, NamedPerson & { readonly spellings: readonly string[] }>();
  let reading: Promise<void> | undefined;
  let staleAt = Number.NEGATIVE_INFINITY;

  async function refresh(): Promise<void> {
    const began = clock.now();
    const isFirst = people.size === 0;
    const found: typeof people = new Map();
    if (isFirst) people = found;
    try {
      for await (const { items, keys, bucket } of read()) {
        for (const item of items) {
          const { kind, person, displayName } = factsOfRecord(item, keys, bucket);
          if (person === undefined || kind === 'coverage' || found.has(person)) continue;
          if (found.size >= MOST_NAMES) break;
          const isOther = displayName !== undefined && displayName !== person;
          const spellings = [person, ...(isOther ? [displayName] : [])].map(spellingOf);
          found.set(person, { name: person, ...(isOther && { displayName }), spellings });
        }
        if (found.size >= MOST_NAMES) break;
      }
      people = found;
    } catch (error) {
      warn('the people of the table could not be read', error);
    }
    staleAt = clock.now() + Math.max(FRESH_MS, (clock.now() - began) * REST_PER_READ);
  }

  return {
    async find(typed, most) {
      if (!reading && clock.now() >= staleAt)
        reading = refresh().finally(() => {
          reading = undefined;
        });
      if (reading && staleAt === Number.NEGATIVE_INFINITY) await within(clock, WAIT_MS, reading);
      const wanted = spellingOf(typed);
      const rank = (spellings: readonly string[]) => (spellings.some((name) => name.startsWith(wanted)) ? 0 : 1);
      return [...people.values()]
        .filter(({ spellings }) => spellings.some((name) => name.includes(wanted)))
        .sort((a, b) => rank(a.spellings) - rank(b.spellings) || (a.name < b.name ? -1 : 1))
        .slice(0, most)
        .map(({ spellings: _, ...person }) => person);
    },
  };
}
