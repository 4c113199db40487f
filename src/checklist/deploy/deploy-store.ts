import { z } from 'zod';
import { defined } from '../../lib/defined.ts';
import { type ControlTable, type Key, parsedEntry, readParsed } from '../../state/table/control-table.ts';

/** A deploy from its preview to its end, and its rollback. `plan` is JSON of the pipeline's DeployPlan. */
const recordSchema = z.object({
  id: z.string(),
  plan: z.string(),
  by: z.string(),
  plannedAt: z.number(),
  /** The wrapper was in place when this was planned. Such a deploy changes nothing, so a rollback never undoes it. */
  isInPlace: z.boolean().exactOptional(),
  /**
   * `refused`: the deploy was refused before it changed anything. `failed`: it may have changed something. `undoing`: the new
   * package cannot be loaded, so the bot rolls it back by itself; `undone`: it has done so.
   */
  state: z.enum([
    'planned',
    'deploying',
    'deployed',
    'refused',
    'rolling-back',
    'rolled-back',
    'undoing',
    'undone',
    'failed',
  ]),
  /** When the deploy or rollback began or ended, epoch ms. */
  at: z.number().exactOptional(),
  /** When it began, epoch ms. It tells a deploy and each of its rollbacks apart. */
  begunAt: z.number().exactOptional(),
  /** The deploy before this one that is still in effect after this one is rolled back. */
  previous: z.string().exactOptional(),
  /** The approval of new code, and who gave it. */
  approvalId: z.string().exactOptional(),
  approvedBy: z.string().exactOptional(),
  /** Whether the last work on it was a rollback. */
  isRollback: z.boolean().exactOptional(),
  /** The hash of code that was deployed later and that a rollback leaves in place. */
  keeps: z.string().exactOptional(),
  /** The channel where it is shown. */
  channel: z.string().exactOptional(),
  /** The message that shows it, once it is posted. */
  message: z.object({ channel: z.string(), ts: z.string() }).exactOptional(),
  /** Why it is undone: JSON of the refusal. */
  undoBecause: z.string().exactOptional(),
  /** How it ended: JSON of a DeployEnd. Absent while it goes on. */
  end: z.string().exactOptional(),
});
export type DeployRecord = z.infer<typeof recordSchema>;
const openSchema = z.looseObject({ begunAt: z.number().exactOptional() });
type Changes = Partial<
  Pick<
    DeployRecord,
    | 'state'
    | 'by'
    | 'at'
    | 'begunAt'
    | 'isRollback'
    | 'approvalId'
    | 'approvedBy'
    | 'keeps'
    | 'channel'
    | 'message'
    | 'undoBecause'
    | 'end'
  >
>;

/**
 * The deploys of one pipeline in the control table: `deploy#ID`; `pipeline#NAME` / `deploy` names the last one, and
 * `deploys#NAME` / `open#ID` those that are going on or whose end is not shown yet, with `begunAt` of the deploy or
 * rollback for which it is open.
 */
export interface DeployStore {
  plan(record: DeployRecord): Promise<void>;
  read(id: string): Promise<DeployRecord | undefined>;
  /** The last deploy that began, may have changed something, and was not rolled back. */
  last(): Promise<DeployRecord | undefined>;
  /** When the last rollback ended, epoch ms. */
  rolledBackAt(): Promise<number | undefined>;
  /** Changes the record if it is in one of the states `from`; undefined otherwise. With `begunAt` it is listed as open. */
  move(id: string, from: DeployRecord['state'][], set: Changes): Promise<DeployRecord | undefined>;
  /** Stores the message that shows the deploy or rollback which began at this time, if none has begun since. */
  setMessage(id: string, begunAt: number, message: { readonly channel: string; readonly ts: string }): Promise<void>;
  /** Deploys and rollbacks that are not closed, also those that an older version began. */
  open(): Promise<readonly OpenDeploy[]>;
  /** Nobody has to look at it any more, unless another deploy or rollback of this record has begun since. */
  close(open: Pick<DeployRecord, 'id' | 'begunAt'>): Promise<void>;
}

export interface OpenDeploy {
  readonly record: DeployRecord;
  /** When the deploy or rollback began for which it is open; absent from an older version. */
  readonly begunAt?: number;
  /** Whether the record is of that one. Otherwise it has not begun, or its process died before it had. */
  readonly hasBegun: boolean;
}

const NOT_IN_EFFECT: ReadonlySet<DeployRecord['state']> = new Set(['planned', 'refused', 'rolled-back', 'undone']);
const IN_PROGRESS: ReadonlySet<DeployRecord['state']> = new Set(['deploying', 'rolling-back', 'undoing']);
export const isInProgress = ({ state }: Pick<DeployRecord, 'state'>): boolean => IN_PROGRESS.has(state);

export function createDeployStore(table: ControlTable, name: string): DeployStore {
  const lastKey: Key = { pk: `pipeline#${name}`, sk: 'deploy' };
  const key = (id: string): Key => ({ pk: `deploy#${id}`, sk: 'deploy' });
  const openKey = (id: string): Key => ({ pk: `deploys#${name}`, sk: `open#${id}` });
  const read = (id: string) => readParsed(table, key(id), recordSchema);
  /** The deploys that began, the newest first. */
  async function* begun(): AsyncIterable<DeployRecord> {
    let id = (await readParsed(table, lastKey, z.object({ id: z.string().optional() })))?.id;
    while (id !== undefined) {
      const record = await read(id);
      if (!record) return;
      yield record;
      id = record.previous;
    }
  }
  async function last(): Promise<DeployRecord | undefined> {
    for await (const record of begun()) if (!NOT_IN_EFFECT.has(record.state)) return record;
    return undefined;
  }
  return {
    read,
    async plan(record) {
      if (!(await table.create(key(record.id), { ...record })))
        throw new Error(`A deploy with the id ${record.id} is stored already. Nothing was changed.`);
    },
    last,
    async rolledBackAt() {
      let latest: number | undefined;
      for await (const { state, at = 0 } of begun()) if (state === 'rolled-back') latest = Math.max(latest ?? 0, at);
      return latest;
    },
    async move(id, from, set) {
      const before = await read(id);
      if (!before || !from.includes(before.state)) return;
      const { begunAt } = set;
      // First what leads to it: after a crash here that leads to a record that did not begin, and every reader skips it.
      if (begunAt !== undefined) await table.update(openKey(id), { set: { id, begunAt } });
      if (set.state === 'deploying' && !before.isInPlace) {
        const previous = (await last())?.id;
        if (previous !== undefined) await table.update(key(id), { set: { previous } });
        await table.update(lastKey, { set: { id } });
      }
      const remove = begunAt !== undefined ? ['end', 'undoBecause', 'message'] : [];
      const moved = await table.update(key(id), { set, remove }, { in: { state: from } });
      return moved.ok ? parsedEntry(moved.entry, recordSchema) : undefined;
    },
    async setMessage(id, begunAt, message) {
      await table.update(key(id), { set: { message } }, { equals: { begunAt } });
    },
    async open() {
      const found = new Map<string, OpenDeploy>();
      for await (const entry of table.list(`deploys#${name}`, { prefix: 'open#' })) {
        const { begunAt } = parsedEntry(entry, openSchema);
        const record = await read(entry.sk.slice('open#'.length));
        if (!record) continue;
        const hasBegun = record.state !== 'planned' && (begunAt === undefined || begunAt === record.begunAt);
        found.set(record.id, { record, hasBegun, ...defined({ begunAt }) });
      }
      const begun = await last();
      if (begun && isInProgress(begun) && !found.has(begun.id)) found.set(begun.id, { record: begun, hasBegun: true });
      return [...found.values()];
    },
    async close({ id, begunAt }) {
      await table.remove(openKey(id), begunAt === undefined ? { absent: ['begunAt'] } : { equals: { begunAt } });
    },
  };
}
