import { createHash } from 'node:crypto';
import { createHashSet } from '../../lib/disk/hash-set.ts';
import type { Item } from '../../pipeline/table/item.ts';
import type { RecordShape } from '../../pipeline/table/records.ts';
import { factsOfRecord } from './record-facts.ts';

/** Tells which records belong to a scope. */
export interface ScopeFilter {
  /** Whether the record names an image of the scope. */
  readonly covers: (item: Item) => boolean;
  /** Frees the space. */
  dispose(): Promise<void>;
}

/** Whether a scope of these images covers a record. `count`: how many images there are. @throws what `images` throws. */
export async function createScopeFilter(
  images: AsyncIterable<{ readonly key: string }>,
  { count, keys, bucket }: { readonly count: number; readonly keys: RecordShape; readonly bucket: string },
): Promise<ScopeFilter> {
  const set = await createHashSet(count);
  const hashOf = (key: string) => createHash('sha256').update(key).digest();
  try {
    for await (const { key } of images) set.add(hashOf(key));
  } catch (error) {
    await set.dispose();
    throw error;
  }
  return {
    covers(item) {
      const { image } = factsOfRecord(item, keys, bucket);
      return image !== undefined && set.has(hashOf(image));
    },
    dispose: set.dispose,
  };
}
