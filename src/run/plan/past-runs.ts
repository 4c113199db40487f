import { decodeCheckpoint } from '../store/checkpoint.ts';
import type { RunStore } from '../store/run-store.ts';
import type { Experience } from './planner.ts';

/** Fewer images than this tell nothing about the next ones. */
const ENOUGH_IMAGES = 10;

/** What an image took and cost in the last run that was started, by its last checkpoint; undefined where it tells too little. */
export async function readLatestExperience(store: RunStore): Promise<Experience | undefined> {
  const { lastRunId } = await store.readOpen();
  const record = lastRunId === undefined ? undefined : await store.read(lastRunId);
  if (!record?.checkpoint) return;
  const { totals } = decodeCheckpoint(record.checkpoint);
  const images = totals.processed + totals.rejected + totals.failed;
  if (images < ENOUGH_IMAGES) return;
  const costPerImageUsd = totals.costUsd > 0 ? totals.costUsd / images : undefined;
  return {
    runId: record.runId,
    images,
    failedShare: totals.failed / images,
    secondsPerImage: totals.invokeMs / images / 1000,
    ...(costPerImageUsd === undefined ? {} : { costPerImageUsd }),
  };
}
