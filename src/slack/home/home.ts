import type { HomeView } from '@slack/types';
import { createSingleFlight } from '../../lib/async/single-flight.ts';
import type { Clock } from '../../lib/clock.ts';
import { classifySlackError } from '../client/slack-errors.ts';

/** The Home tabs of those who opened them. */
export interface Home {
  /** Somebody opened the tab: it is drawn at once, or `everyMs` after it was drawn last, and again when something changes. */
  opened(person: string): void;
  /** The person sees another tab now: theirs is not drawn any more. */
  forget(person: string): void;
  /** Something changed: every known tab is drawn again, each at most once in `everyMs`. Returns at once. */
  changed(): void;
  /** Resolves when nothing is left to draw, or when closed. */
  drawn(): Promise<void>;
  close(): void;
}

/** A tab that nobody opened for this long is no longer updated. */
const FORGET_AFTER_MS = 24 * 60 * 60_000;
const MOST_PEOPLE = 200;

/** Facts, and when they were read (epoch ms). */
interface ReadFacts<Facts> {
  readonly facts: Facts;
  readonly readAt: number;
}

interface Tab {
  openedAt: number;
  /** Not drawn before this. */
  dueAt: number;
  isStale: boolean;
  /** What it shows, so that the same is not published again. */
  shown: string;
}

export function createHome<Facts>(ports: {
  /** The facts for all tabs; read once for everyone whose tab is due. */
  gather: () => Promise<Facts>;
  /** What is shown while the facts cannot be read since `since` (epoch ms): the last ones marked as out of date, if there are any. */
  outdate: (last: ReadFacts<Facts> | undefined, about: { readonly since: number; readonly error: unknown }) => Facts;
  draw: (person: string, facts: Facts) => Promise<HomeView>;
  publish: (person: string, view: HomeView) => Promise<void>;
  clock: Clock;
  /** A person's tab is drawn at most this often, ms. */
  everyMs: number;
  onError: (error: unknown, message: string) => void;
}): Home {
  const { clock, everyMs } = ports;
  const closed = new AbortController();
  const people = new Map<string, Tab>();
  let nudge = new AbortController();
  let last: ReadFacts<Facts> | undefined;
  let unreadSince: number | undefined;

  async function drawOne(person: string, tab: Tab, facts: Facts): Promise<void> {
    try {
      const view = await ports.draw(person, facts);
      const content = JSON.stringify(view);
      if (tab.shown === content) return;
      await ports.publish(person, view);
      tab.shown = content;
    } catch (error) {
      ports.onError(error, 'a Home tab was not drawn');
      const failure = classifySlackError(error);
      // The same content would be refused again: the tab waits for the next change.
      if (failure.kind === 'refused') return;
      tab.isStale = true;
      if (failure.kind === 'rate-limited') tab.dueAt = Math.max(tab.dueAt, clock.now() + failure.retryAfterMs);
    }
  }

  /** Draws every tab that is due. */
  async function drawDue(): Promise<void> {
    const now = clock.now();
    const due = [...people].filter(([, tab]) => tab.isStale && tab.dueAt <= now);
    if (due.length === 0) return;
    // Before anything is read: a change from here on makes the tab stale again.
    for (const [, tab] of due) {
      tab.isStale = false;
      tab.dueAt = now + everyMs;
    }
    try {
      const facts = await ports.gather();
      last = { facts, readAt: clock.now() };
      unreadSince = undefined;
      for (const [person, tab] of due) await drawOne(person, tab, facts);
    } catch (error) {
      ports.onError(error, 'the facts for the Home tabs could not be read');
      unreadSince ??= clock.now();
      for (const [person, tab] of due) {
        // An old state must not look like the current one.
        await drawOne(person, tab, ports.outdate(last, { since: unreadSince, error }));
        tab.isStale = true;
      }
    }
  }

  async function work(): Promise<void> {
    while (!closed.signal.aborted) {
      nudge = new AbortController();
      for (const [person, tab] of people) if (clock.now() - tab.openedAt > FORGET_AFTER_MS) people.delete(person);
      await drawDue();
      const stale = [...people.values()].filter(({ isStale }) => isStale);
      if (stale.length === 0) return;
      const soonest = Math.min(...stale.map(({ dueAt }) => dueAt));
      if (soonest > clock.now())
        await clock.sleep(soonest - clock.now(), AbortSignal.any([closed.signal, nudge.signal]));
    }
  }
  const drawing = createSingleFlight(work);
  function start(): void {
    nudge.abort();
    drawing.start();
  }

  return {
    opened(person) {
      if (closed.signal.aborted) return;
      const known = people.get(person);
      if (!known && people.size >= MOST_PEOPLE) people.delete([...people.keys()][0] ?? '');
      // Last in the order, because the person who opened the tab longest ago is removed first.
      people.delete(person);
      const { dueAt, shown } = known ?? { dueAt: Number.NEGATIVE_INFINITY, shown: '' };
      people.set(person, { openedAt: clock.now(), dueAt, isStale: true, shown });
      start();
    },
    forget(person) {
      people.delete(person);
    },
    changed() {
      if (closed.signal.aborted || people.size === 0) return;
      for (const tab of people.values()) tab.isStale = true;
      start();
    },
    drawn: drawing.idle,
    close() {
      closed.abort();
    },
  };
}
