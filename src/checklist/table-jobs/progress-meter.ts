import type { Clock } from '../../lib/clock.ts';
import { defined } from '../../lib/defined.ts';
import type { JobProgress, JobStage } from '../contracts/table-control.ts';

/** What the work reports: records done so far, of `total`. */
export interface ProgressUpdate {
  readonly stage: JobStage;
  readonly done: number;
  readonly total: number;
  readonly isApproximate?: boolean;
  readonly bytes?: number;
  readonly supplemented?: number;
}

/**
 * Adds the speed to what a job reports. It is measured in each stage from where the stage began, so that neither the stages
 * before nor what was done before a restart counts.
 */
export function createProgressMeter(clock: Pick<Clock, 'now'>): (update: ProgressUpdate) => JobProgress {
  let began: { readonly stage: JobStage; readonly at: number; readonly done: number } | undefined;
  return ({ isApproximate = false, ...update }) => {
    if (began?.stage !== update.stage) began = { stage: update.stage, at: clock.now(), done: update.done };
    const stageMs = clock.now() - began.at;
    const done = update.done - began.done;
    const perSecond = stageMs > 0 && done > 0 ? (done * 1000) / stageMs : undefined;
    const { bytes, supplemented, stage, total } = update;
    return { stage, done: update.done, total, isApproximate, stageMs, ...defined({ bytes, supplemented, perSecond }) };
  };
}
