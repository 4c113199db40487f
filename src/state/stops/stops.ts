import type { ControlTable } from '../table/control-table.ts';

/** Requests to stop something that another process of the bot may be doing: a click can reach any process. */
export interface Stops {
  request(id: string): Promise<void>;
  isRequested(id: string): Promise<boolean>;
  /** Removes the request: it was carried out, or no longer counts. */
  clear(id: string): Promise<void>;
}

export function createStops(table: Pick<ControlTable, 'create' | 'read' | 'remove'>, name: string): Stops {
  const key = (id: string) => ({ pk: `stops#${name}`, sk: id });
  return {
    async request(id) {
      await table.create(key(id), {});
    },
    isRequested: async (id) => (await table.read(key(id))) !== undefined,
    async clear(id) {
      await table.remove(key(id));
    },
  };
}
