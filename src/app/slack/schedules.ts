import { createFiringDriver, type FiringDriver } from '../../checklist/schedules/firing-driver.ts';
import { firingMessage } from '../../slack/messages/schedules/schedule-messages.ts';
import { createScheduledStart } from '../../slack/schedules/start-scheduled.ts';
import type { AccessParts, ClientParts } from './clients.ts';
import type { DeliveryParts } from './delivery.ts';
import type { SlackPorts } from './ports.ts';

/** What fires the schedules of the pipeline, and tells its channel of what was not started. */
export function assembleFirings(
  ports: SlackPorts,
  { answers: chat, channelIds }: ClientParts,
  { permissions }: AccessParts,
  { alerts }: DeliveryParts,
): FiringDriver {
  const { settings, firing, schedules, clock, audit, onError } = ports;
  const { current } = channelIds;
  const driver = createFiringDriver({
    ...firing,
    clock,
    audit,
    start: createScheduledStart({
      ...ports,
      ...firing,
      permissions,
      chat,
      pace: settings.pace,
      stopFile: settings.stopFile,
      // Where the channel belongs to another pipeline now, nothing of this one is posted in it.
      channelOf: ({ channel }) =>
        ports.channels().some((own) => current(own) === current(channel)) ? channel : (settings.slackChannels[0] ?? ''),
      onError,
    }),
    say: (schedule, one) =>
      alerts.put(schedule.id, {
        to: 'channel',
        message: firingMessage(schedule, one),
        once: `firing ${one.plannedAt} ${one.end.kind}`,
      }),
  });
  schedules.watch(driver.wake);
  return driver;
}
