import { WebAPIPlatformError, WebAPIRateLimitedError } from '@slack/web-api';
import { describe, expect, test } from 'vitest';
import { createExpiredButtons } from '../../../src/slack/delivery/expired-buttons.ts';
import { createButtonMessages } from '../../../src/state/button-messages.ts';
import { failOnWarning } from '../../support/fail-on-warning.ts';
import { createMemoryControlTable } from '../../support/memory/memory-control-table.ts';
import { botInSlack, buttonsOf } from '../../support/rigs/bot-in-slack.ts';
import { createFakeClock } from '../../support/rigs/fake-clock.ts';

const TRIP = { kind: 'tripped', trippedBy: { kind: 'consecutive-failures', failures: 10 } } as const;
const BLOCKS = [{ type: 'section' }, { type: 'actions' }];

function copy(table = createMemoryControlTable().table) {
  const clock = createFakeClock();
  const states = new Map<string, { state: string; isOpen: boolean }>();
  const edited: string[] = [];
  const world = { refuse: (_: string): Error | undefined => undefined };
  const buttons = createExpiredButtons({
    messages: createButtonMessages({ table, name: 'ocr', warn: failOnWarning }),
    stateOf: async (id) => states.get(id),
    chat: {
      async removeButtons({ ts }) {
        const error = world.refuse(ts);
        if (error) throw error;
        edited.push(ts);
      },
    },
    clock,
    random: () => 0.5,
    onError: () => {},
  });
  const note = (ts: string, state: string, id = 'r-1') =>
    buttons.note({ channel: 'C1', ts }, { text: 'x', blocks: BLOCKS }, { id, state });
  return { buttons, clock, states, edited, world, note, table };
}

describe('the buttons of a message whose moment has passed', () => {
  test('are removed once its state has ended, or a newer message of the same run has buttons', async () => {
    const { buttons, clock, states, edited, note } = copy();
    states.set('r-1', { state: 'tripped', isOpen: true });
    states.set('r-2', { state: 'paused', isOpen: true });
    await note('1.0', 'tripped');
    await note('2.0', 'tripped');
    await note('3.0', 'paused', 'r-2');
    buttons.start();
    await clock.advance(1_000);
    expect(edited).toEqual(['1.0']);
    states.set('r-1', { state: 'running', isOpen: true });
    buttons.changed();
    await clock.advance(1_000);
    expect(edited).toEqual(['1.0', '2.0']);
    // Its run does not exist any more.
    states.delete('r-2');
    await clock.advance(60_000);
    expect(edited).toEqual(['1.0', '2.0', '3.0']);
    await clock.advance(600_000);
    expect(edited).toHaveLength(3);
    buttons.close();
  });

  test('stay while a state could not be written, until the run ends', async () => {
    const { buttons, clock, states, edited, note } = copy();
    states.set('r-1', { state: 'running', isOpen: true });
    await note('1.0', 'unwritten');
    buttons.start();
    await clock.advance(120_000);
    expect(edited).toEqual([]);
    states.set('r-1', { state: 'completed', isOpen: false });
    await clock.advance(60_000);
    expect(edited).toEqual(['1.0']);
    buttons.close();
  });

  test('are removed by another process, when the one that posted them died', async () => {
    const first = copy();
    await first.note('1.0', 'tripped');
    const next = copy(first.table);
    next.states.set('r-1', { state: 'completed', isOpen: false });
    next.buttons.start();
    await next.clock.advance(1_000);
    expect(next.edited).toEqual(['1.0']);
    next.buttons.close();
  });

  test('wait for a Slack that limits the rate, and are given up for a message that was deleted', async () => {
    const { buttons, clock, edited, world, note } = copy();
    await note('1.0', 'paused');
    await note('2.0', 'paused', 'r-2');
    let limited = 1;
    world.refuse = (ts) => {
      if (limited-- > 0) return new WebAPIRateLimitedError(30);
      return ts === '1.0' ? new WebAPIPlatformError({ ok: false, error: 'message_not_found' }) : undefined;
    };
    buttons.start();
    await clock.advance(29_000);
    expect(edited).toEqual([]);
    await clock.advance(2_000);
    expect(edited).toEqual(['2.0']);
    buttons.close();
  });

  test('are removed from ten messages at a time', async () => {
    const { buttons, clock, edited, note } = copy();
    for (let n = 10; n < 35; n++) await note(`${n}.0`, 'paused', `r-${n}`);
    buttons.start();
    await clock.advance(1_000);
    expect(edited).toHaveLength(10);
    await clock.advance(15_000);
    expect(edited).toHaveLength(20);
    await clock.advance(15_000);
    expect(edited).toHaveLength(25);
    buttons.close();
  });
});

describe('in Slack', () => {
  async function withTrip() {
    const bot = await botInSlack();
    await bot.command('operator', '/rescan start');
    await bot.click('operator', (await bot.message(/would invoke/)).ts, 'plan_start');
    await bot.message(/^Rescan r-0142 started/);
    await bot.runs.becomes(TRIP);
    const trip = await bot.message(/stopped itself.*Nothing is running/s);
    const now = async () => (await bot.state()).messages.find(({ ts }) => ts === trip.ts) ?? trip;
    const withoutButtons = () =>
      bot.until(async () => (buttonsOf(await now()).length === 0 ? now() : undefined), 'an alert without buttons');
    return { ...bot, trip, now, withoutButtons };
  }

  test('the alert of a trip loses its buttons when the run is resumed with a command, and keeps its text', async () => {
    const bot = await withTrip();
    expect(buttonsOf(bot.trip)).toContain('run_resume');
    await bot.command('operator', '/rescan resume');
    expect((await bot.withoutButtons()).text).toBe(bot.trip.text);
  });

  test('the alert of a trip loses its buttons at the next start when the run was resumed while no process could edit it', async () => {
    const bot = await withTrip();
    await bot.stopBot();
    await bot.runs.resume('U0OPERATOR');
    expect(buttonsOf(await bot.now())).toContain('run_resume');
    await bot.startBot();
    await bot.withoutButtons();
  });

  test('while Slack is down nothing is lost: the buttons are removed when it is back', async () => {
    const bot = await withTrip();
    await bot.world({ errors: { 'chat.update': 'internal_error' } });
    await bot.runs.resume('U0OPERATOR');
    await bot.logged(/The buttons of earlier messages are not removed yet/);
    await bot.world({ errors: {} });
    await bot.withoutButtons();
  });

  test('a click on a button of an earlier run says so, and its message loses the buttons', async () => {
    const bot = await withTrip();
    // Edits fail, as if the buttons had not been removed.
    await bot.world({ errors: { 'chat.update': 'cant_update_message' } });
    await bot.command('operator', '/rescan start');
    const { ts } = await bot.message(/Rescan r-0143 would invoke/);
    await bot.click('operator', ts, 'plan_abandon_and_start');
    await bot.message(/^Rescan r-0143 started/);
    await bot.world({ errors: {} });
    await bot.click('operator', bot.trip.ts, 'run_resume');
    await bot.ephemeral(/^Nothing was done: this button belongs to `r-0142`. The current run is Rescan r-0143/);
    await bot.withoutButtons();
    expect(bot.runs.calls).not.toContain('resume by U0OPERATOR');
  });
});
