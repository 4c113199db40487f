import { createHash } from 'node:crypto';
import type { RecordShape } from '../../pipeline/table/records.ts';
import type { ManifestEntry } from '../model/types.ts';
import { ManifestError, type ManifestIndex } from '../plan/manifest.ts';
import type { ManifestStore } from '../plan/manifest-store.ts';
import type { ScopeReference } from './scope.ts';
import { createScopeFilter, type ScopeFilter } from './scope-filter.ts';

/** The same images in the same order have the same value. */
export const hashOfImages = ({ parts }: Pick<ManifestIndex, 'parts'>): string =>
  createHash('sha256').update(JSON.stringify(parts)).digest('hex');

/** The images of scopes that were resolved. */
export interface ScopeManifests {
  readonly write: ManifestStore['write'];
  /** The images of a scope, in order. @throws ManifestError when they are not those that were resolved. */
  images(scope: ScopeReference): AsyncIterable<ManifestEntry>;
  /** Which records belong to a scope. @throws ManifestError */
  filter(scope: ScopeReference, keys: RecordShape): Promise<ScopeFilter>;
  /** The same to read results, where nothing depends on the number of records. @throws ManifestError */
  filterById(id: string, keys: RecordShape): Promise<ScopeFilter>;
}

/** @param bucket The bucket of the images, because a record may name an image with its bucket. */
export function createScopeManifests(store: ManifestStore, bucket: string): ScopeManifests {
  async function* images({ id, sha256, images: count }: ScopeReference): AsyncGenerator<ManifestEntry> {
    const index = await store.index(id);
    if (index.count !== count || hashOfImages(index) !== sha256)
      throw new ManifestError(`The list of images of scope ${id}`, 'is not the one that was resolved');
    yield* store.read(id, 0);
  }
  return {
    write: store.write,
    images,
    filter: (scope, keys) => createScopeFilter(images(scope), { count: scope.images, keys, bucket }),
    async filterById(id, keys) {
      const { count } = await store.index(id);
      return createScopeFilter(store.read(id, 0), { count, keys, bucket });
    },
  };
}
