import { expect, onTestFinished, test } from 'vitest';
import type { NewAuditEntry } from '../../../src/checklist/audit/audit-writer.ts';
import { createFiringDriver, type StartResult } from '../../../src/checklist/schedules/firing-driver.ts';
import { type Firing, MOST_SCHEDULES, type Schedule } from '../../../src/checklist/schedules/schedule.ts';
import { createScheduleStore } from '../../../src/checklist/schedules/schedule-store.ts';
import { createSchedules } from '../../../src/checklist/schedules/schedules.ts';
import { createMemoryControlTable } from '../../support/memory/memory-control-table.ts';
import { createFakeClock, settle } from '../../support/rigs/fake-clock.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const backup = { kind: 'backup', words: [] } as const;
const at = (text: string) => Date.parse(`${text}Z`);

/** Copies of the bot on one control table and one clock. Each start answers with `answers`, by default at once. */
function rig(answer: () => Promise<StartResult> = async () => ({ kind: 'started', what: 'backup b-1' })) {
  const clock = createFakeClock(at('2026-05-01T01:00'));
  const memory = createMemoryControlTable();
  const store = createScheduleStore({ table: memory.table, name: 'ocr' });
  const schedules = createSchedules({ store, clock, zone: 'UTC' });
  const started: string[] = [];
  const said: { readonly schedule: Schedule; readonly firing: Firing }[] = [];
  const audited: NewAuditEntry[] = [];
  const warned: string[] = [];
  const world: { slackFails?: true; tableFails?: true; losesReply?: true; writesMeet?: true } = {};
  const meeting: (() => void)[] = [];
  const table = memory.as({
    beforeRead() {
      if (world.tableFails) throw new Error('no answer');
    },
    /** Holds a write until another copy writes, too: both have read the same. */
    before() {
      if (!world.writesMeet) return;
      return new Promise<void>((resolve) => {
        meeting.push(resolve);
        if (meeting.length < 2) return;
        delete world.writesMeet;
        for (const go of meeting) go();
      });
    },
    after() {
      if (!world.losesReply) return;
      delete world.losesReply;
      throw new Error('no reply');
    },
  });
  function copy(holder: string, start = answer) {
    const driver = createFiringDriver({
      store: createScheduleStore({ table, name: 'ocr' }),
      clock,
      holder,
      start: async (schedule, plannedAt) => {
        started.push(`${holder} ${schedule.id} ${new Date(plannedAt).toISOString().slice(0, 16)}`);
        return start();
      },
      async say(schedule, firing) {
        if (world.slackFails) throw new Error('neither stored nor posted');
        said.push({ schedule, firing });
      },
      audit: { enqueue: (entry) => void audited.push(entry) },
      warnOnce: (message) => void warned.push(message),
    });
    driver.standBy();
    onTestFinished(async () => {
      const down = driver.shutDown();
      await clock.advance(10_000);
      await down;
    });
    return driver;
  }
  async function set(cron = '0 2 * * *') {
    const made = await schedules.create({ work: backup, cron, by: 'U0OPERATOR', channel: 'C1' });
    if (!made.ok) throw new Error(made.refusal.reason);
    return made.value;
  }
  /** Lets time pass with a look at the end of each hour, in place of four a minute. */
  async function pass(ms: number) {
    for (let left = ms; left > 0; left -= HOUR_MS) {
      clock.jump(Math.max(0, Math.min(left, HOUR_MS) - MINUTE_MS));
      await clock.advance(MINUTE_MS);
    }
  }
  const one = async () => {
    const [first] = await store.list();
    if (!first) throw new Error('There is no schedule.');
    return first;
  };
  return { clock, store, schedules, started, said, audited, warned, world, copy, set, one, pass };
}

test('of two copies that claim the same time at the same moment exactly one starts the work, and it is on record', async () => {
  const { clock, world, copy, set, started, said, audited, one, pass } = rig();
  copy('one');
  copy('two');
  const { id } = await set();
  await pass(59 * MINUTE_MS);
  world.writesMeet = true;
  await clock.advance(2 * MINUTE_MS);
  expect(world.writesMeet).toBeUndefined();
  await pass(22 * HOUR_MS);
  expect(started).toHaveLength(1);
  expect(started[0]).toMatch(new RegExp(` ${id} 2026-05-01T02:00$`));
  expect((await one()).firings).toMatchObject([
    { plannedAt: at('2026-05-01T02:00'), end: { kind: 'started', what: 'backup b-1' } },
  ]);
  expect(said).toEqual([]);
  expect(audited).toEqual([{ who: 'U0OPERATOR', what: `schedule ${id}`, outcome: 'begun: backup b-1' }]);
});

test('ten days of two copies that restart at any time fire each planned time once', async () => {
  const { clock, copy, set, started, pass } = rig();
  await set('0 */8 * * *');
  let first = copy('one');
  copy('two');
  for (let restart = 0; restart < 30; restart++) {
    await pass(7 * HOUR_MS + 59 * MINUTE_MS);
    await clock.advance(restart * 4_000);
    const down = first.shutDown();
    await clock.advance(1_000);
    await down;
    first = copy(`one, ${restart}`);
  }
  const times = started.map((line) => line.slice(-16));
  expect(new Set(times).size).toBe(times.length);
  expect(times).toHaveLength(Math.floor((clock.now() - at('2026-05-01T00:00')) / (8 * HOUR_MS)));
});

test('a time that passed while no copy ran is started late within an hour', async () => {
  const { clock, copy, set, started, said } = rig();
  await set();
  clock.jump(HOUR_MS + 59 * MINUTE_MS);
  copy('one');
  await clock.advance(MINUTE_MS);
  expect(started.map((line) => line.slice(-16))).toEqual(['2026-05-01T02:00']);
  expect(said).toEqual([]);
});

test('times that passed long ago are missed: said once by one copy, on record, and not started', async () => {
  const { clock, copy, set, started, said, one } = rig();
  await set();
  clock.jump(3 * 24 * HOUR_MS + 5 * HOUR_MS);
  copy('one');
  copy('two');
  await clock.advance(10 * MINUTE_MS);
  expect(started).toEqual([]);
  expect(said).toHaveLength(1);
  expect(said[0]?.firing).toMatchObject({ plannedAt: at('2026-05-04T02:00'), end: { kind: 'missed', count: 4 } });
  expect((await one()).firings).toEqual([expect.not.objectContaining({ isUnsaid: true })]);
});

test('a start that is refused is said once, does not come again until the next time, and the next time is tried', async () => {
  const refused: StartResult = { kind: 'refused', lines: ['Not started: r-0001 is running.'] };
  const { copy, set, started, said, pass } = rig(async () => refused);
  copy('one');
  copy('two');
  await set();
  await pass(2 * HOUR_MS);
  expect(started).toHaveLength(1);
  expect(said.map(({ firing }) => firing.end)).toEqual([refused]);
  await pass(24 * HOUR_MS);
  expect(started).toHaveLength(2);
});

test('a person who may not start work any more: the schedule is off, and the message is about that', async () => {
  const { copy, set, started, said, one, schedules, pass } = rig(async () => ({
    kind: 'refused',
    lines: ['not an operator'],
    switchOff: true,
  }));
  copy('one');
  const { id } = await set();
  await pass(72 * HOUR_MS);
  expect(started).toHaveLength(1);
  expect(said[0]?.schedule.off).toEqual({ at: at('2026-05-01T02:00') });
  expect((await one()).off).toBeDefined();
  expect(await schedules.nextFiring()).toBeUndefined();
  expect((await schedules.switchOn(id)).ok).toBe(true);
});

test('a process that dies between the claim and the start: nothing starts twice, and another copy says that it is not known', async () => {
  const { clock, copy, set, started, said, one, pass } = rig();
  copy('dies', () => new Promise(() => {}));
  await set();
  await pass(HOUR_MS);
  expect(started).toHaveLength(1);
  copy('two');
  await clock.advance(20 * MINUTE_MS);
  expect(said.map(({ firing }) => firing.end.kind)).toEqual([]);
  await pass(HOUR_MS);
  expect(started).toHaveLength(1);
  expect(said.map(({ firing }) => firing.end.kind)).toEqual(['unknown']);
  expect((await one()).firings.map(({ end }) => end.kind)).toEqual(['unknown']);
});

test('what could not be said because Slack and the control table fail is said by another copy', async () => {
  const { clock, copy, set, said, world, pass } = rig(async () => ({
    kind: 'failed',
    lines: ['AWS does not answer.'],
  }));
  const first = copy('one');
  await set();
  world.slackFails = true;
  await pass(HOUR_MS);
  await pass(MINUTE_MS);
  expect(said).toEqual([]);
  const down = first.shutDown();
  await clock.advance(6_000);
  await down;
  delete world.slackFails;
  copy('two');
  await clock.advance(10 * MINUTE_MS);
  expect(said.map(({ firing }) => firing.end.kind)).toEqual(['failed']);
});

test('while the control table does not answer nothing is started, and the time is caught up with afterwards', async () => {
  const { clock, copy, set, started, world, warned } = rig();
  copy('one');
  await set();
  world.tableFails = true;
  await clock.advance(HOUR_MS + 20 * MINUTE_MS);
  expect(started).toEqual([]);
  expect(warned.length).toBeGreaterThan(0);
  delete world.tableFails;
  await clock.advance(MINUTE_MS);
  expect(started).toHaveLength(1);
});

test('a claim whose reply is lost is started once by the process that made it', async () => {
  const { clock, copy, set, started, said, world, one, pass } = rig();
  copy('one');
  copy('two');
  await set();
  await pass(59 * MINUTE_MS);
  world.losesReply = true;
  await clock.advance(5 * MINUTE_MS);
  expect(world.losesReply).toBeUndefined();
  expect(started).toHaveLength(1);
  expect(said).toEqual([]);
  expect((await one()).firings.map(({ end }) => end.kind)).toEqual(['started']);
});

test('what a start came to is recorded as soon as the control table answers again', async () => {
  const { clock, copy, set, started, said, world, one, pass } = rig(async () => {
    world.tableFails = true;
    return { kind: 'started', what: 'backup b-1' };
  });
  copy('one');
  await set();
  await pass(HOUR_MS);
  await clock.advance(10 * MINUTE_MS);
  expect(started).toHaveLength(1);
  delete world.tableFails;
  await clock.advance(MINUTE_MS);
  expect((await one()).firings.map(({ end }) => end.kind)).toEqual(['started']);
  expect(said).toEqual([]);
});

test('a schedule that is off starts nothing, and times of that period are not made up for', async () => {
  const { copy, set, started, said, schedules, pass } = rig();
  copy('one');
  const { id } = await set();
  expect((await schedules.switchOff(id, 'U0OTHER')).ok).toBe(true);
  expect(await schedules.switchOff(id, 'U0OTHER')).toMatchObject({ ok: false, refusal: { reason: 'unchanged' } });
  await pass(HOUR_MS);
  await pass(30 * MINUTE_MS);
  expect(started).toEqual([]);
  const on = await schedules.switchOn(id);
  expect(on).toMatchObject({ ok: true, value: { next: [at('2026-05-02T02:00'), at('2026-05-03T02:00')] } });
  await pass(HOUR_MS);
  expect(started).toEqual([]);
  await pass(23 * HOUR_MS);
  expect(started).toHaveLength(1);
  expect(said).toEqual([]);
});

test('a schedule that is removed at the moment of its claim is either claimed or removed', async () => {
  const { clock, store, schedules, set } = rig();
  const { id } = await set();
  const [read] = await store.list();
  if (!read) throw new Error('gone');
  expect((await schedules.remove(id)).ok).toBe(true);
  expect(await store.change(read, { doneUntil: clock.now() })).toBeUndefined();
  expect(await store.list()).toEqual([]);
});

test('a pipeline has at most twenty schedules, also when two people set the last one at once', async () => {
  const { set, schedules, store } = rig();
  for (let made = 1; made < MOST_SCHEDULES; made++) await set();
  const both = await Promise.allSettled([set(), set()]);
  expect(both.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
  const all = await store.list();
  expect(all).toHaveLength(MOST_SCHEDULES);
  expect((await schedules.remove(all[3]?.id ?? '')).ok).toBe(true);
  expect((await set()).id).toMatch(/^sc-[a-z]{4}$/);
});

test('an id that does not exist is refused with those that do', async () => {
  const { set, schedules } = rig();
  const { id } = await set();
  for (const refused of [schedules.remove('sc-x'), schedules.switchOff('sc-x', 'U1'), schedules.switchOn('sc-x')])
    expect(await refused).toEqual({ ok: false, refusal: { reason: 'unknown', id: 'sc-x', ids: [id] } });
});

test('a change by a person wakes this process at once', async () => {
  const { clock, copy, set, schedules, started } = rig();
  const driver = copy('one');
  schedules.watch(driver.wake);
  await settle();
  clock.jump(59 * MINUTE_MS + 57_000);
  await set();
  await clock.advance(4_000);
  expect(started).toHaveLength(1);
});
