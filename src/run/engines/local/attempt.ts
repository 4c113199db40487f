import type { Random } from '../../../lib/clock.ts';
import type { Fault, Outcome, Reading } from '../../../pipeline/invoke/invocation.ts';
import { backoffMs } from '../../rules/pacer.ts';
import type { Tries } from './live-run.ts';

/** What becomes of an image after one invocation of it. */
export type AttemptVerdict =
  | { readonly kind: 'settle'; readonly outcome: Outcome }
  | { readonly kind: 'again'; readonly delayMs: number }
  /** The run pauses; the image goes back as if it had not been tried. */
  | { readonly kind: 'fault'; readonly fault: Fault };

/** What is known of the line to the function, beyond this image. */
export interface LineFacts {
  /**
   * Attempts in a row that got no reply (a broken connection, a network fault), with no reply to any image between them,
   * and begun after the first such: a blip that breaks everything in flight at once counts as none.
   */
  readonly silentInRow: number;
  /** Replies, to any image, since this image's first broken connection. */
  readonly repliesSinceBroken: number;
}

/** Broken connections of one image that are tried again (the function may have run, so each is said). */
const BROKEN_LIMIT = 2;
const MEND_NETWORK = 'Look at the network between the bot and AWS; /rescan resume goes on where it was.';
/** Silent attempts after the first before the run pauses: within three images. */
const SILENT_LIMIT = 2;

/**
 * Decides what a reading means for its image. Nothing is tried again but pushback (up to `pushbackLimit`, then it is a
 * THROTTLING_ERROR) and a broken connection (twice); an image is blamed for a broken connection only if others got replies
 * meanwhile, and for a fault never. `tries` counts this attempt already.
 */
export function judgeAttempt(
  reading: Reading,
  tries: Tries,
  line: LineFacts,
  throttleLimit: number,
  random: Random,
): AttemptVerdict {
  switch (reading.kind) {
    case 'outcome':
      return { kind: 'settle', outcome: reading.outcome };
    case 'throttled': {
      if (tries.throttles < throttleLimit) return { kind: 'again', delayMs: backoffMs(tries.throttles, random) };
      const message = `Pushed back ${tries.throttles} times, the last time by ${reading.source}: ${reading.message}`;
      return { kind: 'settle', outcome: { kind: 'failed', failureType: 'THROTTLING_ERROR', message } };
    }
    case 'broken': {
      const dead = line.silentInRow >= SILENT_LIMIT || (tries.broken > BROKEN_LIMIT && line.repliesSinceBroken === 0);
      if (dead) return { kind: 'fault', fault: { reason: 'network', message: reading.message, fix: MEND_NETWORK } };
      if (tries.broken <= BROKEN_LIMIT) return { kind: 'again', delayMs: backoffMs(tries.broken, random) };
      const message = `The connection broke ${tries.broken} times before a reply: ${reading.message}`;
      return { kind: 'settle', outcome: { kind: 'failed', failureType: 'INVOCATION_ERROR', message } };
    }
    case 'fault':
      if (reading.fault.reason === 'network' && line.silentInRow < SILENT_LIMIT)
        return { kind: 'again', delayMs: backoffMs(line.silentInRow + 1, random) };
      return { kind: 'fault', fault: reading.fault };
  }
}
