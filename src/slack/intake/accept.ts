import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { within } from '../../lib/async/within.ts';
import type { Clock } from '../../lib/clock.ts';
import type { AcceptedRequest, DeliveryClaims, OpenRequest } from '../../state/delivery-claims.ts';

/** A request that this process works on. */
export interface Acceptance {
  /**
   * Whether it still is: false where the process was frozen for so long that another one took the request. True where the control
   * table does not say so within a second. Never throws.
   */
  isHeld(): Promise<boolean>;
  /** It is carried out and answered. Resolves within a second; where this cannot be stored, it is tried again. Never throws. */
  finish(): Promise<void>;
  /** It is not carried out after all: this or another process may take it. */
  release(): void;
}

export interface Acceptor {
  /**
   * Accepts a request: Slack may deliver one to several processes of the bot. Undefined where another process executes it. Where the
   * control table fails or does not answer within a second, each process accepts it. Never throws.
   */
  accept(deliveryId: string, request: Omit<AcceptedRequest, 'at'>): Promise<Acceptance | undefined>;
  /** Takes a request whose process no longer responds. Undefined where it does, or where another process was faster. @throws ControlTableError */
  take(open: OpenRequest): Promise<Acceptance | undefined>;
  /** Whether this process works on it. */
  worksOn(open: OpenRequest): boolean;
  /** Ends what still waits to be stored. */
  close(): void;
}

/** Whether the claim of a request is stored; `unknown` where the control table failed. */
type Claimed = 'mine' | 'not mine' | 'unknown';

const CLAIM_TIMEOUT_MS = 1_000;
/** A process that works on a request notes so in this interval, ms. */
export const RENEW_EVERY_MS = 5_000;
/** A request that waited for longer may have been taken by another process. */
const HELD_FOR_MS = 2 * RENEW_EVERY_MS;

export function createAcceptor(ports: {
  readonly claims: Pick<DeliveryClaims, 'claim' | 'renew' | 'finish' | 'take' | 'removeOld'>;
  /** Measures durations: a correction of the time must not make a request look silent. */
  readonly clock: Clock;
  /** The time, epoch ms. */
  readonly now: () => number;
  /** Logs an error that is handled. */
  readonly onError: (error: unknown, message: string) => void;
}): Acceptor {
  const { claims, clock, now, onError } = ports;
  /** The owners of what this process works on. */
  const working = new Set<string>();
  const closing = new AbortController();

  async function claim(deliveryId: string, owner: string, request: Omit<AcceptedRequest, 'at'>): Promise<Claimed> {
    try {
      return (await claims.claim(deliveryId, owner, { ...request, at: now() })) ? 'mine' : 'not mine';
    } catch (error) {
      onError(error, 'A request could not be claimed. It is executed without a claim.');
      return 'unknown';
    }
  }

  /** Renews until the work has ended, then stores that it is finished, and repeats that until it succeeds. */
  function workOn(deliveryId: string, owner: string, claiming: Promise<Claimed>, since: number): Acceptance {
    const ended = new AbortController();
    let isReleased = false;
    let claimed: Claimed | undefined;
    void claiming.then((known) => {
      claimed = known;
    });
    /** When the last write was sent that the control table accepted: later, another process may have taken it. */
    let heldAt = since;
    working.add(owner);

    async function renew(): Promise<boolean> {
      const sentAt = clock.now();
      const result = await claims.renew(deliveryId, owner);
      if (result === 'renewed') heldAt = sentAt;
      return result !== 'taken';
    }
    async function renewUntilEnded(): Promise<void> {
      const until = AbortSignal.any([ended.signal, closing.signal]);
      for (;;) {
        await clock.sleep(RENEW_EVERY_MS, until);
        if (until.aborted) break;
        // Not awaited: one that has no answer must not keep the next one from being sent.
        void renew().catch((error: unknown) =>
          onError(error, 'It could not be noted that a request is still in progress.'),
        );
      }
      // The bot stops. What ends before the process does is still stored.
      if (!ended.signal.aborted) await once(ended.signal, 'abort');
    }
    async function storeFinished(): Promise<void> {
      do
        try {
          return await claims.finish(deliveryId, owner, now());
        } catch (error) {
          onError(error, 'It could not be noted that a request was carried out. It is tried again.');
          await clock.sleep(RENEW_EVERY_MS, closing.signal);
        }
      while (!closing.signal.aborted);
    }
    const keeping = (async () => {
      await renewUntilEnded();
      const wasClaimed = claimed;
      if (!isReleased) await storeFinished();
      // It may have been stored only now.
      if (!isReleased && wasClaimed === undefined && (await claiming) !== 'not mine') await storeFinished();
      working.delete(owner);
    })();

    return {
      async isHeld() {
        if (claimed === 'not mine') return false;
        if (clock.now() - heldAt < HELD_FOR_MS) return true;
        const renewing = renew().catch((error: unknown) => {
          onError(error, 'It could not be read whether a request was taken by another process. It is executed.');
          return true;
        });
        return (await within(clock, CLAIM_TIMEOUT_MS, renewing)) ?? true;
      },
      async finish() {
        ended.abort();
        await within(clock, CLAIM_TIMEOUT_MS, keeping);
        // The next one tries again.
        void claims.removeOld(now()).catch((error: unknown) => onError(error, 'Old claims could not be removed.'));
      },
      release() {
        isReleased = true;
        ended.abort();
      },
    };
  }

  return {
    async accept(deliveryId, request) {
      const owner = randomUUID();
      const since = clock.now();
      const claiming = claim(deliveryId, owner, request);
      const claimed = await within(clock, CLAIM_TIMEOUT_MS, claiming);
      if (claimed === 'not mine') return undefined;
      if (claimed === undefined)
        onError(undefined, 'The control table did not answer within a second. A request is executed without a claim.');
      return workOn(deliveryId, owner, claiming, since);
    },
    async take(open) {
      const owner = randomUUID();
      const since = clock.now();
      const isTaken = await claims.take(open, owner);
      return isTaken ? workOn(open.deliveryId, owner, Promise.resolve('mine'), since) : undefined;
    },
    worksOn: ({ owner }) => working.has(owner),
    close: () => closing.abort(),
  };
}
