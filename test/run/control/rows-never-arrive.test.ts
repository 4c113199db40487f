import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { RunEvent } from '../../../src/run/model/types.ts';
import { alertOf } from '../../../src/slack/messages/run/alerts.ts';
import { runMessage } from '../../../src/slack/messages/run/run-message.ts';
import { type Copy, LOCATION, type RunsRig, startRunsRig, value } from '../../support/rigs/runs-rig.ts';

let rig: RunsRig;
beforeEach(async () => {
  rig = await startRunsRig({ images: 240 });
  rig.aws.turn({ writesNothing: true });
});
afterEach(() => rig.close());

/** The settings that the rig changes, as they are by default; with fewer images in flight, because the local AWS is small. */
const DEFAULTS = { LEASE_SECONDS: '15', MAX_IN_FLIGHT: '20' };

/** How a run over all 240 images ends, what is said then, and after how long. */
async function ends(bot: Copy, options: Partial<Parameters<Copy['runs']['plan']>[0]> = {}) {
  const begunAt = rig.clock.now();
  const request = { selection: {}, paceSetting: { kind: 'auto' }, by: 'U1', location: LOCATION, ...options } as const;
  const plan = value(await rig.during(bot.runs.plan(request)));
  value(await rig.during(bot.runs.start(plan.runId, 'U1', { location: LOCATION })));
  const isEnd = ({ kind }: RunEvent) => kind === 'tripped' || kind === 'completed';
  const end = await rig.until(() => bot.events.find(isEnd));
  const alert = alertOf(end, { resumesByItself: false })?.message.text ?? '';
  return { end, alert, live: runMessage(end.snapshot).text, tookMs: rig.clock.now() - begunAt };
}

describe('A run over 240 images of which no row ever arrives', () => {
  test('stops itself within a minute with default settings, before a quarter of its images, and names the missing rows', async () => {
    const { end, alert, live, tookMs } = await ends(await rig.copy(DEFAULTS));
    const { totals, state } = end.snapshot;
    expect(state).toMatchObject({ kind: 'tripped', trippedBy: { kind: 'failure-rate' } });
    expect(totals.processed + totals.rejected + totals.noRows).toBeLessThanOrEqual(80);
    expect(tookMs).toBeLessThan(60_000);
    expect(alert.split('\n').slice(0, 3)).toEqual([
      expect.stringMatching(/^Rescan r-0001 stopped itself: \d+ of the last 20 images left no rows in the table\.$/),
      `:warning: *${totals.noRows} images have no rows in the table*, although the function reported stored entries for them.`,
      `The function reported ${totals.entriesStored} entries; the table did not grow.`,
    ]);
    for (const text of [alert, live]) expect(text).not.toMatch(/is complete|went through/);
  });

  test('stops itself in the canary of an autopilot', async () => {
    const bot = await rig.copy(DEFAULTS);
    const { end, alert, tookMs } = await ends(bot, { canary: { images: 20, percent: 20 } });
    const { totals, state } = end.snapshot;
    expect(state).toMatchObject({ kind: 'tripped', trippedBy: { kind: 'canary' } });
    expect(totals.processed + totals.rejected + totals.noRows).toBeLessThanOrEqual(20);
    expect(tookMs).toBeLessThan(60_000);
    expect(alert).toMatch(/no rows in the table/);
  });

  test('that is done before rows can be missed, says first that they are missing, and never that it is complete', async () => {
    const bot = await rig.copy({ ...DEFAULTS, ROWS_WAIT_SECONDS: '120' });
    const { end, alert, live } = await ends(bot, { paceSetting: { kind: 'fixed', perMinute: 6_000 } });
    const { totals } = end.snapshot;
    expect(totals.processed).toBe(0);
    expect(totals.noRows + totals.rejected).toBe(240);
    expect(alert.split('\n')[0]).toMatch(
      new RegExp(`^Rescan r-0001 lost rows: ${totals.noRows} images have no rows in the table\\.`),
    );
    expect(live.split('\n')[0]).toBe(
      `Rescan r-0001 ended with ${totals.noRows} images without rows in the table: 240 of 240 done (100 %).`,
    );
    for (const text of [alert, live]) expect(text).not.toMatch(/is complete/);
  });
});
