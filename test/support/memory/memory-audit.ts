import type { AuditWriter, NewAuditEntry } from '../../../src/checklist/audit/audit-writer.ts';

export interface MemoryAudit extends AuditWriter {
  /** The entries in their order. */
  readonly written: NewAuditEntry[];
  /** From now on `record` rejects with this error; with undefined, it works again. */
  fail(error: Error | undefined): void;
}

/** An audit log in memory. */
export function createMemoryAudit(): MemoryAudit {
  const entries: NewAuditEntry[] = [];
  let failure: Error | undefined;
  return {
    written: entries,
    fail(error) {
      failure = error;
    },
    enqueue: (entry) => void entries.push(entry),
    async record(entry) {
      if (failure) throw failure;
      entries.push(entry);
    },
    waiting: () => 0,
    close: async () => {},
  };
}
