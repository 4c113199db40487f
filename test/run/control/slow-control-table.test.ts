import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Copy, type RunsRig, startRunsRig } from '../../support/rigs/runs-rig.ts';

let rig: RunsRig;
beforeEach(async () => {
  rig = await startRunsRig();
});
afterEach(() => rig.close());

/** Rows that seem to be missing must not trip the run (see `allInvoked`). */
const LEASE = { LEASE_SECONDS: '15', BREAKER_WINDOW: '1000', BREAKER_CONSECUTIVE: '1000' };
const PACE = { kind: 'fixed', perMinute: 60 } as const;
const copies = async (): Promise<readonly [Copy, Copy]> => {
  const both = [await rig.copy(LEASE), await rig.copy(LEASE)] as const;
  for (const { runs } of both) runs.standBy();
  return both;
};

/** Rows carry the time of the machine, which the clock of the rig leaves behind, so the proof of the rows is no part of this. */
async function allInvoked(driver: Copy): Promise<void> {
  await rig.until(() => ((driver.events.at(-1)?.snapshot.totals.calls ?? 0) >= 60 ? true : undefined));
  await rig.pass(5_000);
}

test('four outages of the control table of 18 s each do not make a run change hands, and no image is invoked twice', async () => {
  const [driver, other] = await copies();
  await rig.start(driver, { pace: PACE });
  for (let outage = 0; outage < 4; outage++) {
    await rig.pass(7_000);
    rig.control.isAway = true;
    await rig.pass(18_000);
    rig.control.isAway = false;
  }
  await allInvoked(driver);
  expect(other.events).toEqual([]);
  expect(driver.events.some(({ kind }) => kind === 'resumed' || kind === 'interrupted')).toBe(false);
  expect((await rig.invocations()).counts).toEqual(Array(60).fill(1));
});

test.each([1_000, 3_000])(
  'a control table that answers after %i ms does not make a run change hands, and no image is invoked twice',
  async (delayMs) => {
    const [driver, other] = await copies();
    await rig.start(driver, { pace: PACE });
    rig.control.delayMs = delayMs;
    await allInvoked(driver);
    expect(other.events).toEqual([]);
    expect((await rig.invocations()).counts).toEqual(Array(60).fill(1));
  },
);

test.each(['isAway', 'refuses'] as const)(
  'an outage of a minute (%s) neither makes a run change hands nor pauses it, and no image is invoked twice',
  async (outage) => {
    const [driver, other] = await copies();
    await rig.start(driver, { pace: PACE });
    await rig.untilDone(driver, 10);
    rig.control[outage] = true;
    await rig.pass(60_000);
    rig.control[outage] = false;
    await allInvoked(driver);
    expect(other.events).toEqual([]);
    expect(driver.events.some(({ kind }) => kind === 'paused' || kind === 'resumed')).toBe(false);
    expect((await rig.invocations()).counts).toEqual(Array(60).fill(1));
  },
);

test('a stop while the control table refuses connections ends the run at once and is on record when the table is back', async () => {
  const driver = await rig.copy(LEASE);
  await rig.start(driver, { pace: PACE });
  await rig.untilDone(driver, 10);
  rig.control.refuses = true;
  await rig.pass(20_000);
  const { total } = await rig.invocations();
  const answer = await rig.during(driver.runs.stop('U9', { now: false }));
  expect(answer).toMatchObject({ ok: true, value: { unsaved: { storedIn: { kind: 'bucket' } } } });
  await driver.listensTo('stopped');
  rig.control.refuses = false;
  await rig.pass(5_000);
  expect((await driver.runs.current())?.state).toEqual({ kind: 'stopped', by: { kind: 'person', by: 'U9' } });
  expect((await rig.invocations()).total).toBe(total);
});
