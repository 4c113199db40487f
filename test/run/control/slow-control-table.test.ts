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

test('an outage of a minute does not make a run change hands either', async () => {
  const [driver, other] = await copies();
  await rig.start(driver, { pace: PACE });
  await rig.untilDone(driver, 10);
  rig.control.isAway = true;
  await rig.pass(60_000);
  rig.control.isAway = false;
  await allInvoked(driver);
  expect(other.events).toEqual([]);
  expect((await rig.invocations()).counts).toEqual(Array(60).fill(1));
});
