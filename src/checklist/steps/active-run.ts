import type { RunControl } from '../../run/model/run-control.ts';

/** The id of the run that is running now; undefined when none is. */
export async function activeRunId(runs: Pick<RunControl, 'current'>): Promise<string | undefined> {
  const run = await runs.current();
  return run?.state.kind === 'running' ? run.runId : undefined;
}
