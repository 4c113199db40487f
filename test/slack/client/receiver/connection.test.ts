import { WebAPIPlatformError } from '@slack/web-api';
import { expect, onTestFinished, test } from 'vitest';
import { connectWithRetries } from '../../../../src/slack/client/receiver/connection.ts';
import { createFakeClock } from '../../../support/rigs/fake-clock.ts';

/** Connects on a fake clock; each attempt comes to the next of these results. Ends at 10 minutes. */
function connect(results: readonly (Error | 'connected' | 'no answer')[]) {
  const clock = createFakeClock(0);
  const closing = new AbortController();
  onTestFinished(() => closing.abort());
  const left = [...results];
  const attempts: number[] = [];
  const warnings: unknown[] = [];
  const app = {
    async init() {
      attempts.push(clock.now());
      const result = left.shift();
      if (result instanceof Error) throw result;
      if (result === 'no answer') await new Promise<never>(() => {});
    },
    start: async () => {},
  };
  const logger = { warn: (fields: { err: unknown }) => void warnings.push(fields.err) };
  const connected = connectWithRetries(app, { clock, random: () => 1, logger, closing: closing.signal });
  return { clock, closing, connected, attempts, warnings };
}
const down = new Error('no network');

test('when Slack answers, the connection is up after one attempt', async () => {
  const { connected, attempts, warnings } = connect(['connected']);
  await connected;
  expect(attempts).toEqual([0]);
  expect(warnings).toEqual([]);
});

test('when Slack cannot be reached, the start does not wait, and the connection is retried with a growing delay', async () => {
  const { clock, connected, attempts, warnings } = connect([down, down, down, 'connected']);
  await connected;
  await clock.advance(60_000);
  expect(attempts).toEqual([0, 0, 1_000, 3_000]);
  expect(warnings).toEqual([down, down, down]);
});

test('when Slack does not answer, the start waits 15 s at most', async () => {
  const { clock, connected } = connect(['no answer']);
  let isOver = false;
  void connected.then(() => {
    isOver = true;
  });
  await clock.advance(14_999);
  expect(isOver).toBe(false);
  await clock.advance(1);
  expect(isOver).toBe(true);
});

test('a refused token is an error and is not retried', async () => {
  const { clock, connected, attempts } = connect([new WebAPIPlatformError({ ok: false, error: 'invalid_auth' })]);
  await expect(connected).rejects.toThrow(
    'Slack refuses SLACK_BOT_TOKEN (invalid_auth). Copy the Bot User OAuth Token',
  );
  await clock.advance(60_000);
  expect(attempts).toEqual([0]);
});

test('a shutdown ends the retries', async () => {
  const { clock, closing, connected, attempts } = connect([down, down, down]);
  await connected;
  await clock.advance(500);
  closing.abort();
  await clock.advance(60_000);
  expect(attempts).toEqual([0, 0]);
});
