import type { HomeView } from '@slack/types';
import { WebAPIPlatformError } from '@slack/web-api';
import { describe, expect, test } from 'vitest';
import { createHome } from '../../../src/slack/home/home.ts';
import { createFakeClock } from '../../support/rigs/fake-clock.ts';

const EVERY_MS = 10_000;
const viewOf = (text: string): HomeView => ({
  type: 'home',
  blocks: [{ type: 'section', text: { type: 'mrkdwn', text } }],
});
const refused = new WebAPIPlatformError({ ok: false, error: 'invalid_blocks' });

function opening() {
  const clock = createFakeClock();
  const world = { now: 'one', gathered: 0, failing: undefined as Error | undefined, isUnread: false };
  const published: { person: string; text: string; at: number }[] = [];
  const home = createHome({
    async gather() {
      world.gathered++;
      if (world.isUnread) throw new Error('the control table does not answer');
      return world.now;
    },
    outdate: (last) => (last ? `outdated ${last.facts}` : 'unread'),
    draw: async (person, facts) => viewOf(`${facts} for ${person}`),
    async publish(person, view) {
      if (world.failing) throw world.failing;
      const [, text = ''] = /"text":"([^"]*)"/.exec(JSON.stringify(view.blocks)) ?? [];
      published.push({ person, text, at: clock.now() });
    },
    clock,
    everyMs: EVERY_MS,
    onError: () => {},
  });
  return { clock, world, published, home, texts: () => published.map(({ text }) => text) };
}

describe('the Home tab', () => {
  test('is drawn at once when it is opened, and not for who never opened it', async () => {
    const { home, clock, texts } = opening();
    home.changed();
    await clock.advance(1);
    expect(texts()).toEqual([]);
    home.opened('U1');
    await clock.advance(1);
    expect(texts()).toEqual(['one for U1']);
  });

  test('is drawn again when something changed, at most once in ten seconds a person, and shows the newest state', async () => {
    const { home, clock, published, world, texts } = opening();
    home.opened('U1');
    await clock.advance(1);
    for (let change = 0; change < 45; change++) {
      world.now = `state ${change}`;
      home.changed();
      await clock.advance(1_000);
    }
    await clock.advance(EVERY_MS);
    expect(texts().at(-1)).toBe('state 44 for U1');
    expect(published.length).toBeLessThanOrEqual(6);
    for (const [index, { at }] of published.entries())
      if (index > 0) expect(at - (published[index - 1]?.at ?? 0)).toBeGreaterThanOrEqual(EVERY_MS);
  });

  test('holds to that also for who opens it again and again', async () => {
    const { home, clock, published, world } = opening();
    for (let click = 0; click < 15; click++) {
      world.now = `state ${click}`;
      home.opened('U1');
      await clock.advance(500);
    }
    expect(published).toHaveLength(1);
    await clock.advance(EVERY_MS);
    expect(published.at(-1)?.text).toBe('state 14 for U1');
  });

  test('that says the same is not published again', async () => {
    const { home, clock, published } = opening();
    home.opened('U1');
    await clock.advance(1);
    home.changed();
    await clock.advance(EVERY_MS * 3);
    expect(published).toHaveLength(1);
  });

  test('of many people is looked up once', async () => {
    const { home, clock, world, published } = opening();
    for (let n = 0; n < 30; n++) home.opened(`U${n}`);
    await clock.advance(1);
    await clock.advance(EVERY_MS);
    expect(published).toHaveLength(30);
    world.gathered = 0;
    world.now = 'two';
    home.changed();
    await clock.advance(EVERY_MS);
    expect(world.gathered).toBe(1);
    expect(published).toHaveLength(60);
  });

  test('that Slack refuses for what it is waits for the next change', async () => {
    const { home, clock, world, texts } = opening();
    world.failing = refused;
    home.opened('U1');
    await clock.advance(EVERY_MS * 10);
    expect(world.gathered).toBe(1);
    world.failing = undefined;
    world.now = 'two';
    home.changed();
    await clock.advance(EVERY_MS);
    expect(texts()).toEqual(['two for U1']);
  });

  test('says that nothing can be read where nothing was read yet, and is drawn when it can be', async () => {
    const { home, clock, world, texts } = opening();
    world.isUnread = true;
    home.opened('U1');
    await clock.advance(EVERY_MS);
    // A tab that an earlier process drew must not keep its buttons.
    expect(texts()).toEqual(['unread for U1']);
    world.isUnread = false;
    world.failing = new Error('socket hang up');
    await clock.advance(EVERY_MS);
    expect(texts()).toEqual(['unread for U1']);
    world.failing = undefined;
    await clock.advance(EVERY_MS);
    expect(texts()).toEqual(['unread for U1', 'one for U1']);
  });

  test('shows the last state as outdated while the facts cannot be read, once, and the current one afterwards', async () => {
    const { home, clock, world, texts } = opening();
    home.opened('U1');
    await clock.advance(EVERY_MS);
    world.isUnread = true;
    home.changed();
    await clock.advance(3 * EVERY_MS);
    expect(texts()).toEqual(['one for U1', 'outdated one for U1']);
    world.isUnread = false;
    await clock.advance(EVERY_MS);
    expect(texts()).toEqual(['one for U1', 'outdated one for U1', 'one for U1']);
  });

  test('is left alone once the bot stops', async () => {
    const { home, clock, published } = opening();
    home.opened('U1');
    await clock.advance(1);
    home.close();
    home.opened('U2');
    home.changed();
    await clock.advance(EVERY_MS * 2);
    expect(published).toHaveLength(1);
  });
});
