import type { Fault } from '../pipeline/reading.ts';
import type { Person } from '../rescan/types.ts';
import type { InTheWay } from './exclusive.ts';
import type { LoggingResult } from './logging-test.ts';
import type { QuotaReport } from './quota-report.ts';
import type { SampleResult } from './sample.ts';

/** Why a step was not done. Nothing was changed then. */
export type StepRefusal =
  | InTheWay
  | { readonly reason: 'no-images' }
  | { readonly reason: 'fault'; readonly fault: Fault };

export type StepAnswer<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly refusal: StepRefusal };

/** The steps on the function and its surroundings; each goes on record in the checklist with what it found. */
export interface StepControl {
  /** Reads every limit and judges what it means for a rescan. */
  quotas(by: Person): Promise<StepAnswer<QuotaReport>>;
  /** Invokes the function with a key that does not exist, and looks for the record of that failure. */
  testLogging(by: Person): Promise<StepAnswer<LoggingResult>>;
  /** Invokes the function for a few images that exist, while nothing else is on the pipeline. */
  sample(by: Person): Promise<StepAnswer<SampleResult>>;
}
