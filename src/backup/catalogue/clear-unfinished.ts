import { AbortMultipartUploadCommand, ListMultipartUploadsCommand } from '@aws-sdk/client-s3';
import { folderOf, RECORD_NAME } from '../format/backup-record.ts';
import { type BackupLocation, deleteUnder, listFolders, OURS, readText } from './location.ts';
import { DELETION_MARKER } from './prune.ts';

/**
 * Deletes what a process that died left behind: open uploads in the location, folders of backups without a record, and what is
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
  let uploadsAborted = 0;
  const uploads = await location.s3.send(new ListMultipartUploadsCommand({ Bucket: location.bucket, Prefix: root }));
  for (const { Key, UploadId } of uploads.Uploads ?? []) {
    if (Key === undefined || UploadId === undefined || !isOld(Key.slice(root.length).split('/')[0] ?? '')) continue;
    await location.s3.send(new AbortMultipartUploadCommand({ Bucket: location.bucket, Key, UploadId }));
    uploadsAborted += 1;
  }
  const backupIds: string[] = [];
  for (const id of await listFolders(location, root)) {
    const folder = folderOf(location.prefix, id);
    if (!isOld(id) || (await readText(location, `${folder}${RECORD_NAME}`)) !== undefined) continue;
    // Exports of DynamoDB are in the same folder, and a large one takes more than a day: only what has our marker is ours. A
    // backup whose record somebody deleted by mistake has a summary: only a deletion that was begun is completed.
    const isBeingDeleted = (await readText(location, `${folder}${DELETION_MARKER}`)) !== undefined;
    const isOurs = (await readText(location, `${folder}_started`)) === OURS;
    const isWhole = (await readText(location, `${folder}manifest-summary.json`)) !== undefined;
    if (!isBeingDeleted && (!isOurs || isWhole)) continue;
    await deleteUnder(location, folder);
    backupIds.push(id);
  }
  return { backupIds, uploadsAborted };
}
