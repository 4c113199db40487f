/** The events of an execution, as GetExecutionHistory returns them. */
export interface HistoryEvent {
  readonly timestamp: number;
  readonly type: string;
  readonly id: number;
  readonly previousEventId: number;
  readonly [details: string]: unknown;
}

/** Only what happens to the execution, its outermost states and its Map Runs. `now` in epoch ms. */
export function createHistory(now: () => number) {
  const events: HistoryEvent[] = [];
  return {
    events: (): readonly HistoryEvent[] => events,
    add(type: string, details: Readonly<Record<string, unknown>> = {}): void {
      const id = events.length + 1;
      events.push({ timestamp: now() / 1_000, type, id, previousEventId: id - 1, ...details });
    },
  };
}
export type History = ReturnType<typeof createHistory>;
