import { sameItem } from '../pipeline/table/canonical.ts';
import type { Item } from '../pipeline/table/item.ts';
import type { Swapper } from '../pipeline/table/swap.ts';
import type { Change } from '../pipeline/table/swap-plan.ts';

export interface SwapSavedOptions {
  readonly swapper: Swapper;
  /** Resolves when these versions are in S3 and were read back. */
  readonly save: (versions: readonly Item[]) => Promise<void>;
  /** Whether a version that was found instead of the expected one may be replaced; every one when absent. */
  readonly mayReplace?: (found: Item) => boolean;
  /** Called whenever changes are settled. `same`: the table was already as wanted, or had a version that must stay. */
  readonly onSettled: (settled: { readonly changed: number; readonly same: number }) => void;
}

/** A record that somebody edits this often between two calls is left for whoever looks at the table next. */
const MAX_ROUNDS = 8;

/**
 * Carries out changes whose expected versions are all in S3. Where the table holds another version, that one is saved first
 * and then replaced, so no version is ever replaced or deleted that is not in S3. A record that is edited again and again is
 * left as it is after 8 rounds.
 * @throws what `swap` and `save` throw.
 */
export async function swapSaved(changes: readonly Change[], options: SwapSavedOptions): Promise<void> {
  let pending = changes;
  for (let round = 1; round <= MAX_ROUNDS && pending.length > 0; round += 1) {
    const results = await options.swapper.swap(pending);
    const again: Change[] = [];
    const found: Item[] = [];
    let changed = 0;
    let same = 0;
    for (let index = 0; index < pending.length; index += 1) {
      const change = pending[index];
      const result = results[index];
      if (change === undefined || result === undefined) throw new Error('A swap answered with too few results');
      if (result.kind === 'done') changed += 1;
      else if (sameItem(result.found, change.next)) same += 1;
      else if (result.found !== undefined && options.mayReplace?.(result.found) === false) same += 1;
      else {
        again.push({ key: change.key, expected: result.found, next: change.next });
        if (result.found !== undefined) found.push(result.found);
      }
    }
    if (changed + same > 0) options.onSettled({ changed, same });
    if (found.length > 0) await options.save(found);
    pending = again;
  }
}
