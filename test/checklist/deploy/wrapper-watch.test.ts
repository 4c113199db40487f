import { expect, test } from 'vitest';
import { copy, events, freshForEachTest, planned, until, whenShown, world } from './deploys-rig.ts';

freshForEachTest();

const REMOVED = {
  kind: 'removed',
  what: 'code',
  codeSha256: 'theirs',
  handler: 'rescan_failure_logging.handler',
} as const;
const removals = () => events.filter(({ kind }) => kind === 'wrapper-removed');

test('a deploy that removed our handler is noticed within five minutes, and of two copies one reports it, once', async () => {
  const [one, two] = [copy('one'), copy('two')];
  const id = await planned(one);
  await one.deploys.deploy(id, 'U1');
  one.deploys.standBy();
  two.deploys.standBy();
  const began = one.clock.now();
  world.wrapper = REMOVED;
  await until(async () => {
    await two.clock.advance(250);
    return removals().length > 0;
  }, one.clock);
  expect(one.clock.now() - began).toBeLessThan(5 * 60_000);
  for (let minute = 0; minute < 20; minute++) for (const { clock } of [one, two]) await clock.advance(60_000);
  expect(removals()).toEqual([
    { kind: 'wrapper-removed', deployId: id, functionName: 'TimesheetOCR-ocr-dev', removed: REMOVED },
  ]);
});

test('a removal that Slack could not store is reported again, and one after a repair is reported anew', async () => {
  let isUp = false;
  whenShown(async ({ kind }) => {
    if (kind === 'wrapper-removed' && !isUp) throw new Error('down');
  });
  const one = copy('one');
  await one.deploys.deploy(await planned(one), 'U1');
  one.deploys.standBy();
  const passUntil = async (holds: () => boolean) => {
    while (!holds()) {
      await one.clock.advance(60_000);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  };
  /** The second look comes after everything that follows from the first one. */
  const passTwoLooks = () => {
    const before = world.looks;
    return passUntil(() => world.looks >= before + 2);
  };
  world.wrapper = REMOVED;
  await passUntil(() => removals().length === 2);
  isUp = true;
  await passUntil(() => removals().length === 3);
  world.wrapper = { kind: 'in-place' };
  await passTwoLooks();
  expect(removals()).toHaveLength(3);
  world.wrapper = REMOVED;
  await passUntil(() => removals().length === 4);
  await passTwoLooks();
  expect(removals()).toHaveLength(4);
});

test.each([
  { isDeployed: true, run: 'r-0001' },
  { isDeployed: false, run: undefined },
])('nothing is reported while a run is active, or where the bot deployed nothing: %j', async ({ isDeployed, run }) => {
  const one = copy('one');
  if (isDeployed) await one.deploys.deploy(await planned(one), 'U1');
  if (run !== undefined) world.run = run;
  world.wrapper = REMOVED;
  one.deploys.standBy();
  for (let minute = 0; minute < 12; minute++) {
    await one.clock.advance(60_000);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  expect(removals()).toEqual([]);
});
