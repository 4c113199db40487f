import type { MachineRun } from '../language/interpreter.ts';
import type { TaskLog } from '../language/tracker.ts';

export type ChildStatus = 'PENDING' | 'RUNNING' | 'SUCCEEDED' | 'FAILED' | 'TIMED_OUT' | 'ABORTED' | 'PENDING_REDRIVE';

/** An execution that a Map Run started or will start. Times are epoch ms. */
export interface Child {
  readonly arn: string;
  readonly name: string;
  readonly index: number;
  readonly input: unknown;
  readonly itemCount: number;
  status: ChildStatus;
  startedAt: number | undefined;
  endedAt: number | undefined;
  output: unknown;
  error: string | undefined;
  cause: string | undefined;
  redriveCount: number;
  redrivenAt: number | undefined;
  log: TaskLog | undefined;
  run: MachineRun | undefined;
}

const COUNTED = {
  PENDING: 'pending',
  RUNNING: 'running',
  SUCCEEDED: 'succeeded',
  FAILED: 'failed',
  TIMED_OUT: 'timedOut',
  ABORTED: 'aborted',
  PENDING_REDRIVE: 'pendingRedrive',
} as const;

/** The counts that DescribeMapRun returns: of children, or of their items. */
export function countChildren(children: Iterable<Child>, unit: 'executions' | 'items', isWritten: boolean) {
  const counts = {
    pending: 0,
    running: 0,
    succeeded: 0,
    failed: 0,
    timedOut: 0,
    aborted: 0,
    total: 0,
    resultsWritten: 0,
    failuresNotRedrivable: 0,
    pendingRedrive: 0,
  };
  for (const { status, itemCount } of children) {
    const count = unit === 'items' ? itemCount : 1;
    counts[COUNTED[status]] += count;
    counts.total += count;
  }
  return { ...counts, resultsWritten: isWritten ? counts.succeeded : 0 };
}
