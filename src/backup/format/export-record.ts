import { z } from 'zod';
import { FaultError } from '../../pipeline/fault.ts';
import { type BackupRecord, parseBackupRecord, recordSchema } from './backup-record.ts';

const count = z.int().min(0);
const exportedFileSchema = z.object({
  /** The key of the object in the bucket. */
  key: z.string().min(1),
  items: count,
  /** By DynamoDB's manifest: of the stored object, base64. */
  md5: z.string(),
  etag: z.string(),
  /** Bytes as stored. */
  bytes: count,
});

const checkSchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('unverified'), reason: z.string(), objectKey: z.string().optional() }),
  z.object({
    kind: z.literal('sampled'),
    /** Epoch ms. */
    at: z.number(),
    /** So many records of the export were compared with the table, out of so many files. */
    sampled: count,
    files: count,
    /** Those of them that the table had exactly as exported. */
    same: count,
  }),
]);

const exportSchema = z.object({
  format: z.literal('rescan-export/1'),
  id: z.string().min(1),
  purpose: z.literal('backup'),
  table: recordSchema.shape.table,
  exportArn: z.string().min(1),
  /** The moment whose state the export has, epoch ms. */
  startedAt: z.number(),
  endedAt: z.number(),
  by: z.string(),
  note: z.string().optional(),
  jobId: z.string().exactOptional(),
  counts: z.object({ total: count }),
  files: z.array(exportedFileSchema),
  verification: checkSchema,
});

/**
 * The content of `rescan-backup.json` of a DynamoDB export that the bot has checked and not read in full, so that there is neither a
 * digest nor a count by kind. Whoever needs its records reads it in full first (`openBackup`), and it becomes a `BackupRecord`.
 */
export type ExportRecord = z.infer<typeof exportSchema>;
export type ExportedFile = z.infer<typeof exportedFileSchema>;

/** What the catalogue holds. */
export type CatalogueEntry = BackupRecord | ExportRecord;

const formatSchema = z.looseObject({ format: z.string() });

/**
 * @throws ZodError or SyntaxError when the text is not the record of a backup or an export; FaultError when a newer version of the bot
 * wrote it
 */
export function parseEntry(text: string): CatalogueEntry {
  const { format } = formatSchema.parse(JSON.parse(text));
  const [, version] = /^rescan-(?:backup|export)\/(\d+)$/.exec(format) ?? [];
  if (Number(version) > 1)
    throw new FaultError({
      reason: 'configuration',
      message: `A newer version of the bot made this backup: its record has the format ${format}, and this version reads format 1. Nothing was changed.`,
      fix: 'Run the newer version of the bot. The data files have the format of an export of DynamoDB, so AWS can import them, too.',
    });
  return format === 'rescan-export/1' ? exportSchema.parse(JSON.parse(text)) : parseBackupRecord(text);
}

export const isUnread = (entry: CatalogueEntry): entry is ExportRecord => !('digest' in entry);

/** Whether DynamoDB made it, read in full since or not. */
export const isExport = (entry: CatalogueEntry): boolean => entry.exportArn !== undefined;

/** Tells two contents apart: the digest, or the export where it was not read in full. */
export const contentOf = (entry: CatalogueEntry): string => (isUnread(entry) ? entry.exportArn : entry.digest.sum);
