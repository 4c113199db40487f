import { z } from 'zod';
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
type Changes = Partial<
  Pick<
    DeployRecord,
    | 'state'
    | 'by'
    | 'at'
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
 * `deploys#NAME` / `open#ID` those that are going on or whose end is not shown yet.
 */
export interface DeployStore {
  plan(record: DeployRecord): Promise<void>;
  read(id: string): Promise<DeployRecord | undefined>;
  /** The last deploy that began, may have changed something, and was not rolled back. */
  last(): Promise<DeployRecord | undefined>;
  /** When the last rollback ended, epoch ms. */
  rolledBackAt(): Promise<number | undefined>;
  /** Changes the record if it is in one of the states `from`; undefined otherwise. One that begins is listed as open. */
  move(id: string, from: DeployRecord['state'][], set: Changes): Promise<DeployRecord | undefined>;
  /** Stores the message that shows a deploy. */
  setMessage(id: string, message: { readonly channel: string; readonly ts: string }): Promise<void>;
  /** Deploys and rollbacks that began and are not closed, also those that an older version began. */
  open(): Promise<readonly DeployRecord[]>;
  /** Its end is shown: nobody has to look at it any more. */
  close(id: string): Promise<void>;
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
      const begins = set.state === 'deploying' || set.state === 'rolling-back';
      // First what leads to it: after a crash here that leads to a record that did not begin, and every reader skips it.
      if (begins) await table.create(openKey(id), { id });
      if (set.state === 'deploying' && !before.isInPlace) {
        const previous = (await last())?.id;
        if (previous !== undefined) await table.update(key(id), { set: { previous } });
        await table.update(lastKey, { set: { id } });
      }
      const remove = begins ? ['end', 'undoBecause', 'message'] : [];
      const moved = await table.update(key(id), { set, remove }, { in: { state: from } });
      return moved.ok ? parsedEntry(moved.entry, recordSchema) : undefined;
    },
    async setMessage(id, message) {
      await table.update(key(id), { set: { message } }, { exists: true });
    },
    async open() {
      const found = new Map<string, DeployRecord>();
      for await (const { sk } of table.list(`deploys#${name}`, { prefix: 'open#' })) {
        const record = await read(sk.slice('open#'.length));
        if (record) found.set(record.id, record);
      }
      const begun = await last();
      if (begun && isInProgress(begun)) found.set(begun.id, begun);
      return [...found.values()];
    },
    async close(id) {
      await table.remove(openKey(id));
    },
  };
}
