import { expect, onTestFinished, test } from 'vitest';
import { startSandbox } from '../../../sandbox/sandbox.ts';
import { narrate } from '../../../sandbox/tour/narrator.ts';
import { playTour } from '../../../sandbox/tour/steps.ts';

test('a step that does not hold says why, and those after it are not tried', { timeout: 60_000 }, async () => {
  // Nobody answers in this Slack: the bot is stopped before it is asked.
  const sandbox = await startSandbox({
    slack: true,
    aws: true,
    images: 2,
    port: 0,
    seedTable: 'empty',
    environment: { PATH: process.env.PATH, HOME: process.env.HOME },
    logPath: '/dev/null',
  });
  onTestFinished(() => sandbox.close());
  await sandbox.bot?.do('stop');
  const narrator = narrate({ print: () => {}, width: 80, now: () => 0 });
  onTestFinished(() => narrator.close());
  const urls = { slackUrl: sandbox.slack?.url ?? '', awsUrl: sandbox.aws?.url ?? '' };
  const results = await playTour(urls, narrator, { interrupted: new AbortController().signal, withinMs: 200 });
  expect(results.map(({ ok }) => ok)).toEqual(results.map(() => false));
  expect(results[0]?.because).toMatch(/Nobody said|not-connected/);
  expect(results.slice(1).map(({ because }) => because)).toEqual(
    results.slice(1).map(() => 'not tried, as a step before it did not hold'),
  );
});
