import { expect, test } from 'vitest';
import { previewMessage } from '../../../src/slack/messages/run/preview.ts';
import { type Copy, LOCATION, type RunsRig, startRunsRig, value } from '../../support/rigs/runs-rig.ts';

/** The plan of a run over all images. */
const planned = async (rig: RunsRig, bot: Copy) =>
  value(
    await rig.during(bot.runs.plan({ selection: {}, paceSetting: { kind: 'auto' }, by: 'U1', location: LOCATION })),
  );

test('A plan estimates the cost from what the last run reported, also after one in which every image failed', async () => {
  const rig = await startRunsRig({ images: 40 });
  try {
    const bot = await rig.copy({ CANARY_IMAGES: '30', CANARY_PERCENT: '50', BREAKER_CONSECUTIVE: '15' });
    expect((await planned(rig, bot)).forecastRestsOn.join(' ')).toContain(
      'Cost: unknown, because no run has reported one',
    );
    await rig.start(bot);
    const { totals } = (await bot.listensTo('completed')).snapshot;
    expect(totals.costUsd).toBeGreaterThan(0);
    const costUsd = totals.costUsd;

    const second = await planned(rig, bot);
    expect(second.expectedCostUsd).toBeCloseTo(costUsd, 6);
    // Without a state machine only the bot could run it.
    expect(second.engineCosts).toEqual([
      { engine: 'local', usd: expect.closeTo(40 * (0.2e-6 + 0.625e-6), 9), parts: expect.any(Array) },
    ]);
    expect(second.forecastRestsOn.join(' ')).toContain('USD per image (as in r-0002)');
    expect(previewMessage(second).text).not.toContain('Estimated cost: unknown');

    rig.aws.turn({ failures: [{ rate: 1, kind: 'textract' }] });
    bot.events.length = 0;
    const failed = await rig.start(bot);
    const end = await bot.listensTo('tripped');
    expect(end.snapshot.totals.failed).toBeGreaterThanOrEqual(10);
    expect(end.snapshot.totals.costUsd).toBe(0);
    const after = await planned(rig, bot);
    expect(after.expectedCostUsd).toBeCloseTo(costUsd, 6);
    expect(after.forecastRestsOn.join(' ')).toContain(failed);
    expect(after.forecastRestsOn.join(' ')).toContain('USD per image (as in r-0002)');
  } finally {
    await rig.close();
  }
});
