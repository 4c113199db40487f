import { z } from 'zod';
import { createEmitter } from '../../lib/async/emitter.ts';
import { type ControlTable, type Key, parsedEntry, readParsed } from '../../state/table/control-table.ts';
import { type ChecklistOutcome, type ChecklistRecord, checklistRecordSchema } from '../model/checklist-record.ts';
import { proofSchema, type TableReset, tableResetSchema } from '../model/preconditions.ts';
import { type ClosedStep, type Override, overrideSchema, type StepRecord, stepRecordSchema } from '../model/step.ts';

/**
 * The checklists of one pipeline in the control table.
 *
 * | pk | sk | contains |
 * | --- | --- | --- |
 * | `pipeline#NAME` | `checklist` | the id of the open checklist, if one is open; the number of the last one |
 * | `pipeline#NAME` | `proof#logging`, `proof#sample` | what was proven on which code of the function |
 * | `pipeline#NAME` | `table-reset` | when a flush or restore of the whole table last began |
 * | `checklists#NAME` | `c-0007` | one checklist: who opened it, how it was closed |
 * | `checklist#c-0007` | `step#backup` | the record of a step |
 * | `checklist#c-0007` | `override#sample` | an approver's decision to skip a step |
 */
export interface ChecklistStore {
  /** The checklist that is open, if there is one. */
  open(): Promise<ChecklistRecord | undefined>;
  /** The open checklist, or a new one that `by` opens. Two concurrent callers get the same one. */
  ensureOpen(by: string, now: number): Promise<ChecklistRecord>;
  read(id: string): Promise<ChecklistRecord | undefined>;
  /** Sets attributes of an open checklist; false when it is closed. */
  update(
    id: string,
    set: Partial<Pick<ChecklistRecord, 'kept' | 'flushApproval' | 'runIds' | 'scope'>>,
  ): Promise<boolean>;
  /** Closes a checklist once, with its steps as they are; false when it was closed before. */
  close(id: string, end: { outcome: ChecklistOutcome; at: number; steps: readonly ClosedStep[] }): Promise<boolean>;
  /** The closed checklists and the open one, newest first. */
  list(limit: number): AsyncIterable<ChecklistRecord>;
  steps(id: string): Promise<readonly StepRecord[]>;
  setStep(id: string, record: StepRecord): Promise<void>;
  overrides(id: string): Promise<readonly Override[]>;
  setOverride(id: string, override: Override): Promise<void>;
  proof(of: 'logging' | 'sample'): Promise<StoredProof | undefined>;
  setProof(of: 'logging' | 'sample', proof: StoredProof): Promise<void>;
  removeProof(of: 'logging' | 'sample'): Promise<void>;
  reset(): Promise<TableReset | undefined>;
  setReset(reset: TableReset): Promise<void>;
}

const storedProofSchema = z.object({
  ...proofSchema.shape,
  images: z.number().exactOptional(),
  failed: z.number().exactOptional(),
  isAll: z.boolean().exactOptional(),
});
export type StoredProof = z.infer<typeof storedProofSchema>;

/** How many abandoned records (see `list`) may precede the checklists that are asked for. There is rarely one. */
const MAX_ABANDONED = 10;

/** The store of the pipeline `name` in the control table. */
export function createChecklistStore(table: ControlTable, name: string): ChecklistStore {
  const pointer: Key = { pk: `pipeline#${name}`, sk: 'checklist' };
  const listPk = `checklists#${name}`;
  const key = (id: string): Key => ({ pk: listPk, sk: id });
  const resetKey: Key = { pk: pointer.pk, sk: 'table-reset' };
  const proofKey = (of: string): Key => ({ pk: pointer.pk, sk: `proof#${of}` });

  const read = (id: string) => readParsed(table, key(id), checklistRecordSchema);
  const openId = async () => (await readParsed(table, pointer, z.object({ openId: z.string().optional() })))?.openId;
  async function open(): Promise<ChecklistRecord | undefined> {
    const id = await openId();
    const record = id === undefined ? undefined : await read(id);
    return record?.closedAt === undefined ? record : undefined;
  }
  async function listOf<T>(id: string, prefix: string, schema: z.ZodType<T>): Promise<T[]> {
    const found: T[] = [];
    for await (const entry of table.list(`checklist#${id}`, { prefix })) found.push(parsedEntry(entry, schema));
    return found;
  }

  return {
    open,
    read,
    async ensureOpen(by, now) {
      for (;;) {
        const before = await openId();
        const current = before === undefined ? undefined : await read(before);
        if (current && current.closedAt === undefined) return current;
        const counted = await table.update(pointer, { add: { lastNumber: 1 } });
        const { lastNumber } = parsedEntry({ ...pointer, ...counted.entry }, z.object({ lastNumber: z.number() }));
        const id = `c-${String(lastNumber).padStart(4, '0')}`;
        const record: ChecklistRecord = { id, openedBy: by, openedAt: Math.round(now), runIds: [] };
        await table.create(key(id), { ...record });
        const condition = before === undefined ? { absent: ['openId'] } : { equals: { openId: before } };
        if ((await table.update(pointer, { set: { openId: id } }, condition)).ok) return record;
        // Another process opened a checklist at the same moment, and that one is used.
        await table.remove(key(id));
      }
    },
    async update(id, set) {
      return (await table.update(key(id), { set }, { exists: true, absent: ['closedAt'] })).ok;
    },
    async close(id, { outcome, at, steps }) {
      const set = { outcome, closedAt: Math.round(at), steps };
      const closed = await table.update(key(id), { set }, { exists: true, absent: ['closedAt'] });
      await table.update(pointer, { remove: ['openId'] }, { equals: { openId: id } });
      return closed.ok;
    },
    async *list(limit) {
      const opened = await openId();
      let left = limit;
      for await (const entry of table.list(listPk, { prefix: 'c-', descending: true, limit: limit + MAX_ABANDONED })) {
        const record = parsedEntry(entry, checklistRecordSchema);
        // A record that `ensureOpen` did not use, and whose process stopped before it was removed.
        if (record.closedAt === undefined && record.id !== opened) continue;
        if (left-- <= 0) return;
        yield record;
      }
    },
    steps: (id) => listOf(id, 'step#', stepRecordSchema),
    async setStep(id, record) {
      const remove = record.found === undefined ? ['found'] : [];
      await table.update({ pk: `checklist#${id}`, sk: `step#${record.step}` }, { set: { ...record }, remove });
    },
    overrides: (id) => listOf(id, 'override#', overrideSchema),
    async setOverride(id, override) {
      await table.update({ pk: `checklist#${id}`, sk: `override#${override.step}` }, { set: { ...override } });
    },
    proof: (of) => readParsed(table, proofKey(of), storedProofSchema),
    async setProof(of, proof) {
      await table.update(proofKey(of), { set: { ...proof } });
    },
    async removeProof(of) {
      await table.remove(proofKey(of));
    },
    reset: () => readParsed(table, resetKey, tableResetSchema),
    async setReset(reset) {
      await table.update(resetKey, { set: { ...reset } });
    },
  };
}

export interface WatchedChecklistStore extends ChecklistStore {
  /**
   * Calls the listener after each change that this process made; nobody waits for it. Returns the function that removes
   * it.
   */
  watch(listener: () => void): () => void;
}

/** The same store, with `watch`. */
export function watchChecklistStore(
  store: ChecklistStore,
  warn: (message: string, cause: unknown) => void,
): WatchedChecklistStore {
  const changes = createEmitter<void>((error) => warn('a listener of the checklist failed', error));
  const announced =
    <Given extends unknown[], T>(change: (...given: Given) => Promise<T>) =>
    async (...given: Given): Promise<T> => {
      const result = await change(...given);
      void changes.emit();
      return result;
    };
  return {
    ...store,
    update: announced(store.update),
    close: announced(store.close),
    setStep: announced(store.setStep),
    setOverride: announced(store.setOverride),
    setProof: announced(store.setProof),
    removeProof: announced(store.removeProof),
    setReset: announced(store.setReset),
    watch: changes.watch,
  };
}
