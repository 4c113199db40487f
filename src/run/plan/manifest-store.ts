import type { S3Client } from '@aws-sdk/client-s3';
import type { ListedImage } from '../../pipeline/images.ts';
import type { ManifestEntry } from '../model/types.ts';
import {
  type ManifestIndex,
  type ManifestLocation,
  readManifest,
  readManifestIndex,
  writeManifest,
} from './manifest.ts';

/** The manifests of all runs, each in a folder of its run. */
export interface ManifestStore {
  /** See `writeManifest`. */
  write(runId: string, images: AsyncIterable<ListedImage>): Promise<ManifestIndex>;
  /** The entries of a run from the number `from` on. See `readManifestIndex` and `readManifest` for the errors. */
  read(runId: string, from: number): AsyncIterable<ManifestEntry>;
}

/** @param prefix The prefix of the bot in the control bucket, with its slash at the end. */
export function createManifestStore(s3: S3Client, { bucket, prefix }: ManifestLocation): ManifestStore {
  const locationOf = (runId: string): ManifestLocation => ({ bucket, prefix: `${prefix}runs/${runId}/manifest/` });
  return {
    write: (runId, images) => writeManifest(s3, locationOf(runId), images),
    async *read(runId, from) {
      const location = locationOf(runId);
      yield* readManifest(s3, location, await readManifestIndex(s3, location), from);
    },
  };
}
