import { type Item, textOf } from '../../../pipeline/table/item.ts';
import type { GrowthLook } from './engine-ports.ts';
import type { LiveRun } from './live-run.ts';

/** The clocks of the bot and of the function may differ by this much, ms. */
const CLOCK_DIFFERENCE_MS = 30_000;

export interface GrowthSight {
  /** Records that are not FAILED_IMAGE, counted consistently; undefined where the table is too large to count. */
  readonly countEntries?: () => Promise<number>;
  /** The rows that stand under a person's name for an image, read consistently. */
  readonly rowsOfImage: (resourceName: string, imageKey: string) => Promise<readonly Item[]>;
}

/**
 * One look at whether the table grows (runbook, "Progress Monitoring"). A run that began with an empty table of countable
 * size is judged by the count. Any other by a probe, since rows that are overwritten do not raise the count: the rows of
 * the last processed image must be there and newer than its invocation. A rejected sheet leaves a record that cannot be
 * probed for; where only such came since the last look, the function is taken at its word.
 */
export async function lookForGrowth(run: LiveRun, sight: GrowthSight): Promise<GrowthLook> {
  if (run.terms.growthKind === 'counted' && sight.countEntries)
    return { kind: 'count', entries: await sight.countEntries() };
  const counted = sight.countEntries ? { entries: await sight.countEntries() } : {};
  const last = run.lastProcessed;
  const rejected = run.rejectedSinceLook;
  run.lastProcessed = undefined;
  run.rejectedSinceLook = false;
  if (!last) return rejected ? { kind: 'probe', fresh: true, ...counted } : { kind: 'nothing' };
  if (!last.resourceName) return { kind: 'nothing' };
  const rows = await sight.rowsOfImage(last.resourceName, last.key);
  const fresh = rows.some((row) => {
    const written = Date.parse(textOf(row.ProcessingTimestamp) ?? '');
    return written >= last.startedAt - CLOCK_DIFFERENCE_MS;
  });
  return { kind: 'probe', fresh, ...counted };
}
