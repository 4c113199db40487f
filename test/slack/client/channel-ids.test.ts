import { WebAPIPlatformError } from '@slack/web-api';
import { expect, test } from 'vitest';
import { createChannelIds, withCurrentId } from '../../../src/slack/client/channel-ids.ts';
import { createFakeClock } from '../../support/rigs/fake-clock.ts';

function copies() {
  const stored = new Map<string, string>();
  const clock = createFakeClock();
  let isDown = false;
  const store = {
    async read() {
      if (isDown) throw new Error('The control table is down');
      return new Map(stored);
    },
    async put(oldId: string, newId: string) {
      if (isDown) throw new Error('The control table is down');
      stored.set(oldId, newId);
    },
  };
  const breakTable = () => {
    isDown = true;
  };
  const copy = () => {
    const warnings: string[] = [];
    const logger = { warn: (_about: unknown, message?: unknown) => void warnings.push(String(message)) };
    return { ...createChannelIds({ store, channels: () => ['G1', 'C2'], clock, logger }), warnings };
  };
  return { copy, clock, breakTable };
}

test('a new id is used for calls, and events with it belong to the channel of the settings', async () => {
  const ids = copies().copy();
  await ids.changed('G1', 'C1');
  await ids.changed('C1', 'C9');
  expect(ids.current('G1')).toBe('C9');
  expect(await ids.known('C9')).toBe('G1');
  expect(await ids.known('C2')).toBe('C2');
  expect(await ids.known('C7')).toBe('C7');
  expect(ids.warnings.at(-1)).toContain('replace G1 by C9');
});

test('ids that refer to each other in a circle do not stop the bot', async () => {
  const ids = copies().copy();
  await ids.changed('G1', 'C1');
  await ids.changed('C1', 'G1');
  expect(['G1', 'C1']).toContain(ids.current('G1'));
});

test('a copy of the bot that did not get the event finds the new id when Slack does not know the old one', async () => {
  const { copy, clock } = copies();
  const [one, other] = [copy(), copy()];
  await other.refresh();
  await one.changed('G1', 'C1');
  await clock.advance(5_000);
  const asked: string[] = [];
  const call = async (id: string) => {
    asked.push(id);
    if (id === 'G1') throw new WebAPIPlatformError({ ok: false, error: 'channel_not_found' });
    return id;
  };
  expect(await withCurrentId(other, 'G1', call)).toBe('C1');
  expect(asked).toEqual(['G1', 'C1']);
  await expect(
    withCurrentId(other, 'C2', () =>
      Promise.reject(new WebAPIPlatformError({ ok: false, error: 'channel_not_found' })),
    ),
  ).rejects.toThrow('channel_not_found');
});

test('a new id that cannot be stored is used until the restart, and the log says so', async () => {
  const { copy, breakTable } = copies();
  breakTable();
  const ids = copy();
  await ids.changed('G1', 'C1');
  expect(ids.current('G1')).toBe('C1');
  expect(ids.warnings.at(-1)).toMatch(/not stored/);
  await ids.refresh();
  expect(ids.warnings.at(-1)).toMatch(/cannot be read/);
});

test('a control table that does not answer delays the channel of a request by a second at most', async () => {
  const clock = createFakeClock();
  const store = { read: () => new Promise<never>(() => {}), put: async () => {} };
  const ids = createChannelIds({ store, channels: () => ['G1'], clock, logger: { warn: () => {} } });
  const found: string[] = [];
  void ids.known('C7').then((id) => found.push(id));
  await clock.advance(1_000);
  expect(found).toEqual(['C7']);
});
