import { StateError } from '../errors.ts';
import type { MachineRun } from '../language/interpreter.ts';
import { type Child, countChildren } from './children.ts';

/** What UpdateMapRun changes. A limit that is undefined was not given. */
export interface MapRunLimits {
  /** 0: no limit of its own. */
  readonly maxConcurrency: number;
  readonly toleratedFailureCount: number | undefined;
  readonly toleratedFailurePercentage: number | undefined;
}

export type MapRunStatus = 'RUNNING' | 'SUCCEEDED' | 'FAILED' | 'ABORTED';

/** Children at the same time (Step Functions quotas, "Maximum concurrency"). */
const MOST_CONCURRENT = 10_000;
/** Redrives of one Map Run (Step Functions quotas). */
const MOST_REDRIVES = 1_000;

/**
 * Whether so many items failed that the Map Run fails. Where both limits are given, each of them counts. Without limits no
 * failure is tolerated.
 */
export function isFailureThresholdExceeded(
  { toleratedFailureCount, toleratedFailurePercentage }: MapRunLimits,
  items: { readonly failed: number; readonly timedOut: number; readonly total: number },
): boolean {
  const failures = items.failed + items.timedOut;
  if (toleratedFailureCount === undefined && toleratedFailurePercentage === undefined) return failures > 0;
  return (
    (toleratedFailureCount !== undefined && failures > toleratedFailureCount) ||
    (toleratedFailurePercentage !== undefined && failures * 100 > toleratedFailurePercentage * items.total)
  );
}

export interface MapRunPorts {
  readonly arn: string;
  readonly executionArn: string;
  /** The machine of the children: the state machine with the label of the Map state. */
  readonly stateMachineArn: string;
  readonly children: readonly Child[];
  readonly limits: MapRunLimits;
  readonly now: () => number;
  readonly start: (child: Child) => MachineRun;
}

export type MapRun = ReturnType<typeof createMapRun>;

/** The children of a distributed Map state: starts them, counts them, ends them. */
export function createMapRun(ports: MapRunPorts) {
  const { children, now } = ports;
  let { limits } = ports;
  let status: MapRunStatus = 'RUNNING';
  let running = 0;
  let waiting: Child[] = [...children];
  let redriveCount = 0;
  let redrivenAt: number | undefined;
  let endedAt: number | undefined;
  let areResultsWritten = false;
  const startedAt = now();
  /** Children that may still do something. */
  const runs = new Set<MachineRun>();
  let settle: (() => void) | undefined;
  /** The children that ended since the last start or redrive, so that a large Map Run is not counted after each child. */
  const failures = { failed: 0, timedOut: 0, total: children.reduce((sum, { itemCount }) => sum + itemCount, 0) };

  const most = () => Math.min(limits.maxConcurrency || MOST_CONCURRENT, MOST_CONCURRENT);

  function end(ended: Exclude<MapRunStatus, 'RUNNING'>): void {
    if (status !== 'RUNNING') return;
    status = ended;
    endedAt = now();
    for (const child of children) if (child.status === 'RUNNING') child.run?.abort();
    if (running === 0) settle?.();
  }

  function pump(): void {
    while (status === 'RUNNING' && running < most()) {
      const child = waiting.shift();
      if (!child) break;
      void runChild(child);
    }
    if (running === 0 && (status !== 'RUNNING' || waiting.length === 0)) {
      if (status === 'RUNNING') end('SUCCEEDED');
      settle?.();
    }
  }

  async function runChild(child: Child): Promise<void> {
    running += 1;
    child.status = 'RUNNING';
    child.startedAt ??= now();
    child.endedAt = undefined;
    child.error = undefined;
    child.cause = undefined;
    const run = ports.start(child);
    child.run = run;
    runs.add(run);
    const ending = await run.ended;
    child.run = undefined;
    // An EXPRESS child that was aborted continues; all others have ended.
    if (ending.kind !== 'aborted') runs.delete(run);
    child.log = ending.kind === 'succeeded' ? undefined : run.log();
    child.endedAt = now();
    switch (ending.kind) {
      case 'succeeded':
        child.status = 'SUCCEEDED';
        child.output = ending.output;
        break;
      case 'failed':
        child.status = 'FAILED';
        child.error = ending.error;
        child.cause = ending.cause;
        failures.failed += child.itemCount;
        break;
      case 'timed-out':
        child.status = 'TIMED_OUT';
        child.error = 'States.Timeout';
        failures.timedOut += child.itemCount;
        break;
      case 'aborted':
        child.status = 'ABORTED';
    }
    running -= 1;
    if (isFailureThresholdExceeded(limits, failures)) end('FAILED');
    pump();
  }

  /** Resolves when no child runs any more. @throws StateError when the Map Run failed */
  async function work(): Promise<void> {
    await new Promise<void>((resolve) => {
      settle = resolve;
      pump();
    });
    settle = undefined;
    if (status === 'FAILED')
      throw new StateError(
        'States.ExceedToleratedFailureThreshold',
        'The specified tolerated failure threshold was exceeded',
      );
  }

  return {
    arn: ports.arn,
    executionArn: ports.executionArn,
    stateMachineArn: ports.stateMachineArn,
    children,
    startedAt,
    status: () => status,
    limits: () => limits,
    redrives: () => ({ redriveCount, redrivenAt }),
    endedAt: () => endedAt,
    work,
    /** Runs the children again that failed, timed out or were aborted, and those that never started. */
    redrive(): Promise<void> {
      if (redriveCount >= MOST_REDRIVES)
        throw new StateError('States.Runtime', `The Map Run was redriven ${MOST_REDRIVES} times.`);
      redriveCount += 1;
      redrivenAt = now();
      for (const child of children) {
        if (child.status !== 'FAILED' && child.status !== 'TIMED_OUT' && child.status !== 'ABORTED') continue;
        child.status = 'PENDING_REDRIVE';
        child.redriveCount += 1;
        child.redrivenAt = redrivenAt;
      }
      waiting = children.filter((child) => child.status === 'PENDING_REDRIVE' || child.status === 'PENDING');
      failures.failed = 0;
      failures.timedOut = 0;
      endedAt = undefined;
      areResultsWritten = false;
      status = 'RUNNING';
      return work();
    },
    abort: () => end('ABORTED'),
    kill(): void {
      end('ABORTED');
      for (const run of runs) run.kill();
    },
    fail: () => {
      if (status === 'RUNNING') end('FAILED');
      else status = 'FAILED';
    },
    noteResults(): void {
      areResultsWritten = true;
    },
    update(change: Partial<MapRunLimits>): void {
      limits = { ...limits, ...change };
      pump();
    },
    counts: () => ({
      itemCounts: countChildren(children, 'items', areResultsWritten),
      executionCounts: countChildren(children, 'executions', areResultsWritten),
    }),
  };
}
