import { afterEach, describe, expect, test } from 'vitest';
import { type RunsRig, startRunsRig, value } from '../../../support/rigs/runs-rig.ts';

/**
 * A table that has the rows of an earlier rescan: overwriting them does not raise the count, so growth is found by reading the rows
 * of the last processed image.
 */
const ENGINES = ['local', 'step-functions'] as const;
const IMAGES = 70;
/** The waits of the state machine pass faster than the clock, so its pace is higher than the one set. */
const SLOW = { local: 100, 'step-functions': 30 } as const;
const FAST = { kind: 'fixed', perMinute: 3_000 } as const;
const WATCHFUL = {
  GROWTH_CHECK_IMAGES: '3',
  GROWTH_WARN_MINUTES: '0.1',
  GROWTH_TRIP_MINUTES: '0.15',
  ROWS_WAIT_SECONDS: '600',
};

let rig: RunsRig;
afterEach(() => rig.close());

describe.each(ENGINES)('the engine %s over a full table', (engine) => {
  const start = async (settings: Record<string, string> = {}) => {
    rig = await startRunsRig({ images: IMAGES, seedTable: 'full', engine });
    const bot = await rig.copy({ ...WATCHFUL, ...settings });
    await rig.start(bot, { pace: { kind: 'fixed', perMinute: SLOW[engine] } });
    return bot;
  };

  test('finds that the rows are replaced, and repeats only the images since then when the function stops writing', async () => {
    const bot = await start();
    await rig.untilDone(bot, 15);
    rig.aws.turn({ writesNothing: true });
    const written = (await rig.invocations()).total;
    const { snapshot } = await bot.listensTo('tripped');
    expect(snapshot).toMatchObject({ growth: { kind: 'probed' }, state: { trippedBy: { kind: 'no-growth' } } });
    const { total } = await rig.invocations();
    // What was written since the last look at the table (3 s) is not proven.
    const mostUnproven = total - written + 12;
    expect(snapshot.growth.imagesSinceGrowth).toBeGreaterThanOrEqual(total - written - 3);
    expect(snapshot.growth.imagesSinceGrowth).toBeLessThanOrEqual(mostUnproven);
    rig.aws.turn({ writesNothing: false });
    value(await rig.during(bot.runs.resume('U1')));
    value(await rig.during(bot.runs.setPace('U1', FAST)));
    const { totals } = (await bot.listensTo('completed')).snapshot;
    expect(totals).toMatchObject({ noRows: 0, failed: 0 });
    const { counts } = await rig.invocations();
    expect(counts).toHaveLength(IMAGES);
    expect(counts.filter((times) => times > 1).length).toBeLessThanOrEqual(mostUnproven);
    expect(bot.events.filter(({ kind }) => kind === 'tripped')).toHaveLength(1);
  });

  test('proves what was processed before a pause when it is resumed, and repeats none of it after a trip', async () => {
    // No check is due before the pause.
    const bot = await start({ GROWTH_CHECK_IMAGES: '1000', GROWTH_WARN_MINUTES: '10', GROWTH_TRIP_MINUTES: '10' });
    await rig.untilDone(bot, 15);
    value(await bot.runs.pause('U1'));
    await bot.listensTo('paused');
    await rig.during(bot.runs.shutDown());
    // Rows of the same person that are younger than the greatest difference of two clocks would prove an image.
    await rig.pass(70_000);
    const before = (await rig.invocations()).total;
    rig.aws.turn({ writesNothing: true });
    const other = await rig.copy({ ...WATCHFUL, GROWTH_CHECK_IMAGES: '1000' });
    value(await rig.during(other.runs.resume('U1')));
    const { snapshot } = await other.listensTo('tripped');
    const { total } = await rig.invocations();
    expect(snapshot.growth.imagesSinceGrowth).toBe(total - before);
    rig.aws.turn({ writesNothing: false });
    value(await rig.during(other.runs.resume('U1')));
    value(await rig.during(other.runs.setPace('U1', FAST)));
    await other.listensTo('completed');
    const { counts } = await rig.invocations();
    expect(counts.filter((times) => times > 1).length).toBeLessThanOrEqual(total - before);
  });
});
