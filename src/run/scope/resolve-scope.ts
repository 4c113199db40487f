import { createLineSorter, type LineSorter, visitGroups } from '../../lib/disk/external-sort.ts';
import { createLineFile, readJsonLines } from '../../lib/disk/lines.ts';
import type { TotalsByName } from '../../lib/disk/totals-by-name.ts';
import { suggestNearest } from '../../lib/nearest.ts';
import { type Result, refuse, succeed } from '../../lib/result.ts';
import type { BucketImage } from '../../pipeline/images.ts';
import type { Profile, ProfilePart } from '../../pipeline/profile/profile.ts';
import { RECORD_KINDS } from '../../pipeline/profile/record-kinds.ts';
import type { Item } from '../../pipeline/table/item.ts';
import { countsOf, emptyTally, type RecordShape } from '../../pipeline/table/records.ts';
import type { OutcomeRecord } from '../model/types.ts';
import type { ManifestIndex } from '../plan/manifest.ts';
import { createGivenImages, type GivenImages } from './given-images.ts';
import { factsOfRecord, type RecordFacts, spellingOf } from './record-facts.ts';
import { addRows, countPeople, createLeftOut, earlier, noRows, type RowsOfImage, topPeople } from './rows-of-image.ts';
import { criteriaOf, type Scope, type ScopeRefusal, type ScopeRequest } from './scope.ts';
import { hashOfImages } from './scope-manifests.ts';

/** What a scope is resolved from. Each source is read once. */
export interface ScopeSources {
  readonly bucket: string;
  readonly keys: RecordShape;
  /** The whole table, in streams that are read concurrently. */
  readonly rows: readonly AsyncIterable<{ readonly items: readonly Item[] }>[];
  /** Every image of the bucket. */
  readonly images: AsyncIterable<BucketImage>;
  /**
   * The outcomes of earlier runs, the oldest first: an image belongs to the person of its newest outcome also when its rows are gone.
   * Absent where there was no run.
   */
  readonly outcomes?: AsyncIterable<{ readonly records: readonly OutcomeRecord[] }>;
  readonly writeManifest: (
    scopeId: string,
    images: AsyncIterable<{ readonly key: string; readonly size: number }>,
  ) => Promise<ManifestIndex>;
  readonly signal?: AbortSignal;
}

const EXAMPLES = 5;
/** Names of people that are remembered to suggest one for a name that is not in the table. */
const NAMES_TO_SUGGEST = 50_000;
/** The source of a line about an image, as its first letter. */
const [GIVEN, IMAGE, OUTCOME, ROWS] = ['g', 'i', 'o', 'r'];
/** How a line about an outcome ends. */
const [OF_PERSON, OF_ANOTHER] = ['+', '-'];
const ORDER_DIGITS = 12;

/** A scope to resolve: its id, who asked for it and when (epoch ms). */
export interface ScopeQuestion extends Pick<Scope, 'id' | 'by' | 'at'> {
  readonly request: ScopeRequest;
}

/**
 * Finds the images and records of a scope and writes the images as its manifest. Reads the table and the bucket once and keeps
 * what it needs in sorted temporary files, so that it takes the same memory for any size.
 * @throws the error of a source; the file system's error; `signal.reason`.
 */
export async function resolveScope(
  { id, by, at, request }: ScopeQuestion,
  sources: ScopeSources,
): Promise<Result<Scope, ScopeRefusal>> {
  const lacking = lackingPart(request, sources.keys.profile);
  if (lacking) return refuse({ reason: 'profile-lacks', what: lacking, profile: sources.keys.profile.name });
  const matcher = createMatcher(request);
  const sorter = createLineSorter();
  const people = { chosen: countPeople(), missing: countPeople(), archived: countPeople() };
  const chosen = createLineFile();
  try {
    const given = createGivenImages(request.images ?? []);
    const read = await readSources(sources, matcher, sorter, given);
    const meant = given.keys();
    const [first] = meant.ambiguous;
    if (first) return refuse({ reason: 'look-alike-images', ...first });
    for (const key of meant.keys) sorter.add(`${JSON.stringify(key)}\t${GIVEN}`);
    const resolved = request.images === undefined ? request : { ...request, images: meant.keys };
    const strangers = matcher.unknownPeople();
    if (strangers.length > 0) return refuse({ reason: 'unknown-people', people: strangers });

    const join = createJoin(resolved, people);
    await visitGroups(
      sorter.sorted(sources.signal),
      (key, values) => {
        const image = join.add(JSON.parse(key), values);
        if (image === undefined) return;
        chosen.add(JSON.stringify(image));
      },
      async () => {
        await chosen.flushIfLarge();
        for (const each of Object.values(people)) await each.flushIfLarge();
      },
    );
    const joined = await join.result();
    const { missing, archived, unknown } = joined;
    if (unknown.images > 0)
      return refuse({ reason: 'unknown-images', images: unknown.examples, total: unknown.images });
    const { nameless } = read;
    if (joined.images === 0) return refuse({ reason: 'empty-scope', missing, archived, nameless });

    const index = await sources.writeManifest(id, readJsonLines<{ key: string; size: number }>(chosen, sources.signal));
    const records = countsOf(joined.counts);
    return succeed({
      id,
      criteria: criteriaOf(resolved),
      by,
      at,
      images: index.count,
      bytes: index.bytes,
      sha256: hashOfImages(index),
      records,
      beyond: joined.beyond,
      people: joined.people,
      nameless,
      missing,
      archived,
      others: read.records - records.total,
    });
  } finally {
    await Promise.all([sorter, chosen, ...Object.values(people)].map((each) => each.dispose()));
  }
}

/** What the criteria ask for and the profile does not know. */
const lackingPart = ({ people, from, to }: ScopeRequest, { person, date }: Profile): ProfilePart | undefined =>
  people !== undefined && !person ? 'person' : (from !== undefined || to !== undefined) && !date ? 'date' : undefined;

/** What a rescan of everything cannot build again. Reads the table and the bucket once. @throws as `resolveScope`. */
export async function findNotRebuildable(
  sources: Omit<ScopeSources, 'writeManifest'>,
): Promise<Pick<Scope, 'missing' | 'archived' | 'nameless'>> {
  const found = await resolveScope(
    { id: '', request: {}, by: '', at: 0 },
    {
      ...sources,
      async writeManifest(_, images) {
        let count = 0;
        for await (const _image of images) count += 1;
        return { version: 1, count, bytes: 0, partSize: 1, parts: [] };
      },
    },
  );
  if (found.ok) return leftOf(found.value);
  if (found.refusal.reason === 'empty-scope') return leftOf(found.refusal);
  throw new Error(`A scope of everything was refused: ${found.refusal.reason}`);
}

const leftOf = ({ missing, archived, nameless }: Pick<Scope, 'missing' | 'archived' | 'nameless'>) => ({
  missing,
  archived,
  nameless,
});

/** Adds a line for each image of the bucket and for the records of each image on a page to the sorter. */
async function readSources(
  { bucket, keys, rows, images, outcomes, signal }: ScopeSources,
  matcher: Matcher,
  sorter: LineSorter,
  given: GivenImages,
): Promise<{ records: number; nameless: number }> {
  let records = 0;
  let nameless = 0;
  const failed = new AbortController();
  const orFail = async (work: () => Promise<void>) => {
    try {
      await work();
    } catch (error) {
      failed.abort(error);
      throw error;
    }
  };
  const goOn = () => {
    signal?.throwIfAborted();
    failed.signal.throwIfAborted();
  };
  const readRows = async (pages: ScopeSources['rows'][number]) => {
    for await (const { items } of pages) {
      const byImage = new Map<string, RowsOfImage>();
      for (const item of items) {
        const facts = factsOfRecord(item, keys, bucket);
        const matches = matcher.matches(facts);
        records += 1;
        if (facts.image !== undefined) addTo(byImage, facts.image, facts, matches);
        else if (matches && facts.kind !== 'coverage' && facts.kind !== 'failed') nameless += 1;
      }
      for (const [key, found] of byImage) {
        given.offer(key);
        sorter.add(`${JSON.stringify(key)}\t${ROWS}${JSON.stringify(found)}`);
      }
      goOn();
      await sorter.flushIfLarge();
    }
  };
  const readImages = async () => {
    let listed = 0;
    for await (const image of images) {
      const { key, ...facts } = image;
      given.offer(key);
      sorter.add(`${JSON.stringify(key)}\t${IMAGE}${JSON.stringify(facts)}`);
      listed += 1;
      if (listed % 500 !== 0) continue;
      goOn();
      await sorter.flushIfLarge();
    }
  };
  const readOutcomes = async () => {
    if (!outcomes || !matcher.takesOutcomes) return;
    let known = 0;
    for await (const { records } of outcomes) {
      for (const { key, outcome } of records) {
        const person = outcome.kind === 'processed' ? outcome.resourceName : undefined;
        if (person === undefined) continue;
        const answer = matcher.matches({ kind: 'entry', person }) ? OF_PERSON : OF_ANOTHER;
        sorter.add(`${JSON.stringify(key)}\t${OUTCOME}${String(known).padStart(ORDER_DIGITS, '0')}${answer}`);
        known += 1;
      }
      goOn();
      await sorter.flushIfLarge();
    }
  };
  // All must have ended before the sorter is disposed of.
  const ended = await Promise.allSettled([
    orFail(readImages),
    orFail(readOutcomes),
    ...rows.map((pages) => orFail(() => readRows(pages))),
  ]);
  for (const end of ended) if (end.status === 'rejected') throw failed.signal.reason;
  return { records, nameless };
}

function addTo(byImage: Map<string, RowsOfImage>, key: string, facts: RecordFacts, matches: boolean): void {
  const found = byImage.get(key) ?? noRows();
  byImage.set(key, found);
  found.counts[facts.kind] += 1;
  if (matches) found.matching += 1;
  const { person, firstDay } = facts;
  const oldestDay = earlier(found.oldestDay, firstDay);
  if (oldestDay !== undefined) found.oldestDay = oldestDay;
  if (person !== undefined) found.people[person] = (found.people[person] ?? 0) + 1;
}

/** Decides whether a record meets the criteria of people and days, and notes which names were found. */
interface Matcher {
  /** An outcome names a person, and no days. */
  readonly takesOutcomes: boolean;
  readonly matches: (facts: RecordFacts) => boolean;
  readonly unknownPeople: () => readonly { readonly name: string; readonly suggestions: readonly string[] }[];
}

function createMatcher({ people, from, to }: ScopeRequest): Matcher {
  const wanted = new Map((people ?? []).map((name) => [spellingOf(name), name]));
  const found = new Set<string>();
  const names = new Set<string>();
  return {
    takesOutcomes: people !== undefined && from === undefined && to === undefined,
    matches({ person, displayName, firstDay, lastDay }) {
      if (people !== undefined) {
        const spellings = [person, displayName].filter((name) => name !== undefined).map(spellingOf);
        if (person !== undefined && names.size < NAMES_TO_SUGGEST) names.add(person);
        const met = spellings.filter((spelling) => wanted.has(spelling));
        for (const spelling of met) found.add(spelling);
        if (met.length === 0) return false;
      }
      if (from === undefined && to === undefined) return true;
      if (firstDay === undefined || lastDay === undefined) return false;
      return (to === undefined || firstDay <= to) && (from === undefined || lastDay >= from);
    },
    unknownPeople: () =>
      [...wanted]
        .filter(([spelling]) => !found.has(spelling))
        .map(([spelling, name]) => ({
          name,
          suggestions: suggestNearest(
            spelling,
            [...names].map((known) => known.replaceAll('_', ' ')),
          ),
        })),
  };
}

/** Decides about one image after the other from everything that is known of it, and adds up what is left out. */
function createJoin(request: ScopeRequest, people: PeopleOfImages) {
  const { from, to, failed, changedSince } = request;
  const isByRecords = request.people !== undefined || from !== undefined || to !== undefined;
  const isByKey = (request.images ?? []).length > 0;
  const changedFrom = changedSince === undefined ? Number.NEGATIVE_INFINITY : Date.parse(changedSince);
  const counts = emptyTally();
  const missing = createLeftOut(people.missing);
  const archived = createLeftOut(people.archived);
  const unknown: string[] = [];
  let unknownImages = 0;
  let images = 0;
  let beyond = 0;

  return {
    /** The image, if it belongs to the scope. */
    add(key: string, values: readonly string[]) {
      let image: Omit<BucketImage, 'key'> | undefined;
      let isGiven = false;
      let isOfPerson = false;
      const rows = noRows();
      for (const value of values) {
        if (value[0] === GIVEN) isGiven = true;
        // In the order of the outcomes: the newest one counts.
        else if (value[0] === OUTCOME) isOfPerson = value.endsWith(OF_PERSON);
        else if (value[0] === IMAGE) image = JSON.parse(value.slice(1));
        else addRows(rows, JSON.parse(value.slice(1)));
      }
      const records = countsOf(rows.counts).total;
      if (isByKey && !isGiven) return;
      if (isGiven && image === undefined && records === 0) {
        unknownImages += 1;
        if (unknown.length < EXAMPLES) unknown.push(key);
      }
      if (isByRecords && rows.matching === 0 && !isOfPerson) return;
      if (failed && rows.counts.failed === 0) return;
      if (image === undefined) {
        if (records > 0) missing.add(key, rows);
        return;
      }
      if (image.modifiedAt < changedFrom) return;
      if (image.isArchived) return archived.add(key, rows);
      images += 1;
      for (const kind of RECORD_KINDS) counts[kind] += rows.counts[kind];
      if (isByRecords) beyond += records - rows.matching;
      for (const [name, count] of Object.entries(rows.people)) people.chosen.add(name, count);
      return { key, size: image.size };
    },
    result: async () => ({
      images,
      counts,
      beyond,
      people: await topPeople(people.chosen),
      missing: await missing.total(),
      archived: await archived.total(),
      unknown: { images: unknownImages, examples: unknown },
    }),
  };
}

/** Counts records by person, in the images of the scope and in those that are left out. */
type PeopleOfImages = Readonly<Record<'chosen' | 'missing' | 'archived', TotalsByName<number>>>;
