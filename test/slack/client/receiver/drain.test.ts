import { expect, test } from 'vitest';
import { createDrain } from '../../../../src/slack/client/receiver/drain.ts';
import { createFakeClock } from '../../../support/rigs/fake-clock.ts';

/** A drain on a fake clock that notes what happens when, in ms from its start. */
function startDrain(given: { work?: readonly number[]; disconnectMs?: number; deliverMs?: number }) {
  const clock = createFakeClock(0);
  const said: string[] = [];
  const taking = (what: string, ms: number) => () =>
    clock.sleep(ms).then(() => {
      said.push(`${what} at ${clock.now()}`);
    });
  const { track, drain } = createDrain(clock, (_error, message) => said.push(message));
  for (const ms of given.work ?? []) void track(taking('worked', ms)());
  const ended = drain(taking('disconnected', given.disconnectMs ?? 10), taking('delivered', given.deliverMs ?? 100));
  void ended.then(() => said.push(`over at ${clock.now()}`));
  return { clock, said };
}

test('a shutdown disconnects, waits for the requests in progress, and then delivers', async () => {
  const { clock, said } = startDrain({ work: [500, 700] });
  await clock.advance(5_000);
  expect(said).toEqual(['disconnected at 10', 'worked at 500', 'worked at 700', 'delivered at 800', 'over at 800']);
});

test('a connection that does not close delays the shutdown by one second only', async () => {
  const { clock, said } = startDrain({ disconnectMs: 60_000 });
  await clock.advance(5_000);
  expect(said).toEqual(['delivered at 1100', 'over at 1100']);
});

test.each([
  ['work', { work: [60_000] }],
  ['a delivery', { deliverMs: 60_000 }],
  ['everything', { work: [60_000], disconnectMs: 60_000, deliverMs: 60_000 }],
])('a shutdown ends after three seconds when %s hangs', async (_what, given) => {
  const { clock, said } = startDrain(given);
  await clock.advance(2_999);
  expect(said.filter((line) => line.startsWith('over'))).toEqual([]);
  await clock.advance(1);
  expect(said.at(-1)).toBe('over at 3000');
});

test('a failed request counts as finished, and its caller gets the error', async () => {
  const clock = createFakeClock(0);
  const { track, drain } = createDrain(clock, () => {});
  const failing = clock.sleep(100).then(() => Promise.reject(new Error('no')));
  const listensTo = expect(track(failing)).rejects.toThrow('no');
  let isDelivered = false;
  const ended = drain(
    async () => {},
    async () => {
      isDelivered = true;
    },
  );
  await clock.advance(100);
  await Promise.all([listensTo, ended]);
  expect(isDelivered).toBe(true);
});

test('errors while disconnecting and delivering are logged, and the shutdown ends', async () => {
  const clock = createFakeClock(0);
  const said: string[] = [];
  const { drain } = createDrain(clock, (error, message) => said.push(`${message} ${error}`));
  await drain(
    () => Promise.reject(new Error('no link')),
    () => Promise.reject(new Error('no table')),
  );
  expect(said).toEqual([
    'Disconnecting from Slack failed. Error: no link',
    'The delivery before the shutdown failed. Error: no table',
  ]);
});
