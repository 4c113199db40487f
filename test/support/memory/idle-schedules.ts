import { createScheduleStore } from '../../../src/checklist/schedules/schedule-store.ts';
import { createSchedules } from '../../../src/checklist/schedules/schedules.ts';
import type { Clock } from '../../../src/lib/clock.ts';
import type { ControlTable } from '../../../src/state/table/control-table.ts';

/** Schedules of a pipeline without a stop, in this control table. */
export function idleSchedules(table: ControlTable, clock: Clock) {
  const store = createScheduleStore({ table, name: 'test' });
  return {
    schedules: createSchedules({ store, clock, zone: 'UTC' }),
    firing: {
      store,
      holder: 'test',
      warnOnce: () => {},
      stopFileExists: async () => false,
      storedStop: async () => undefined,
    },
  };
}
