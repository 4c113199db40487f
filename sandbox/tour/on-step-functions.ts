import { buttonOf, wholeText } from '../people.ts';
import type { Check, TourContext } from './tour-context.ts';

/**
 * A run on AWS Step Functions: the state machine is installed, the bot is killed in the middle, and AWS processes the
 * images without it. `images`: how many the run has.
 */
export async function onStepFunctions(
  { people, world, sees, turn, until }: TourContext,
  check: Check,
  images: number,
): Promise<void> {
  await turn({ stepFunctions: { speed: 50 } }, 'the waits of the state machine pass 50 times as fast');
  await people.command('operator', '/rescan engine install');
  const offer = await sees(/The state machine \S+ is not installed/);
  await people.click('operator', offer.ts, buttonOf(offer, /engine_install/));
  await sees(/The state machine \S+ was created/);
  await turn({ latencyMs: { min: 1_000, max: 1_500 } }, 'the function is slow');
  const before = (await world.invocations()).total;
  const since = Date.now();
  await people.command('operator', '/rescan start keep pace=600 engine=step-functions');
  const preview = await sees(/Rescan r-0009 would invoke/);
  await people.click('operator', preview.ts, buttonOf(preview, /plan_abandon_and_start/));
  // More than the canary, so that the execution with all other images runs.
  await until('the images after the canary', async () => (await world.invocations()).total - before > 12);
  await people.bot('kill');
  const atKill = (await world.invocations()).total - before;
  await until('every image, without the bot', async () => (await world.invocations()).total - before >= images);
  await until('nothing in flight', async () => (await world.invocations()).inFlight === 0);
  check(
    `the bot was killed after ${atKill} of ${images} images, and Step Functions invoked the others without it`,
    atKill < images,
  );
  await people.bot('start');
  const done = wholeText(await sees(new RegExp(`Rescan r-0009 is complete: ${images} of ${images}`)));
  check('the bot came back, read what was recorded, and reports the run as complete', done !== '');
  const keys = (await world.invocations()).last.filter(({ startedAt }) => startedAt >= since).map(({ key }) => key);
  check('no image was invoked twice', keys.length === images && new Set(keys).size === images);
  await turn({ latencyMs: { min: 20, max: 80 } }, 'the function is fast again');
}
