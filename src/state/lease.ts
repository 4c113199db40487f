import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import type { Clock } from '../lib/clock.ts';
import type { ControlTable, Entry, Key } from './control-table.ts';

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
   * Takes the lease when it is free, or when its record did not change for its whole duration on our own clock. Each
   * call reads the record once and remembers it, so call it repeatedly. `fence` is higher than any before.
   * @throws ControlTableError
   */
  acquire(): Promise<Acquired>;
  /**
   * Renews the lease from now on. `onLost` is called once when another holder took it or it was not renewed in time,
   * and never after `release`.
   */
  start(onLost: () => void): void;
  /** Whether new work may be started at this moment. */
  holds(): boolean;
  /**
   * Stops renewing and frees the lease at once if it is ours. Never throws: when the table cannot be reached, the lease
   * expires.
   */
  release(): Promise<void>;
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
const RENEW_PART = 1 / 3;
const RETRY_PART = 1 / 12;
/** A renewal without an answer for this part of the duration is abandoned, and another one is sent. */
const TIMEOUT_PART = 1 / 6;

/** The lease `name` of the control table for `holder`, a name that no other process has or had. */
export function createLease(parts: {
  table: ControlTable;
  name: string;
  holder: string;
  durationMs: number;
  clock: Clock;
  logger?: { warn(facts: object, message: string): void };
}): Lease {
  const { table, holder, durationMs, clock, logger } = parts;
  const key: Key = { pk: `lease#${parts.name}`, sk: 'lease' };
  let holding: Holding | undefined;
  let watched: { beat: string; since: number } | undefined;

  const validUntil = (held: Holding) => held.sentAt + VALID_PART * durationMs;
  const recordOf = (entry: Entry | undefined): LeaseRecord | undefined => entry && recordSchema.parse(entry);

  /** Replaces the record `expected` by one of our own. Returns the record that is there when that fails. */
  async function take(
    expected: LeaseRecord | undefined,
  ): Promise<{ taken: Holding } | { found: LeaseRecord | undefined }> {
    const sentAt = clock.now();
    const fence = (expected?.fence ?? 0) + 1;
    const beat = randomUUID();
    const set = { holder, fence, beat, free: false, durationMs };
    const condition = expected ? { equals: { beat: expected.beat } } : { exists: false };
    const written = await table.update(key, { set }, condition);
    const found = recordOf(written.entry);
    // The SDK repeats a write whose reply was lost; the repetition is refused because of our own beat.
    if (written.ok || found?.beat === beat) return { taken: { fence, sentAt, ended: new AbortController() } };
    return { found };
  }

  /**
   * How long the record must still be watched, ms. The watch begins after it was read, so it cannot begin too early.
   */
  function watch(record: LeaseRecord): number {
    const now = clock.now();
    if (watched?.beat !== record.beat) watched = { beat: record.beat, since: now };
    return Math.max(0, watched.since + record.durationMs - now);
  }

  async function renew(held: Holding): Promise<'renewed' | 'lost'> {
    const sentAt = clock.now();
    const ours = { equals: { fence: held.fence, holder, free: false } };
    const written = await table.update(key, { set: { beat: randomUUID(), durationMs } }, ours);
    if (!written.ok) return 'lost';
    held.sentAt = Math.max(held.sentAt, sentAt);
    return 'renewed';
  }

  /** Renews until the holding ends. Returns whether it was lost. */
  async function keepRenewing(held: Holding): Promise<boolean> {
    const { signal } = held.ended;
    let pauseMs = durationMs * RENEW_PART;
    for (;;) {
      await clock.sleep(Math.min(pauseMs, validUntil(held) - clock.now()), signal);
      if (signal.aborted) return false;
      if (clock.now() >= validUntil(held)) return true;
      const answer = renew(held).catch((error: unknown) => {
        logger?.warn({ err: error, lease: parts.name }, 'The lease was not renewed. It is tried again.');
        return 'failed' as const;
      });
      const answered = new AbortController();
      const timeoutMs = Math.min(durationMs * TIMEOUT_PART, validUntil(held) - clock.now());
      const result = await Promise.race([answer, clock.sleep(timeoutMs, AbortSignal.any([signal, answered.signal]))]);
      answered.abort();
      if (signal.aborted) return false;
      if (result === 'lost') return true;
      pauseMs = durationMs * (result === 'renewed' ? RENEW_PART : RETRY_PART);
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
      const record = recordOf(await table.read(key));
      // A record with our own name is one that we hold or lost: nobody else can be acting on it.
      const canTake = !record || record.free || record.holder === holder || watch(record) === 0;
      if (!canTake) return { ok: false, holder: record.holder, waitMs: watch(record) };
      const result = await take(record);
      if ('taken' in result) {
        drop();
        watched = undefined;
        holding = result.taken;
        return { ok: true, fence: result.taken.fence };
      }
      const { found } = result;
      if (!found) return { ok: false, holder: 'nobody', waitMs: 0 };
      return { ok: false, holder: found.holder, waitMs: found.free ? 0 : watch(found) };
    },
    start(onLost) {
      const held = holding;
      if (!held) return onLost();
      void keepRenewing(held).then((lost) => {
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
