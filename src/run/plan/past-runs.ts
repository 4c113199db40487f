import { defined } from '../../lib/defined.ts';
import { doneOf } from '../rules/totals.ts';
import { decodeCheckpoint } from '../store/checkpoint.ts';
import type { RunStore } from '../store/run-store.ts';
import type { Experience } from './planner.ts';

/** A run with fewer outcomes predicts nothing. */
const MIN_IMAGES = 10;

/**
 * Duration, cost and failures per image in the last started run, from its last checkpoint; undefined if it has too few
 * outcomes.
 */
export async function readLatestExperience(store: RunStore): Promise<Experience | undefined> {
  const { lastRunId } = await store.readOpen();
  const record = lastRunId === undefined ? undefined : await store.read(lastRunId);
  if (!record?.checkpoint) return;
  const { totals } = decodeCheckpoint(record.checkpoint);
  const images = doneOf(totals);
  if (images < MIN_IMAGES) return;
  return defined({
    runId: record.runId,
    images,
    failedShare: (totals.failed + totals.noRows) / images,
    secondsPerImage: totals.invokeMs / images / 1000,
    costPerImageUsd: totals.costUsd > 0 ? totals.costUsd / images : undefined,
  });
}
