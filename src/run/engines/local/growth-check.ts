import { defined } from '../../../lib/defined.ts';
import { type Item, textOf } from '../../../pipeline/table/item.ts';
import type { GrowthAnswer, GrowthQuestion } from './engine-events.ts';

/** The clocks of the bot and of the function may differ by this much, ms. */
const CLOCK_DIFFERENCE_MS = 30_000;

export interface GrowthCheckPorts {
  /** Records that are not FAILED_IMAGE, counted consistently. Absent where the table is too large to count. */
  readonly countEntries?: () => Promise<number>;
  /** The rows of an image under a person's name, read consistently. */
  readonly rowsOfImage: (resourceName: string, imageKey: string) => Promise<readonly Item[]>;
}

/**
 * Checks whether the table grows (runbook, "Progress Monitoring"). A run that started with an empty, countable table is
 * judged by the count. Any other run is judged by a probe, because overwriting rows does not raise the count: the rows
 * of the last processed image must exist and be newer than its invocation. A rejected sheet leaves a record that cannot
 * be probed, so where only such sheets came since the last check, the function's reply is trusted.
 */
export async function checkGrowth(question: GrowthQuestion, ports: GrowthCheckPorts): Promise<GrowthAnswer> {
  const entries = await ports.countEntries?.();
  if (question.growthKind === 'counted' && entries !== undefined) return { kind: 'count', entries };
  const { lastProcessed: last, rejectedSinceCheck } = question;
  if (!last)
    return rejectedSinceCheck ? defined({ kind: 'probe' as const, fresh: true, entries }) : { kind: 'nothing' };
  if (!last.resourceName) return { kind: 'nothing' };
  const rows = await ports.rowsOfImage(last.resourceName, last.key);
  const fresh = rows.some((row) => {
    const written = Date.parse(textOf(row.ProcessingTimestamp) ?? '');
    return written >= last.startedAt - CLOCK_DIFFERENCE_MS;
  });
  return defined({ kind: 'probe' as const, fresh, entries });
}
