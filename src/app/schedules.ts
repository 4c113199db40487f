import type { FiringPorts } from '../checklist/schedules/firing-driver.ts';
import { createScheduleStore } from '../checklist/schedules/schedule-store.ts';
import { createSchedules, type Schedules } from '../checklist/schedules/schedules.ts';
import type { StartScheduledPorts } from '../slack/schedules/start-scheduled.ts';
import { stopperSince } from '../state/stops/stored-stops.ts';
import type { BotContext } from './context.ts';

/** What the driver of the firings needs besides Slack. */
export type FiringParts = Pick<FiringPorts, 'store' | 'holder' | 'warnOnce'> &
  Pick<StartScheduledPorts, 'stopFileExists' | 'storedStop'>;

/** The schedules of the pipeline. */
export function assembleSchedules(context: BotContext): {
  readonly schedules: Schedules;
  readonly firing: FiringParts;
} {
  const { settings, table, clock, holder, warnOnce, stopFileExists, storedStops } = context;
  const store = createScheduleStore({ table, name: settings.ocrFunction });
  return {
    schedules: createSchedules({ store, clock, zone: settings.scheduleTimeZone }),
    firing: {
      store,
      holder,
      warnOnce,
      stopFileExists,
      storedStop: async (since) => stopperSince((await storedStops.find()).stops, { since }),
    },
  };
}
