import type { AutopilotControl } from '../../checklist/contracts/autopilot-control.ts';
import type { TableControl } from '../../checklist/contracts/table-control.ts';
import type { RunControl, RunPlace } from '../../run/model/run-control.ts';

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

/** Where a run, an autopilot's rescan or a piece of work on the table shows itself, by its id. */
export const placesById =
  (ports: {
    runPlaceOf: (runId: string) => Promise<RunPlace | undefined>;
    autopilot: Pick<AutopilotControl, 'current'>;
    tables: Pick<TableControl, 'approval'>;
    jobPlaceOf: (jobId: string) => RunPlace | undefined;
  }) =>
  async (id: string): Promise<RunPlace | undefined> => {
    if (id.startsWith('r-')) return ports.runPlaceOf(id);
    if (id.startsWith('ap-')) {
      const piloting = await ports.autopilot.current();
      return piloting?.id === id ? piloting.place : undefined;
    }
    // Under the request that was approved; a backup has none, and stands under its own message.
    return (await ports.tables.approval(id)) ?? ports.jobPlaceOf(id);
  };
