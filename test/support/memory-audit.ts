import type { AuditKeeper, Deed } from '../../src/checklist/audit/audit-writer.ts';

export interface AuditNotes extends AuditKeeper {
  /** What was taken down, in order. */
  readonly deeds: Deed[];
  /** From now on nothing can be written. */
  fail(error: Error | undefined): void;
}

/** An audit in memory. */
export function createAuditNotes(): AuditNotes {
  const deeds: Deed[] = [];
  let failure: Error | undefined;
  return {
    deeds,
    fail(error) {
      failure = error;
    },
    note: (deed) => void deeds.push(deed),
    async record(deed) {
      if (failure) throw failure;
      deeds.push(deed);
    },
    waiting: () => 0,
    close: async () => {},
  };
}
