import { defined } from '../../lib/defined.ts';
import { doneOf } from '../rules/totals.ts';
import { decodeCheckpoint } from '../store/checkpoint.ts';
import type { RunRecord, RunStore } from '../store/run-store.ts';
import type { Experience } from './planner.ts';

/** A run with fewer outcomes predicts nothing. */
const MIN_IMAGES = 10;

/** Runs that are looked through for one with enough outcomes. */
const MAX_RUNS = 20;

/**
 * Duration, cost and failures per image in the last run with enough outcomes, from its last checkpoint; undefined if none
 * of the last runs has enough. A retry of a few images does not hide the run before it.
 */
export async function readLatestExperience(store: Pick<RunStore, 'newestFirst'>): Promise<Experience | undefined> {
  let read = 0;
  for await (const record of store.newestFirst()) {
    const experience = experienceOf(record);
    read += 1;
    if (experience !== undefined || read >= MAX_RUNS) return experience;
  }
  return;
}

function experienceOf(record: RunRecord): Experience | undefined {
  if (record.startedAt === undefined || record.checkpoint === undefined) return;
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
