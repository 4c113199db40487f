import type { Clock } from '../../lib/clock.ts';
import { defined } from '../../lib/defined.ts';
import type { AuditOutcome } from '../audit/audit-outcome.ts';
import type { AuditWriter, NewAuditEntry } from '../audit/audit-writer.ts';
import { SILENT_AFTER_MS } from '../model/checklist-view.ts';
import type { StepFinding, StepName, StepRecord } from '../model/step.ts';
import type { ChecklistStore } from './checklist-store.ts';

/** A step that is running. Its record is renewed for as long as this process runs. */
export interface RunningStep {
  /** Ends the step. Resolves when the result is stored, which is tried for some seconds. @throws the last error of that */
  end(state: 'done' | 'failed', found?: StepFinding): Promise<void>;
  /** Another process has the step now: it is not renewed any more, and its result is not stored here. */
  leave(): Promise<void>;
}

const RENEW_EVERY_MS = SILENT_AFTER_MS / 4;
const END_ATTEMPTS = 5;
const END_AGAIN_MS = 1_000;

/** Records a step as running, in the audit log first, and renews the record until the step ends. */
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
  const ended = new AbortController();
  const recordOf = (state: StepRecord['state'], found?: StepFinding): StepRecord =>
    defined({ step, state, by, at: Math.round(clock.now()), found });
  await audit.record(auditOfStep(checklistId, recordOf('running')));
  await store.setStep(checklistId, recordOf('running'));
  const renewing = (async () => {
    for (;;) {
      await clock.sleep(RENEW_EVERY_MS, ended.signal);
      if (ended.signal.aborted) return;
      await store
        .setStep(checklistId, recordOf('running'))
        .catch((error) => ports.warn(`the record of step ${step} was not renewed`, error));
    }
  })();
  async function leave(): Promise<void> {
    ended.abort();
    await renewing;
  }
  return {
    leave,
    async end(state, found) {
      await leave();
      const ended = recordOf(state, found);
      audit.enqueue(auditOfStep(checklistId, ended));
      for (let attempt = 1; ; attempt += 1)
        try {
          return await store.setStep(checklistId, ended);
        } catch (error) {
          if (attempt === END_ATTEMPTS) throw error;
          ports.warn(`the result of step ${step} is not stored yet`, error);
          await clock.sleep(END_AGAIN_MS);
        }
    },
  };
}

/** The same store, which also writes every step to the audit log. */
export const auditedSteps = <Store extends Pick<ChecklistStore, 'setStep'>>(
  store: Store,
  audit: Pick<AuditWriter, 'enqueue'>,
): Store => ({
  ...store,
  async setStep(id: string, step: StepRecord) {
    await store.setStep(id, step);
    audit.enqueue(auditOfStep(id, step));
  },
});

/** The audit entry for a step that started or ended. */
export function auditOfStep(checklistId: string, { step, state, by, found }: StepRecord): NewAuditEntry {
  return { who: by, what: `step ${step} of checklist ${checklistId}`, outcome: outcomeOfStep(state, found) };
}

function outcomeOfStep(state: StepRecord['state'], found: StepFinding | undefined): AuditOutcome {
  if (state === 'running') return 'begun';
  const word = state === 'done' ? 'finished' : found?.kind === 'deploy-refused' ? 'refused' : 'failed';
  return found ? `${word}: ${describeFinding(found)}` : word;
}

function describeFinding(found: StepFinding): string {
  switch (found.kind) {
    case 'backup':
      return `backup ${found.backupId}, ${found.records} records`;
    case 'quotas':
      return found.blocking.length === 0
        ? `no limit blocked, ${found.pacePerMinute} images per minute allowed`
        : `blocked by ${found.blocking.join(', ')}`;
    case 'deploy':
      return `code ${found.codeSha256}${found.inPlace ? ', was already in place' : ''}`;
    case 'rollback':
      return `rolled back to code ${found.codeSha256}`;
    case 'deploy-refused':
      return found.reason;
    case 'logging':
      return found.result;
    case 'sample':
      return `${found.failed} of ${found.images} images failed`;
    case 'flush':
      return `${found.deleted} records deleted, ${found.remaining} left`;
    case 'rescan':
      return `run ${found.runId}${found.noRows === undefined ? '' : `, ${found.noRows} images without rows`}`;
    case 'validate':
      return found.verdict;
    case 'interrupted':
      return 'the bot stopped during the step';
    case 'error':
      return found.message;
  }
}
