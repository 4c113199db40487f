import type { TableAnswer, TableControl } from '../../../src/checklist/contracts/table-control.ts';

const refused = async (): Promise<TableAnswer<never>> => ({ ok: false, refusal: { reason: 'no-backup' } });

/** A table control for tests about runs: no job is active, and there is no backup. */
export const idleTableControl = (): TableControl => ({
  backup: refused,
  nativeBackup: refused,
  backups: async () => ({ ok: true, value: [] }),
  verify: refused,
  planPrune: refused,
  importLegacy: refused,
  planFlush: refused,
  planRestore: refused,
  request: refused,
  setMessage: async () => {},
  addRequester: async () => {},
  openApprovals: async () => [],
  approval: async () => undefined,
  click: refused,
  withdraw: async () => false,
  withdrawApproved: async () => [],
  current: async () => undefined,
  currentBackup: async () => undefined,
  stop: refused,
  setLiveMessage: async () => {},
  watch: () => () => {},
});
