import { within } from '../../lib/async/within.ts';
import type { Clock } from '../../lib/clock.ts';
import type { AcceptedRequest, DeliveryClaims } from '../../state/delivery-claims.ts';

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

/** A request that this process executes. */
export interface Acceptance {
  /** It is carried out and answered. Until this is stored it is open (`unfinished-requests.ts`). Resolves within a second; never throws. */
  finish(): Promise<void>;
}

/**
 * Accepts a request: Slack may deliver one to several processes of the bot. Undefined where another process executes it. Where the
 * control table fails or does not answer within a second, each process accepts it. Never throws.
 */
export type AcceptDelivery = (
  deliveryId: string,
  request: Omit<AcceptedRequest, 'at'>,
) => Promise<Acceptance | undefined>;

const CLAIM_TIMEOUT_MS = 1_000;
/** A request whose process did not say for some of these that it works on it is not carried out any more. */
export const RENEW_EVERY_MS = 5_000;

export function createDeliveryClaim(ports: {
  readonly claims: Pick<DeliveryClaims, 'claim' | 'renew' | 'finish' | 'removeOld'>;
  readonly clock: Clock;
  /** Logs an error that is handled. */
  readonly onError: (error: unknown, message: string) => void;
}): AcceptDelivery {
  const { claims, clock, onError } = ports;

  async function claim(
    deliveryId: string,
    request: Omit<AcceptedRequest, 'at'>,
  ): Promise<'mine' | 'unknown' | 'not mine'> {
    try {
      return (await claims.claim(deliveryId, { ...request, at: clock.now() })) ? 'mine' : 'not mine';
    } catch (error) {
      onError(error, 'A request could not be claimed. It is executed without a claim.');
      return 'unknown';
    }
  }

  async function renewUntil(deliveryId: string, finished: AbortSignal): Promise<void> {
    for (;;) {
      await clock.sleep(RENEW_EVERY_MS, finished);
      if (finished.aborted) return;
      await claims
        .renew(deliveryId)
        .catch((error: unknown) => onError(error, 'It could not be noted that a request is still in progress.'));
    }
  }

  return async (deliveryId, request) => {
    const claiming = claim(deliveryId, request);
    const claimed = await within(clock, CLAIM_TIMEOUT_MS, claiming);
    if (claimed === 'not mine') return undefined;
    if (claimed === undefined)
      onError(undefined, 'The control table did not answer within a second. A request is executed without a claim.');
    const finished = new AbortController();
    if (claimed === 'mine') void renewUntil(deliveryId, finished.signal);
    return {
      async finish() {
        finished.abort();
        const noting = noteFinished().catch((error: unknown) =>
          onError(error, 'It could not be noted that a request was carried out.'),
        );
        await within(clock, CLAIM_TIMEOUT_MS, noting);
      },
    };

    async function noteFinished(): Promise<void> {
      // The claim may have been stored after its time limit.
      if ((await claiming) !== 'mine') return;
      await claims.finish(deliveryId);
      // The next one tries again.
      await claims.removeOld(clock.now());
    }
  };
}
