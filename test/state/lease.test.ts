import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type ControlTable, openControlTable } from '../../src/state/control-table.ts';
import { createLease } from '../../src/state/lease.ts';
import { type LocalDynamo, startDynalite } from '../support/dynalite.ts';
import { createFakeClock, type FakeClock, settle } from '../support/fake-clock.ts';

const DURATION = 12_000;

let dynamo: LocalDynamo;
let table: ControlTable;
beforeAll(async () => {
  dynamo = await startDynalite();
  const clock = { now: Date.now, sleep: (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms / 10)) };
  table = await openControlTable({ dynamodb: dynamo.client, tableName: 'lease-test', clock });
});
afterAll(() => dynamo.stop());

/** What the network does to a process: each write may be lost on the way there, or its reply on the way back. */
interface Weather {
  request: 'arrives' | 'is lost' | 'hangs';
  reply: 'arrives' | 'is lost' | 'is late';
}

/** A process of its own: its own clock (which shows another time than others') and its own way to the table. */
function createProcess(name: string, holder: string, startsAt: number) {
  const clock = createFakeClock(startsAt);
  const weather: Weather = { request: 'arrives', reply: 'arrives' };
  let busy = 0;
  let arrived = () => {};
  async function carry<T>(call: () => Promise<T>): Promise<T> {
    const { reply } = weather;
    if (weather.request === 'is lost') throw new Error('no network');
    if (weather.request === 'hangs') return new Promise(() => {});
    busy++;
    const answer = await call().finally(() => busy--);
    if (reply === 'is lost') throw new Error('no reply');
    if (reply === 'is late')
      await new Promise<void>((resolve) => {
        arrived = resolve;
      });
    return answer;
  }
  const way: ControlTable = {
    read: (key) => carry(() => table.read(key)),
    create: (key, attributes) => carry(() => table.create(key, attributes)),
    update: (key, change, condition) => carry(() => table.update(key, change, condition)),
    remove: (key, condition) => carry(() => table.remove(key, condition)),
    list: (pk, options) => table.list(pk, options),
  };
  const lease = createLease({ table: way, name, holder, durationMs: DURATION, clock });
  const lost: number[] = [];
  return {
    lease,
    clock,
    weather,
    lost,
    /** The reply that is late arrives now. */
    replyArrives: () => arrived(),
    /** Acquires and, if it was granted, starts to renew. */
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
/** Both clocks go on at the same speed, in small steps, and all calls of a step are carried out in it. */
async function pass(ms: number, processes: readonly { clock: FakeClock; quiet(): Promise<void> }[]): Promise<void> {
  for (let left = ms; left > 0; left -= 500)
    for (const each of processes) {
      await each.clock.advance(Math.min(500, left));
      await each.quiet();
    }
}

describe('a lease', () => {
  test('that is free is taken at once, and its fence grows with every acquisition', async () => {
    const [one, two] = pair();
    expect(await one.tryFor()).toEqual({ ok: true, fence: 1 });
    await one.lease.release();
    expect(await two.tryFor()).toEqual({ ok: true, fence: 2 });
    await two.lease.release();
    expect(await one.tryFor()).toEqual({ ok: true, fence: 3 });
    await one.lease.release();
  });

  test('that is renewed is not given to another, however long that one waits', async () => {
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

  test('whose holder fell silent is taken after its whole duration was watched, and not before', async () => {
    const [one, two] = pair();
    await one.lease.acquire();
    expect(await two.lease.acquire()).toEqual({ ok: false, holder: 'one', waitMs: DURATION });
    await two.clock.advance(DURATION - 1);
    expect(await two.lease.acquire()).toEqual({ ok: false, holder: 'one', waitMs: 1 });
    await two.clock.advance(1);
    expect(await two.lease.acquire()).toEqual({ ok: true, fence: 2 });
  });

  test('is not judged by the time another machine shows', async () => {
    const one = createProcess(name, 'one', 1_000);
    const ahead = createProcess(name, 'ahead', 1_000 + 365 * 86_400_000);
    await one.tryFor();
    expect(await ahead.lease.acquire()).toMatchObject({ ok: false, waitMs: DURATION });
    await one.lease.release();
  });

  test('stops holding three quarters of its duration after the last renewal was sent, before another may take it', async () => {
    const [one, two] = pair();
    await one.tryFor();
    await two.lease.acquire();
    one.weather.request = 'is lost';
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

  test('survives a network that is away for less than that', async () => {
    const [one] = pair();
    await one.tryFor();
    one.weather.request = 'is lost';
    await pass(DURATION * 0.6, [one]);
    one.weather.request = 'arrives';
    await pass(DURATION * 2, [one]);
    expect(one.lease.holds()).toBe(true);
    expect(one.lost).toEqual([]);
    await one.lease.release();
  });

  test('survives one renewal that never gets an answer', async () => {
    const [one] = pair();
    await one.tryFor();
    one.weather.request = 'hangs';
    await pass(DURATION / 3, [one]);
    one.weather.request = 'arrives';
    await pass(DURATION * 2, [one]);
    expect(one.lease.holds()).toBe(true);
    await one.lease.release();
  });

  test('is lost in time when renewals hang for ever', async () => {
    const [one] = pair();
    await one.tryFor();
    one.weather.request = 'hangs';
    await pass(DURATION * 0.75, [one]);
    expect(one.lease.holds()).toBe(false);
    expect(one.lost).toHaveLength(1);
  });

  test('counts from when a renewal was sent, however late its answer comes: others have watched since then', async () => {
    const [one, two] = pair();
    await one.tryFor();
    one.weather.reply = 'is late';
    await pass(DURATION / 3, [one, two]);
    expect(await two.lease.acquire()).toMatchObject({ ok: false, waitMs: DURATION });
    one.weather.request = 'hangs';
    await pass(DURATION * 0.35, [one, two]);
    one.replyArrives();
    await one.quiet();
    await pass(DURATION * 0.65, [one, two]);
    expect(await two.tryFor()).toMatchObject({ ok: true, fence: 2 });
    expect(one.lease.holds()).toBe(false);
    one.weather.request = 'arrives';
    one.weather.reply = 'arrives';
    await two.lease.release();
  });

  test('is not held by a process that was paused past its time, even before it notices', async () => {
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

  test('ends at once and says so once when another holder stands in its record', async () => {
    const [one, two] = pair();
    await one.tryFor();
    await table.update({ pk: `lease#${name}`, sk: 'lease' }, { set: { holder: 'by hand', fence: 9, beat: 'x' } });
    await pass(DURATION / 2, [one, two]);
    expect(one.lost).toHaveLength(1);
    expect(one.lease.holds()).toBe(false);
  });

  test('that is released tells nobody that it was lost', async () => {
    const [one] = pair();
    await one.tryFor();
    await one.lease.release();
    expect(one.lease.holds()).toBe(false);
    await pass(DURATION * 2, [one]);
    expect(one.lost).toEqual([]);
  });

  test('that cannot be released runs out by itself, and the release does not throw', async () => {
    const [one, two] = pair();
    await one.tryFor();
    one.weather.request = 'is lost';
    await one.lease.release();
    expect(one.lease.holds()).toBe(false);
    expect(await two.tryFor()).toMatchObject({ ok: false });
    await pass(DURATION, [one, two]);
    expect(await two.tryFor()).toEqual({ ok: true, fence: 2 });
    await two.lease.release();
  });

  test('whose record was written but whose reply was lost can be asked for again by the same process', async () => {
    const [one] = pair();
    one.weather.reply = 'is lost';
    expect(await one.tryFor()).toBeUndefined();
    one.weather.reply = 'arrives';
    expect(await one.tryFor()).toMatchObject({ ok: true });
    await one.lease.release();
  });

  test('that ran out goes to one of those who watched it run out, and the others begin to watch anew', async () => {
    const [one] = pair();
    await one.lease.acquire();
    const many = Array.from({ length: 5 }, (_, at) => createProcess(name, `p${at}`, at));
    for (const each of many) await each.lease.acquire();
    for (const each of many) await each.clock.advance(DURATION);
    const got = await Promise.all(many.map((each) => each.lease.acquire()));
    expect(got.filter((each) => each.ok)).toEqual([{ ok: true, fence: 2 }]);
    expect(got.filter((each) => !each.ok).map((each) => each.ok || each.waitMs)).toEqual(Array(4).fill(DURATION));
  });

  test('goes to one of many that want it at once', async () => {
    const many = Array.from({ length: 10 }, (_, at) => createProcess(name, `p${at}`, at));
    const got = await Promise.all(many.map((each) => each.lease.acquire()));
    expect(got.filter((one) => one.ok)).toHaveLength(1);
    expect(many.filter((each) => each.lease.holds())).toHaveLength(1);
  });
});

describe('whatever the network and the machines do', () => {
  const act = fc.oneof(
    {
      weight: 5,
      arbitrary: fc.record({ act: fc.constant('pass' as const), ms: fc.integer({ min: 100, max: 9_000 }) }),
    },
    { weight: 4, arbitrary: fc.record({ act: fc.constant('acquire' as const), who: fc.integer({ min: 0, max: 1 }) }) },
    { weight: 1, arbitrary: fc.record({ act: fc.constant('release' as const), who: fc.integer({ min: 0, max: 1 }) }) },
    {
      weight: 3,
      arbitrary: fc.record({
        act: fc.constant('weather' as const),
        who: fc.integer({ min: 0, max: 1 }),
        request: fc.constantFrom('arrives' as const, 'is lost' as const, 'hangs' as const),
        reply: fc.constantFrom('arrives' as const, 'arrives' as const, 'is lost' as const),
      }),
    },
    // The process stands still while the world goes on.
    {
      weight: 2,
      arbitrary: fc.record({
        act: fc.constant('freeze' as const),
        who: fc.integer({ min: 0, max: 1 }),
        ms: fc.integer({ min: 500, max: 30_000 }),
      }),
    },
  );

  test('two never hold the lease at once, and fences only grow', { timeout: 60_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(act, { minLength: 10, maxLength: 40 }), async (acts) => {
        name = `pipeline-${count++}`;
        const both = pair();
        const [one, two] = both;
        let fence = 0;
        const ask = async (who: Process) => {
          if (who.weather.request === 'hangs') return;
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
              // A copy that does not hold the lease keeps asking for it, as a bot on standby does.
              if (each !== frozen && !each.lease.holds()) await ask(each);
            }
            check();
          }
        };
        for (const each of acts) {
          const who = 'who' in each ? both[each.who] : undefined;
          if (each.act === 'pass') await step(each.ms);
          else if (each.act === 'freeze') await step(each.ms, who);
          else if (each.act === 'release' && who?.weather.request !== 'hangs') await who?.lease.release();
          else if (each.act === 'weather' && who) {
            who.weather.request = each.request;
            who.weather.reply = each.reply;
          } else if (each.act === 'acquire' && who) await ask(who);
          check();
        }
        await Promise.all(both.map((each) => (each.weather.request === 'hangs' ? undefined : each.lease.release())));
      }),
      { numRuns: 25 },
    );
  });
});
