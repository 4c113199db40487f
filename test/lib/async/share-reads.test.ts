import { expect, test } from 'vitest';
import { shareReads } from '../../../src/lib/async/share-reads.ts';
import { createFakeClock } from '../../support/rigs/fake-clock.ts';

/** A read that returns its number when it is answered. */
function rig() {
  const clock = createFakeClock();
  const begun: PromiseWithResolvers<number>[] = [];
  const read = shareReads(() => {
    const reading = Promise.withResolvers<number>();
    begun.push(reading);
    return reading.promise;
  }, clock);
  const settled = () => new Promise((resolve) => setImmediate(resolve));
  return { clock, begun, read, settled };
}

test('callers at the same moment share one read, which begins after the one in progress', async () => {
  const { begun, read, settled } = rig();
  const first = read();
  const others = [read(), read(), read()];
  await settled();
  expect(begun).toHaveLength(1);
  begun[0]?.resolve(1);
  expect(await first).toBe(1);
  await settled();
  expect(begun).toHaveLength(2);
  const later = read();
  begun[1]?.resolve(2);
  expect(await Promise.all(others)).toEqual([2, 2, 2]);
  await settled();
  expect(begun).toHaveLength(3);
  begun[2]?.resolve(3);
  expect(await later).toBe(3);
});

test('a read after another has ended begins at once', async () => {
  const { begun, read } = rig();
  for (const number of [0, 1, 2]) {
    const reading = read();
    begun[number]?.resolve(number);
    expect(await reading).toBe(number);
  }
  expect(begun).toHaveLength(3);
});

test('a read that does not answer holds up the next one for a moment only', async () => {
  const { clock, begun, read, settled } = rig();
  void read();
  const second = read();
  await clock.advance(250);
  await settled();
  expect(begun).toHaveLength(2);
  begun[1]?.resolve(2);
  expect(await second).toBe(2);
});

test('a failure reaches those who share the read, and no one else', async () => {
  const { begun, read, settled } = rig();
  const first = read();
  const others = Promise.allSettled([read(), read()]);
  begun[0]?.reject(new Error('one'));
  await expect(first).rejects.toThrow('one');
  await settled();
  begun[1]?.reject(new Error('two'));
  expect((await others).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  await settled();
  const third = read();
  begun[2]?.resolve(3);
  expect(await third).toBe(3);
});
