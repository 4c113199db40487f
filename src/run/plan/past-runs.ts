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
 * of the last runs has enough. A retry of a few images does not hide the run before it, and a run that reported no cost
 * does not hide the cost of an earlier one.
 */
export async function readLatestExperience(store: Pick<RunStore, 'newestFirst'>): Promise<Experience | undefined> {
  let latest: Experience | undefined;
  let read = 0;
  for await (const record of store.newestFirst()) {
    const experience = experienceOf(record);
    latest ??= experience;
    if (latest && experience?.cost) return { ...latest, cost: experience.cost };
    read += 1;
    if (read >= MAX_RUNS) break;
  }
  return latest;
}

function experienceOf(record: RunRecord): Experience | undefined {
  if (record.startedAt === undefined || record.checkpoint === undefined) return;
  const { totals } = decodeCheckpoint(record.checkpoint);
  const images = doneOf(totals);
  if (images < MIN_IMAGES) return;
  const { runId } = record;
  return defined({
    runId,
    images,
    failedShare: (totals.failed + totals.noRows) / images,
    secondsPerImage: totals.invokeMs / images / 1000,
    cost: totals.costUsd > 0 ? { runId, perImageUsd: totals.costUsd / images } : undefined,
  });
}
