import { z } from 'zod';
import { FAILURE_ATTRIBUTES } from './failure-names.ts';
import { RECORD_KINDS } from './record-kinds.ts';

/**
 * What the bot has to know about the records, the replies and the image keys of one pipeline (docs/profiles.md). The names and types of
 * the table's key are not part of it: they are read from the table.
 */

const name = z.string('a name').min(1, 'a name of at least 1 character').max(255, 'a name of at most 255 characters');
const kind = z.enum(RECORD_KINDS, `one of ${RECORD_KINDS.join(', ')}`);

/** It stands in messages as it is. */
const short = z.string('a text').regex(/^[\p{L}\p{N} €$£%.-]{0,20}$/u, 'up to 20 letters, digits or € $ £ % . -');

/** What must be true of one attribute, or of a key attribute whatever it is called. */
const conditionSchema = z.union(
  [
    z.strictObject({ attribute: name, exists: z.boolean() }),
    z.strictObject({ attribute: name, is: z.union([z.string(), z.boolean()]) }),
    z.strictObject({ attribute: name, startsWith: z.string().min(1) }),
    z.strictObject({ key: z.enum(['partition', 'sort']), startsWith: z.string().min(1) }),
  ],
  '`attribute` with `exists`, `is` or `startsWith`, or `key: sort` (or `partition`) with `startsWith`',
);
export type Condition = z.infer<typeof conditionSchema>;

/** A record is of this kind when all conditions hold, and no rule before this one. */
const ruleSchema = z.strictObject({
  kind,
  when: z.array(conditionSchema, 'a list of conditions').min(1, 'at least one condition'),
});
export type KindRule = z.infer<typeof ruleSchema>;

/** A regular expression with at least one group. */
const pattern = z.string('a regular expression').refine(hasGroup, 'a regular expression with a group in parentheses');

function hasGroup(source: string): boolean {
  try {
    // The alternative that matches the empty text tells how many groups there are.
    return (new RegExp(`${source}|`, 'su').exec('')?.length ?? 0) > 1;
  } catch {
    return false;
  }
}

/** JSON with the texts `{bucket}` and `{key}` where these go. */
const payload = z
  .json('JSON')
  .refine(
    (value) => JSON.stringify(value).includes('{key}'),
    'JSON with the text {key} where the key of the image goes',
  );

/** The names of the attributes in the body of a reply. One that is left out is not read. */
const replySchema = z.strictObject({
  /** The number of stored records. Without it no reply can be compared with the table. */
  entries: name.optional(),
  person: name.optional(),
  /** A text with the first and the last day of what was read, `YYYY-MM-DD`. */
  dates: name.optional(),
  /** True where the function rejected the image. */
  rejected: name.optional(),
  reason: name.optional(),
  status: name.optional(),
  /** In USD. */
  cost: name.optional(),
  /** An object with `valid` and `errors`. */
  validation: name.optional(),
});

const personSchema = z.strictObject({
  /** The attribute with the person; without it the partition key names the person. */
  attribute: name.optional(),
  /** The person ends before this text: `Nik_Coultas#2025-10` is of `Nik_Coultas`. */
  until: z.string().min(1).optional(),
  /** How the partition key writes the spaces of a name in a reply. */
  spaces: z.string().optional(),
  /** The attribute with the name as people write it. */
  displayName: name.optional(),
  /** The column with the person in the CSV of a run. */
  column: name.default('Person'),
});

const dateSchema = z
  .strictObject({
    day: name.optional(),
    firstDay: name.optional(),
    lastDay: name.optional(),
    /** The first `YYYY-MM-DD` in the sort key is the day where `day` is absent. */
    inSortKey: z.boolean('true or false').optional(),
  })
  .refine(({ day, firstDay, inSortKey }) => Boolean(day ?? firstDay ?? inSortKey), 'day, firstDay or inSortKey');

/** The records of failed images. Each name of an attribute occurs once. */
const failedSchema = z
  .strictObject({
    /** The text in `RecordType` by which they are recognised; their partition key begins with it, too. */
    mark: name.default('FAILED_IMAGE'),
    /** Attributes that the pipeline calls differently: the name in the bot's failure logging, and that in the table. */
    names: z
      .partialRecord(z.enum(FAILURE_ATTRIBUTES), name, `a map of names, with keys of ${FAILURE_ATTRIBUTES.join(', ')}`)
      .default({}),
  })
  .refine(({ names }) => {
    const used = FAILURE_ATTRIBUTES.map((attribute) => names[attribute] ?? attribute);
    return new Set(used).size === used.length;
  }, 'names of which no two are equal');

const PLACES = ['person', 'first-day'] as const;

const NEEDS = { person: 'person', 'first-day': 'dates' } as const;

export const profileSchema = z
  .strictObject({
    name: z.string('a name of a-z 0-9 -').regex(/^[a-z][a-z0-9-]{0,40}$/, 'a name of a-z 0-9 -'),
    invocation: z.strictObject({ payload }),
    reply: replySchema,
    kinds: z.array(ruleSchema, 'a list of rules'),
    /** Kinds that count as growth of the table: entries always, records of failed images never. */
    growth: z
      .array(kind.exclude(['failed'], 'one of entry, zero-hour, rejected, coverage'), 'a list of kinds')
      .refine((kinds) => kinds.includes('entry'), 'a list of kinds with entry'),
    record: z.strictObject({
      /** The attribute that names the image of a record. */
      image: name,
      /** The attribute with the time at which the function wrote the record, ISO 8601. */
      writtenAt: name.optional(),
      /** The attribute with what people add up, and its unit. */
      amount: z
        .strictObject({
          attribute: name,
          /** Behind a number in a table: `h`. */
          unit: short.default(''),
          /** Behind a number in a sentence: `hours`. The unit where it is absent. */
          noun: short.optional(),
        })
        .optional(),
      /** An attribute besides the key whose correction moves a record. */
      code: name.optional(),
    }),
    failed: failedSchema.prefault({}),
    person: personSchema.optional(),
    date: dateSchema.optional(),
    /** Where the key of an image names a person and a month. The groups of the expression are joined with `-`. */
    imageKey: z.strictObject({ person: pattern.optional(), month: pattern.optional() }).default({}),
    /** Images that are equal in all of these replace each other's records, so they never run at the same moment. Empty: none do. */
    together: z.array(z.enum(PLACES, `one of ${PLACES.join(', ')}`), 'a list').default([]),
    /** Fields that differ after every run; `OCR*` stands for every name that begins with `OCR`. */
    noise: z.array(name, 'a list of names').default([]),
    /** A field that is empty on one side and absent on the other has not changed. */
    emptyIsAbsent: z.boolean('true or false').default(true),
    /** The file of the package with the line `VERSION=…`. */
    versionFile: name.default('OCR_VERSION.txt'),
    /** What records of a kind are called, one and several. */
    labels: z
      .partialRecord(kind, z.tuple([name, name], 'two names: of one, and of several'), 'a map of kinds')
      .default({}),
  })
  .superRefine(({ together, reply }, context) => {
    for (const [at, place] of together.entries())
      if (reply[NEEDS[place]] === undefined)
        context.addIssue({
          code: 'custom',
          path: ['together', at],
          message: `a place that a reply names, so reply.${NEEDS[place]} is needed`,
        });
  });

export type Profile = z.infer<typeof profileSchema>;
export type ReplyNames = z.infer<typeof replySchema>;
export type Payload = Profile['invocation']['payload'];

/** What a profile may leave out, so that a feature is missing. */
export type ProfilePart = 'person' | 'date';
