import { expect, onTestFinished, test } from 'vitest';
import { startSandbox } from '../../../sandbox/sandbox.ts';
import { narrate } from '../../../sandbox/tour/narrator.ts';
import { playTour } from '../../../sandbox/tour/steps.ts';

test('a failed step reports its reason and the following steps are not tried', async () => {
  // The bot is stopped before the first command, so nobody answers.
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
  const { results } = await playTour(urls, narrator, { interrupted: new AbortController().signal, withinMs: 200 });
  expect(results.map(({ ok }) => ok)).toEqual(results.map(() => false));
  expect(results[0]?.because).toMatch(/No message matches|not-connected/);
  expect(results.slice(1).map(({ because }) => because)).toEqual(
    results.slice(1).map(() => 'not tried, because an earlier step failed'),
  );
});
