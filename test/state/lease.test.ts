import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createLease } from '../../src/state/lease.ts';
import { type ControlTable, openControlTable } from '../../src/state/table/control-table.ts';
import { type LocalDynamo, startDynalite } from '../support/aws/dynalite.ts';
import { createFakeClock, type FakeClock, settle } from '../support/rigs/fake-clock.ts';

const DURATION = 12_000;

let dynamo: LocalDynamo;
let table: ControlTable;
beforeAll(async () => {
  dynamo = await startDynalite();
  const clock = { now: Date.now, sleep: (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms / 10)) };
  table = await openControlTable({ dynamodb: dynamo.client, tableName: 'lease-test', clock });
});
afterAll(() => dynamo.stop());

/** What the network does to the calls of a process: a request or its reply may be lost. */
interface Network {
  request: 'arrives' | 'is lost' | 'hangs';
  reply: 'arrives' | 'is lost' | 'is late';
}

/** A process with a clock of its own, which shows another time, and a connection of its own to the table. */
function createProcess(name: string, holder: string, startsAt: number) {
  const clock = createFakeClock(startsAt);
  const network: Network = { request: 'arrives', reply: 'arrives' };
  let busy = 0;
  let arrived = () => {};
  async function carry<T>(call: () => Promise<T>): Promise<T> {
    const { reply } = network;
    if (network.request === 'is lost') throw new Error('no network');
    if (network.request === 'hangs') return new Promise(() => {});
    busy++;
    const answer = await call().finally(() => busy--);
    if (reply === 'is lost') throw new Error('no reply');
    if (reply === 'is late')
      await new Promise<void>((resolve) => {
        arrived = resolve;
      });
    return answer;
  }
  const remote: ControlTable = {
    read: (key) => carry(() => table.read(key)),
    create: (key, attributes) => carry(() => table.create(key, attributes)),
    update: (key, change, condition) => carry(() => table.update(key, change, condition)),
    remove: (key, condition) => carry(() => table.remove(key, condition)),
    list: (pk, options) => table.list(pk, options),
  };
  const lease = createLease({ table: remote, name, holder, durationMs: DURATION, clock });
  const lost: number[] = [];
  return {
    lease,
    clock,
    network,
    lost,
    /** Delivers the late reply. */
    replyArrives: () => arrived(),
    /** Acquires the lease and, if it succeeds, starts to renew it. */
    async tryFor() {
      const got = await lease.acquire().catch(() => undefined);
      if (got?.ok) lease.start(() => lost.push(clock.now()));
      return got;
    },
    async quiet() {
      do await settle(3);
      while (busy > 0);
    },
  };
}
type Process = ReturnType<typeof createProcess>;

let count = 0;
let name = '';
beforeEach(() => {
  name = `pipeline-${count++}`;
});
const pair = (): [Process, Process] => [createProcess(name, 'one', 1_000_000), createProcess(name, 'two', 99)];
/** Advances the clocks at the same speed in small steps. The calls of a step finish within it. */
async function pass(ms: number, processes: readonly { clock: FakeClock; quiet(): Promise<void> }[]): Promise<void> {
  for (let left = ms; left > 0; left -= 500)
    for (const each of processes) {
      await each.clock.advance(Math.min(500, left));
      await each.quiet();
    }
}

describe('a lease', () => {
  test('that is free is acquired at once, and its fence grows each time', async () => {
    const [one, two] = pair();
    expect(await one.tryFor()).toEqual({ ok: true, fence: 1 });
    await one.lease.release();
    expect(await two.tryFor()).toEqual({ ok: true, fence: 2 });
    await two.lease.release();
    expect(await one.tryFor()).toEqual({ ok: true, fence: 3 });
    await one.lease.release();
  });

  test('that is renewed cannot be acquired by another process, however long that one waits', async () => {
    const [one, two] = pair();
    await one.tryFor();
    for (let turn = 0; turn < 8; turn++) {
      expect(await two.tryFor()).toMatchObject({ ok: false, holder: 'one' });
      await pass(DURATION / 2, [one, two]);
      expect(one.lease.holds()).toBe(true);
    }
    expect(one.lost).toEqual([]);
    await one.lease.release();
  });

  test('that is not renewed can be acquired after it was watched for its whole duration, not earlier', async () => {
    const [one, two] = pair();
    await one.lease.acquire();
    expect(await two.lease.acquire()).toEqual({ ok: false, holder: 'one', waitMs: DURATION });
    await two.clock.advance(DURATION - 1);
    expect(await two.lease.acquire()).toEqual({ ok: false, holder: 'one', waitMs: 1 });
    await two.clock.advance(1);
    expect(await two.lease.acquire()).toEqual({ ok: true, fence: 2 });
  });

  test('does not depend on the time that another machine shows', async () => {
    const one = createProcess(name, 'one', 1_000);
    const ahead = createProcess(name, 'ahead', 1_000 + 365 * 86_400_000);
    await one.tryFor();
    expect(await ahead.lease.acquire()).toMatchObject({ ok: false, waitMs: DURATION });
    await one.lease.release();
  });

  test('is no longer held three quarters of its duration after the last renewal was sent, before another process may acquire it', async () => {
    const [one, two] = pair();
    await one.tryFor();
    await two.lease.acquire();
    one.network.request = 'is lost';
    await pass(DURATION * 0.75 - 500, [one, two]);
    expect(one.lease.holds()).toBe(true);
    expect(one.lost).toHaveLength(0);
    await pass(500, [one, two]);
    expect(one.lease.holds()).toBe(false);
    expect(one.lost).toHaveLength(1);
    expect(await two.tryFor()).toMatchObject({ ok: false });
    await pass(DURATION, [one, two]);
    expect(one.lost).toHaveLength(1);
  });

  test('survives a network outage that is shorter than that', async () => {
    const [one] = pair();
    await one.tryFor();
    one.network.request = 'is lost';
    await pass(DURATION * 0.6, [one]);
    one.network.request = 'arrives';
    await pass(DURATION * 2, [one]);
    expect(one.lease.holds()).toBe(true);
    expect(one.lost).toEqual([]);
    await one.lease.release();
  });

  test('survives one renewal that is never answered', async () => {
    const [one] = pair();
    await one.tryFor();
    one.network.request = 'hangs';
    await pass(DURATION / 3, [one]);
    one.network.request = 'arrives';
    await pass(DURATION * 2, [one]);
    expect(one.lease.holds()).toBe(true);
    await one.lease.release();
  });

  test('is lost in time when no renewal is answered', async () => {
    const [one] = pair();
    await one.tryFor();
    one.network.request = 'hangs';
    await pass(DURATION * 0.75, [one]);
    expect(one.lease.holds()).toBe(false);
    expect(one.lost).toHaveLength(1);
  });

  test('is valid from the time its renewal was sent, however late the answer comes', async () => {
    const [one, two] = pair();
    await one.tryFor();
    one.network.reply = 'is late';
    await pass(DURATION / 3, [one, two]);
    expect(await two.lease.acquire()).toMatchObject({ ok: false, waitMs: DURATION });
    one.network.request = 'hangs';
    await pass(DURATION * 0.35, [one, two]);
    one.replyArrives();
    await one.quiet();
    await pass(DURATION * 0.65, [one, two]);
    expect(await two.tryFor()).toMatchObject({ ok: true, fence: 2 });
    expect(one.lease.holds()).toBe(false);
    one.network.request = 'arrives';
    one.network.reply = 'arrives';
    await two.lease.release();
  });

  test('is not held by a process that was paused for too long, even before that process notices', async () => {
    const [one, two] = pair();
    await one.tryFor();
    await two.lease.acquire();
    await pass(DURATION, [two]);
    expect(await two.tryFor()).toEqual({ ok: true, fence: 2 });
    one.clock.jump(DURATION);
    expect(one.lease.holds()).toBe(false);
    await pass(500, [one, two]);
    expect(one.lost).toHaveLength(1);
    expect(two.lease.holds()).toBe(true);
    await one.lease.release();
    expect(two.lease.holds()).toBe(true);
    expect(await one.lease.acquire()).toMatchObject({ ok: false, holder: 'two' });
    await two.lease.release();
  });

  test('ends at once, and reports it once, when its record has another holder', async () => {
    const [one, two] = pair();
    await one.tryFor();
    await table.update({ pk: `lease#${name}`, sk: 'lease' }, { set: { holder: 'by hand', fence: 9, beat: 'x' } });
    await pass(DURATION / 2, [one, two]);
    expect(one.lost).toHaveLength(1);
    expect(one.lease.holds()).toBe(false);
  });

  test('that is released does not report a loss', async () => {
    const [one] = pair();
    await one.tryFor();
    await one.lease.release();
    expect(one.lease.holds()).toBe(false);
    await pass(DURATION * 2, [one]);
    expect(one.lost).toEqual([]);
  });

  test('that cannot be released expires by itself, and release does not throw', async () => {
    const [one, two] = pair();
    await one.tryFor();
    one.network.request = 'is lost';
    await one.lease.release();
    expect(one.lease.holds()).toBe(false);
    expect(await two.tryFor()).toMatchObject({ ok: false });
    await pass(DURATION, [one, two]);
    expect(await two.tryFor()).toEqual({ ok: true, fence: 2 });
    await two.lease.release();
  });

  test('can be acquired again by the same process when the reply to its first write was lost', async () => {
    const [one] = pair();
    one.network.reply = 'is lost';
    expect(await one.tryFor()).toBeUndefined();
    one.network.reply = 'arrives';
    expect(await one.tryFor()).toMatchObject({ ok: true });
    await one.lease.release();
  });

  test('that expired goes to one of the processes that watched it, and the others start to watch again', async () => {
    const [one] = pair();
    await one.lease.acquire();
    const many = Array.from({ length: 5 }, (_, at) => createProcess(name, `p${at}`, at));
    for (const each of many) await each.lease.acquire();
    for (const each of many) await each.clock.advance(DURATION);
    const got = await Promise.all(many.map((each) => each.lease.acquire()));
    expect(got.filter((each) => each.ok)).toEqual([{ ok: true, fence: 2 }]);
    expect(got.filter((each) => !each.ok).map((each) => each.ok || each.waitMs)).toEqual(Array(4).fill(DURATION));
  });

  test('goes to only one of many processes that try at once', async () => {
    const many = Array.from({ length: 10 }, (_, at) => createProcess(name, `p${at}`, at));
    const got = await Promise.all(many.map((each) => each.lease.acquire()));
    expect(got.filter((one) => one.ok)).toHaveLength(1);
    expect(many.filter((each) => each.lease.holds())).toHaveLength(1);
  });
});

describe('with any failures of network and processes', () => {
  const action = fc.oneof(
    {
      weight: 5,
      arbitrary: fc.record({ kind: fc.constant('pass' as const), ms: fc.integer({ min: 100, max: 9_000 }) }),
    },
    { weight: 4, arbitrary: fc.record({ kind: fc.constant('acquire' as const), who: fc.integer({ min: 0, max: 1 }) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('release' as const), who: fc.integer({ min: 0, max: 1 }) }) },
    {
      weight: 3,
      arbitrary: fc.record({
        kind: fc.constant('network' as const),
        who: fc.integer({ min: 0, max: 1 }),
        request: fc.constantFrom('arrives' as const, 'is lost' as const, 'hangs' as const),
        reply: fc.constantFrom('arrives' as const, 'arrives' as const, 'is lost' as const),
      }),
    },
    // The process is paused while time continues.
    {
      weight: 2,
      arbitrary: fc.record({
        kind: fc.constant('freeze' as const),
        who: fc.integer({ min: 0, max: 1 }),
        ms: fc.integer({ min: 500, max: 30_000 }),
      }),
    },
  );

  test('two processes never hold the lease at once, and fences only grow', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(action, { minLength: 10, maxLength: 40 }), async (actions) => {
        name = `pipeline-${count++}`;
        const both = pair();
        const [one, two] = both;
        let fence = 0;
        const ask = async (who: Process) => {
          if (who.network.request === 'hangs') return;
          const got = await who.tryFor();
          if (!got?.ok) return;
          expect(got.fence).toBeGreaterThan(fence);
          fence = got.fence;
        };
        const check = () => expect(one.lease.holds() && two.lease.holds()).toBe(false);
        const step = async (ms: number, frozen?: Process) => {
          for (let left = ms; left > 0; left -= 1_000) {
            for (const each of both) {
              const part = Math.min(1_000, left);
              if (each === frozen) each.clock.jump(part);
              else await each.clock.advance(part);
              await each.quiet();
              // A process that does not hold the lease keeps trying, as a bot on standby does.
              if (each !== frozen && !each.lease.holds()) await ask(each);
            }
            check();
          }
        };
        for (const each of actions) {
          const who = 'who' in each ? both[each.who] : undefined;
          if (each.kind === 'pass') await step(each.ms);
          else if (each.kind === 'freeze') await step(each.ms, who);
          else if (each.kind === 'release' && who?.network.request !== 'hangs') await who?.lease.release();
          else if (each.kind === 'network' && who) {
            who.network.request = each.request;
            who.network.reply = each.reply;
          } else if (each.kind === 'acquire' && who) await ask(who);
          check();
        }
        await Promise.all(both.map((each) => (each.network.request === 'hangs' ? undefined : each.lease.release())));
      }),
      { numRuns: 25 },
    );
  });
});
