import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import type { JsonValue } from './outbox.ts';
import { type ControlTable, parsedEntry, parsedText } from './table/control-table.ts';
import { DELETE_AFTER } from './table/format.ts';

/** An answer that only one person saw, and that this person may share. */
export interface StoredAnswer {
  readonly channel: string;
  /** When it was made: it is true for this time. Epoch ms. */
  readonly at: number;
  readonly message: JsonValue;
}

export type Claim =
  | { readonly kind: 'claimed'; readonly answer: StoredAnswer }
  | { readonly kind: 'shared'; readonly by: string; readonly at: number }
  | { readonly kind: 'gone' };

/** Answers that can be shared once, by whichever process of the bot gets the click. */
export interface AnswerStore {
  /** Resolves to the id of the answer. Answers that are older than a day are removed. */
  put(answer: StoredAnswer): Promise<string>;
  /** The right to share the answer, for the first who asks. */
  claim(id: string, by: string, at: number): Promise<Claim>;
  /** The answer could not be shared after all: the next one who asks may try. */
  release(id: string): Promise<void>;
}

const KEPT_MS = 24 * 60 * 60_000;
const MOST_REMOVED = 25;
const entrySchema = z.looseObject({
  sk: z.string(),
  channel: z.string(),
  at: z.number(),
  message: z.string(),
  sharedBy: z.string().optional(),
  sharedAt: z.number().optional(),
});

/** In the control table: `answers#NAME` / `TIME-RANDOM`. */
export function createAnswerStore({ table, name }: { table: ControlTable; name: string }): AnswerStore {
  const pk = `answers#${name}`;
  const idOf = (at: number, suffix: string) => `${String(Math.round(at)).padStart(15, '0')}${suffix}`;

  async function removeOld(now: number): Promise<void> {
    let removed = 0;
    for await (const { sk } of table.list(pk, { limit: MOST_REMOVED })) {
      if (sk >= idOf(now - KEPT_MS, '') || removed >= MOST_REMOVED) return;
      await table.remove({ pk, sk });
      removed += 1;
    }
  }

  return {
    async put({ channel, at, message }) {
      const id = idOf(at, `-${randomUUID().slice(0, 8)}`);
      // As text, so that the names and numbers inside stay exactly as they are.
      const deleteAfter = Math.ceil((at + KEPT_MS) / 1_000);
      await table.create(
        { pk, sk: id },
        { channel, at, message: JSON.stringify(message), [DELETE_AFTER]: deleteAfter },
      );
      await removeOld(at);
      return id;
    },
    async claim(id, by, at) {
      const change = { set: { sharedBy: by, sharedAt: Math.round(at) } };
      const claimed = await table.update({ pk, sk: id }, change, { exists: true, absent: ['sharedBy'] });
      if (claimed.entry === undefined) return { kind: 'gone' };
      const { channel, at: madeAt, message, sharedBy, sharedAt } = parsedEntry(claimed.entry, entrySchema);
      if (!claimed.ok) return { kind: 'shared', by: sharedBy ?? '', at: sharedAt ?? at };
      const json = parsedText(claimed.entry, message, (found) => z.json().parse(found));
      return { kind: 'claimed', answer: { channel, at: madeAt, message: json } };
    },
    async release(id) {
      await table.update({ pk, sk: id }, { remove: ['sharedBy', 'sharedAt'] }, { exists: true });
    },
  };
}
