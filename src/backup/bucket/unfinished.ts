import { AbortMultipartUploadCommand, ListMultipartUploadsCommand } from '@aws-sdk/client-s3';
import { folderOf, RECORD_NAME } from '../model/format.ts';
import { type BackupPlace, deleteUnder, listFolders, readText } from './place.ts';

/**
 * Clears what a process that died left behind: open uploads below the place, and folders of backups that never got a record.
 * Only those that began more than `olderThanMs` ago, so that a backup under way in another process is left alone.
 * @returns the ids cleared and how many uploads were aborted.
 */
export async function clearUnfinished(
  place: BackupPlace,
  rule: { readonly now: number; readonly olderThanMs: number },
): Promise<{ readonly backupIds: readonly string[]; readonly uploadsAborted: number }> {
  const root = `${place.prefix}AWSDynamoDB/`;
  const isOld = (id: string) => /^\d{14}-/.test(id) && rule.now - Number(id.slice(0, 14)) > rule.olderThanMs;
  let uploadsAborted = 0;
  const uploads = await place.s3.send(new ListMultipartUploadsCommand({ Bucket: place.bucket, Prefix: root }));
  for (const { Key, UploadId } of uploads.Uploads ?? []) {
    if (Key === undefined || UploadId === undefined || !isOld(Key.slice(root.length).split('/')[0] ?? '')) continue;
    await place.s3.send(new AbortMultipartUploadCommand({ Bucket: place.bucket, Key, UploadId }));
    uploadsAborted += 1;
  }
  const backupIds: string[] = [];
  for (const id of await listFolders(place, root)) {
    const folder = folderOf(place.prefix, id);
    if (!isOld(id) || (await readText(place, `${folder}${RECORD_NAME}`)) !== undefined) continue;
    // AWS's own exports lie in the same folder and have no record of ours; they have a summary.
    if ((await readText(place, `${folder}manifest-summary.json`)) !== undefined) continue;
    await deleteUnder(place, folder);
    backupIds.push(id);
  }
  return { backupIds, uploadsAborted };
}
