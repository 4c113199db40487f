import { paginateListObjectsV2, type S3Client } from '@aws-sdk/client-s3';
import { asFaultError } from '../../pipeline/aws.ts';
import type { ManifestEntry } from '../model/types.ts';
import {
  type ManifestIndex,
  type ManifestLocation,
  readManifest,
  readManifestIndex,
  writeManifest,
} from './manifest.ts';
import type { PlannedImage } from './neighbours.ts';

/** The manifests of all runs or of all scopes, each in a folder of its own. */
export interface ManifestStore {
  /** See `writeManifest`. */
  write(id: string, images: AsyncIterable<PlannedImage>): Promise<ManifestIndex>;
  /** See `readManifestIndex`. */
  index(id: string): Promise<ManifestIndex>;
  /** The ids for which anything is in the bucket. @throws FaultError */
  ids(): Promise<readonly string[]>;
  /** The entries from the number `from` on. See `readManifestIndex` and `readManifest` for the errors. */
  read(id: string, from: number): AsyncIterable<ManifestEntry>;
}

/**
 * @param prefix The prefix of the bot in the control bucket, with its slash at the end.
 * @param folder The folder of what the images belong to.
 */
export function createManifestStore(
  s3: S3Client,
  { bucket, prefix }: ManifestLocation,
  folder: 'runs' | 'scopes' = 'runs',
): ManifestStore {
  const locationOf = (id: string): ManifestLocation => ({ bucket, prefix: `${prefix}${folder}/${id}/manifest/` });
  return {
    write: (id, images) => writeManifest(s3, locationOf(id), images),
    index: (id) => readManifestIndex(s3, locationOf(id)),
    async ids() {
      const Prefix = `${prefix}${folder}/`;
      const pages = paginateListObjectsV2({ client: s3 }, { Bucket: bucket, Prefix, Delimiter: '/' });
      const ids: string[] = [];
      try {
        for await (const { CommonPrefixes = [] } of pages)
          for (const found of CommonPrefixes) ids.push((found.Prefix ?? '').slice(Prefix.length, -1));
      } catch (error) {
        throw asFaultError(error, { service: 's3', action: 's3:ListBucket', resource: bucket });
      }
      return ids;
    },
    async *read(id, from) {
      const location = locationOf(id);
      yield* readManifest(s3, location, await readManifestIndex(s3, location), from);
    },
  };
}
