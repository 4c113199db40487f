import { z } from 'zod';
import type { ControlTable, Key } from '../../state/control-table.ts';
import type { Condition } from '../../state/expression.ts';

/** A deploy from its preview to its end, and the rollback of it. The plan is the pipeline room's: kept as it is. */
const recordSchema = z.object({
  id: z.string(),
  /** The plan, as JSON. */
  plan: z.string(),
  by: z.string(),
  plannedAt: z.number(),
  /** It was in place already when it was planned: there is nothing to bring back, so it is never the last one. */
  isInPlace: z.boolean().exactOptional(),
  /** `refused`: it was to be carried out, and nothing was changed. `failed`: it broke off when something may have been. */
  state: z.enum(['planned', 'deploying', 'deployed', 'refused', 'rolling-back', 'rolled-back', 'failed']),
  /** When it was begun, ended or rolled back. */
  at: z.number().exactOptional(),
  /** The deploy before it that still stands: what is left when this one is rolled back. */
  previous: z.string().exactOptional(),
  /** The hash of the team's later code that a rollback leaves where it is. */
  keeps: z.string().exactOptional(),
  /** The channel that hears how it ended. */
  channel: z.string().exactOptional(),
});
export type DeployRecord = z.infer<typeof recordSchema>;

/** Deploys of one pipeline in the control table: `deploy#ID`, and `pipeline#NAME` / `deploy` says which was the last. */
export interface DeployStore {
  plan(record: DeployRecord): Promise<void>;
  read(id: string): Promise<DeployRecord | undefined>;
  /** The last one that was begun, may have changed something, and was not rolled back. */
  last(): Promise<DeployRecord | undefined>;
  /** Moves it on, if it is still in one of these states. */
  move(
    id: string,
    from: DeployRecord['state'][],
    set: Partial<Pick<DeployRecord, 'state' | 'by' | 'at' | 'keeps' | 'channel'>>,
  ): Promise<DeployRecord | undefined>;
}

const NOT_STANDING: ReadonlySet<DeployRecord['state']> = new Set(['planned', 'refused', 'rolled-back']);

export function createDeployStore(table: ControlTable, name: string): DeployStore {
  const lastKey: Key = { pk: `pipeline#${name}`, sk: 'deploy' };
  const key = (id: string): Key => ({ pk: `deploy#${id}`, sk: 'deploy' });
  async function read(id: string): Promise<DeployRecord | undefined> {
    const entry = await table.read(key(id));
    return entry && recordSchema.parse(entry);
  }
  async function last(): Promise<DeployRecord | undefined> {
    const entry = await table.read(lastKey);
    let id = z.object({ id: z.string().optional() }).parse(entry ?? {}).id;
    while (id !== undefined) {
      const record = await read(id);
      if (!record || !NOT_STANDING.has(record.state)) return record;
      id = record.previous;
    }
    return undefined;
  }
  return {
    read,
    async plan(record) {
      if (!(await table.create(key(record.id), { ...record })))
        throw new Error(`Deploy ${record.id} is on record already; nothing was changed.`);
    },
    last,
    async move(id, from, set) {
      const before = await read(id);
      if (!before || !from.includes(before.state)) return;
      // First which one it is: a crash in between leaves a plan that was not begun, and leads to the one before it.
      if (set.state === 'deploying' && !before.isInPlace) {
        await table.update(key(id), { set: { previous: (await last())?.id } });
        await table.update(lastKey, { set: { id } });
      }
      const condition: Condition = { in: { state: from } };
      const moved = await table.update(key(id), { set }, condition);
      return moved.ok ? recordSchema.parse(moved.entry) : undefined;
    },
  };
}
