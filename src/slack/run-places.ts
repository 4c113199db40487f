import type { RunControl, RunPlace } from '../rescan/run-control.ts';

/** Where a run shows itself; as it was last known while the control table cannot be read: a fault must find its thread. */
export function rememberPlaces(runs: Pick<RunControl, 'place'>): (runId: string) => Promise<RunPlace | undefined> {
  const known = new Map<string, RunPlace>();
  return async (runId) => {
    try {
      const place = await runs.place(runId);
      if (place) known.set(runId, place);
      return place;
    } catch (error) {
      const last = known.get(runId);
      if (!last) throw error;
      return last;
    }
  };
}
