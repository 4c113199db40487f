import { z } from 'zod';
import { type ControlTable, readParsed } from './table/control-table.ts';

/** The alerts that said that a run stops while images were in progress, until they show how the run ended. */
export interface EarlyAlerts {
  /** The alert of this run was posted there; a later one takes its place. */
  put(runId: string, location: { readonly channel: string; readonly ts: string }): Promise<void>;
  find(runId: string): Promise<{ readonly channel: string; readonly ts: string } | undefined>;
  remove(runId: string): Promise<void>;
}

const entrySchema = z.looseObject({ channel: z.string(), ts: z.string() });

/** In the control table: `early-alerts#NAME` / `RUN`. */
export function createEarlyAlerts({ table, name }: { table: ControlTable; name: string }): EarlyAlerts {
  const keyOf = (runId: string) => ({ pk: `early-alerts#${name}`, sk: runId });
  return {
    async put(runId, { channel, ts }) {
      await table.update(keyOf(runId), { set: { channel, ts } });
    },
    async find(runId) {
      const entry = await readParsed(table, keyOf(runId), entrySchema);
      return entry && { channel: entry.channel, ts: entry.ts };
    },
    async remove(runId) {
      await table.remove(keyOf(runId));
    },
  };
}
