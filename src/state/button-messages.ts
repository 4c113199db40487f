import { z } from 'zod';
import type { JsonValue } from './outbox.ts';
import { parsedEntry, parsedJson, type QueueParts, readEach } from './table/control-table.ts';

/** A message whose buttons belong to one state of a run or an autopilot. */
export interface ButtonMessage {
  /** The run or autopilot. */
  readonly id: string;
  /** The state during which the buttons have a meaning. */
  readonly state: string;
  readonly channel: string;
  readonly ts: string;
  /** As it was posted, cut to Slack's limits. */
  readonly message: JsonValue;
}

/** The messages whose buttons must be removed when their state ends. They outlive the process that posted them. */
export interface ButtonMessages {
  put(message: ButtonMessage): Promise<void>;
  /** In the order of their ids; those of one id, oldest first. One that cannot be read is reported and left out. */
  list(): AsyncIterable<ButtonMessage>;
  remove(message: Pick<ButtonMessage, 'id' | 'ts'>): Promise<void>;
}

const entrySchema = z.looseObject({
  id: z.string(),
  state: z.string(),
  channel: z.string(),
  ts: z.string(),
  message: z.string(),
});

/** In the control table: `buttons#NAME` / `ID#TS`. */
export function createButtonMessages({ table, name, warn }: QueueParts): ButtonMessages {
  const keyOf = ({ id, ts }: Pick<ButtonMessage, 'id' | 'ts'>) => ({ pk: `buttons#${name}`, sk: `${id}#${ts}` });
  return {
    async put({ message, ...about }) {
      // As text, so that the names and numbers inside stay exactly as they are.
      await table.create(keyOf(about), { ...about, message: JSON.stringify(message) });
    },
    async *list() {
      yield* readEach(
        table.list(`buttons#${name}`),
        (entry) => {
          const { id, state, channel, ts, message } = parsedEntry(entry, entrySchema);
          return { id, state, channel, ts, message: parsedJson(entry, message) };
        },
        warn,
      );
    },
    async remove(message) {
      await table.remove(keyOf(message));
    },
  };
}
