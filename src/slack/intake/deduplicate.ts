import { within } from '../../lib/async/within.ts';
import type { Clock } from '../../lib/clock.ts';
import type { DeliveryClaims } from '../../state/delivery-claims.ts';

/** Recognises what was delivered to this process before: Slack repeats an envelope when no acknowledgement arrives in time. */
export interface Deduplicator {
  /** True the first time an id is given, false afterwards. */
  isNew(id: string): boolean;
}

const MAX_IDS = 5_000;

/** Remembers ids for `keepMs`, at most `mostIds` of them. */
export function createDeduplicator(clock: Pick<Clock, 'now'>, keepMs = 10 * 60_000, mostIds = MAX_IDS): Deduplicator {
  const deliveredAt = new Map<string, number>();
  return {
    isNew(id) {
      const now = clock.now();
      // Oldest first.
      for (const [oldId, at] of deliveredAt) {
        if (now - at < keepMs && deliveredAt.size < mostIds) break;
        deliveredAt.delete(oldId);
      }
      if (deliveredAt.has(id)) return false;
      deliveredAt.set(id, now);
      return true;
    },
  };
}

/**
 * Whether this process executes the request: Slack may deliver one request to several processes of the bot. True for one of them;
 * for each of them where the control table fails or does not answer within a second. Never throws.
 */
export type ClaimDelivery = (deliveryId: string) => Promise<boolean>;

const CLAIM_TIMEOUT_MS = 1_000;

export function createDeliveryClaim(ports: {
  readonly claims: DeliveryClaims;
  readonly clock: Clock;
  /** Logs an error that is handled. */
  readonly onError: (error: unknown, message: string) => void;
}): ClaimDelivery {
  const { claims, clock, onError } = ports;

  async function claim(deliveryId: string): Promise<boolean> {
    try {
      return await claims.claim(deliveryId, clock.now());
    } catch (error) {
      onError(error, 'A request could not be claimed. It is executed without a claim.');
      return true;
    }
  }

  return async (deliveryId) => {
    const isMine = await within(clock, CLAIM_TIMEOUT_MS, claim(deliveryId));
    if (isMine === undefined) {
      onError(undefined, 'The control table did not answer within a second. A request is executed without a claim.');
      return true;
    }
    // Nothing waits for it, and the next claim tries again.
    void claims.removeOld(clock.now()).catch((error: unknown) => onError(error, 'Old claims could not be removed.'));
    return isMine;
  };
}
