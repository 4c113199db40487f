import { z } from 'zod';
import { type ControlTable, type Key, readParsed } from '../../state/control-table.ts';

/** A deploy from its preview to its end, and its rollback. `plan` is JSON of the pipeline's DeployPlan. */
const recordSchema = z.object({
  id: z.string(),
  plan: z.string(),
  by: z.string(),
  plannedAt: z.number(),
  /** The wrapper was in place when this was planned. Such a deploy changes nothing, so a rollback never undoes it. */
  isInPlace: z.boolean().exactOptional(),
  /** `refused`: the deploy was refused before it changed anything. `failed`: it may have changed something. */
  state: z.enum(['planned', 'deploying', 'deployed', 'refused', 'rolling-back', 'rolled-back', 'failed']),
  /** When the deploy or rollback began or ended, epoch ms. */
  at: z.number().exactOptional(),
  /** The deploy before this one that is still in effect after this one is rolled back. */
  previous: z.string().exactOptional(),
  /** The hash of code that was deployed later and that a rollback leaves in place. */
  keeps: z.string().exactOptional(),
  /** The channel where the result is announced. */
  channel: z.string().exactOptional(),
});
export type DeployRecord = z.infer<typeof recordSchema>;

/** The deploys of one pipeline in the control table: `deploy#ID`; `pipeline#NAME` / `deploy` names the last one. */
export interface DeployStore {
  plan(record: DeployRecord): Promise<void>;
  read(id: string): Promise<DeployRecord | undefined>;
  /** The last deploy that began, may have changed something, and was not rolled back. */
  last(): Promise<DeployRecord | undefined>;
  /** Changes the record if it is in one of the states `from`; undefined otherwise. */
  move(
    id: string,
    from: DeployRecord['state'][],
    set: Partial<Pick<DeployRecord, 'state' | 'by' | 'at' | 'keeps' | 'channel'>>,
  ): Promise<DeployRecord | undefined>;
}

const NOT_IN_EFFECT: ReadonlySet<DeployRecord['state']> = new Set(['planned', 'refused', 'rolled-back']);

export function createDeployStore(table: ControlTable, name: string): DeployStore {
  const lastKey: Key = { pk: `pipeline#${name}`, sk: 'deploy' };
  const key = (id: string): Key => ({ pk: `deploy#${id}`, sk: 'deploy' });
  const read = (id: string) => readParsed(table, key(id), recordSchema);
  async function last(): Promise<DeployRecord | undefined> {
    let id = (await readParsed(table, lastKey, z.object({ id: z.string().optional() })))?.id;
    while (id !== undefined) {
      const record = await read(id);
      if (!record || !NOT_IN_EFFECT.has(record.state)) return record;
      id = record.previous;
    }
    return undefined;
  }
  return {
    read,
    async plan(record) {
      if (!(await table.create(key(record.id), { ...record })))
        throw new Error(`A deploy with the id ${record.id} is stored already. Nothing was changed.`);
    },
    last,
    async move(id, from, set) {
      const before = await read(id);
      if (!before || !from.includes(before.state)) return;
      // First the pointer to it: after a crash here it points to a plan that did not begin, and `last` skips it.
      if (set.state === 'deploying' && !before.isInPlace) {
        const previous = (await last())?.id;
        if (previous !== undefined) await table.update(key(id), { set: { previous } });
        await table.update(lastKey, { set: { id } });
      }
      const moved = await table.update(key(id), { set }, { in: { state: from } });
      return moved.ok ? recordSchema.parse(moved.entry) : undefined;
    },
  };
}
