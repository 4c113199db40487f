import { defined } from '../lib/defined.ts';
import type { Warn } from '../lib/warn-once.ts';
import { addToList, lengthOf, withLength } from '../state/string-list.ts';
import { type ControlTable, type Entry, parsedEntry, unreadable } from '../state/table/control-table.ts';
import { type Approval, type ApprovalState, approvalSchema } from './approval.ts';

/** The approvals of one pipeline in the control table. They are decided by conditional writes: of two clicks at once, one wins. */
export interface ApprovalStore {
  /** @throws Error where an approval with this id exists. */
  create(approval: Approval): Promise<void>;
  /**
   * Completes an approval whose process may have died while it was created: from then on `open` and `unshown` have it. Call this
   * before an approval that already exists is taken up as a request.
   */
  complete(id: string): Promise<void>;
  /** Stores that another person asks for it as well, while it is pending. */
  addRequester(id: string, person: string): Promise<void>;
  /** Stores the message that has the buttons, once. */
  setMessage(id: string, ts: string): Promise<void>;
  read(id: string): Promise<Approval | undefined>;
  /**
   * Moves the approval from one kind of state to the next if it is still in it, and for a decision if `decided`, which it was
   * made on, still has all requesters; `approval` is how it is stored afterwards.
   */
  move(
    id: string,
    from: ApprovalState['kind'],
    to: ApprovalState,
    decided?: Pick<Approval, 'alsoRequestedBy'>,
  ): Promise<{ ok: boolean; approval?: Approval }>;
  /** Those that were decided or ended, while their message may still show an earlier state (see `setShown`). */
  unshown(): AsyncIterable<Approval>;
  /** The message of the approval shows its last state, or there is none. */
  setShown(id: string): Promise<void>;
  /**
   * All that are pending or approved, in no order, expired ones included. A record that cannot be read is reported and left
   * out, so that it does not block the others; with `strict` it throws, for what must not overlook one.
   */
  open(options?: { readonly strict: boolean }): AsyncIterable<Approval>;
}

const ALSO = 'alsoRequestedBy';
const OPEN = 'open#';
const MESSAGE = 'message#';

/** The store of the pipeline `name`. */
export function createApprovalStore(table: ControlTable, name: string, warn: Warn = () => {}): ApprovalStore {
  const key = (id: string) => ({ pk: `approval#${id}`, sk: 'approval' });
  const openKey = (id: string) => ({ pk: `approvals#${name}`, sk: `${OPEN}${id}` });
  const messageKey = (id: string) => ({ pk: `approvals#${name}`, sk: `${MESSAGE}${id}` });
  const read = (entry: Entry | undefined) => entry && parsedEntry(entry, approvalSchema);
  async function complete(approvalId: string): Promise<void> {
    await table.create(openKey(approvalId), { approvalId });
    await table.create(messageKey(approvalId), { approvalId });
  }
  return {
    complete,
    async create(approval) {
      const { alsoRequestedBy = [] } = approval;
      const length = alsoRequestedBy.length > 0 ? { [lengthOf(ALSO)]: alsoRequestedBy.length } : {};
      if (!(await table.create(key(approval.id), { ...approval, stateKind: approval.state.kind, ...length })))
        throw new Error(`Approval ${approval.id} already exists; nothing was changed.`);
      await complete(approval.id);
    },
    async *unshown() {
      for await (const { sk } of table.list(`approvals#${name}`, { prefix: MESSAGE })) {
        const id = sk.slice(MESSAGE.length);
        const { success, data } = approvalSchema.optional().safeParse(await table.read(key(id)));
        // `open` reports one that cannot be read.
        if (!success) continue;
        if (!data) await table.remove(messageKey(id));
        else if (data.state.kind !== 'pending' && data.state.kind !== 'approved') yield data;
      }
    },
    async setShown(id) {
      await table.remove(messageKey(id));
    },
    addRequester: (id, person) => addToList(table, key(id), ALSO, person, { equals: { stateKind: 'pending' } }),
    async setMessage(id, ts) {
      await table.update(key(id), { set: { ts } }, { exists: true, absent: ['ts'] });
    },
    async read(id) {
      return read(await table.read(key(id)));
    },
    async move(id, from, to, decided) {
      const isIn = { exists: true, equals: { stateKind: from } };
      const condition = decided ? withLength(isIn, ALSO, decided.alsoRequestedBy?.length ?? 0) : isIn;
      const moved = await table.update(key(id), { set: { state: to, stateKind: to.kind } }, condition);
      return { ok: moved.ok, ...defined({ approval: read(moved.entry) }) };
    },
    async *open({ strict } = { strict: false }) {
      for await (const entry of table.list(`approvals#${name}`, { prefix: OPEN })) {
        const id = entry.sk.slice(OPEN.length);
        const stored = await table.read(key(id));
        const parsed = approvalSchema.optional().safeParse(stored);
        if (stored && !parsed.success && strict) throw unreadable(stored, parsed.error);
        if (!parsed.success) {
          warn(`The record of approval ${id} in the control table cannot be read. It is left out.`, parsed.error);
          continue;
        }
        const approval = parsed.data;
        if (approval?.state.kind === 'pending' || approval?.state.kind === 'approved') yield approval;
        // Removed here and not by `move`: a move that succeeded must not fail because of this.
        else await table.remove({ pk: entry.pk, sk: entry.sk });
      }
    },
  };
}
