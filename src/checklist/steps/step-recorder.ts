import type { Clock } from '../../lib/clock.ts';
import { auditOfStep } from '../audit/audit-events.ts';
import type { AuditKeeper } from '../audit/audit-writer.ts';
import { SILENT_AFTER_MS } from '../model/checklist-view.ts';
import type { Found, StepName, StepRecord } from '../model/step.ts';
import type { ChecklistStore } from './checklist-store.ts';

/** A step under way, on record as long as its process lives. */
export interface StepUnderWay {
  /** It has come to its end. Resolves when that is on record. */
  end(state: 'done' | 'failed', found?: Found): Promise<void>;
}

const BEAT_MS = SILENT_AFTER_MS / 4;

/** Puts a step into the audit and on record as under way, and renews that, until it is said how it ended. */
export async function beginStep(
  ports: {
    store: Pick<ChecklistStore, 'setStep'>;
    clock: Clock;
    audit: Pick<AuditKeeper, 'note' | 'record'>;
    warn: (message: string, cause: unknown) => void;
  },
  checklistId: string,
  step: StepName,
  by: string,
): Promise<StepUnderWay> {
  const { store, clock, audit } = ports;
  const over = new AbortController();
  const recordOf = (state: StepRecord['state'], found?: Found): StepRecord => ({
    step,
    state,
    by,
    at: Math.round(clock.now()),
    ...(found ? { found } : {}),
  });
  const write = (state: 'running' | 'done' | 'failed', found?: Found) =>
    store.setStep(checklistId, recordOf(state, found));
  await audit.record(auditOfStep(checklistId, recordOf('running')));
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
      audit.note(auditOfStep(checklistId, recordOf(state, found)));
      await write(state, found);
    },
  };
}
