import { z } from 'zod';
import { type ControlTable, parsedEntry } from './table/control-table.ts';

/** Which id a channel has now, for channels whose id Slack has changed. */
export interface ChannelIdStore {
  /** The new id of each old one. */
  read(): Promise<ReadonlyMap<string, string>>;
  put(oldId: string, newId: string): Promise<void>;
}

const entrySchema = z.looseObject({ sk: z.string(), newId: z.string() });

/** In the control table: `channel-ids#NAME` / the old id. */
export function createChannelIdStore({ table, name }: { table: ControlTable; name: string }): ChannelIdStore {
  const pk = `channel-ids#${name}`;
  return {
    async read() {
      const ids = new Map<string, string>();
      for await (const entry of table.list(pk)) {
        const { sk, newId } = parsedEntry(entry, entrySchema);
        ids.set(sk, newId);
      }
      return ids;
    },
    async put(oldId, newId) {
      await table.update({ pk, sk: oldId }, { set: { newId } });
    },
  };
}
