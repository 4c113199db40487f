import type { Clock, Random } from '../../lib/clock.ts';
import type { FollowUp, FollowUps } from '../../state/follow-ups.ts';
import type { Lease } from '../../state/lease.ts';
import { classifySlackError } from '../client/slack-errors.ts';
import { createRetryLoop } from './retry-loop.ts';

/** Runs one step of a follow-up, unless it was done before: a follow-up that starts again does not repeat it. */
export type Step = (name: string, work: () => Promise<void>) => Promise<void>;

/** Executes follow-ups one after the other, in one process at a time, and retries each until it is done. */
export interface FollowUpRunner {
  /** Resolves when the follow-up is stored. */
  put(followUp: Pick<FollowUp, 'id' | 'at' | 'about'>): Promise<void>;
  /** Executes open follow-ups, those of earlier processes included, until `close`. */
  start(): void;
  /** Resolves when no follow-up is left that could be executed now, or after `close`. */
  idle(): Promise<void>;
  close(): void;
  readonly closed: AbortSignal;
}

/** How often follow-ups of other processes are looked for, ms. */
const POLL_MS = 15_000;
/** The shortest wait for a lease that another process holds, ms. */
const MIN_LEASE_WAIT_MS = 100;
const LEASE_LOST_MS = 1_000;

/** Another process executes the follow-ups now. */
class LeaseLostError extends Error {
  override readonly name = 'LeaseLostError';
}

export function createFollowUpRunner(ports: {
  followUps: FollowUps;
  /** A lease under a name of its own: its holder executes the follow-ups. */
  lease: Lease;
  execute: (followUp: FollowUp, step: Step) => Promise<void>;
  clock: Clock;
  random: Random;
  onError: (error: unknown, message: string) => void;
}): FollowUpRunner {
  const { followUps, lease } = ports;
  const loop = createRetryLoop({
    pass: executeOpen,
    onError: (error) => ports.onError(error, 'A follow-up is not done yet. It will be retried.'),
    clock: ports.clock,
    random: ports.random,
    pollMs: POLL_MS,
  });

  async function executeOne(followUp: FollowUp): Promise<void> {
    const done = new Set(followUp.steps);
    await ports.execute(followUp, async (name, work) => {
      if (done.has(name)) return;
      if (loop.closed.aborted || !lease.holds()) throw new LeaseLostError('Another process executes the follow-ups.');
      await work();
      done.add(name);
      await followUps.noteStep(followUp.id, name);
    });
    await followUps.finish(followUp.id);
  }

  /** Executes the open follow-ups, oldest first. One that fails does not hold up the others. @throws the last failure. */
  async function executeOpen(): Promise<number | undefined> {
    let isHeld = false;
    let lastFailure: { readonly error: unknown } | undefined;
    try {
      for await (const followUp of followUps.open()) {
        if (loop.closed.aborted) return;
        if (!isHeld) {
          const acquired = await lease.acquire();
          if (!acquired.ok) return Math.max(MIN_LEASE_WAIT_MS, Math.min(acquired.waitMs, POLL_MS));
          isHeld = true;
          lease.start(() => {});
        }
        try {
          await executeOne(followUp);
        } catch (error) {
          if (error instanceof LeaseLostError || classifySlackError(error).kind === 'rate-limited') throw error;
          lastFailure = { error };
        }
      }
    } catch (error) {
      if (error instanceof LeaseLostError) return LEASE_LOST_MS;
      throw error;
    } finally {
      if (isHeld) await lease.release();
    }
    if (lastFailure) throw lastFailure.error;
    return undefined;
  }

  return {
    async put(followUp) {
      await followUps.put(followUp);
      loop.wake();
    },
    start: loop.start,
    idle: loop.idle,
    close: loop.close,
    closed: loop.closed,
  };
}
