import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import type { ControlTable } from './control-table.ts';

export type JsonValue =
  | string
  | number
  | boolean
  | null
  | readonly JsonValue[]
  | { readonly [name: string]: JsonValue };

export interface OutboxMessage {
  readonly id: string;
  /** Epoch ms. */
  readonly at: number;
  readonly message: JsonValue;
}

/** Alerts that must not be lost: they are on record until they are known to be delivered, at least once each. */
export interface Outbox {
  /** The message is on record when this resolves. */
  put(message: JsonValue, at: number): Promise<string>;
  /** What is not done yet, oldest first; of the same time, in the order of `put` in this process. */
  pending(): AsyncIterable<OutboxMessage>;
  /** The message is delivered and forgotten; a second time changes nothing. */
  done(id: string): Promise<void>;
}

const PREFIX = 'message#';
const entrySchema = z.looseObject({ sk: z.string(), at: z.number(), message: z.string() });

/** The outbox of the pipeline `name` in the control table. */
export function createOutbox({ table, name }: { table: ControlTable; name: string }): Outbox {
  const pk = `outbox#${name}`;
  let count = 0;
  return {
    async put(message, at) {
      const order = `${String(Math.round(at)).padStart(15, '0')}#${String(count++).padStart(9, '0')}`;
      const id = `${order}#${randomUUID().slice(0, 8)}`;
      // As text: what is inside keeps every name, and numbers of any size.
      await table.create({ pk, sk: `${PREFIX}${id}` }, { at, message: JSON.stringify(message) });
      return id;
    },
    async *pending() {
      for await (const entry of table.list(pk, { prefix: PREFIX })) {
        const { sk, at, message } = entrySchema.parse(entry);
        yield { id: sk.slice(PREFIX.length), at, message: z.json().parse(JSON.parse(message)) };
      }
    },
    async done(id) {
      await table.remove({ pk, sk: `${PREFIX}${id}` });
    },
  };
}
