import {
  AbortMultipartUploadCommand,
  ListMultipartUploadsCommand,
  type ListMultipartUploadsCommandOutput,
} from '@aws-sdk/client-s3';
import { defined } from '../../lib/defined.ts';
import { folderOf, RECORD_NAME } from '../format/backup-record.ts';
import { type BackupLocation, deleteUnder, listFolders, OURS, readText } from './location.ts';
import { DELETION_MARKER } from './prune.ts';

/**
 * Deletes what a process that died left behind: open uploads and folders of our own backups without a record, and what is
 * left of a backup whose deletion was interrupted. Only those that are older than `olderThanMs`: another process may be making
 * a backup now.
 * @returns the ids of the deleted folders and the number of aborted uploads.
 */
export async function clearUnfinished(
  location: BackupLocation,
  rule: { readonly now: number; readonly olderThanMs: number },
): Promise<{ readonly backupIds: readonly string[]; readonly uploadsAborted: number }> {
  const root = `${location.prefix}AWSDynamoDB/`;
  const isOld = (id: string) => /^\d{14}-/.test(id) && rule.now - Number(id.slice(0, 14)) > rule.olderThanMs;
  const ours = new Map<string, boolean>();
  /** Exports of DynamoDB are in the same folder, and a large one takes more than a day: only what has our marker is ours. */
  async function isOurs(id: string): Promise<boolean> {
    const known = ours.get(id);
    if (known !== undefined) return known;
    const found = (await readText(location, `${folderOf(location.prefix, id)}_started`)) === OURS;
    ours.set(id, found);
    return found;
  }
  let uploadsAborted = 0;
  for await (const { Key, UploadId } of openUploads(location, root)) {
    const id = Key.slice(root.length).split('/')[0] ?? '';
    if (!isOld(id) || !(await isOurs(id))) continue;
    await location.s3.send(new AbortMultipartUploadCommand({ Bucket: location.bucket, Key, UploadId }));
    uploadsAborted += 1;
  }
  const backupIds: string[] = [];
  for (const id of await listFolders(location, root)) {
    const folder = folderOf(location.prefix, id);
    if (!isOld(id) || (await readText(location, `${folder}${RECORD_NAME}`)) !== undefined) continue;
    // A backup whose record somebody deleted by mistake has a summary: only a deletion that was begun is completed.
    const isBeingDeleted = (await readText(location, `${folder}${DELETION_MARKER}`)) !== undefined;
    const isWhole = (await readText(location, `${folder}manifest-summary.json`)) !== undefined;
    if (!isBeingDeleted && (!(await isOurs(id)) || isWhole)) continue;
    await deleteUnder(location, folder);
    backupIds.push(id);
  }
  return { backupIds, uploadsAborted };
}

/** The open uploads of keys that start with `prefix`, page by page (S3 returns up to 1,000 at once). */
async function* openUploads(
  location: BackupLocation,
  prefix: string,
): AsyncGenerator<{ readonly Key: string; readonly UploadId: string }> {
  let page: ListMultipartUploadsCommandOutput | undefined;
  do {
    const { NextKeyMarker: KeyMarker, NextUploadIdMarker: UploadIdMarker } = page ?? {};
    page = await location.s3.send(
      new ListMultipartUploadsCommand(defined({ Bucket: location.bucket, Prefix: prefix, KeyMarker, UploadIdMarker })),
    );
    for (const { Key, UploadId } of page.Uploads ?? [])
      if (Key !== undefined && UploadId !== undefined) yield { Key, UploadId };
    // Without a marker the same page would come again.
  } while (page.IsTruncated && page.NextKeyMarker !== undefined);
}
