import { z } from 'zod';
import type { ControlTable, Key } from '../../state/control-table.ts';
import type { Proof, TableReset } from '../model/preconditions.ts';
import {
  type ClosedStep,
  closedStepSchema,
  type Override,
  overrideSchema,
  type StepRecord,
  stepRecordSchema,
} from '../model/step.ts';

/**
 * The rescans of one pipeline in the control table.
 *
 * | pk | sk | holds |
 * | --- | --- | --- |
 * | `pipeline#NAME` | `checklist` | which rescan is open, if one is; the number of the last one |
 * | `pipeline#NAME` | `proof#logging`, `proof#sample` | what was proven on which code of the function |
 * | `pipeline#NAME` | `table-reset` | when a flush or a restore of the whole table last began |
 * | `checklists#NAME` | `c-0007` | one rescan: who opened it, how it ended |
 * | `checklist#c-0007` | `step#backup` | what is on record of a step |
 * | `checklist#c-0007` | `override#sample` | an approver's word to pass a step over |
 */

const outcomeSchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('completed'), runId: z.string() }),
  z.object({ kind: z.literal('closed'), by: z.string() }),
]);
export type ChecklistOutcome = z.infer<typeof outcomeSchema>;

const recordSchema = z.object({
  id: z.string(),
  openedBy: z.string(),
  openedAt: z.number(),
  kept: z.object({ by: z.string(), at: z.number() }).exactOptional(),
  /** The runs of this rescan, in their order. */
  runIds: z.array(z.string()).default([]),
  flushApproval: z.string().exactOptional(),
  closedAt: z.number().exactOptional(),
  outcome: outcomeSchema.exactOptional(),
  /** Every step as it stood when it was closed. */
  steps: z.array(closedStepSchema).exactOptional(),
});
export type ChecklistRecord = z.infer<typeof recordSchema>;

const proofSchema = z.object({
  codeSha256: z.string(),
  at: z.number(),
  by: z.string(),
  images: z.number().exactOptional(),
  failed: z.number().exactOptional(),
  isAll: z.boolean().exactOptional(),
});
export type StoredProof = Proof & { readonly images?: number; readonly failed?: number; readonly isAll?: boolean };

const resetSchema = z.object({ kind: z.enum(['flush', 'restore']), at: z.number() });

export interface ChecklistStore {
  /** The rescan that is open, if one is. */
  open(): Promise<ChecklistRecord | undefined>;
  /** The open one, or a new one that `by` opens; two callers at once get the same. */
  ensureOpen(by: string, now: number): Promise<ChecklistRecord>;
  read(id: string): Promise<ChecklistRecord | undefined>;
  /** Sets attributes of a rescan that is open; false where it is closed. */
  update(id: string, set: Partial<Pick<ChecklistRecord, 'kept' | 'flushApproval' | 'runIds'>>): Promise<boolean>;
  /** Closes it with its steps as they stand, once; false where it was closed already. */
  close(id: string, end: { outcome: ChecklistOutcome; at: number; steps: readonly ClosedStep[] }): Promise<boolean>;
  /** Newest first: those that are closed, and the open one. */
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

/** Records of rescans that were never really opened (see `list`): hardly ever one. */
const MOST_LEFT_BEHIND = 10;

/** The store of the pipeline `name` in the control table. */
export function createChecklistStore(table: ControlTable, name: string): ChecklistStore {
  const pointer: Key = { pk: `pipeline#${name}`, sk: 'checklist' };
  const listPk = `checklists#${name}`;
  const key = (id: string): Key => ({ pk: listPk, sk: id });
  const resetKey: Key = { pk: pointer.pk, sk: 'table-reset' };
  const proofKey = (of: string): Key => ({ pk: pointer.pk, sk: `proof#${of}` });

  async function read(id: string): Promise<ChecklistRecord | undefined> {
    const entry = await table.read(key(id));
    return entry && recordSchema.parse(entry);
  }
  async function openId(): Promise<string | undefined> {
    const entry = await table.read(pointer);
    return z.object({ openId: z.string().optional() }).parse(entry ?? {}).openId;
  }
  async function open(): Promise<ChecklistRecord | undefined> {
    const id = await openId();
    const record = id === undefined ? undefined : await read(id);
    return record?.closedAt === undefined ? record : undefined;
  }
  async function listOf<T>(id: string, prefix: string, schema: z.ZodType<T>): Promise<T[]> {
    const found: T[] = [];
    for await (const entry of table.list(`checklist#${id}`, { prefix })) found.push(schema.parse(entry));
    return found;
  }

  return {
    open,
    read,
    async ensureOpen(by, now) {
      for (;;) {
        const before = await openId();
        const there = before === undefined ? undefined : await read(before);
        if (there && there.closedAt === undefined) return there;
        const counted = await table.update(pointer, { add: { lastNumber: 1 } });
        const id = `c-${String(z.number().parse(counted.entry?.lastNumber)).padStart(4, '0')}`;
        const record: ChecklistRecord = { id, openedBy: by, openedAt: Math.round(now), runIds: [] };
        await table.create(key(id), { ...record });
        const condition = before === undefined ? { absent: ['openId'] } : { equals: { openId: before } };
        if ((await table.update(pointer, { set: { openId: id } }, condition)).ok) return record;
        // Another opened one at the same moment: that one counts.
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
      for await (const entry of table.list(listPk, {
        prefix: 'c-',
        descending: true,
        limit: limit + MOST_LEFT_BEHIND,
      })) {
        const record = recordSchema.parse(entry);
        // Where two opened one at the same moment and the bot died, the one that does not count is left behind.
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
    async proof(of) {
      const entry = await table.read(proofKey(of));
      return entry && proofSchema.parse(entry);
    },
    async setProof(of, proof) {
      await table.update(proofKey(of), { set: { ...proof } });
    },
    async removeProof(of) {
      await table.remove(proofKey(of));
    },
    async reset() {
      const entry = await table.read(resetKey);
      return entry && resetSchema.parse(entry);
    },
    async setReset(reset) {
      await table.update(resetKey, { set: { ...reset } });
    },
  };
}
