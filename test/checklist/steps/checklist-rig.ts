import { afterEach, beforeEach } from 'vitest';
import type { StepView } from '../../../src/checklist/model/checklist-view.ts';
import type { StepName } from '../../../src/checklist/model/step.ts';
import { type Checklist, type ChecklistPorts, createChecklist } from '../../../src/checklist/steps/checklist.ts';
import { type ChecklistStore, createChecklistStore } from '../../../src/checklist/steps/checklist-store.ts';
import { systemClock } from '../../../src/lib/clock.ts';
import { type ControlTable, openControlTable } from '../../../src/state/table/control-table.ts';
import { type LocalDynamo, startDynalite } from '../../support/aws/dynalite.ts';
import { createMemoryAudit, type MemoryAudit } from '../../support/memory/memory-audit.ts';
import { createFakeClock, type FakeClock } from '../../support/rigs/fake-clock.ts';

export const HOUR = 3_600_000;
let dynamo: LocalDynamo;
export let table: ControlTable;
export let store: ChecklistStore;
export let clock: FakeClock;
export let audit: MemoryAudit;

/** Each test has its own control table in dynalite, and a clock at noon. */
export function freshForEachTest(): void {
  beforeEach(async () => {
    dynamo = await startDynalite();
    table = await openControlTable({ dynamodb: dynamo.client, tableName: 'control', clock: systemClock });
    store = createChecklistStore(table, 'fn');
    clock = createFakeClock(Date.parse('2026-11-24T12:00:00Z'));
    audit = createMemoryAudit();
  });
  afterEach(() => dynamo.stop());
}

export function open(changed: Partial<ChecklistPorts> = {}): Checklist {
  return createChecklist({
    store,
    clock,
    rules: {
      maxBackupAgeMs: 24 * HOUR,
      maxDifference: 100,
      maxSampleAgeMs: 24 * HOUR,
      sampleImages: 3,
      autoResume: true,
    },
    codeSha256: async () => 'code',
    lastBackup: async () => undefined,
    countRecords: async () => 51,
    blockingQuotas: async () => [],
    currentRun: async () => undefined,
    currentJob: async () => undefined,
    approval: async () => undefined,
    runs: async function* () {},
    audit,
    readFault: (error) => ({ reason: 'access-denied', message: String(error), fix: 'look' }),
    warn: () => {},
    ...changed,
  });
}
export async function stepOf(checklist: Checklist, step: StepName): Promise<StepView | undefined> {
  return (await checklist.view()).steps.find((seen) => seen.step === step);
}
export const backup = { id: 'b-1', startedAt: Date.parse('2026-11-24T11:00:00Z'), records: 51 };
export const flushed = {
  kind: 'flush',
  deleted: 51,
  supplemented: 0,
  remaining: { total: 0, entry: 0, 'zero-hour': 0, rejected: 0, coverage: 0, failed: 0 },
  newRows: 0,
} as const;
