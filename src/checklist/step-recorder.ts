import type { Clock } from '../clock.ts';
import type { ChecklistStore } from './checklist-store.ts';
import { SILENT_AFTER_MS } from './checklist-view.ts';
import type { Found, StepName } from './step.ts';

/** A step under way, on record as long as its process lives. */
export interface StepUnderWay {
  /** It has come to its end. Resolves when that is on record. */
  end(state: 'done' | 'failed', found?: Found): Promise<void>;
}

const BEAT_MS = SILENT_AFTER_MS / 4;

/** Puts a step on record as under way and renews that, until it is said how it ended. */
export async function beginStep(
  ports: { store: ChecklistStore; clock: Clock; warn: (message: string, cause: unknown) => void },
  checklistId: string,
  step: StepName,
  by: string,
): Promise<StepUnderWay> {
  const { store, clock } = ports;
  const over = new AbortController();
  const write = (state: 'running' | 'done' | 'failed', found?: Found) =>
    store.setStep(checklistId, { step, state, by, at: Math.round(clock.now()), ...(found ? { found } : {}) });
  await write('running');
  const beating = (async () => {
    for (;;) {
      await clock.sleep(BEAT_MS, over.signal);
      if (over.signal.aborted) return;
      await write('running').catch((error) => ports.warn(`step ${step} was not renewed`, error));
    }
  })();
  return {
    async end(state, found) {
      over.abort();
      await beating;
      await write(state, found);
    },
  };
}
