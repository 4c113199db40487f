import type { SlackClock } from './workspace/clock.ts';
import type { Ids } from './workspace/ids.ts';

/** The interaction that lets the app open a view: for this person, once, within three seconds. */
export interface TriggerOrigin {
  readonly userId: string;
  /** The view of the interaction, if any. `views.push` opens the new view above it. */
  readonly viewId?: string;
}

export type TriggerError = 'expired_trigger_id' | 'exchanged_trigger_id' | 'invalid_trigger_id';

export type Redeemed =
  | { readonly kind: 'redeemed'; readonly origin: TriggerOrigin }
  | { readonly kind: 'refused'; readonly error: TriggerError };

export interface Triggers {
  issue(origin: TriggerOrigin): string;
  /** Redeems a trigger. It is not valid afterwards, whatever the result. */
  redeem(triggerId: string): Redeemed;
}

/** Slack's documentation, "Handling user interaction": a trigger_id expires after 3 seconds and can be used once. */
export const TRIGGER_LIFE_MS = 3_000;

export function createTriggers(clock: Pick<SlackClock, 'now'>, ids: Ids, lifeMs = TRIGGER_LIFE_MS): Triggers {
  const issued = new Map<string, { origin: TriggerOrigin; expiresAt: number; exchanged: boolean }>();
  return {
    issue(origin) {
      const id = `${ids.next('1')}.${ids.next('2')}`;
      issued.set(id, { origin, expiresAt: clock.now() + lifeMs, exchanged: false });
      return id;
    },
    redeem(triggerId) {
      const trigger = issued.get(triggerId);
      if (!trigger) return { kind: 'refused', error: 'invalid_trigger_id' };
      if (trigger.exchanged) return { kind: 'refused', error: 'exchanged_trigger_id' };
      if (clock.now() > trigger.expiresAt) return { kind: 'refused', error: 'expired_trigger_id' };
      trigger.exchanged = true;
      return { kind: 'redeemed', origin: trigger.origin };
    },
  };
}
