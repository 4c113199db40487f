import type { ControlTable, Entry } from '../state/control-table.ts';
import { type Approval, type ApprovalState, approvalSchema } from './approval.ts';

/** The approvals of one pipeline in the control table, decided by conditional writes: two clicks at once, and one wins. */
export interface ApprovalStore {
  create(approval: Approval): Promise<void>;
  /** Notes the message that carries the buttons; done once. */
  setMessage(id: string, ts: string): Promise<void>;
  read(id: string): Promise<Approval | undefined>;
  /** Moves from one kind of state to the next, if it is still in it; answers with what stands there otherwise. */
  move(id: string, from: ApprovalState['kind'], to: ApprovalState): Promise<{ ok: boolean; approval?: Approval }>;
  /** All that are pending or approved and not used, oldest first. */
  open(): AsyncIterable<Approval>;
}

const OPEN = 'open#';

/** The store of the pipeline `name` in the control table. */
export function createApprovalStore(table: ControlTable, name: string): ApprovalStore {
  const key = (id: string) => ({ pk: `approval#${id}`, sk: 'approval' });
  const openKey = (id: string) => ({ pk: `approvals#${name}`, sk: `${OPEN}${id}` });
  const read = (entry: Entry | undefined) => entry && approvalSchema.parse(entry);
  return {
    async create(approval) {
      if (!(await table.create(key(approval.id), { ...approval, stateKind: approval.state.kind })))
        throw new Error(`Approval ${approval.id} is on record already; nothing was changed.`);
      await table.create(openKey(approval.id), { approvalId: approval.id });
    },
    async setMessage(id, ts) {
      await table.update(key(id), { set: { ts } }, { exists: true, absent: ['ts'] });
    },
    async read(id) {
      return read(await table.read(key(id)));
    },
    async move(id, from, to) {
      const moved = await table.update(
        key(id),
        { set: { state: to, stateKind: to.kind } },
        { exists: true, equals: { stateKind: from } },
      );
      if (moved.ok && to.kind !== 'pending' && to.kind !== 'approved') await table.remove(openKey(id));
      const approval = read(moved.entry);
      return { ok: moved.ok, ...(approval ? { approval } : {}) };
    },
    async *open() {
      for await (const entry of table.list(`approvals#${name}`, { prefix: OPEN })) {
        const approval = read(await table.read(key(entry.sk.slice(OPEN.length))));
        if (approval?.state.kind === 'pending' || approval?.state.kind === 'approved') yield approval;
      }
    },
  };
}
