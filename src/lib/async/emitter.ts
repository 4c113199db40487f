export type Listener<Event> = (event: Event) => void | Promise<void>;

export interface Emitter<Event> {
  /**
   * Calls every listener in the order in which they were added, and waits for each. Never throws: a listener's error
   * goes to `onError`. Resolves to whether there was a listener and every one succeeded.
   */
  emit(event: Event): Promise<boolean>;
  /** Adds a listener; returns the function that removes it. */
  watch(listener: Listener<Event>): () => void;
}

/** Events of one kind, handed to any number of listeners. */
export function createEmitter<Event>(onError: (error: unknown, event: Event) => void): Emitter<Event> {
  const listeners = new Set<Listener<Event>>();
  return {
    async emit(event) {
      let succeeded = listeners.size > 0;
      for (const listener of [...listeners])
        try {
          await listener(event);
        } catch (error) {
          succeeded = false;
          onError(error, event);
        }
      return succeeded;
    },
    watch(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
}
