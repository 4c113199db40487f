import { z } from 'zod';
import type { ProfilePart } from '../../pipeline/profile/profile.ts';

export const MOST_PEOPLE = 100;
/** How many names of a list are shown. */
const NAMED = 5;

const date = z.string().regex(/^\d{4}-\d{2}-\d{2}$/);

/**
 * Which images and records a rescan covers. All criteria that are given must hold. `people`, `from` and `to` are read from the
 * records of an image; `from` and `to` are dates, both included.
 */
const criteriaSchema = z.object({
  people: z.array(z.string()).min(1).max(MOST_PEOPLE).readonly().exactOptional(),
  /** Exact keys: how many, and the first of them. */
  images: z.object({ total: z.number(), first: z.array(z.string()).readonly() }).exactOptional(),
  from: date.exactOptional(),
  to: date.exactOptional(),
  /** Images that have a failed-image record in the table. */
  failed: z.literal(true).exactOptional(),
  /** Images that were written to the bucket since this day, 00:00 UTC. */
  changedSince: date.exactOptional(),
});
export type ScopeCriteria = Readonly<z.infer<typeof criteriaSchema>>;

/** The criteria as they are asked for: with every key of `images`. */
export interface ScopeRequest extends Omit<ScopeCriteria, 'images'> {
  readonly images?: readonly string[];
}

/** What is stored of a request: the control table does not take a long list. */
export const criteriaOf = ({ images, ...criteria }: ScopeRequest): ScopeCriteria =>
  images === undefined ? criteria : { ...criteria, images: { total: images.length, first: images.slice(0, NAMED) } };

const count = z.number().int().nonnegative();

const peopleSchema = z.object({
  total: count,
  top: z.array(z.object({ name: z.string(), records: count })),
});
export type ScopePeople = Readonly<z.infer<typeof peopleSchema>>;

/** Images that the rescan cannot read, and the records that name them (failed images not counted). These records stay. */
const leftOutSchema = z.object({
  images: count,
  records: count,
  /** Up to five keys. */
  examples: z.array(z.string()),
  people: peopleSchema,
  /** The first day of the oldest of these records, `YYYY-MM-DD`. */
  oldestDay: z.string().exactOptional(),
});
export type LeftOut = Readonly<z.infer<typeof leftOutSchema>>;

/**
 * A scope as it was resolved. Its images are frozen in a manifest in S3. A record belongs to the scope when it names one of these
 * images.
 */
export const scopeSchema = z.object({
  id: z.string(),
  criteria: criteriaSchema,
  by: z.string(),
  /** Epoch ms. */
  at: z.number(),
  /** Images of the manifest, and their bytes. */
  images: count,
  bytes: z.number().nonnegative(),
  /** The SHA-256 of the manifest's list of parts: the same images have the same value. */
  sha256: z.string(),
  /** Records that name an image of the scope, by kind. */
  records: z.object({
    entry: count,
    'zero-hour': count,
    rejected: count,
    coverage: count,
    failed: count,
    total: count,
  }),
  /** Of these records, those that do not meet the criteria themselves: the rescan of their image replaces them, too. */
  beyond: count,
  /** The people of these records; the names with the most records first. */
  people: peopleSchema,
  /** Records that meet the criteria and name no image, without coverage and failed images: they stay. */
  nameless: count,
  /** Images that are named by records that meet the criteria and are not in the bucket any more. */
  missing: leftOutSchema,
  /** Images in an archive class of S3 without a restored copy. */
  archived: leftOutSchema,
  /** Records of the table that do not belong to the scope: they stay. */
  others: count,
});
export type Scope = Readonly<z.infer<typeof scopeSchema>>;

/** What a flush is bound to: the images of a scope, and how many records named them when it was resolved. */
export const scopeReferenceSchema = z.object({ id: z.string(), sha256: z.string(), images: count, records: count });
export type ScopeReference = Readonly<z.infer<typeof scopeReferenceSchema>>;
export const referenceTo = ({ id, sha256, images, records }: Scope): ScopeReference => ({
  id,
  sha256,
  images,
  records: records.total,
});

/** Why there is no scope. */
export type ScopeRefusal =
  /** `suggestions`: the names of the table that are near. */
  | {
      readonly reason: 'unknown-people';
      readonly people: readonly { readonly name: string; readonly suggestions: readonly string[] }[];
    }
  /** The profile of the pipeline does not say where this is found in a record. */
  | { readonly reason: 'profile-lacks'; readonly what: ProfilePart; readonly profile: string }
  /** No key is exactly the one that was typed, and several look like it. */
  | { readonly reason: 'look-alike-images'; readonly typed: string; readonly names: readonly string[] }
  | { readonly reason: 'unknown-images'; readonly images: readonly string[]; readonly total: number }
  | {
      readonly reason: 'empty-scope';
      readonly missing: LeftOut;
      readonly archived: LeftOut;
      readonly nameless: number;
    };

/** The criteria as text, with at most five names of each list: `people Ana Bel, Bob Ray; from 2025-09-01 to 2025-09-30`. */
export function describeScope({ people, images, from, to, failed, changedSince }: ScopeCriteria): string {
  const list = (names: readonly string[], total = names.length) =>
    `${names.slice(0, NAMED).join(', ')}${total > NAMED ? `, and ${total - NAMED} more` : ''}`;
  const criteria = [
    ...(people ? [`people ${list(people)}`] : []),
    ...(images ? [`images ${list(images.first, images.total)}`] : []),
    ...(from !== undefined || to !== undefined
      ? [[...(from === undefined ? [] : [`from ${from}`]), ...(to === undefined ? [] : [`to ${to}`])].join(' ')]
      : []),
    ...(failed ? ['images that failed'] : []),
    ...(changedSince === undefined ? [] : [`images changed since ${changedSince}`]),
  ];
  return criteria.length === 0 ? 'every image that can be read' : criteria.join('; ');
}
/** Whether the criteria include every image that can be read. */
export const coversEverything = ({ people, images, from, to, failed, changedSince }: ScopeCriteria): boolean =>
  [people, images, from, to, failed, changedSince].every((criterion) => criterion === undefined);
