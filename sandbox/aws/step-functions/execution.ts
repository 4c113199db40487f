import type { History } from './history.ts';
import type { MachineRun } from './language/interpreter.ts';
import type { TaskLog } from './language/tracker.ts';
import type { MapRun } from './map/map-run.ts';
import type { StateMachineRecord } from './state-machines.ts';

/** An execution that StartExecution started. Times are epoch ms. */
export interface Execution {
  readonly arn: string;
  readonly name: string;
  readonly machine: StateMachineRecord;
  readonly input: string;
  readonly startedAt: number;
  readonly history: History;
  /** The latest Map Run of each Map state, in the order in which they started. */
  readonly mapRuns: Map<string, MapRun>;
  status: 'RUNNING' | 'SUCCEEDED' | 'FAILED' | 'TIMED_OUT' | 'ABORTED';
  endedAt: number | undefined;
  output: string | undefined;
  error: string | undefined;
  cause: string | undefined;
  redriveCount: number;
  redrivenAt: number | undefined;
  log: TaskLog | undefined;
  run: MachineRun | undefined;
  /** Resolves when the execution has ended and its results are written. */
  afterEnd: Promise<unknown>;
  context(): { readonly Execution: Readonly<Record<string, unknown>>; readonly [name: string]: unknown };
}

/** How long an ended execution can be redriven. */
const REDRIVABLE_MS = 14 * 24 * 60 * 60_000;

/** Why RedriveExecution refuses, in the words of `redriveStatusReason`; undefined where it does not. */
export function reasonNotRedrivable({ status, endedAt }: Execution, now: number): string | undefined {
  if (status === 'RUNNING' || status === 'SUCCEEDED') return `Execution is ${status} and cannot be redriven`;
  return now - (endedAt ?? now) > REDRIVABLE_MS ? 'Execution redrivable period exceeded' : undefined;
}
