import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { retryUntilAborted } from '../../lib/async/backoff.ts';
import { within } from '../../lib/async/within.ts';
import type { Clock, Random } from '../../lib/clock.ts';
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

const CLAIM_TIMEOUT_MS = 1_000;
/** A process that works on a request notes so in this interval, ms. */
export const RENEW_EVERY_MS = 5_000;
/** A request that waited for longer may have been taken by another process. */
const HELD_FOR_MS = 2 * RENEW_EVERY_MS;

export function createAcceptor(ports: {
  readonly claims: Pick<DeliveryClaims, 'claim' | 'renew' | 'finish' | 'take'>;
  /** Measures durations: a correction of the time must not make a request look silent. */
  readonly clock: Clock;
  /** The time, epoch ms. */
  readonly now: () => number;
  readonly random: Random;
  /** Logs an error that is handled. */
  readonly onError: (error: unknown, message: string) => void;
}): Acceptor {
  const { claims, clock, now, random, onError } = ports;
  const retry = {
    ...{ baseMs: 1_000, maxMs: RENEW_EVERY_MS, clock, random },
    onError: (error: unknown) => onError(error, 'The bot could not store that a request was carried out.'),
  };
  /** The owners of what this process works on. */
  const working = new Set<string>();
  const closing = new AbortController();

  /** False where another process has it. True also where the control table failed: the claim may be stored all the same. */
  async function claim(deliveryId: string, owner: string, request: Omit<AcceptedRequest, 'at'>): Promise<boolean> {
    try {
      return await claims.claim(deliveryId, owner, { ...request, at: now() });
    } catch (error) {
      onError(error, 'A request could not be claimed. It is executed without a claim.');
      return true;
    }
  }

  /** Renews until the work has ended, then stores that it is finished, and repeats that until it succeeds. */
  function workOn(deliveryId: string, owner: string, claiming: Promise<boolean>, since: number): Acceptance {
    const ended = new AbortController();
    let isReleased = false;
    /** What `claiming` resolved to; undefined before that. */
    let isMine: boolean | undefined;
    void claiming.then((known) => {
      isMine = known;
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
          onError(error, 'The bot could not store that a request is still in progress.'),
        );
      }
      // The bot stops. What ends before the process does is still stored.
      if (!ended.signal.aborted) await once(ended.signal, 'abort');
    }
    const storeFinished = () =>
      retryUntilAborted(retry, () => claims.finish(deliveryId, owner, now()), closing.signal).catch(retry.onError);
    const keeping = (async () => {
      await renewUntilEnded();
      const wasKnown = isMine !== undefined;
      if (!isReleased) await storeFinished();
      // The claim may have been stored only now.
      if (!isReleased && !wasKnown && (await claiming)) await storeFinished();
      working.delete(owner);
    })();

    return {
      async isHeld() {
        if (isMine === false) return false;
        if (clock.now() - heldAt < HELD_FOR_MS) return true;
        const renewing = renew().catch((error: unknown) => {
          onError(error, 'The bot could not check whether another process took a request. It executes the request.');
          return true;
        });
        return (await within(clock, CLAIM_TIMEOUT_MS, renewing)) ?? true;
      },
      async finish() {
        ended.abort();
        await within(clock, CLAIM_TIMEOUT_MS, keeping);
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
      const isMine = await within(clock, CLAIM_TIMEOUT_MS, claiming);
      if (isMine === false) return undefined;
      if (isMine === undefined)
        onError(undefined, 'The control table did not answer within a second. A request is executed without a claim.');
      return workOn(deliveryId, owner, claiming, since);
    },
    async take(open) {
      const owner = randomUUID();
      const since = clock.now();
      const isTaken = await claims.take(open, owner);
      return isTaken ? workOn(open.deliveryId, owner, Promise.resolve(true), since) : undefined;
    },
    worksOn: ({ owner }) => working.has(owner),
    close: () => closing.abort(),
  };
}
