import { z } from 'zod';
import type { JsonValue } from './outbox.ts';
import { type Entry, parsedEntry, parsedJson, type QueueParts, readEach } from './table/control-table.ts';

/** Work that must happen after something else, in steps. It stays stored until every step is done. */
export interface FollowUp {
  /** Two follow-ups with the same id are the same. */
  readonly id: string;
  /** Epoch ms. */
  readonly at: number;
  readonly about: JsonValue;
  /** The steps that are done. */
  readonly steps: readonly string[];
}

/** Follow-ups that must not be lost and not be done twice. A lease decides who does them, not this store. */
export interface FollowUps {
  /** Resolves when the follow-up is stored. Nothing changes when it was stored before, done or not. */
  put(followUp: Pick<FollowUp, 'id' | 'at' | 'about'>): Promise<void>;
  /** The follow-ups that are not done, oldest first. One that cannot be read is reported and left out. */
  open(): AsyncIterable<FollowUp>;
  /** Marks a step as done. */
  noteStep(id: string, step: string): Promise<void>;
  /** Marks the whole follow-up as done, for ever. */
  finish(id: string): Promise<void>;
}

const entrySchema = z.looseObject({
  id: z.string(),
  at: z.number(),
  about: z.string(),
  steps: z.record(z.string(), z.boolean()),
});

/**
 * The follow-ups of the pipeline `name` in the control table. The partition keeps the name that earlier versions gave
 * it.
 *
 * | pk | sk | holds |
 * | --- | --- | --- |
 * | `errands#NAME` | `open#ID` | a follow-up and its finished steps |
 * | `errands#NAME` | `over#ID` | that it is done |
 */
export function createFollowUps({ table, name, warn }: QueueParts): FollowUps {
  const pk = `errands#${name}`;
  const openKey = (id: string) => ({ pk, sk: `open#${id}` });
  const doneKey = (id: string) => ({ pk, sk: `over#${id}` });
  return {
    async put({ id, at, about }) {
      if (await table.read(doneKey(id))) return;
      await table.create(openKey(id), { id, at, about: JSON.stringify(about), steps: {} });
    },
    async *open() {
      const found: FollowUp[] = [];
      const read = (entry: Entry): FollowUp => {
        const { id, at, about, steps } = parsedEntry(entry, entrySchema);
        return { id, at, about: parsedJson(entry, about), steps: Object.keys(steps) };
      };
      for await (const followUp of readEach(table.list(pk, { prefix: 'open#' }), read, warn)) {
        const { id } = followUp;
        // The process died between the two writes of `finish`, or another process put it again at that moment.
        if (await table.read(doneKey(id))) await table.remove(openKey(id));
        else found.push(followUp);
      }
      yield* found.sort((a, b) => a.at - b.at);
    },
    async noteStep(id, step) {
      const entry = await table.read(openKey(id));
      if (!entry) return;
      const { steps } = parsedEntry(entry, entrySchema);
      await table.update(openKey(id), { set: { steps: { ...steps, [step]: true } } }, { exists: true });
    },
    async finish(id) {
      await table.create(doneKey(id), { id });
      await table.remove(openKey(id));
    },
  };
}
