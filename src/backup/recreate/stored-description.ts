import {
  digestOfDescription,
  type FullDescription,
  fullDescriptionSchema,
} from '../../pipeline/whole-table/description.ts';
import { type BackupLocation, readText, writeObject } from '../catalogue/location.ts';
import { BackupDamagedError } from '../errors.ts';
import { folderOf } from '../format/backup-record.ts';

/** Where the description of a table is kept beside its backup, until the table is as it was and afterwards. */
const keysOf = (location: BackupLocation, backupId: string, jobId: string) => {
  const folder = `${folderOf(location.prefix, backupId)}table/${jobId}/`;
  return { description: `${folder}description.json`, create: `${folder}create-table.json` };
};

/** The same as `s3://bucket/key`, for people. */
export function descriptionUris(location: BackupLocation, backupId: string, jobId: string) {
  const { description, create } = keysOf(location, backupId, jobId);
  return { descriptionUri: `s3://${location.bucket}/${description}`, createUri: `s3://${location.bucket}/${create}` };
}

/**
 * Writes the description, and the input of CreateTable as a file of its own for `aws dynamodb create-table --cli-input-json`.
 * When it resolves both are in S3 and were read back. @throws BackupDamagedError, BackupLocationError, the SDK's error.
 */
export async function storeDescription(
  location: BackupLocation,
  backupId: string,
  jobId: string,
  description: FullDescription,
): Promise<void> {
  const keys = keysOf(location, backupId, jobId);
  const create = JSON.stringify(description.create, undefined, 2);
  await writeObject(location, keys.create, create);
  await writeObject(location, keys.description, JSON.stringify(description, undefined, 2));
  if ((await readText(location, keys.create)) !== create)
    throw new BackupDamagedError(backupId, keys.create, 'what was read back is not what was written');
  await readDescription(location, backupId, jobId, digestOfDescription(description));
}

/** The stored description. @throws BackupDamagedError where it is missing or does not have this digest; the SDK's error. */
export async function readDescription(
  location: BackupLocation,
  backupId: string,
  jobId: string,
  digest: string,
): Promise<FullDescription> {
  const { description: key } = keysOf(location, backupId, jobId);
  const text = await readText(location, key);
  if (text === undefined) throw new BackupDamagedError(backupId, key, 'it is missing');
  let stored: FullDescription;
  try {
    stored = fullDescriptionSchema.parse(JSON.parse(text));
  } catch (error) {
    throw new BackupDamagedError(backupId, key, 'it is not the description of a table', error);
  }
  if (digestOfDescription(stored) !== digest)
    throw new BackupDamagedError(backupId, key, 'its digest is not the one on record');
  return stored;
}
