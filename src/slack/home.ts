import type { HomeView } from '@slack/types';
import type { Clock } from '../clock.ts';

/** The Home tabs of those who opened them. */
export interface Home {
  /** Somebody opened the tab: drawn at once, and again when something changes. */
  opened(person: string): void;
  /** Something changed: every known tab is drawn again, each at most once in `everyMs`. Returns at once. */
  changed(): void;
  /** Resolves when nothing is left to draw, or when closed. */
  drawn(): Promise<void>;
  close(): void;
}

/** A tab nobody opened for so long is left as it is. */
const FORGET_AFTER_MS = 24 * 60 * 60_000;
const MOST_PEOPLE = 200;

export function createHome(ports: {
  draw: (person: string) => Promise<HomeView>;
  publish: (person: string, view: HomeView) => Promise<void>;
  clock: Clock;
  /** A person's tab is drawn at most this often, ms. */
  everyMs: number;
  onTrouble: (error: unknown, message: string) => void;
}): Home {
  const { clock, everyMs } = ports;
  const closed = new AbortController();
  const people = new Map<string, { openedAt: number; drawnAt: number; isStale: boolean; shown: string }>();
  let working: Promise<void> | undefined;
  let nudge = new AbortController();

  async function drawOne(person: string): Promise<void> {
    const tab = people.get(person);
    if (!tab) return;
    tab.isStale = false;
    tab.drawnAt = clock.now();
    try {
      const view = await ports.draw(person);
      const content = JSON.stringify(view);
      if (tab.shown === content) return;
      await ports.publish(person, view);
      tab.shown = content;
    } catch (error) {
      ports.onTrouble(error, 'a Home tab was not drawn');
      tab.isStale = true;
    }
  }

  async function work(): Promise<void> {
    while (!closed.signal.aborted) {
      nudge = new AbortController();
      const now = clock.now();
      for (const [person, tab] of people) if (now - tab.openedAt > FORGET_AFTER_MS) people.delete(person);
      const stale = [...people].filter(([, tab]) => tab.isStale);
      if (stale.length === 0) return;
      const due = stale.filter(([, tab]) => now - tab.drawnAt >= everyMs);
      for (const [person] of due) await drawOne(person);
      const soonest = Math.min(...stale.map(([, tab]) => tab.drawnAt + everyMs));
      if (due.length === 0) await clock.sleep(soonest - now, AbortSignal.any([closed.signal, nudge.signal]));
    }
  }
  function start(): void {
    nudge.abort();
    working ??= work().finally(() => {
      working = undefined;
    });
  }

  return {
    opened(person) {
      if (closed.signal.aborted) return;
      const known = people.get(person);
      if (!known && people.size >= MOST_PEOPLE) people.delete([...people.keys()][0] ?? '');
      const drawnAt = Number.NEGATIVE_INFINITY;
      people.set(person, { openedAt: clock.now(), drawnAt, isStale: true, shown: known?.shown ?? '' });
      start();
    },
    changed() {
      if (closed.signal.aborted || people.size === 0) return;
      for (const tab of people.values()) tab.isStale = true;
      start();
    },
    async drawn() {
      while (working && !closed.signal.aborted) await working;
    },
    close() {
      closed.abort();
    },
  };
}
