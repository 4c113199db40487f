import { expect, test } from 'vitest';
import { createMachineClock, systemClock } from '../../src/lib/clock.ts';
import { createLease } from '../../src/state/lease.ts';
import { openControlTable } from '../../src/state/table/control-table.ts';
import { startDynalite } from '../support/aws/dynalite.ts';

function machine() {
  const shows = { monotonic: 5_000, wall: 1_005_000, uptime: 90_000 };
  let looks = 0;
  return {
    clock: createMachineClock({
      startedAt: 1_000_000,
      monotonic: () => shows.monotonic,
      wall: () => shows.wall,
      uptime: () => {
        looks++;
        return shows.uptime;
      },
    }),
    runs(ms: number) {
      shows.monotonic += ms;
      shows.wall += ms;
      shows.uptime += ms;
    },
    sleeps(ms: number) {
      shows.wall += ms;
      shows.uptime += ms;
    },
    isSet(ms: number) {
      shows.wall += ms;
    },
    looks: () => looks,
  };
}

test('the clock counts the time in which the machine sleeps', () => {
  const { clock, runs, sleeps } = machine();
  expect(clock.now()).toBe(1_005_000);
  runs(1_000);
  sleeps(600_000);
  expect(clock.now()).toBe(1_606_000);
  runs(500);
  sleeps(30_000);
  expect(clock.now()).toBe(1_636_500);
});

test.each([
  ['ahead', 3_600_000],
  ['back', -3_600_000],
])('a wall clock that is set %s moves no deadline, and is not examined again at every call', (_, by) => {
  const { clock, runs, isSet, looks } = machine();
  isSet(by);
  for (let turn = 0; turn < 100; turn++) {
    runs(10);
    expect(clock.now()).toBe(1_005_000 + (turn + 1) * 10);
  }
  expect(looks()).toBe(2);
});

test('a lease is no longer held when the machine wakes up after it expired', async () => {
  const dynamo = await startDynalite();
  const { clock, sleeps } = machine();
  const table = await openControlTable({ dynamodb: dynamo.client, tableName: 'control', clock: systemClock });
  const lease = createLease({
    table,
    name: 'fn',
    holder: 'me',
    durationMs: 15_000,
    clock: { ...systemClock, ...clock },
  });
  expect(await lease.acquire()).toMatchObject({ ok: true });
  expect(lease.holds()).toBe(true);
  sleeps(15_000);
  expect(lease.holds()).toBe(false);
  await dynamo.stop();
});

test('the clock of this machine shows the time of the machine', () => {
  expect(Math.abs(systemClock.now() - Date.now())).toBeLessThan(5_000);
});
