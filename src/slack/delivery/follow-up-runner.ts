import type { Clock, Random } from '../../lib/clock.ts';
import type { FollowUp, FollowUps } from '../../state/follow-ups.ts';
import type { Lease } from '../../state/lease.ts';
import { classifySlackError } from '../client/slack-errors.ts';
import { createSweeper } from './retry-loop.ts';

/** One step of an errand: done once, however often the errand is begun anew. */
export type Step = (name: string, work: () => Promise<void>) => Promise<void>;

/** Carries errands out, one after the other, by one copy of the bot at a time; tries again until they are done. */
export interface FollowUpRunner {
  /** The errand is on record when this resolves. */
  put(followUp: Pick<FollowUp, 'id' | 'at' | 'about'>): Promise<void>;
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

export function createFollowUpRunner(ports: {
  followUps: FollowUps;
  /** A lease of its own name: who holds it carries errands out. */
  lease: Lease;
  carryOut: (followUp: FollowUp, step: Step) => Promise<void>;
  clock: Clock;
  random: Random;
  onError: (error: unknown, message: string) => void;
}): FollowUpRunner {
  const { followUps, lease } = ports;
  let failures = 0;

  async function carryOut(followUp: FollowUp): Promise<void> {
    const done = new Set(followUp.steps);
    await ports.carryOut(followUp, async (name, work) => {
      if (done.has(name)) return;
      if (sweeper.closed.aborted || !lease.holds()) throw new LeaseLost('Errands are carried out by another copy');
      await work();
      done.add(name);
      await followUps.noteStep(followUp.id, name);
    });
    await followUps.finish(followUp.id);
  }

  /** Carries out what is open, oldest first. Answers how long to wait where something is left, in ms. */
  async function sweep(): Promise<number | undefined> {
    let isHeld = false;
    let left: unknown;
    try {
      for await (const followUp of followUps.open()) {
        if (sweeper.closed.aborted) return;
        if (!isHeld) {
          const taken = await lease.acquire();
          if (!taken.ok) return Math.max(100, Math.min(taken.waitMs, LOOK_EVERY_MS));
          isHeld = true;
          lease.start(() => {});
        }
        // One that cannot be told (the bot was removed from its channel) does not hold up the others.
        await carryOut(followUp).catch((error: unknown) => {
          if (error instanceof LeaseLost || classifySlackError(error).kind === 'rate-limited') throw error;
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
      ports.onError(left, 'what is to be told afterwards is not told yet; it is tried again');
    const trouble = classifySlackError(left);
    const most = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** Math.min(failures - 1, 10));
    return trouble.kind === 'rate-limited' ? trouble.retryAfterMs : most * (0.5 + ports.random() / 2);
  }

  const sweeper = createSweeper({ sweep, clock: ports.clock, everyMs: LOOK_EVERY_MS });
  return {
    async put(followUp) {
      await followUps.put(followUp);
      sweeper.wake();
    },
    start: sweeper.start,
    over: sweeper.over,
    close: sweeper.close,
  };
}
