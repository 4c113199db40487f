import type { Clock } from '../../lib/clock.ts';

/** Looks again and again for what is to be done, in one loop: at once when woken, else every so often. */
export interface Sweeper {
  /** There is something to do: looks now, unless it was told to wait. */
  wake(): void;
  start(): void;
  /** Resolves when nothing is left that could be done now, or when closed. */
  over(): Promise<void>;
  close(): void;
  readonly closed: AbortSignal;
}

/** `sweep` does what there is; it answers how long to wait where something is left, in ms. It never throws. */
export function createSweeper(ports: {
  sweep: () => Promise<number | undefined>;
  clock: Clock;
  everyMs: number;
}): Sweeper {
  const closing = new AbortController();
  const closed = closing.signal;
  let nudge = new AbortController();
  let isStarted = false;
  let isIdle = true;
  const idle: (() => void)[] = [];
  const release = () => {
    for (const go of idle.splice(0)) go();
  };

  async function work(): Promise<void> {
    while (!closed.aborted) {
      nudge = new AbortController();
      isIdle = false;
      const wait = await ports.sweep();
      if (wait === undefined && !nudge.signal.aborted) {
        isIdle = true;
        release();
      }
      // Something fresh does not cut short the wait that Slack or a failure imposed.
      const stop = wait === undefined ? AbortSignal.any([closed, nudge.signal]) : closed;
      await ports.clock.sleep(wait ?? ports.everyMs, stop);
    }
    release();
  }

  return {
    wake() {
      isIdle = false;
      nudge.abort();
    },
    start() {
      if (isStarted) return;
      isStarted = true;
      void work();
    },
    over: () => (isIdle || closed.aborted ? Promise.resolve() : new Promise((go) => idle.push(go))),
    close: () => closing.abort(),
    closed,
  };
}
