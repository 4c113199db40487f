import { z } from 'zod';
import { within } from '../lib/async/within.ts';
import type { Clock } from '../lib/clock.ts';
import { type ControlTable, type Entry, parsedEntry } from './table/control-table.ts';

/** Which pipeline people chose for a channel that no pipeline lists. */
export interface ChannelBinding {
  readonly channel: string;
  /** The name of the pipeline. */
  readonly pipeline: string;
  /** Counts the choices for this channel: the highest one is valid, whichever control table holds it. */
  readonly turn: number;
  readonly by: string;
  /** Epoch ms. */
  readonly at: number;
}

/** The choices in one control table. Each pipeline has a control table of its own, with a copy of every choice. */
export interface ChannelBindingStore {
  /** @throws ControlTableError; FaultError for an entry that cannot be understood */
  read(channel: string): Promise<ChannelBinding | undefined>;
  /** All of them. @throws as `read` does */
  list(): AsyncIterable<ChannelBinding>;
  /** Stores a choice in place of the one of the turn `before`, or where there is none. Whether it was stored. */
  put(binding: ChannelBinding, before: number | undefined): Promise<boolean>;
}

const PARTITION = 'channel-bindings';
const entrySchema = z.looseObject({ pipeline: z.string(), turn: z.number(), by: z.string(), at: z.number() });

/** In the control table: `channel-bindings` / the channel. */
export function createChannelBindingStore(table: Pick<ControlTable, 'read' | 'update' | 'list'>): ChannelBindingStore {
  function bindingOf(entry: Entry): ChannelBinding {
    const { pipeline, turn, by, at } = parsedEntry(entry, entrySchema);
    return { channel: entry.sk, pipeline, turn, by, at };
  }
  return {
    async read(channel) {
      const entry = await table.read({ pk: PARTITION, sk: channel });
      return entry && bindingOf(entry);
    },
    async *list() {
      for await (const entry of table.list(PARTITION)) yield bindingOf(entry);
    },
    async put({ channel, ...binding }, before) {
      const condition = before === undefined ? { exists: false } : { equals: { turn: before } };
      return (await table.update({ pk: PARTITION, sk: channel }, { set: binding }, condition)).ok;
    },
  };
}

export type Bound =
  | { readonly kind: 'bound'; readonly binding: ChannelBinding }
  /** Two copies of the bot stored different choices at once: neither is valid. */
  | { readonly kind: 'contradictory'; readonly pipelines: readonly string[] };

/** The valid one of the choices for one channel; undefined without any. */
export function newestBinding(bindings: readonly ChannelBinding[]): Bound | undefined {
  const turn = Math.max(...bindings.map((binding) => binding.turn));
  const newest = bindings.filter((binding) => binding.turn === turn);
  const [binding] = newest;
  if (!binding) return undefined;
  const pipelines = [...new Set(newest.map(({ pipeline }) => pipeline))];
  return pipelines.length === 1 ? { kind: 'bound', binding } : { kind: 'contradictory', pipelines };
}

/** The choices of all control tables. */
export interface ChannelBindings {
  /** As it was read last. */
  of(channel: string): Bound | undefined;
  /** The channels that people chose this pipeline for, as they were read last. */
  channelsOf(pipeline: string): readonly string[];
  /** Reads the choice for one channel. A control table that does not answer within a second changes nothing. Never throws. */
  refresh(channel: string): Promise<void>;
  /** Reads every choice of one control table. Never throws. */
  readAll(store: ChannelBindingStore): Promise<void>;
  /**
   * Stores a choice in the control table of its pipeline, then copies it to the others. Resolves to false where somebody
   * else chose at the same time. @throws where a control table cannot be read or written: nothing was chosen then
   */
  bind(choice: Omit<ChannelBinding, 'turn'>): Promise<boolean>;
}

const TIMEOUT_MS = 1_000;

export function createChannelBindings(ports: {
  /** The control tables that can be used now, by pipeline. */
  readonly stores: () => ReadonlyMap<string, ChannelBindingStore>;
  readonly clock: Clock;
  readonly onError: (error: unknown, message: string) => void;
}): ChannelBindings {
  const { clock, onError } = ports;
  /** What each control table said last, by channel. */
  const seen = new Map<string, Map<ChannelBindingStore, ChannelBinding>>();

  function note(store: ChannelBindingStore, channel: string, binding: ChannelBinding | undefined): void {
    const ofChannel = seen.get(channel) ?? new Map<ChannelBindingStore, ChannelBinding>();
    if (binding) ofChannel.set(store, binding);
    else ofChannel.delete(store);
    if (ofChannel.size > 0) seen.set(channel, ofChannel);
    else seen.delete(channel);
  }
  const current = (channel: string) => newestBinding([...(seen.get(channel)?.values() ?? [])]);

  async function read(store: ChannelBindingStore, channel: string): Promise<ChannelBinding | undefined> {
    const binding = await store.read(channel);
    note(store, channel, binding);
    return binding;
  }

  return {
    of: current,
    channelsOf: (pipeline) =>
      [...seen.keys()].filter((channel) => {
        const bound = current(channel);
        return bound?.kind === 'bound' && bound.binding.pipeline === pipeline;
      }),
    async refresh(channel) {
      const reading = [...ports.stores().values()].map((store) =>
        read(store, channel).catch((error: unknown) => onError(error, `The pipeline of ${channel} cannot be read.`)),
      );
      await within(clock, TIMEOUT_MS, Promise.all(reading));
    },
    async readAll(store) {
      try {
        for await (const binding of store.list()) note(store, binding.channel, binding);
      } catch (error) {
        onError(error, 'The channels that people chose for the pipelines cannot be read.');
      }
    },
    async bind(choice) {
      const { channel, pipeline } = choice;
      const stores = ports.stores();
      const target = stores.get(pipeline);
      if (!target) throw new Error(`The pipeline ${pipeline} has no control table.`);
      const found = await Promise.all(
        [...stores.values()].map(async (store) => ({ store, at: await read(store, channel) })),
      );
      const turn = 1 + Math.max(0, ...found.map(({ at }) => at?.turn ?? 0));
      const binding: ChannelBinding = { ...choice, turn };
      if (!(await target.put(binding, found.find(({ store }) => store === target)?.at?.turn))) {
        await read(target, channel);
        return false;
      }
      note(target, channel, binding);
      for (const { store, at } of found) {
        if (store === target) continue;
        // The choice is valid without its copies: they answer while the control table of the pipeline cannot be read.
        try {
          if (await store.put(binding, at?.turn)) note(store, channel, binding);
        } catch (error) {
          onError(error, `The choice of a pipeline for ${channel} is not copied to every control table.`);
        }
      }
      return true;
    },
  };
}
