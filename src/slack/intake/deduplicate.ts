import type { Clock } from '../../lib/clock.ts';

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
