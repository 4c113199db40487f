import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import type { Clock } from '../lib/clock.ts';
import type { ControlTable, Entry, Key } from './control-table.ts';

export type Acquired =
  | { readonly ok: true; readonly fence: number }
  /** Held by another; ask again after `waitMs`. */
  | { readonly ok: false; readonly holder: string; readonly waitMs: number };

/**
 * The right to drive a run. At any moment at most one holder's `holds` is true, as long as the clocks of two machines run
 * at the same speed to within a quarter: they need not show the same time.
 */
export interface Lease {
  /**
   * Takes the lease if it is free, or if its record was watched unchanged for its whole duration on our own clock. Each
   * call looks once and remembers what it saw: ask again and again. `fence` is higher than any before.
   * @throws ControlTableError
   */
  acquire(): Promise<Acquired>;
  /** Renews from now on. `onLost` is called once, when another took over or nothing was renewed in time; never after `release`. */
  start(onLost: () => void): void;
  /** Whether new work may be started at this very moment. */
  holds(): boolean;
  /** Stops renewing and frees the lease for others at once, if it is ours. Never throws: unreachable, it runs out by itself. */
  release(): Promise<void>;
}

const recordSchema = z.looseObject({
  holder: z.string(),
  fence: z.number(),
  /** Another with every renewal: what is watched. */
  beat: z.string(),
  free: z.boolean(),
  durationMs: z.number(),
});
type LeaseRecord = z.infer<typeof recordSchema>;

/** One time of holding the lease; thrown away when it is lost or released. */
interface Holding {
  readonly fence: number;
  readonly over: AbortController;
  /** When the last renewal that came through was sent: nobody can have begun to watch before that. */
  sentAt: number;
}

/** The part of the duration in which the holder may act; the rest is the margin for clocks of different speed. */
const VALID_PART = 0.75;
const RENEW_PART = 1 / 3;
const AGAIN_PART = 1 / 12;
/** A renewal without an answer for so long is left alone, and another one sent. */
const HUNG_PART = 1 / 6;

/** The lease `name` of the control table, as `holder`: a name that no other process has or had. */
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

  /** Writes a record of our own in the place of `seen`; what stands there then. */
  async function take(
    seen: LeaseRecord | undefined,
  ): Promise<{ taken: Holding } | { stands: LeaseRecord | undefined }> {
    const sentAt = clock.now();
    const fence = (seen?.fence ?? 0) + 1;
    const beat = randomUUID();
    const set = { holder, fence, beat, free: false, durationMs };
    const written = await table.update(key, { set }, seen ? { equals: { beat: seen.beat } } : { exists: false });
    const stands = recordOf(written.entry);
    // The SDK repeats a write whose reply was lost: then our own beat is what refuses us.
    if (written.ok || stands?.beat === beat) return { taken: { fence, sentAt, over: new AbortController() } };
    return { stands };
  }

  /** How long the record must still be watched, ms. The watch begins after the reading: what was read is no newer than that. */
  function watch(record: LeaseRecord): number {
    const now = clock.now();
    if (watched?.beat !== record.beat) watched = { beat: record.beat, since: now };
    return Math.max(0, watched.since + record.durationMs - now);
  }

  async function renew(held: Holding): Promise<'renewed' | 'lost'> {
    const sentAt = clock.now();
    const mine = { equals: { fence: held.fence, holder, free: false } };
    const written = await table.update(key, { set: { beat: randomUUID(), durationMs } }, mine);
    if (!written.ok) return 'lost';
    held.sentAt = Math.max(held.sentAt, sentAt);
    return 'renewed';
  }

  /** Renews until the holding is over; whether it ended by loss. */
  async function keep(held: Holding): Promise<boolean> {
    const { signal } = held.over;
    let pauseMs = durationMs * RENEW_PART;
    for (;;) {
      await clock.sleep(Math.min(pauseMs, validUntil(held) - clock.now()), signal);
      if (signal.aborted) return false;
      if (clock.now() >= validUntil(held)) return true;
      const answer = renew(held).catch((error: unknown) => {
        logger?.warn({ err: error, lease: parts.name }, 'the lease was not renewed');
        return 'failed' as const;
      });
      const hung = new AbortController();
      const patience = Math.min(durationMs * HUNG_PART, validUntil(held) - clock.now());
      const result = await Promise.race([answer, clock.sleep(patience, AbortSignal.any([signal, hung.signal]))]);
      hung.abort();
      if (signal.aborted) return false;
      if (result === 'lost') return true;
      pauseMs = durationMs * (result === 'renewed' ? RENEW_PART : AGAIN_PART);
    }
  }

  function drop(): Holding | undefined {
    const held = holding;
    holding = undefined;
    held?.over.abort();
    return held;
  }

  return {
    async acquire() {
      const record = recordOf(await table.read(key));
      // A record in our own name is one we lost hold of, or hold: nobody else can be acting on it.
      const ripe = !record || record.free || record.holder === holder || watch(record) === 0;
      if (!ripe) return { ok: false, holder: record.holder, waitMs: watch(record) };
      const result = await take(record);
      if ('taken' in result) {
        drop();
        watched = undefined;
        holding = result.taken;
        return { ok: true, fence: result.taken.fence };
      }
      const { stands } = result;
      if (!stands) return { ok: false, holder: 'nobody', waitMs: 0 };
      return { ok: false, holder: stands.holder, waitMs: stands.free ? 0 : watch(stands) };
    },
    start(onLost) {
      const held = holding;
      if (!held) return onLost();
      void keep(held).then((lost) => {
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
        logger?.warn({ err: error, lease: parts.name }, 'the lease was not released; it runs out by itself');
      }
    },
  };
}
