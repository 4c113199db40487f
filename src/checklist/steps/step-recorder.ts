import type { Clock } from '../../lib/clock.ts';
import { auditOfStep } from '../audit/audit-events.ts';
import type { AuditWriter } from '../audit/audit-writer.ts';
import { SILENT_AFTER_MS } from '../model/checklist-view.ts';
import type { StepFinding, StepName, StepRecord } from '../model/step.ts';
import type { ChecklistStore } from './checklist-store.ts';

/** A step under way, on record as long as its process lives. */
export interface RunningStep {
  /** It has come to its end. Resolves when that is on record. */
  end(state: 'done' | 'failed', found?: StepFinding): Promise<void>;
}

const BEAT_MS = SILENT_AFTER_MS / 4;

/** Puts a step into the audit and on record as under way, and renews that, until it is said how it ended. */
export async function beginStep(
  ports: {
    store: Pick<ChecklistStore, 'setStep'>;
    clock: Clock;
    audit: Pick<AuditWriter, 'enqueue' | 'record'>;
    warn: (message: string, cause: unknown) => void;
  },
  checklistId: string,
  step: StepName,
  by: string,
): Promise<RunningStep> {
  const { store, clock, audit } = ports;
  const over = new AbortController();
  const recordOf = (state: StepRecord['state'], found?: StepFinding): StepRecord => ({
    step,
    state,
    by,
    at: Math.round(clock.now()),
    ...(found ? { found } : {}),
  });
  const write = (state: 'running' | 'done' | 'failed', found?: StepFinding) =>
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
      audit.enqueue(auditOfStep(checklistId, recordOf(state, found)));
      await write(state, found);
    },
  };
}
