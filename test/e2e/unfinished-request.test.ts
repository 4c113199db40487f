import { expect, onTestFinished, test } from 'vitest';
import { wholeText } from '../../sandbox/people.ts';
import { startTestSandbox } from '../support/rigs/sandbox.ts';

const withinMs = 90_000;

test('a person whose request the bot accepted and did not finish before it was killed is notified, once and alone', {
  timeout: 300_000,
}, async () => {
  const here = await startTestSandbox({ images: 12 });
  onTestFinished(() => here.close());
  const { people, world } = here;
  await people.command('operator', '/rescan status');
  await people.sees(/No rescan is running/, { withinMs });
  await world.set({ s3: { listingKeys: 1, listingMs: 10_000 } });
  await people.command('operator', '/rescan start keep');
  await people.bot('kill');
  await people.bot('start');
  const notice = await people.sees(/The bot stopped before it finished your request/, { withinMs });
  expect(notice.onlyFor).toBe('U0OPERATOR');
  expect(notice.text).toMatch(/`\/rescan start keep`\. It may have been carried out or not\./);

  // What it says to do works, and nobody is notified twice.
  await world.set({ s3: { listingMs: 0 } });
  await people.bot('stop');
  await people.bot('start');
  await people.command('operator', '/rescan start keep');
  await people.sees(/would invoke the function for/, { withinMs });
  const said = (await people.ephemerals()).filter((message) => /stopped before it finished/.test(wholeText(message)));
  expect(said).toHaveLength(1);
});
