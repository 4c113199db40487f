import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { parsedEntry, parsedJson, type QueueParts, readEach } from './table/control-table.ts';

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

/** Messages that must not be lost: each stays stored until it is delivered, and is delivered at least once. */
export interface Outbox {
  /** Resolves when the message is stored. */
  put(message: JsonValue, at: number): Promise<string>;
  /**
   * The messages that are not delivered, oldest first. Messages of the same time keep the order of `put` in this
   * process. One that cannot be read is reported and left out.
   */
  pending(): AsyncIterable<OutboxMessage>;
  /** Removes a delivered message. Removing it again changes nothing. */
  done(id: string): Promise<void>;
}

const PREFIX = 'message#';
const entrySchema = z.looseObject({ sk: z.string(), at: z.number(), message: z.string() });

/** The outbox of the pipeline `name` in the control table: `outbox#NAME` / `message#TIME#COUNT#RANDOM`. */
export function createOutbox({ table, name, warn }: QueueParts): Outbox {
  const pk = `outbox#${name}`;
  let count = 0;
  return {
    async put(message, at) {
      const order = `${String(Math.round(at)).padStart(15, '0')}#${String(count++).padStart(9, '0')}`;
      const id = `${order}#${randomUUID().slice(0, 8)}`;
      // As text, so that the names and numbers inside stay exactly as they are.
      await table.create({ pk, sk: `${PREFIX}${id}` }, { at, message: JSON.stringify(message) });
      return id;
    },
    async *pending() {
      yield* readEach(
        table.list(pk, { prefix: PREFIX }),
        (entry) => {
          const { sk, at, message } = parsedEntry(entry, entrySchema);
          return { id: sk.slice(PREFIX.length), at, message: parsedJson(entry, message) };
        },
        warn,
      );
    },
    async done(id) {
      await table.remove({ pk, sk: `${PREFIX}${id}` });
    },
  };
}
