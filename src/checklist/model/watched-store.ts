import type { ChecklistStore } from '../steps/checklist-store.ts';

/** The same store, which tells when it changed something: whatever changes a checklist goes through here. */
export function watchStore(store: ChecklistStore): {
  readonly store: ChecklistStore;
  /** Hears of every change of this process; it is not waited for. */
  readonly watch: (listener: () => void) => () => void;
} {
  const listeners = new Set<() => void>();
  const telling =
    <Given extends unknown[], T>(change: (...given: Given) => Promise<T>) =>
    async (...given: Given): Promise<T> => {
      const result = await change(...given);
      for (const listener of listeners) listener();
      return result;
    };
  return {
    store: {
      ...store,
      update: telling(store.update),
      close: telling(store.close),
      setStep: telling(store.setStep),
      setOverride: telling(store.setOverride),
      setProof: telling(store.setProof),
      removeProof: telling(store.removeProof),
      setReset: telling(store.setReset),
    },
    watch(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}
