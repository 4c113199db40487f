import type { AutopilotControl } from '../../checklist/contracts/autopilot-control.ts';
import type { TableControl } from '../../checklist/contracts/table-control.ts';
import type { RunControl, RunLocation } from '../../run/model/run-control.ts';

/** Where a run shows itself; as it was last known while the control table cannot be read: a fault must find its thread. */
export function rememberLocations(
  runs: Pick<RunControl, 'location'>,
): (runId: string) => Promise<RunLocation | undefined> {
  const known = new Map<string, RunLocation>();
  return async (runId) => {
    try {
      const location = await runs.location(runId);
      if (location) known.set(runId, location);
      return location;
    } catch (error) {
      const last = known.get(runId);
      if (!last) throw error;
      return last;
    }
  };
}

/** Where a run, an autopilot's rescan or a piece of work on the table shows itself, by its id. */
export const locationsById =
  (ports: {
    runLocationOf: (runId: string) => Promise<RunLocation | undefined>;
    autopilot: Pick<AutopilotControl, 'current'>;
    tables: Pick<TableControl, 'approval'>;
    jobLocationOf: (jobId: string) => RunLocation | undefined;
  }) =>
  async (id: string): Promise<RunLocation | undefined> => {
    if (id.startsWith('r-')) return ports.runLocationOf(id);
    if (id.startsWith('ap-')) {
      const piloting = await ports.autopilot.current();
      return piloting?.id === id ? piloting.location : undefined;
    }
    // Under the request that was approved; a backup has none, and stands under its own message.
    return (await ports.tables.approval(id)) ?? ports.jobLocationOf(id);
  };
