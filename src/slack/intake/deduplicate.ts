import type { Clock } from '../../lib/clock.ts';

/** Tells what came before: Slack delivers an envelope again when it did not hear an acknowledgement in time. */
export interface Seen {
  /** True the first time. */
  isNew(id: string): boolean;
}

const MOST = 5_000;

/** Remembers ids for `keepMs`, at most 5,000 of them. */
export function createDeduplicator(clock: Pick<Clock, 'now'>, keepMs = 10 * 60_000): Seen {
  const seenAt = new Map<string, number>();
  return {
    isNew(id) {
      const now = clock.now();
      for (const [old, at] of seenAt) {
        if (now - at < keepMs && seenAt.size < MOST) break;
        seenAt.delete(old);
      }
      if (seenAt.has(id)) return false;
      seenAt.set(id, now);
      return true;
    },
  };
}
