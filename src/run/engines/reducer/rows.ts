import { noRowsOf } from '../../proof/row-proof.ts';
import { beginLookup, endRowWatch, lookupDueAt, noteProofs, type RowProof } from '../../rules/row-watch.ts';
import { canaryAwaitsRows, canaryPasses } from './counting.ts';
import type { EngineEffect, EngineEvent } from './engine-events.ts';
import { emit, haltRun } from './halts.ts';
import type { RunDraft } from './live-run.ts';
import { append } from './outcomes.ts';

/** Has rows looked up, where that is due. When to ask again. */
export function lookUpRows(run: RunDraft, now: number, effects: EngineEffect[]): number {
  const dueAt = lookupDueAt(run.rowWatch);
  if (dueAt > now) return dueAt;
  run.rowWatch = beginLookup(run.rowWatch, now);
  effects.push({ kind: 'look-up-rows', records: run.rowWatch.asked });
  return Number.POSITIVE_INFINITY;
}

/** Lets the other images start, where all canary images have an outcome and their rows. */
export function passCanary(run: RunDraft, now: number, effects: EngineEffect[]): void {
  if (run.halt || !canaryPasses(run)) return;
  run.canaryPassed = true;
  const { failed, noRows } = run.totals;
  const images = run.terms.canary?.images ?? 0;
  emit(run, { kind: 'canary-passed', failed: failed + noRows, images }, now, effects);
}

/** Notes what a lookup found. Images without rows get the outcome `no-rows`. */
export function takeProofs(run: RunDraft, proofs: readonly RowProof[], now: number, effects: EngineEffect[]): void {
  const { watch, lost } = noteProofs(run.rowWatch, proofs, now, run.rules.rowsWaitMs);
  run.rowWatch = watch;
  run.changed = true;
  if (run.abandoned) return;
  run.unsaved.push(...lost.flatMap(noRowsOf));
  append(run, now, effects);
}

/**
 * Every image has an outcome: the run is complete when the rows of all images were checked and those without rows are
 * on record. A run whose function reported no entry has no rows to check.
 */
export function checkAllRows(run: RunDraft, now: number, effects: EngineEffect[]): void {
  if (run.unsaved.length > 0 || run.appending) return;
  if (run.rowWatch.asked.length > 0 || canaryAwaitsRows(run)) return;
  if (run.rowCheck === 'not-begun') {
    run.rowWatch = endRowWatch(run.rowWatch);
    run.rowCheck = run.totals.entriesStored > 0 ? 'open' : 'done';
    run.changed = true;
  }
  if (run.rowCheck === 'done') return haltRun(run, { kind: 'completed' }, now, effects);
  if (run.rowCheck === 'reading') return;
  run.rowCheck = 'reading';
  effects.push({ kind: 'read-missing-rows' });
}

/** Has images without rows written to the journal. The next ones are read when these are on record. */
export function takeMissingRows(
  run: RunDraft,
  { records, end, now }: Extract<EngineEvent, { kind: 'missing-rows-read' }>,
  effects: EngineEffect[],
): void {
  run.rowCheck = end === 'exhausted' ? 'done' : 'open';
  // Given up: the check begins again when the run is resumed.
  if (run.abandoned) return;
  run.unsaved.push(...records);
  append(run, now, effects);
  if (end !== undefined && end !== 'exhausted') haltRun(run, { kind: 'fault', fault: end }, now, effects);
}
