import { z } from 'zod';
import { defined } from '../../lib/defined.ts';
import { type ControlTable, type Key, parsedEntry, parsedText, readParsed } from '../../state/table/control-table.ts';
import type { Condition } from '../../state/table/expression.ts';

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
  /** A new value whenever a process begins it or takes it over: only that process stores how it ends. */
  worker: z.string().exactOptional(),
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
const openSchema = z.looseObject({ begunAt: z.number().exactOptional(), ended: z.string().exactOptional() });
type Changes = Partial<
  Pick<
    DeployRecord,
    | 'state'
    | 'by'
    | 'at'
    | 'begunAt'
    | 'worker'
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
 * `deploys#NAME` / `open#ID#BEGUN_AT` each deploy and each rollback that is going on or whose end is not shown yet. `ended`
 * is its record (JSON), where another one of the same id has begun since. Earlier versions wrote `open#ID`.
 */
export interface DeployStore {
  plan(record: DeployRecord): Promise<void>;
  read(id: string): Promise<DeployRecord | undefined>;
  /** The last deploy that began, may have changed something, and was not rolled back. */
  last(): Promise<DeployRecord | undefined>;
  /** When the last rollback ended, epoch ms. */
  rolledBackAt(): Promise<number | undefined>;
  /** Begins a deploy or rollback if the record is in one of the states `from`; undefined otherwise. It is listed as open. */
  begin(id: string, from: DeployRecord['state'][], set: Begin): Promise<DeployRecord | undefined>;
  /**
   * Makes `worker` the process that works on a deploy or rollback in progress; undefined where none is, or another process
   * has taken it over meanwhile. Call it under the lease.
   */
  takeOver(id: string, worker: string): Promise<DeployRecord | undefined>;
  /** Changes a deploy or rollback in progress on which this process works; undefined where another one took it over. */
  change(record: Pick<DeployRecord, 'id' | 'worker'>, set: Changes): Promise<DeployRecord | undefined>;
  /** Stores the message that shows the deploy or rollback which began at this time, if none has begun since. */
  setMessage(id: string, begunAt: number, message: { readonly channel: string; readonly ts: string }): Promise<void>;
  /** Deploys and rollbacks that are not closed, also those that an older version began. Each is read when it is reached. */
  open(): AsyncIterable<OpenDeploy>;
  /** Nobody has to look at this deploy or rollback any more. */
  close(open: Pick<DeployRecord, 'id' | 'begunAt'>): Promise<void>;
}

type Begin = Changes & { readonly state: 'deploying' | 'rolling-back'; readonly begunAt: number };

export interface OpenDeploy {
  readonly record: DeployRecord;
  /** When the deploy or rollback began for which it is open; absent from an older version. */
  readonly begunAt?: number;
  /** Whether the record is of that one. Otherwise it has not begun, or its process died before it had. */
  readonly hasBegun: boolean;
}

const NOT_IN_EFFECT: ReadonlySet<DeployRecord['state']> = new Set(['planned', 'refused', 'rolled-back', 'undone']);
const IN_PROGRESS: ReadonlySet<DeployRecord['state']> = new Set(['deploying', 'rolling-back', 'undoing']);
/** The condition that an attribute of the record is as it was read. */
function unchanged<Name extends 'worker' | 'begunAt'>(
  record: { readonly [name in Name]?: string | number | undefined },
  name: Name,
): Pick<Condition, 'equals' | 'absent'> {
  const value = record[name];
  return value === undefined ? { absent: [name] } : { equals: { [name]: value } };
}
export const isInProgress = ({ state }: Pick<DeployRecord, 'state'>): boolean => IN_PROGRESS.has(state);

export function createDeployStore(table: ControlTable, name: string): DeployStore {
  const lastKey: Key = { pk: `pipeline#${name}`, sk: 'deploy' };
  const key = (id: string): Key => ({ pk: `deploy#${id}`, sk: 'deploy' });
  const openKey = ({ id, begunAt }: Pick<DeployRecord, 'id' | 'begunAt'>): Key => ({
    pk: `deploys#${name}`,
    sk: begunAt === undefined ? `open#${id}` : `open#${id}#${begunAt}`,
  });
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
    async begin(id, from, set) {
      const before = await read(id);
      if (!before || !from.includes(before.state)) return;
      const { begunAt } = set;
      // Its end, if that is not shown yet: the record is of the new one from here on. An older version has the second key.
      if (before.end !== undefined)
        for (const open of [openKey(before), openKey({ id })])
          await table.update(open, { set: { ended: JSON.stringify(before) } }, { exists: true });
      // First what leads to it: after a crash here that leads to a record that did not begin, and every reader skips it.
      await table.create(openKey({ id, begunAt }), { id, begunAt });
      if (set.state === 'deploying' && !before.isInPlace) {
        const previous = (await last())?.id;
        if (previous !== undefined) await table.update(key(id), { set: { previous } });
        await table.update(lastKey, { set: { id } });
      }
      // Of the one before, which is still as it was read.
      const stale = (['keeps', 'approvalId', 'approvedBy'] as const).filter((name) => set[name] === undefined);
      const moved = await table.update(
        key(id),
        { set, remove: ['end', 'undoBecause', 'message', ...stale] },
        { in: { state: from }, ...unchanged(before, 'begunAt') },
      );
      return moved.ok ? parsedEntry(moved.entry, recordSchema) : undefined;
    },
    async takeOver(id, worker) {
      const found = await read(id);
      if (!found || !isInProgress(found)) return;
      // An older version stores no `begunAt`, and leaves that of the one before: `at` is the same until the end.
      const begunAt = found.at ?? found.plannedAt;
      await table.create(openKey({ id, begunAt }), { id, begunAt });
      const taken = await table.update(
        key(id),
        { set: { worker, begunAt } },
        { in: { state: [...IN_PROGRESS] }, ...unchanged(found, 'worker') },
      );
      await table.remove(openKey({ id }));
      return taken.ok ? parsedEntry(taken.entry, recordSchema) : undefined;
    },
    async change(record, set) {
      const mine = unchanged(record, 'worker');
      const changed = await table.update(key(record.id), { set }, { in: { state: [...IN_PROGRESS] }, ...mine });
      return changed.ok ? parsedEntry(changed.entry, recordSchema) : undefined;
    },
    async setMessage(id, begunAt, message) {
      await table.update(key(id), { set: { message } }, { equals: { begunAt } });
    },
    async *open() {
      const seen = new Set<string>();
      for await (const { pk, sk } of table.list(`deploys#${name}`, { prefix: 'open#' })) {
        // Read again: since the list was read it may have been closed.
        const entry = await table.read({ pk, sk });
        if (!entry) continue;
        const { begunAt, ended } = parsedEntry(entry, openSchema);
        const [, id = ''] = sk.split('#');
        const record = ended === undefined ? await read(id) : parsedText(entry, ended, recordSchema.parse);
        if (!record) continue;
        seen.add(id);
        const isOfRecord = ended !== undefined || begunAt === undefined || begunAt === record.begunAt;
        yield { record, hasBegun: isOfRecord && record.state !== 'planned', ...defined({ begunAt }) };
      }
      const begun = await last();
      if (begun && isInProgress(begun) && !seen.has(begun.id)) yield { record: begun, hasBegun: true };
    },
    async close(open) {
      await table.remove(openKey(open));
    },
  };
}
