import { retryUntilAborted } from '../../../lib/async/backoff.ts';
import type { Clock, Random } from '../../../lib/clock.ts';
import type { FollowUp, FollowUps } from '../../../state/follow-ups.ts';
import type { Lease } from '../../../state/lease.ts';
import type { AlertDelivery } from '../../delivery/alert-delivery.ts';
import { createFollowUpRunner, type FollowUpRunner, type Step } from '../../delivery/follow-up-runner.ts';
import { webhookFailedMessage, webhookRefusedMessage } from '../../messages/refusals/webhook-messages.ts';
import { type WebhookEvent, webhookEventSchema } from './events.ts';
import type { Target } from './send.ts';

/** Sends events to the targets: each is stored first and sent once, as far as a crash and a lost reply allow. */
export interface WebhookDelivery extends Pick<FollowUpRunner, 'start' | 'idle' | 'close'> {
  /** Resolves when the event is stored; where that fails it resolves at once, and storing is repeated. Never throws. */
  put(event: WebhookEvent): Promise<void>;
}

/** An event that could not be delivered for this long is dropped, ms. */
export const GIVE_UP_MS = 24 * 3_600_000;
const STORE_LIMITS = { baseMs: 1_000, maxMs: 60_000 };

/** An earlier event has to be delivered first, so that no problem is reported as over before it is reported. */
class EarlierEventError extends Error {
  override readonly name = 'EarlierEventError';
}

/** The target did not take the event. It will be tried again. */
class NotDeliveredError extends Error {
  override readonly name = 'NotDeliveredError';
}

/** The holder of the lease sends. Slack and runs never wait for a target: a failure is said once and repeated in the background. */
export function createWebhookDelivery(ports: {
  readonly targets: readonly Target[];
  readonly followUps: FollowUps;
  readonly lease: Lease;
  readonly alerts: Pick<AlertDelivery, 'put'>;
  readonly clock: Clock;
  readonly random: Random;
  readonly onError: (error: unknown, message: string) => void;
}): WebhookDelivery {
  const { targets, clock, random, onError } = ports;
  /** The event that each target did not take: later ones wait for it. */
  const stuck = new Map<Target['name'], string>();
  /** What the channel has heard since the last delivery to a target. */
  const said = new Set<string>();
  const runner = createFollowUpRunner({
    followUps: ports.followUps,
    lease: ports.lease,
    execute,
    clock,
    random,
    onError: (error, message) => {
      if (!(error instanceof NotDeliveredError || error instanceof EarlierEventError)) onError(error, message);
    },
  });

  async function execute(followUp: FollowUp, step: Step): Promise<void> {
    const event = webhookEventSchema.safeParse(followUp.about);
    if (!event.success)
      return onError(event.error, `The event ${followUp.id} of a webhook cannot be read. It is not sent.`);
    let failure: Error | undefined;
    for (const target of targets)
      if (target.takes(event.data))
        try {
          await step(target.name, () => sendTo(target, event.data));
        } catch (error) {
          if (!(error instanceof NotDeliveredError || error instanceof EarlierEventError)) throw error;
          failure = error;
        }
    if (failure) throw failure;
  }

  /** Returns when the event needs no further attempt. @throws where it does */
  async function sendTo(target: Target, event: WebhookEvent): Promise<void> {
    const { name } = target;
    const head = stuck.get(name);
    if (head !== undefined && head !== event.id && (await isOpen(head)))
      throw new EarlierEventError(`${head} was not delivered yet.`);
    const result = await target.send(event);
    if (result.kind === 'delivered') {
      stuck.delete(name);
      for (const isOver of [true, false]) said.delete(keyOf(target, isOver));
      return;
    }
    const isOver = result.kind === 'refused' || clock.now() - event.at > GIVE_UP_MS;
    sayOnce(target, event, result.why, isOver);
    if (isOver) return void stuck.delete(name);
    stuck.set(name, event.id);
    throw new NotDeliveredError(`${name}: ${result.why}`);
  }

  /** Another process may have delivered it, or given it up. */
  async function isOpen(id: string): Promise<boolean> {
    for await (const open of ports.followUps.open()) if (open.id === id) return true;
    return false;
  }

  const keyOf = ({ name }: Target, isOver: boolean) => `${name} ${isOver ? 'dropped' : 'waits'}`;

  /** In the channel and the log the first time since the last delivery; each event that is dropped is in the log. */
  function sayOnce(target: Target, { id, event, run }: WebhookEvent, why: string, isOver: boolean): void {
    const { name, host } = target;
    const isFirst = !said.has(keyOf(target, isOver));
    said.add(keyOf(target, isOver));
    if (isFirst || isOver)
      onError(
        new NotDeliveredError(why),
        `The ${name} at ${host} did not take the event ${id}: ${why}. ${isOver ? 'It is dropped.' : 'It will be retried.'}`,
      );
    if (!isFirst) return;
    const about = { name, host, why, event };
    const message = isOver ? webhookRefusedMessage(about) : webhookFailedMessage(about);
    void ports.alerts
      .put(run?.id ?? 'webhook', { to: 'channel', message })
      .catch((error: unknown) => onError(error, 'The failure of a webhook was not shown.'));
  }

  return {
    async put(event) {
      const followUp = { id: event.id, at: event.at, about: event };
      const onStoreError = (error: unknown) =>
        onError(error, `The event ${event.id} of a webhook cannot be stored. It will be retried.`);
      try {
        await runner.put(followUp);
      } catch (error) {
        onStoreError(error);
        const retry = { ...STORE_LIMITS, clock, random, onError: onStoreError };
        void retryUntilAborted(retry, () => runner.put(followUp), runner.closed).catch((lastError: unknown) =>
          onError(lastError, `The event ${event.id} of a webhook was not stored before the shutdown.`),
        );
      }
    },
    start: runner.start,
    idle: runner.idle,
    close: runner.close,
  };
}
