import { retryUntilAborted } from '../../lib/async/backoff.ts';
import { within } from '../../lib/async/within.ts';
import type { Clock } from '../../lib/clock.ts';
import { keepNewest } from '../../lib/memory/newest.ts';
import type { AuditOutcome } from '../audit/audit-outcome.ts';
import type { AuditWriter } from '../audit/audit-writer.ts';
import { decideDue } from './planned-times.ts';
import { type Firing, type FiringEnd, isSaid, type Schedule, withFiring } from './schedule.ts';
import type { ScheduleStore, StoredSchedule } from './schedule-store.ts';
import { timingOf } from './schedules.ts';

/** What a start came to. `switchOff`: the schedule fires no more, because its person may not start work any more. */
export type StartResult = Exclude<FiringEnd, { kind: 'starting' | 'missed' }> & {
  readonly switchOff?: true;
};

export interface FiringPorts {
  readonly store: ScheduleStore;
  readonly clock: Clock;
  /** The name of this process. */
  readonly holder: string;
  /** Starts the work of a schedule in the name of its person. It must not throw. */
  readonly start: (schedule: Schedule, plannedAt: number) => Promise<StartResult>;
  /** Tells the channel of a firing that did not start its work. Resolves when that cannot be lost any more. */
  readonly say: (schedule: Schedule, firing: Firing) => Promise<void>;
  readonly audit: Pick<AuditWriter, 'enqueue'>;
  /** For what is found again at every look. */
  readonly warnOnce: (message: string, cause: unknown) => void;
}

export interface FiringDriver {
  /** Fires what is due, now and from now on. */
  standBy(): void;
  /** A schedule was changed: looks at once. */
  wake(): void;
  /** Fires nothing more, and waits a little for what is being started. */
  shutDown(): Promise<void>;
}

/** How often schedules that other processes changed are looked for, ms. */
const POLL_MS = 15_000;
/** A start that takes longer was left by its process. Finding the images of a scope takes minutes. */
const LEFT_AFTER_MS = 30 * 60_000;
/** What the channel has to hear is said by another process after this time, ms. */
const UNSAID_MS = 2 * 60_000;
const SHUTDOWN_MS = 5_000;
const ATTEMPTS = 5;
const NOTE_LIMITS = { baseMs: 1_000, maxMs: 30_000 };
/** More starts than any claim waits for. */
const MOST_REMEMBERED = 1_000;

/**
 * Fires the schedules of one pipeline. A planned time is claimed by one conditional write before its work is started, so that of
 * several processes exactly one starts it, and none starts it again after a crash.
 */
export function createFiringDriver(ports: FiringPorts): FiringDriver {
  const { store, clock, holder, warnOnce } = ports;
  const closing = new AbortController();
  /** The starts of this process, by schedule and planned time. */
  const starting = new Map<string, Promise<void>>();
  /** Every start that this process ever began, oldest first: a claim of its own that is not among them was never started. */
  const begun = new Set<string>();
  let waking = new AbortController();
  let driving: Promise<void> | undefined;

  const nameOf = ({ id }: Schedule, plannedAt: number) => `${id} ${plannedAt}`;

  /** Changes the firing of this planned time in the newest version of the schedule. Undefined when the schedule is gone. */
  async function noteEnd(id: string, firing: Firing, switchOff: boolean): Promise<StoredSchedule | undefined> {
    for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
      const now = (await store.list()).find((one) => one.id === id);
      if (!now) return undefined;
      const off = switchOff && !now.off ? { off: { at: Math.round(clock.now()) } } : {};
      const after = await store.change(now, { firings: withFiring(now.firings, firing), ...off });
      if (after) return after;
    }
    throw new Error(`What the firing of ${id} came to could not be stored.`);
  }

  /** Says a firing, and notes that it was said. At least once: the note follows. */
  async function sayNow(schedule: StoredSchedule, firing: Firing): Promise<void> {
    await ports.say(schedule, firing);
    const { isUnsaid: _, ...said } = firing;
    await noteEnd(schedule.id, said, false);
  }

  async function fire(schedule: StoredSchedule, plannedAt: number): Promise<void> {
    const { switchOff, ...end } = await ports.start(schedule, plannedAt);
    ports.audit.enqueue({ who: schedule.by, what: `schedule ${schedule.id}`, outcome: outcomeOf(end) });
    const firing = firingOf(plannedAt, end);
    const stored = await retryUntilAborted(
      { ...NOTE_LIMITS, clock, random: () => 1, onError: (error) => warnOnce('a firing is not recorded yet', error) },
      () => noteEnd(schedule.id, firing, switchOff ?? false),
      closing.signal,
    );
    // Without an entry nobody else would say it.
    if (!stored && firing.isUnsaid) await ports.say(schedule, firing);
    if (stored && firing.isUnsaid) await sayNow(stored, firing);
  }

  const firingOf = (plannedAt: number, end: FiringEnd): Firing => ({
    plannedAt,
    at: Math.round(clock.now()),
    end,
    ...(isSaid(end) ? { isUnsaid: true } : {}),
  });

  /** Claims what is due and what was missed, in one write. Returns when the next planned time is. */
  async function look(schedule: StoredSchedule): Promise<number | undefined> {
    const timing = timingOf(schedule);
    if (!timing) {
      warnOnce(`the schedule ${schedule.id} is not understood: ${schedule.cron} ${schedule.zone}`, undefined);
      return undefined;
    }
    const now = clock.now();
    const { due, missed, next } = decideDue(timing.cron, timing.zone, { doneUntil: schedule.doneUntil, now });
    const doneUntil = due ?? missed?.last;
    if (doneUntil === undefined) return next;
    const { count, isCut, first } = missed ?? {};
    const lost =
      missed && count !== undefined && isCut !== undefined && first !== undefined
        ? firingOf(missed.last, { kind: 'missed', count, isCut, first })
        : undefined;
    const claim = due === undefined ? undefined : firingOf(due, { kind: 'starting', holder });
    const firings = [lost, claim].reduce((all, one) => (one ? withFiring(all, one) : all), schedule.firings);
    const claimed = await store.change(schedule, { doneUntil, firings });
    // Another process claimed it, or a person changed the schedule: the next look sees what is left.
    if (!claimed) return now;
    if (due !== undefined) beginFiring(claimed, due);
    if (lost) {
      ports.audit.enqueue({ who: claimed.by, what: `schedule ${claimed.id}`, outcome: outcomeOf(lost.end) });
      begin(nameOf(claimed, lost.plannedAt), sayNow(claimed, lost));
    }
    return next;
  }

  function beginFiring(schedule: StoredSchedule, plannedAt: number): void {
    const name = nameOf(schedule, plannedAt);
    begun.add(name);
    keepNewest(begun, MOST_REMEMBERED);
    begin(name, fire(schedule, plannedAt));
  }

  function begin(name: string, work: Promise<void>): void {
    const done = work
      .catch((error: unknown) => warnOnce(`the firing ${name} was not recorded or said`, error))
      .finally(() => starting.delete(name));
    starting.set(name, done);
  }

  /** What another process left: a start without an end, and what the channel has not heard. */
  async function finishLeft(schedule: StoredSchedule): Promise<void> {
    for (const firing of schedule.firings) {
      const { plannedAt, at, end } = firing;
      const name = nameOf(schedule, plannedAt);
      if (starting.has(name)) continue;
      if (end.kind === 'starting' && end.holder === holder && !begun.has(name)) {
        // The claim was stored and its reply was lost.
        beginFiring(schedule, plannedAt);
        continue;
      }
      const isLeft = end.kind === 'starting' && clock.now() - at > (end.holder === holder ? 0 : LEFT_AFTER_MS);
      const isUnsaid = firing.isUnsaid === true && clock.now() - at > UNSAID_MS;
      if (!isLeft && !isUnsaid) continue;
      const claim = isLeft ? firingOf(plannedAt, { kind: 'unknown' }) : firingOf(plannedAt, end);
      const claimed = await store.change(schedule, { firings: withFiring(schedule.firings, claim) });
      if (!claimed) return;
      if (isLeft)
        ports.audit.enqueue({ who: schedule.by, what: `schedule ${schedule.id}`, outcome: outcomeOf(claim.end) });
      begin(name, sayNow(claimed, claim));
      // The others are changed in the version that is read next.
      return;
    }
  }

  /** One look at every schedule. Returns the wait until the next one, ms. */
  async function pass(): Promise<number> {
    let next = clock.now() + POLL_MS;
    for (const schedule of await store.list()) {
      if (closing.signal.aborted) break;
      try {
        const planned = schedule.off ? undefined : await look(schedule);
        if (planned !== undefined) next = Math.min(next, planned);
        if (planned === undefined || planned > clock.now()) await finishLeft(schedule);
      } catch (error) {
        warnOnce(`the schedule ${schedule.id} could not be looked at`, error);
      }
    }
    return Math.max(1_000, next - clock.now());
  }

  async function drive(): Promise<void> {
    while (!closing.signal.aborted) {
      waking = new AbortController();
      const waitMs = await pass().catch((error: unknown) => {
        warnOnce('the schedules could not be read', error);
        return POLL_MS;
      });
      await clock.sleep(waitMs, AbortSignal.any([waking.signal, closing.signal]));
    }
  }

  return {
    standBy() {
      driving ??= drive();
    },
    wake: () => waking.abort(),
    async shutDown() {
      closing.abort();
      const ended = Promise.resolve(driving).then(() => Promise.all(starting.values()));
      await within(clock, SHUTDOWN_MS, ended);
    },
  };
}

/** How the audit names what a firing came to. */
function outcomeOf(end: FiringEnd): AuditOutcome {
  switch (end.kind) {
    case 'starting':
      return 'begun';
    case 'started':
      return `begun: ${end.what}`;
    case 'nothing-to-do':
      return `finished: nothing to do (${end.lines[0] ?? ''})`;
    case 'refused':
      return `refused: ${end.lines[0] ?? ''}`;
    case 'failed':
      return `failed: ${end.lines[0] ?? ''}`;
    case 'unknown':
      return `interrupted: ${end.lines?.[0] ?? 'the process ended while it started the work'}`;
    case 'missed':
      return `failed: ${end.count} planned times were missed`;
  }
}
