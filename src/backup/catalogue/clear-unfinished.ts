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
  /** What is known of each folder: it is read once. */
  const folders = new Map<string, Promise<{ readonly isOurs: boolean; readonly isBeingDeleted: boolean }>>();
  async function readMarkers(id: string) {
    const folder = folderOf(location.prefix, id);
    return {
      isOurs: (await readText(location, `${folder}_started`)) === OURS,
      isBeingDeleted: (await readText(location, `${folder}${DELETION_MARKER}`)) !== undefined,
    };
  }
  function markersOf(id: string): ReturnType<typeof readMarkers> {
    const markers = folders.get(id) ?? readMarkers(id);
    folders.set(id, markers);
    return markers;
  }
  let uploadsAborted = 0;
  for await (const { Key, UploadId } of openUploads(location, root)) {
    const id = Key.slice(root.length).split('/')[0] ?? '';
    if (!isOld(id)) continue;
    // Exports of DynamoDB are in the same folder, and a large one takes more than a day: only what has our markers is ours.
    const { isOurs, isBeingDeleted } = await markersOf(id);
    if (!isOurs && !isBeingDeleted) continue;
    await location.s3.send(new AbortMultipartUploadCommand({ Bucket: location.bucket, Key, UploadId }));
    uploadsAborted += 1;
  }
  const backupIds: string[] = [];
  for (const id of await listFolders(location, root)) {
    const folder = folderOf(location.prefix, id);
    if (!isOld(id) || (await readText(location, `${folder}${RECORD_NAME}`)) !== undefined) continue;
    // A backup whose record somebody deleted by mistake has a summary: only a deletion that was begun is completed.
    const { isOurs, isBeingDeleted } = await markersOf(id);
    const isWhole = (await readText(location, `${folder}manifest-summary.json`)) !== undefined;
    if (!isBeingDeleted && (!isOurs || isWhole)) continue;
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
