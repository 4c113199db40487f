import { z } from 'zod';
import type { RECORD_KINDS } from '../../pipeline/profile/record-kinds.ts';

/**
 * The layout of a backup, from AWS's documentation "DynamoDB table export output format":
 * `<prefix>AWSDynamoDB/<id>/data/<name>.json.gz`, `manifest-files.json`, `manifest-summary.json` with their `.checksum`
 * (base64 MD5). Ours are `rescan-backup.json` and `supplement/`.
 */
export const folderOf = (prefix: string, backupId: string) => `${prefix}AWSDynamoDB/${backupId}/`;
export const RECORD_NAME = 'rescan-backup.json';

const digestSchema = z.object({ items: z.int().min(0), sum: z.string().regex(/^[0-9a-f]{64}$/) });
const count = z.int().min(0);
const countsSchema = z.object({
  entry: count,
  'zero-hour': count,
  rejected: count,
  coverage: count,
  failed: count,
  total: count,
}) satisfies z.ZodType<Record<(typeof RECORD_KINDS)[number] | 'total', number>>;

const dataFileSchema = z.object({
  /** The key of the object in the bucket. */
  key: z.string().min(1),
  items: count,
  /** Of the stored object, base64. */
  md5: z.string(),
  etag: z.string(),
  /** Bytes as stored, and unzipped. */
  bytes: count,
  plainBytes: count,
});
export type DataFile = z.infer<typeof dataFileSchema>;

const verificationSchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('unverified'), reason: z.string(), objectKey: z.string().optional() }),
  z.object({ kind: z.literal('verified'), at: z.number() }),
]);
/** Whether the backup was read back from S3 with an equal digest; `at` is epoch ms. */
export type Verification = z.infer<typeof verificationSchema>;

export const recordSchema = z.object({
  format: z.literal('rescan-backup/1'),
  id: z.string().min(1),
  /** `safety`: made by a restore before it writes. */
  purpose: z.enum(['backup', 'safety']),
  table: z.object({
    arn: z.string().min(1),
    account: z.string(),
    region: z.string(),
    name: z.string(),
    keys: z
      .array(z.object({ name: z.string(), type: z.enum(['S', 'N', 'B']), role: z.enum(['HASH', 'RANGE']) }))
      .min(1),
    indexes: z.array(z.object({ name: z.string(), keys: z.array(z.string()) })),
    billing: z.enum(['on-demand', 'provisioned']),
  }),
  /** Epoch ms. */
  startedAt: z.number(),
  endedAt: z.number(),
  by: z.string(),
  note: z.string().optional(),
  /** The job that made it: a process that finds the job of one that died finds the backup by this. */
  jobId: z.string().exactOptional(),
  /** DynamoDB exported it; `startedAt` is the moment whose state it has. The files are those of the export. */
  exportArn: z.string().exactOptional(),
  digest: digestSchema,
  counts: countsSchema,
  /** See `kindRulesOf`. Counts of a backup that was made by other rules cannot be compared. */
  kindRules: z.string().exactOptional(),
  /** None only of the export of an empty table. */
  files: z.array(dataFileSchema),
  verification: verificationSchema,
  /** The flush of the whole table that finished with this backup, until this backup is restored. `at` is epoch ms. */
  usedBy: z.object({ jobId: z.string(), at: z.number() }).exactOptional(),
});
/** The content of `rescan-backup.json`. */
export type BackupRecord = z.infer<typeof recordSchema>;

/** @throws ZodError or SyntaxError when the text is not the record of a backup. */
export const parseBackupRecord = (text: string): BackupRecord => recordSchema.parse(JSON.parse(text));

/** Bytes of the data files, as stored in S3. */
export const storedBytes = ({ files }: { readonly files: readonly Pick<DataFile, 'bytes'>[] }): number =>
  files.reduce((sum, file) => sum + file.bytes, 0);

/** `manifest-files.json`: one line for each data file. */
export const manifestFiles = (record: BackupRecord): string =>
  record.files
    .map((file) =>
      JSON.stringify({ itemCount: file.items, md5Checksum: file.md5, etag: file.etag, dataFileS3Key: file.key }),
    )
    .map((line) => `${line}\n`)
    .join('');

/** `manifest-summary.json`. AWS made no export, so the ARN is the one that such an export would have. */
export const manifestSummary = (record: BackupRecord, location: { bucket: string; prefix: string }): string =>
  JSON.stringify({
    version: '2020-06-30',
    exportArn: `${record.table.arn}/export/${record.id}`,
    startTime: new Date(record.startedAt).toISOString(),
    endTime: new Date(record.endedAt).toISOString(),
    tableArn: record.table.arn,
    tableId: null,
    exportTime: new Date(record.startedAt).toISOString(),
    s3Bucket: location.bucket,
    s3Prefix: location.prefix === '' ? null : location.prefix.replace(/\/$/, ''),
    s3SseAlgorithm: null,
    s3SseKmsKeyId: null,
    manifestFilesS3Key: `${folderOf(location.prefix, record.id)}manifest-files.json`,
    billedSizeBytes: 0,
    itemCount: record.digest.items,
    outputFormat: 'DYNAMODB_JSON',
    exportType: 'FULL_EXPORT',
  });

/** Ids sort by time, as AWS's do: 14 digits of epoch ms, then 8 random hexadecimal digits. */
export const newBackupId = (now: number, random: () => number): string =>
  `${String(Math.floor(now)).padStart(14, '0')}-${Array.from({ length: 8 }, () => Math.floor(random() * 16).toString(16)).join('')}`;

/** `01795940251867-e61dfd26` → `b-e61dfd26`: the form that people read and type. An id of another form stays as it is. */
export const shortBackupId = (backupId: string): string => backupId.replace(/^\d{14}-([0-9a-f]+)$/, 'b-$1');
