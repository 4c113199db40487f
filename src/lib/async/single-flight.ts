/** Work that runs at most once at a time. */
export interface SingleFlight {
  /** Starts the work, unless it is running. Returns at once. */
  start(): void;
  /** Resolves when the work is not running. */
  idle(): Promise<void>;
}

/** `work` must not throw: nobody waits for its result. */
export function createSingleFlight(work: () => Promise<void>): SingleFlight {
  let running: Promise<void> | undefined;
  return {
    start() {
      running ??= work().finally(() => {
        running = undefined;
      });
    },
    async idle() {
      while (running) await running;
    },
  };
}
