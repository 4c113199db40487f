import { z } from 'zod';
import { type BackupLocation, md5Base64, readText } from '../catalogue/location.ts';
import { BackupDamagedError } from '../errors.ts';
import { folderOf } from '../format/backup-record.ts';

const count = z.int().min(0);
/** `manifest-summary.json` of a full export (DynamoDB developer guide, "DynamoDB table export output format"). */
const summarySchema = z.looseObject({
  exportArn: z.string().min(1),
  tableArn: z.string().min(1),
  exportTime: z.iso.datetime({ offset: true }),
  endTime: z.iso.datetime({ offset: true }),
  manifestFilesS3Key: z.string().min(1),
  itemCount: count,
  outputFormat: z.literal('DYNAMODB_JSON'),
  exportType: z.literal('FULL_EXPORT').default('FULL_EXPORT'),
});
/** A line of `manifest-files.json`. */
const fileSchema = z.looseObject({
  itemCount: count,
  md5Checksum: z.string().min(1),
  etag: z.string().min(1),
  dataFileS3Key: z.string().min(1),
});

export interface ExportManifests {
  /** Epoch ms. */
  readonly exportTime: number;
  readonly endTime: number;
  readonly items: number;
  readonly files: readonly z.infer<typeof fileSchema>[];
}

/**
 * Reads the manifests of an export. When it resolves, both have the MD5 in the checksum file beside them, they are of this export and
 * this table, and the items of the files add up to the count in the summary and to the one that DynamoDB reports.
 * @throws BackupDamagedError naming the object; BackupLocationError.
 */
export async function readManifests(
  location: BackupLocation,
  expected: { readonly id: string; readonly exportArn: string; readonly tableArn: string; readonly items: number },
): Promise<ExportManifests> {
  const folder = folderOf(location.prefix, expected.id);
  const damaged = (key: string, reason: string, cause?: unknown) =>
    new BackupDamagedError(expected.id, key, reason, cause);

  async function readChecked(key: string): Promise<string> {
    const checksumKey = key.replace(/\.json$/, '.checksum');
    const text = await readText(location, key);
    const checksum = await readText(location, checksumKey);
    if (text === undefined) throw damaged(key, 'it does not exist');
    if (checksum === undefined) throw damaged(checksumKey, 'it does not exist');
    if (md5Base64(text) !== checksum.trim()) throw damaged(key, 'its MD5 is not the one in its checksum file');
    return text;
  }
  function parsed<T>(schema: z.ZodType<T>, key: string, text: string, where: string): T {
    try {
      return schema.parse(JSON.parse(text));
    } catch (error) {
      throw damaged(key, `${where} is not as DynamoDB writes it`, error);
    }
  }

  const summaryKey = `${folder}manifest-summary.json`;
  const summary = parsed(summarySchema, summaryKey, await readChecked(summaryKey), 'it');
  if (summary.exportArn !== expected.exportArn) throw damaged(summaryKey, `it is of export ${summary.exportArn}`);
  if (summary.tableArn !== expected.tableArn) throw damaged(summaryKey, `it is of table ${summary.tableArn}`);
  const filesKey = summary.manifestFilesS3Key;
  const lines = (await readChecked(filesKey)).split('\n').filter((line) => line.trim() !== '');
  const files = lines.map((line, index) => parsed(fileSchema, filesKey, line, `line ${index + 1}`));
  const items = files.reduce((sum, file) => sum + file.itemCount, 0);
  if (items !== summary.itemCount)
    throw damaged(filesKey, `its files have ${items} items in all, and the summary says ${summary.itemCount}`);
  if (items !== expected.items)
    throw damaged(summaryKey, `it has ${items} items, and DynamoDB reports ${expected.items}`);
  return { exportTime: Date.parse(summary.exportTime), endTime: Date.parse(summary.endTime), items, files };
}
