import { describe, expect, test } from 'vitest';
import {
  type ChannelBindingStore,
  createChannelBindingStore,
  createChannelBindings,
  type newestBinding,
} from '../../src/state/channel-bindings.ts';
import { createMemoryControlTable } from '../support/memory/memory-control-table.ts';
import { createFakeClock } from '../support/rigs/fake-clock.ts';

const failing = (store: ChannelBindingStore, methods: readonly (keyof ChannelBindingStore)[]): ChannelBindingStore => ({
  ...store,
  ...Object.fromEntries(methods.map((method) => [method, () => Promise.reject(new Error('no answer'))])),
});

/** Two pipelines with control tables of their own, and copies of the bot that use them. */
function twoTables() {
  const stores = {
    dev: createChannelBindingStore(createMemoryControlTable().table),
    prod: createChannelBindingStore(createMemoryControlTable().table),
  };
  const errors: string[] = [];
  const copy = (used: Partial<Record<'dev' | 'prod', ChannelBindingStore>> = stores) =>
    createChannelBindings({
      stores: () => new Map(Object.entries(used)),
      clock: createFakeClock(),
      onError: (_, message) => void errors.push(message),
    });
  return { stores, errors, copy };
}
const choice = (pipeline: 'dev' | 'prod', at = 1) => ({ channel: 'C1', pipeline, by: 'U1', at });
const pipelineOf = (bound: ReturnType<typeof newestBinding>) =>
  bound?.kind === 'bound' ? bound.binding.pipeline : bound?.kind;

describe('the pipeline that people chose for a channel', () => {
  test('is the one of the last choice, in every copy of the bot', async () => {
    const { copy } = twoTables();
    const [one, other] = [copy(), copy()];
    expect(one.of('C1')).toBeUndefined();
    expect(await one.bind(choice('prod'))).toBe(true);
    expect(await other.bind(choice('dev'))).toBe(true);
    for (const bindings of [one, other]) {
      await bindings.refresh('C1');
      expect(pipelineOf(bindings.of('C1'))).toBe('dev');
      expect([bindings.channelsOf('dev'), bindings.channelsOf('prod')]).toEqual([['C1'], []]);
    }
  });

  test('is known after a restart from any one of the control tables', async () => {
    const { copy, stores } = twoTables();
    await copy().bind(choice('prod'));
    for (const store of Object.values(stores)) {
      const bindings = copy({});
      await bindings.readAll(store);
      expect(pipelineOf(bindings.of('C1'))).toBe('prod');
    }
  });

  test('does not change where a control table cannot be read: nobody knows whose channel it is', async () => {
    const { copy, stores } = twoTables();
    await copy().bind(choice('dev'));
    const bindings = copy({ dev: failing(stores.dev, ['read']), prod: stores.prod });
    await expect(bindings.bind(choice('prod'))).rejects.toThrow('no answer');
    const healthy = copy();
    await healthy.refresh('C1');
    expect(pipelineOf(healthy.of('C1'))).toBe('dev');
  });

  test('counts although its copy in another control table cannot be written', async () => {
    const { copy, stores, errors } = twoTables();
    await copy().bind(choice('dev'));
    expect(await copy({ dev: failing(stores.dev, ['put']), prod: stores.prod }).bind(choice('prod'))).toBe(true);
    expect(errors).toEqual(['The choice of a pipeline for C1 is not copied to every control table.']);
    const healthy = copy();
    await healthy.refresh('C1');
    expect(pipelineOf(healthy.of('C1'))).toBe('prod');
  });

  test('is that of the other person where somebody chose the same pipeline a moment before', async () => {
    const { copy, stores } = twoTables();
    let isLate = false;
    const slow: ChannelBindingStore = {
      ...stores.prod,
      async put(binding, before) {
        if (!isLate) {
          isLate = true;
          await copy().bind(choice('prod', 7));
        }
        return stores.prod.put(binding, before);
      },
    };
    const bindings = copy({ dev: stores.dev, prod: slow });
    expect(await bindings.bind(choice('prod'))).toBe(false);
    expect(bindings.of('C1')).toMatchObject({ binding: { at: 7 } });
  });

  test('is none of two that were chosen at once, until somebody chooses again', async () => {
    const { copy, stores } = twoTables();
    await stores.dev.put({ ...choice('dev'), turn: 3 }, undefined);
    await stores.prod.put({ ...choice('prod'), turn: 3 }, undefined);
    const bindings = copy();
    await bindings.refresh('C1');
    expect(pipelineOf(bindings.of('C1'))).toBe('contradictory');
    expect([...bindings.channelsOf('dev'), ...bindings.channelsOf('prod')]).toEqual([]);
    expect(await bindings.bind(choice('prod'))).toBe(true);
    expect(pipelineOf(bindings.of('C1'))).toBe('prod');
  });

  test('stays what it was while a control table does not answer within a second', async () => {
    const { stores } = twoTables();
    const clock = createFakeClock();
    await stores.dev.put({ ...choice('dev'), turn: 1 }, undefined);
    let isSilent = false;
    const store: ChannelBindingStore = {
      ...stores.dev,
      read: (channel) => (isSilent ? new Promise(() => {}) : stores.dev.read(channel)),
    };
    const bindings = createChannelBindings({ stores: () => new Map([['dev', store]]), clock, onError: () => {} });
    await bindings.refresh('C1');
    isSilent = true;
    const asked = bindings.refresh('C1');
    await clock.advance(1_000);
    await asked;
    expect(pipelineOf(bindings.of('C1'))).toBe('dev');
  });
});
