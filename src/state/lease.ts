import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import type { Clock } from '../lib/clock.ts';
import { type ControlTable, type Entry, type Key, parsedEntry } from './table/control-table.ts';

export type Acquired =
  | { readonly ok: true; readonly fence: number }
  /** Another holder has it; try again after `waitMs`. */
  | { readonly ok: false; readonly holder: string; readonly waitMs: number };

/**
 * The exclusive right to drive a run or another job. At any moment `holds` is true for at most one holder, as long as
 * the clocks of two machines run at the same speed to within a quarter. They need not show the same time.
 */
export interface Lease {
  /**
   * Takes the lease when it is free, or when its record did not change for its whole duration, without the time in which
   * the table did not answer. Each call reads the record once and remembers it, so call it repeatedly. `fence` is higher than any before.
   * @throws ControlTableError
   */
  acquire(): Promise<Acquired>;
  /**
   * Reads the record and remembers it, so that the time until it can be taken over runs. Returns its holder, who may have
   * died; undefined when it is free. @throws ControlTableError
   */
  look(): Promise<{ readonly holder?: string }>;
  /**
   * Renews the lease from now on. `onLost` is called once when another holder took it or it was not renewed in time,
   * and never after `release`. `regains`: a lease that was not renewed in time is renewed further on, and `onLost` is
   * called only when its record is not ours any more. Until a renewal succeeds `holds` is false, and then it is true
   * again: nobody held the lease in between.
   */
  start(onLost: () => void, options?: { readonly regains: boolean }): void;
  /** Whether new work may be started at this moment, by the clock: also right in a process that was suspended. */
  holds(): boolean;
  /**
   * Stops renewing and frees the lease at once if it is ours. Never throws: when the table cannot be reached, the lease
   * expires.
   */
  release(): Promise<void>;
}

/** What a process saw of the record of a lease. The leases of one process that share a record share it. */
export interface LeaseWatch {
  /** Notes the record, as a read that was sent at `sentAt` found it. Returns how long it must still be watched, ms. */
  note(record: { readonly beat: string; readonly durationMs: number }, sentAt: number): number;
  /** The record could not be read. */
  noteFailure(): void;
  /** The record is free, or was taken by this process just now. */
  forget(): void;
}

/**
 * A watch that has seen nothing yet. Time counts from the answer to one read until the next one is sent. The time that
 * reads take or fail does not: when the table does not answer, the holder cannot renew the lease either.
 */
export function createLeaseWatch(clock: Pick<Clock, 'now'>): LeaseWatch {
  let watched: { beat: string; since: number; watchedMs: number } | undefined;
  return {
    note({ beat, durationMs }, sentAt) {
      if (watched?.beat !== beat) watched = { beat, since: clock.now(), watchedMs: 0 };
      watched.watchedMs += Math.max(0, sentAt - watched.since);
      watched.since = clock.now();
      return Math.max(0, durationMs - watched.watchedMs);
    },
    noteFailure() {
      if (watched) watched.since = clock.now();
    },
    forget() {
      watched = undefined;
    },
  };
}

const recordSchema = z.looseObject({
  holder: z.string(),
  fence: z.number(),
  /** A new value with every renewal; this is what other holders watch. */
  beat: z.string(),
  free: z.boolean(),
  durationMs: z.number(),
});
type LeaseRecord = z.infer<typeof recordSchema>;

/** One period of holding the lease, until it is lost or released. */
interface Holding {
  readonly fence: number;
  readonly ended: AbortController;
  /** When the last successful renewal was sent: nobody can have begun to watch before that. */
  sentAt: number;
}

/** The part of the duration in which the holder may act; the rest is the margin for clocks of different speed. */
const VALID_PART = 0.75;
/** A renewal is sent this often, whether or not the one before was answered: a slow answer is no loss. */
const RENEW_PART = 1 / 5;
/** And this soon after one that failed. */
const RETRY_PART = 1 / 12;
/** Renewals without an answer at the most. A call of the SDK may hang for minutes. */
const MAX_UNANSWERED = 20;

/** The lease `name` of the control table for `holder`, a name that no other process has or had. */
export function createLease(parts: {
  table: Pick<ControlTable, 'read' | 'update'>;
  name: string;
  holder: string;
  durationMs: number;
  clock: Clock;
  watch?: LeaseWatch;
  logger?: { warn(facts: object, message: string): void };
}): Lease {
  const { table, holder, durationMs, clock, logger, watch = createLeaseWatch(clock) } = parts;
  const key: Key = { pk: `lease#${parts.name}`, sk: 'lease' };
  let holding: Holding | undefined;
  /** Fences grow even when the record was deleted or restored to an earlier state. */
  let highestFence = 0;

  const validUntil = (held: Holding) => held.sentAt + VALID_PART * durationMs;
  function recordOf(entry: Entry | undefined): LeaseRecord | undefined {
    if (!entry) return;
    const record = parsedEntry(entry, recordSchema);
    highestFence = Math.max(highestFence, record.fence);
    return record;
  }

  /** Replaces the record `expected` by one of our own. Returns the record that is there when that fails. */
  async function take(
    expected: LeaseRecord | undefined,
  ): Promise<{ taken: Holding } | { found: LeaseRecord | undefined }> {
    const sentAt = clock.now();
    const fence = Math.max(highestFence, expected?.fence ?? 0) + 1;
    const beat = randomUUID();
    const set = { holder, fence, beat, free: false, durationMs };
    const condition = expected ? { equals: { beat: expected.beat } } : { exists: false };
    const written = await table.update(key, { set }, condition);
    const found = recordOf(written.entry);
    // The SDK repeats a write whose reply was lost; the repetition is refused because of our own beat.
    if (written.ok || found?.beat === beat) return { taken: { fence, sentAt, ended: new AbortController() } };
    return { found };
  }

  /** Reads the record. `waitMs`: until this process may take it, ms. */
  async function look(): Promise<{ readonly record: LeaseRecord | undefined; readonly waitMs: number }> {
    const sentAt = clock.now();
    const entry = await table.read(key).catch((error: unknown) => {
      watch.noteFailure();
      throw error;
    });
    const record = recordOf(entry);
    if (!record || record.free) {
      watch.forget();
      return { record, waitMs: 0 };
    }
    // One that we lost is watched as well: the other leases that share the watch wait until it expires.
    const waitMs = watch.note(record, sentAt);
    // A record with our own name is one that we hold or lost: nobody else can be acting on it.
    return { record, waitMs: record.holder === holder ? 0 : waitMs };
  }

  /** Renews until the holding ends. Returns whether it was lost. */
  async function keepRenewing(held: Holding, regains: boolean): Promise<boolean> {
    const { signal } = held.ended;
    const lost = new AbortController();
    let lastSentAt = held.sentAt;
    let unanswered = 0;
    let hasFailed = false;

    async function renew(): Promise<void> {
      const sentAt = clock.now();
      lastSentAt = sentAt;
      unanswered++;
      try {
        const ours = { equals: { fence: held.fence, holder, free: false } };
        const written = await table.update(key, { set: { beat: randomUUID(), durationMs } }, ours);
        if (!written.ok) lost.abort();
        else held.sentAt = Math.max(held.sentAt, sentAt);
        hasFailed = false;
      } catch (error) {
        hasFailed = true;
        if (!signal.aborted)
          logger?.warn({ err: error, lease: parts.name }, 'The lease was not renewed. It is tried again.');
      } finally {
        unanswered--;
      }
    }

    for (;;) {
      const untilExpiryMs = regains ? Number.POSITIVE_INFINITY : validUntil(held) - clock.now();
      await clock.sleep(Math.min(durationMs * RETRY_PART, untilExpiryMs), AbortSignal.any([signal, lost.signal]));
      if (signal.aborted) return false;
      if (lost.signal.aborted || (!regains && clock.now() >= validUntil(held))) return true;
      const isDue = clock.now() - lastSentAt >= durationMs * (hasFailed ? RETRY_PART : RENEW_PART);
      if (isDue && unanswered < MAX_UNANSWERED) void renew();
    }
  }

  function drop(): Holding | undefined {
    const held = holding;
    holding = undefined;
    held?.ended.abort();
    return held;
  }

  return {
    async acquire() {
      const { record, waitMs } = await look();
      if (record && waitMs > 0) return { ok: false, holder: record.holder, waitMs };
      const result = await take(record);
      if ('taken' in result) {
        drop();
        watch.forget();
        holding = result.taken;
        return { ok: true, fence: result.taken.fence };
      }
      const { found } = result;
      if (!found) return { ok: false, holder: 'nobody', waitMs: 0 };
      return { ok: false, holder: found.holder, waitMs: found.free ? 0 : watch.note(found, clock.now()) };
    },
    async look() {
      const { record } = await look();
      return record && !record.free ? { holder: record.holder } : {};
    },
    start(onLost, { regains } = { regains: false }) {
      const held = holding;
      if (!held) return onLost();
      void keepRenewing(held, regains).then((lost) => {
        if (!lost || holding !== held) return;
        drop();
        onLost();
      });
    },
    holds: () => holding !== undefined && clock.now() < validUntil(holding),
    async release() {
      const held = drop();
      if (!held) return;
      try {
        await table.update(key, { set: { free: true } }, { equals: { fence: held.fence, holder } });
      } catch (error) {
        logger?.warn({ err: error, lease: parts.name }, 'The lease was not released. It expires by itself.');
      }
    },
  };
}
