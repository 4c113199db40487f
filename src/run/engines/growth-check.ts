import { defined } from '../../lib/defined.ts';
import type { RowClaim } from '../proof/row-proof.ts';
import type { RowProof } from '../rules/row-watch.ts';
import type { GrowthAnswer, GrowthQuestion } from './reducer/engine-events.ts';

export interface GrowthCheckPorts {
  /** Records that are not FAILED_IMAGE, counted consistently. Absent where the table is too large to count. */
  readonly countEntries?: () => Promise<number>;
  /** What the table says about the rows of an image. */
  readonly lookUp: (claim: RowClaim) => Promise<RowProof>;
}

/**
 * Checks whether the table grows (runbook, "Progress Monitoring"). A run that started with an empty, countable table is
 * judged by the count. Any other run is judged by a probe, because overwriting rows does not raise the count: the rows
 * of the last processed image must exist and be newer than its invocation. A rejected sheet leaves a record that cannot
 * be probed, so where only such sheets came since the last check, the function's reply is trusted, unless rows that an
 * earlier check looked for are still missing. It is trusted, too, where the key cannot tell, because the end of the run
 * checks all rows.
 */
export async function checkGrowth(question: GrowthQuestion, ports: GrowthCheckPorts): Promise<GrowthAnswer> {
  const entries = await ports.countEntries?.();
  if (question.growthKind === 'counted' && entries !== undefined) return { kind: 'count', entries };
  const { lastProcessed: last, rejectedSinceCheck } = question;
  if (!last)
    return rejectedSinceCheck ? defined({ kind: 'probe' as const, fresh: true, entries }) : { kind: 'nothing' };
  const proof = await ports.lookUp(last);
  return defined({ kind: 'probe' as const, fresh: proof !== 'missing', entries });
}
