import { z } from 'zod';
import type { Approval } from '../../approvals/approval.ts';
import { VERSION_ID_LENGTH } from '../../backup/format/digest.ts';
import { scopeReferenceSchema } from '../../run/scope/scope.ts';

/** The most records that one restore of rows can restore: an approval cannot list more. */
export const MAX_RESTORED_ROWS = 2_000;
/** How many of them are named in the approval message. */
export const MAX_NAMED_ROWS = 5;
/** How many of their changed fields are named there. */
export const MAX_NAMED_FIELDS = 10;
/** The most backups that one request can delete: its message names each of them. */
export const MAX_PRUNED = 20;

/**
 * A destructive action on the table, exactly as it is asked for, approved and carried out. `continues` is the id of an
 * interrupted job whose progress this action takes up. Records of older versions are read as well: `hold` of a flush is
 * ignored here (the approval that holds it no longer matches, so it is refused), and the mode `put-back` is `rows`.
 */
export const tableActionSchema = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('flush'),
    backupId: z.string(),
    /** Deletes only failed-image records; otherwise every record. */
    failedOnly: z.boolean(),
    /** Deletes only the records of this scope. */
    scope: scopeReferenceSchema.exactOptional(),
    /** Entries that were corrected by hand and that a rescan does not bring back, as far as that is known. */
    corrections: z
      .discriminatedUnion('kind', [
        z.object({
          kind: z.literal('counted'),
          rows: z.int(),
          fields: z.array(z.object({ name: z.string(), records: z.int() })),
          /** The backup with which the table was compared. */
          since: z.string(),
        }),
        z.object({ kind: z.literal('unknown'), because: z.enum(['no-backup', 'unreadable', 'no-time']) }),
      ])
      .exactOptional(),
    /** Deletes the table itself and creates it anew, in place of deleting every record. */
    recreate: z.literal(true).exactOptional(),
    continues: z.string().exactOptional(),
  }),
  z.object({
    kind: z.literal('restore'),
    backupId: z.string(),
    /** `rows`: single records, each only where nothing has its key, or where the version that was chosen is still there. */
    mode: z
      .enum(['merge', 'replace', 'rows', 'put-back'])
      .transform((mode): 'merge' | 'replace' | 'rows' => (mode === 'put-back' ? 'rows' : mode)),
    /** The records of mode `rows`, by their ids (see `entryId`). */
    entries: z
      .array(z.string().regex(/^(?:[g-z]|[0-9a-f]){16}$/))
      .max(MAX_RESTORED_ROWS)
      .exactOptional(),
    /** Records of mode `rows` that the version of the backup replaces, each only while the table has the version that was seen. */
    overwrites: z
      .array(z.object({ id: z.string().regex(/^[g-z]{16}$/), seen: z.string().length(VERSION_ID_LENGTH) }))
      .max(MAX_RESTORED_ROWS)
      .exactOptional(),
    /** The fields in which those differ, and in how many records, for the approval message. */
    fields: z
      .array(z.object({ name: z.string(), records: z.int() }))
      .max(MAX_NAMED_FIELDS)
      .exactOptional(),
    /** The first of all these records as people know them, for the approval message. */
    names: z.array(z.string()).max(MAX_NAMED_ROWS).exactOptional(),
    continues: z.string().exactOptional(),
  }),
  z.object({
    kind: z.literal('prune'),
    /** How many of the newest backups stay. */
    keep: z.int().min(1),
    /** Exactly these are deleted. `digest`: the sum of the digest, or of an export that was not read its ARN. */
    backups: z
      .array(z.object({ id: z.string(), records: z.int().min(0), digest: z.string() }))
      .min(1)
      .max(MAX_PRUNED),
    continues: z.string().exactOptional(),
  }),
]);
export type TableAction = z.infer<typeof tableActionSchema>;
export type KnownCorrections = NonNullable<Extract<TableAction, { kind: 'flush' }>['corrections']>;
export type PruneAction = Extract<TableAction, { kind: 'prune' }>;

/** The backup that an action relies on and that must be kept while its request is open; undefined where it is none. */
export const backupIdOf = (action: TableAction): string | undefined =>
  action.kind === 'prune' ? undefined : action.backupId;

/** With which backups an action works on which records, for the audit log. */
export function describeForAudit(action: TableAction): string {
  switch (action.kind) {
    case 'prune':
      return action.backups.map(({ id, records }) => `backup ${id} (${records} records)`).join(', ');
    case 'flush':
      return `backup ${action.backupId}, ${flushedRecords(action)}`;
    case 'restore': {
      const { entries = [], overwrites = [] } = action;
      const rows = action.mode === 'rows' ? ` (${entries.length} to add, ${overwrites.length} to overwrite)` : '';
      return `backup ${action.backupId}, mode ${action.mode}${rows}`;
    }
  }
}

function flushedRecords({ failedOnly, recreate, scope }: Extract<TableAction, { kind: 'flush' }>): string {
  if (scope) return `the records of scope ${scope.id} (${scope.images} images)`;
  if (failedOnly) return 'the failed-image records';
  return recreate ? 'the whole table' : 'every record';
}

/** How many records a restore of single records is about. */
export const rowsOf = ({ entries = [], overwrites = [] }: Extract<TableAction, { kind: 'restore' }>): number =>
  entries.length + overwrites.length;

/** An action as an approval stores it: JSON with its options in one fixed order, so that two of them can be compared. */
export const optionsOf = (action: TableAction): string => JSON.stringify(tableActionSchema.parse(action));

/** The action of an approval. @throws ZodError, SyntaxError where its options cannot be read. */
export const actionOf = ({ options }: Pick<Approval, 'options'>): TableAction =>
  tableActionSchema.parse(JSON.parse(options));
