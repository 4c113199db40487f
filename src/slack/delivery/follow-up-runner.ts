import type { Clock, Random } from '../../lib/clock.ts';
import type { Errand, Errands } from '../../state/follow-ups.ts';
import type { Lease } from '../../state/lease.ts';
import { readTrouble } from '../client/slack-errors.ts';
import { createSweeper } from './retry-loop.ts';

/** One step of an errand: done once, however often the errand is begun anew. */
export type Step = (name: string, work: () => Promise<void>) => Promise<void>;

/** Carries errands out, one after the other, by one copy of the bot at a time; tries again until they are done. */
export interface ErrandRunner {
  /** The errand is on record when this resolves. */
  put(errand: Pick<Errand, 'id' | 'at' | 'about'>): Promise<void>;
  /** Carries out what is open, of this process and of ones before it, from now until `close`. */
  start(): void;
  /** Resolves when nothing is open that could be done now, or when closed. */
  over(): Promise<void>;
  close(): void;
}

const FIRST_WAIT_MS = 1_000;
const LONGEST_WAIT_MS = 60_000;
/** How often errands are looked for that another copy of the bot left behind. */
const LOOK_EVERY_MS = 15_000;

/** Another copy of the bot carries errands out now. */
class LeaseLost extends Error {
  override readonly name = 'LeaseLost';
}

export function createErrandRunner(ports: {
  errands: Errands;
  /** A lease of its own name: who holds it carries errands out. */
  lease: Lease;
  carryOut: (errand: Errand, step: Step) => Promise<void>;
  clock: Clock;
  random: Random;
  onTrouble: (error: unknown, message: string) => void;
}): ErrandRunner {
  const { errands, lease } = ports;
  let failures = 0;

  async function carryOut(errand: Errand): Promise<void> {
    const done = new Set(errand.steps);
    await ports.carryOut(errand, async (name, work) => {
      if (done.has(name)) return;
      if (sweeper.closed.aborted || !lease.holds()) throw new LeaseLost('Errands are carried out by another copy');
      await work();
      done.add(name);
      await errands.noteStep(errand.id, name);
    });
    await errands.finish(errand.id);
  }

  /** Carries out what is open, oldest first. Answers how long to wait where something is left, in ms. */
  async function sweep(): Promise<number | undefined> {
    let isHeld = false;
    let left: unknown;
    try {
      for await (const errand of errands.open()) {
        if (sweeper.closed.aborted) return;
        if (!isHeld) {
          const taken = await lease.acquire();
          if (!taken.ok) return Math.max(100, Math.min(taken.waitMs, LOOK_EVERY_MS));
          isHeld = true;
          lease.start(() => {});
        }
        // One that cannot be told (the bot was removed from its channel) does not hold up the others.
        await carryOut(errand).catch((error: unknown) => {
          if (error instanceof LeaseLost || readTrouble(error).kind === 'rate-limited') throw error;
          left = error;
        });
      }
    } catch (error) {
      left = error;
    } finally {
      if (isHeld) await lease.release();
    }
    if (left === undefined) {
      failures = 0;
      return;
    }
    failures += 1;
    if (!(left instanceof LeaseLost))
      ports.onTrouble(left, 'what is to be told afterwards is not told yet; it is tried again');
    const trouble = readTrouble(left);
    const most = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** Math.min(failures - 1, 10));
    return trouble.kind === 'rate-limited' ? trouble.retryAfterMs : most * (0.5 + ports.random() / 2);
  }

  const sweeper = createSweeper({ sweep, clock: ports.clock, everyMs: LOOK_EVERY_MS });
  return {
    async put(errand) {
      await errands.put(errand);
      sweeper.wake();
    },
    start: sweeper.start,
    over: sweeper.over,
    close: sweeper.close,
  };
}
