import type { ControlTable } from './control-table.ts';

/** Stops asked for by one copy of the bot of whichever copy is at work: a click reaches any of them. */
export interface Stops {
  ask(id: string): Promise<void>;
  isAsked(id: string): Promise<boolean>;
  /** What was asked is done, or is not to count. */
  forget(id: string): Promise<void>;
}

export function createStops(table: Pick<ControlTable, 'create' | 'read' | 'remove'>, name: string): Stops {
  const key = (id: string) => ({ pk: `stops#${name}`, sk: id });
  return {
    async ask(id) {
      await table.create(key(id), {});
    },
    isAsked: async (id) => (await table.read(key(id))) !== undefined,
    async forget(id) {
      await table.remove(key(id));
    },
  };
}
