import { z } from 'zod';
import type { ControlTable } from './control-table.ts';
import type { JsonValue } from './outbox.ts';

/** Something to be done afterwards, in steps: it is on record until all of it was done. */
export interface FollowUp {
  /** Says what it is: two of one id are one errand. */
  readonly id: string;
  /** Epoch ms. */
  readonly at: number;
  readonly about: JsonValue;
  /** Steps that are done. */
  readonly steps: readonly string[];
}

/** Errands that must not be lost, and not be done twice. Who may do them is said by a lease, not here. */
export interface FollowUps {
  /** It is on record when this resolves; where it was before, done or not, nothing changes. */
  put(followUp: Pick<FollowUp, 'id' | 'at' | 'about'>): Promise<void>;
  /** What is not done, oldest first. */
  open(): AsyncIterable<FollowUp>;
  /** A step is done, and will not be again. */
  noteStep(id: string, step: string): Promise<void>;
  /** All of it is done; it stays known that it was. */
  finish(id: string): Promise<void>;
}

const entrySchema = z.looseObject({
  id: z.string(),
  at: z.number(),
  about: z.string(),
  steps: z.record(z.string(), z.boolean()),
});

/**
 * The errands of the pipeline `name` in the control table.
 *
 * | pk | sk | holds |
 * | --- | --- | --- |
 * | `errands#NAME` | `open#ID` | what is to be done, and which steps of it are |
 * | `errands#NAME` | `over#ID` | that it was done |
 */
export function createFollowUps({ table, name }: { table: ControlTable; name: string }): FollowUps {
  const pk = `errands#${name}`;
  const openKey = (id: string) => ({ pk, sk: `open#${id}` });
  const overKey = (id: string) => ({ pk, sk: `over#${id}` });
  return {
    async put({ id, at, about }) {
      if (await table.read(overKey(id))) return;
      await table.create(openKey(id), { id, at, about: JSON.stringify(about), steps: {} });
    },
    async *open() {
      const found: FollowUp[] = [];
      for await (const entry of table.list(pk, { prefix: 'open#' })) {
        const { id, at, about, steps } = entrySchema.parse(entry);
        // The process died between the two writes of `finish`, or it was put again by one that did not see it finished.
        if (await table.read(overKey(id))) await table.remove(openKey(id));
        else found.push({ id, at, about: z.json().parse(JSON.parse(about)), steps: Object.keys(steps) });
      }
      yield* found.sort((a, b) => a.at - b.at);
    },
    async noteStep(id, step) {
      const entry = await table.read(openKey(id));
      if (!entry) return;
      const { steps } = entrySchema.parse(entry);
      await table.update(openKey(id), { set: { steps: { ...steps, [step]: true } } }, { exists: true });
    },
    async finish(id) {
      await table.create(overKey(id), { id });
      await table.remove(openKey(id));
    },
  };
}
