import { randomUUID } from 'node:crypto';
import type { Clock } from '../../lib/clock.ts';
import { letterId } from '../../lib/letter-id.ts';
import { type Result, refuse, succeed } from '../../lib/result.ts';
import { type TimeZone, timeZoneOf } from '../../lib/time-zone.ts';
import { type Cron, type CronProblem, readCron } from './cron.ts';
import { nextTimes } from './planned-times.ts';
import { MOST_SCHEDULES, type Schedule, type ScheduledWork } from './schedule.ts';
import type { ScheduleStore, StoredSchedule } from './schedule-store.ts';

export type ScheduleRefusal =
  | { readonly reason: 'cron'; readonly problem: CronProblem }
  | { readonly reason: 'zone'; readonly zone: string }
  | { readonly reason: 'too-many'; readonly most: number }
  | { readonly reason: 'unknown'; readonly id: string; readonly ids: readonly string[] }
  /** It is already on or off. */
  | { readonly reason: 'unchanged'; readonly schedule: Schedule }
  /** Other processes changed it again and again at this moment. */
  | { readonly reason: 'changed-meanwhile'; readonly id: string };

/** A schedule, and its next planned times (epoch ms); none while it is off. */
export interface ShownSchedule extends Schedule {
  readonly next: readonly number[];
}

/** The schedules of one pipeline, as people see and change them. Every method throws ControlTableError, or FaultError for an unreadable entry. */
export interface Schedules {
  list(): Promise<readonly ShownSchedule[]>;
  create(asked: {
    readonly work: ScheduledWork;
    readonly cron: string;
    /** Undefined: the setting SCHEDULE_TIME_ZONE. */
    readonly zone?: string;
    readonly by: string;
    readonly channel: string;
  }): Promise<Result<ShownSchedule, ScheduleRefusal>>;
  remove(id: string): Promise<Result<Schedule, ScheduleRefusal>>;
  /** It fires no more until it is switched on. What it started goes on. */
  switchOff(id: string, by: string): Promise<Result<Schedule, ScheduleRefusal>>;
  /** It fires again; times that passed while it was off are not made up for. */
  switchOn(id: string): Promise<Result<ShownSchedule, ScheduleRefusal>>;
  /** The schedule that fires next, and when (epoch ms); undefined where none does. */
  nextFiring(): Promise<{ readonly schedule: Schedule; readonly at: number } | undefined>;
  /** The channel of a schedule; undefined where it is gone. */
  channelOf(id: string): Promise<string | undefined>;
  /** Calls the listener after each change by a person through this process. Returns the function that removes it. */
  watch(listener: () => void): () => void;
}

/** How many planned times a message names. */
const SHOWN_TIMES = 2;
const ATTEMPTS = 5;

/** The cron expression and the zone of a stored schedule; undefined where this version of the bot does not know one of them. */
export function timingOf({ cron, zone }: Pick<Schedule, 'cron' | 'zone'>): { cron: Cron; zone: TimeZone } | undefined {
  const read = readCron(cron);
  const found = timeZoneOf(zone);
  return read.ok && found ? { cron: read.value, zone: found } : undefined;
}

export function createSchedules(ports: {
  readonly store: ScheduleStore;
  readonly clock: Pick<Clock, 'now'>;
  /** The setting SCHEDULE_TIME_ZONE. */
  readonly zone: string;
}): Schedules {
  const { store, clock } = ports;
  const listeners = new Set<() => void>();
  const changed = () => {
    for (const listener of listeners) listener();
  };

  function show(schedule: Schedule): ShownSchedule {
    const timing = schedule.off ? undefined : timingOf(schedule);
    const after = Math.max(schedule.doneUntil, clock.now());
    return { ...schedule, next: timing ? nextTimes(timing.cron, timing.zone, after, SHOWN_TIMES) : [] };
  }

  /** Carries out a change on the schedule as it is, again where another process changed it meanwhile. */
  async function changeOne(
    id: string,
    change: (schedule: StoredSchedule) => Promise<Result<Schedule, ScheduleRefusal> | 'again'>,
  ): Promise<Result<Schedule, ScheduleRefusal>> {
    for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
      const all = await store.list();
      const schedule = all.find((one) => one.id === id);
      if (!schedule) return refuse({ reason: 'unknown', id, ids: all.map((one) => one.id) });
      const done = await change(schedule);
      if (done === 'again') continue;
      if (done.ok) changed();
      return done;
    }
    return refuse({ reason: 'changed-meanwhile', id });
  }

  return {
    list: async () => (await store.list()).map(show),
    async create({ work, cron, zone: zoneName = ports.zone, by, channel }) {
      const read = readCron(cron);
      if (!read.ok) return refuse({ reason: 'cron', problem: read.refusal });
      const zone = timeZoneOf(zoneName);
      if (!zone) return refuse({ reason: 'zone', zone: zoneName });
      const now = Math.round(clock.now());
      const schedule: Schedule = {
        id: `sc-${letterId(randomUUID().slice(0, 4))}`,
        work,
        cron: cron.trim().replace(/\s+/g, ' '),
        zone: zone.name,
        by,
        channel,
        createdAt: now,
        doneUntil: now,
        firings: [],
      };
      if (!(await store.create(schedule))) return refuse({ reason: 'too-many', most: MOST_SCHEDULES });
      changed();
      return succeed(show(schedule));
    },
    remove: (id) => changeOne(id, async (found) => ((await store.remove(found)) ? succeed(found) : 'again')),
    switchOff: (id, by) =>
      changeOne(id, async (found) => {
        if (found.off) return refuse({ reason: 'unchanged', schedule: found });
        const after = await store.change(found, { off: { at: Math.round(clock.now()), by } });
        return after ? succeed(after) : 'again';
      }),
    async switchOn(id) {
      const done = await changeOne(id, async (found) => {
        if (!found.off) return refuse({ reason: 'unchanged', schedule: found });
        const doneUntil = Math.max(found.doneUntil, Math.round(clock.now()));
        const after = await store.change(found, { off: 'none', doneUntil });
        return after ? succeed(after) : 'again';
      });
      return done.ok ? succeed(show(done.value)) : done;
    },
    async nextFiring() {
      const next = (await store.list()).map(show).flatMap((schedule) => {
        const [at] = schedule.next;
        return at === undefined ? [] : [{ schedule, at }];
      });
      return next.sort((a, b) => a.at - b.at)[0];
    },
    channelOf: async (id) => (await store.list()).find((one) => one.id === id)?.channel,
    watch(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
}
