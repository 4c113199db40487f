import type { AuditWriter, NewAuditEntry } from '../../src/checklist/audit/audit-writer.ts';

export interface MemoryAudit extends AuditWriter {
  /** The entries in their order. */
  readonly written: NewAuditEntry[];
  /** From now on `record` rejects with this error; with undefined, it works again. */
  fail(error: Error | undefined): void;
}

/** An audit log in memory. */
export function createMemoryAudit(): MemoryAudit {
  const deeds: NewAuditEntry[] = [];
  let failure: Error | undefined;
  return {
    written: deeds,
    fail(error) {
      failure = error;
    },
    enqueue: (deed) => void deeds.push(deed),
    async record(deed) {
      if (failure) throw failure;
      deeds.push(deed);
    },
    waiting: () => 0,
    close: async () => {},
  };
}
