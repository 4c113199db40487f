import { describe, expect, test } from 'vitest';
import { takeCheckpoint, takeSnapshot } from '../../src/rescan/live-run.ts';
import type { RunEvent } from '../../src/rescan/types.ts';
import { broken, failed, fault, processed, pushback, rejected, startRig } from '../support/engine-rig.ts';

const kinds = (events: readonly RunEvent[]) => events.map((event) => event.kind);
const number = (key: string) => Number(/\d+/.exec(key)?.[0]);

describe('a pass over the manifest', () => {
  test('invokes every image once and ends when each has an outcome on record', async () => {
    const rig = startRig({ images: 120 });
    await rig.play();
    await expect(rig.drive.ended).resolves.toEqual({ halt: { kind: 'completed' }, leftInFlight: 0 });
    expect(rig.invoked.map((call) => call.key)).toEqual(
      Array.from({ length: 120 }, (_, index) => `image ${index}.png`),
    );
    expect(rig.outcomes().size).toBe(120);
    expect(rig.run.totals).toMatchObject({ processed: 120, rejected: 0, failed: 0, entriesStored: 360 });
  });

  test('never has more in flight than the quotas allow', async () => {
    const rig = startRig({ images: 100, perMinute: 6_000, tookMs: () => 10_000 });
    await rig.play();
    expect(rig.highest()).toBe(20);
    expect(rig.run.totals.processed).toBe(100);
  });

  test('a manifest that ends short of its count is a fault, never a completed run', async () => {
    const rig = startRig({ images: 10, terms: { total: 12 } });
    await rig.play();
    expect((await rig.drive.ended).halt).toMatchObject({ kind: 'fault', fault: { reason: 'manifest' } });
  });

  test('an image stops counting as in flight only when its outcome is on record', async () => {
    const rig = startRig({ images: 40, perMinute: 6_000 });
    rig.has.journal = false;
    await rig.play(1_000);
    expect(rig.run.inFlight).toBeGreaterThan(0);
    expect(rig.run.totals.processed).toBe(0);
    rig.has.journal = true;
    await rig.play();
    expect(rig.outcomes().size + rig.run.waiting).toBeGreaterThan(0);
    expect(new Set(rig.invoked.map((call) => call.key)).size).toBe(rig.invoked.length);
  });
});

describe('the breaker', () => {
  test('stops the run at the tenth failure in a row; nothing new starts', async () => {
    const rig = startRig({ images: 200, reply: () => failed() });
    await rig.play();
    const end = await rig.drive.ended;
    expect(end.halt).toEqual({ kind: 'trip', trip: { kind: 'consecutive-failures', failures: 10 } });
    expect(rig.invoked.length).toBeLessThanOrEqual(10 + rig.highest());
    expect(rig.halts).toHaveLength(1);
  });

  test('rejected sheets are no failures', async () => {
    const rig = startRig({ images: 60, reply: () => rejected() });
    await rig.play();
    expect((await rig.drive.ended).halt.kind).toBe('completed');
  });

  test('what was in flight at the trip still comes on record', async () => {
    const rig = startRig({ images: 200, perMinute: 3_000, reply: () => failed() });
    await rig.play();
    expect(rig.outcomes().size).toBe(rig.invoked.length);
  });
});

describe('pushback', () => {
  test('puts the image back and loses none', async () => {
    const rig = startRig({ images: 30, reply: (_key, attempt) => (attempt < 3 ? pushback() : processed()) });
    await rig.play();
    expect(rig.run.totals).toMatchObject({ processed: 30, failed: 0, pushbacks: 60, calls: 90 });
  });

  test('after eight of them the image is a THROTTLING_ERROR', async () => {
    const rig = startRig({ images: 3, reply: (key) => (number(key) === 1 ? pushback() : processed()) });
    await rig.play();
    expect(rig.invoked.filter((call) => number(call.key) === 1)).toHaveLength(8);
    expect(rig.outcomes().get(1)).toMatchObject({ kind: 'failed', failureType: 'THROTTLING_ERROR' });
    expect(rig.run.totals).toMatchObject({ processed: 2, failed: 1 });
  });

  test('slows the pace', async () => {
    const rig = startRig({ images: 500, reply: (_key, attempt) => (attempt === 1 ? pushback() : processed()) });
    await rig.play(5_000);
    expect(rig.drive.snapshot().pacePerMinute).toBeLessThan(600);
    rig.drive.halt({ kind: 'lease-lost' });
  });
});

describe('a broken connection', () => {
  test('is tried again twice at most, said each time, and then a failure of that image alone', async () => {
    const rig = startRig({ images: 20, reply: (key) => (number(key) === 4 ? broken() : processed()) });
    await rig.play();
    expect(rig.invoked.filter((call) => number(call.key) === 4)).toHaveLength(3);
    expect(rig.outcomes().get(4)).toMatchObject({ kind: 'failed', failureType: 'INVOCATION_ERROR' });
    expect(kinds(rig.events).filter((kind) => kind === 'connection-broken')).toHaveLength(3);
    expect(rig.run.totals.processed).toBe(19);
  });

  test('of every image is a fault of the line: the run pauses and no image is to blame', async () => {
    const rig = startRig({ images: 20, reply: () => broken() });
    await rig.play();
    expect((await rig.drive.ended).halt).toMatchObject({ kind: 'fault', fault: { reason: 'network' } });
    expect(rig.outcomes().size).toBe(0);
  });

  test('that hits everything in flight at once is borne: a blip pauses nothing', async () => {
    const blipAt = startRig().clock.now() + 5_000;
    const rig = startRig({
      images: 100,
      perMinute: 1_200,
      reply: () => (Math.abs(rig.clock.now() - blipAt) < 300 ? broken() : processed()),
      tookMs: () => 800,
    });
    await rig.play();
    expect((await rig.drive.ended).halt.kind).toBe('completed');
    expect(kinds(rig.events).filter((kind) => kind === 'connection-broken').length).toBeGreaterThan(3);
    expect(rig.run.totals.failed).toBe(0);
  });
});

describe('a fault', () => {
  test('of credentials pauses at once; no image is marked failed and those under way go back', async () => {
    const rig = startRig({ images: 50, reply: (key) => (number(key) >= 7 ? fault() : processed()) });
    await rig.play();
    const end = await rig.drive.ended;
    expect(end.halt).toMatchObject({ kind: 'fault', fault: { reason: 'credentials' } });
    expect(rig.run.totals).toMatchObject({ processed: 7, failed: 0 });
    expect(end.leftInFlight).toBe(0);
  });

  test('of the network is borne twice and pauses the run at the third', async () => {
    const rig = startRig({ images: 50, tookMs: () => 5, reply: () => fault('network') });
    await rig.play();
    expect((await rig.drive.ended).halt.kind).toBe('fault');
    expect(rig.invoked).toHaveLength(3);
    expect(rig.outcomes().size).toBe(0);
  });

  test('of the control table pauses the run, and the outcomes that waited are written when it answers again', async () => {
    const rig = startRig({ images: 50 });
    await rig.play(2_000);
    rig.has.journal = false;
    await rig.play(10_000);
    expect(rig.halts.map((halt) => halt.kind)).toEqual(['fault']);
    const started = rig.invoked.length;
    rig.has.journal = true;
    await rig.play();
    await rig.drive.ended;
    expect(rig.invoked).toHaveLength(started);
    expect(rig.outcomes().size).toBe(started);
  });
});

describe('a journal that cannot be written', () => {
  test('starts no further image from its first failure on: what would come of it could not be put on record', async () => {
    const rig = startRig({ images: 500, perMinute: 6_000, terms: { maxInFlight: 200 } });
    await rig.play(2_000);
    rig.has.journal = false;
    const failed = new Promise<number>((resolve) => {
      rig.onTrouble(() => resolve(rig.invoked.length));
    });
    await rig.play(2_000);
    expect(rig.invoked.length).toBe(await failed);
    rig.has.journal = true;
    await rig.play(60_000);
  });
});

describe('stop', () => {
  const stop = (now: boolean) => ({ kind: 'stop', by: { kind: 'person', by: 'U2' }, now }) as const;

  test('lets what is in flight come to its end, and starts nothing more', async () => {
    const rig = startRig({ images: 500, perMinute: 3_000, tookMs: () => 4_000 });
    await rig.play(2_000);
    rig.drive.halt(stop(false));
    const started = rig.invoked.length;
    await rig.play();
    expect(await rig.drive.ended).toEqual({ halt: stop(false), leftInFlight: 0 });
    expect(rig.invoked).toHaveLength(started);
    expect(rig.outcomes().size).toBe(started);
  });

  test('now does not wait: what is in flight stays without an outcome', async () => {
    const rig = startRig({ images: 500, perMinute: 3_000, tookMs: () => 60_000 });
    await rig.play(2_000);
    rig.drive.halt(stop(true));
    await rig.play(500);
    expect(await rig.drive.ended).toEqual({ halt: stop(true), leftInFlight: 20 });
  });

  test('now overtakes a stop that drains', async () => {
    const rig = startRig({ images: 500, perMinute: 3_000, tookMs: () => 60_000 });
    await rig.play(2_000);
    rig.drive.halt(stop(false));
    await rig.play(2_000);
    rig.drive.halt(stop(true));
    await rig.play(500);
    expect((await rig.drive.ended).leftInFlight).toBe(20);
  });

  test('is not lost behind a pause that drains', async () => {
    const rig = startRig({ images: 500, tookMs: () => 4_000 });
    await rig.play(2_000);
    rig.drive.halt({ kind: 'pause', by: 'U1' });
    rig.drive.halt(stop(false));
    await rig.play();
    expect((await rig.drive.ended).halt).toEqual(stop(false));
    expect(rig.halts.at(-1)).toEqual(stop(false));
  });

  test('a trip stays a trip when a person stops as well', async () => {
    const rig = startRig({ images: 200, tookMs: () => 3_000, reply: () => failed() });
    while (rig.halts.length === 0) await rig.clock.advance(250);
    rig.drive.halt(stop(false));
    await rig.play();
    expect((await rig.drive.ended).halt.kind).toBe('trip');
  });

  test('nothing starts without the lease, from the very next image on', async () => {
    const rig = startRig({ images: 500 });
    await rig.play(2_000);
    rig.has.lease = false;
    const started = rig.invoked.length;
    await rig.play();
    expect((await rig.drive.ended).halt).toEqual({ kind: 'lease-lost' });
    expect(rig.invoked).toHaveLength(started);
  });

  test('a shutdown waits its time for what is in flight and leaves the rest', async () => {
    const rig = startRig({ images: 500, tookMs: (key) => (number(key) === 3 ? 60_000 : 500) });
    await rig.play(2_000);
    rig.drive.halt({ kind: 'shutdown' });
    await rig.play(9_000);
    expect((await rig.drive.ended).leftInFlight).toBe(1);
  });
});

describe('the watchdog', () => {
  test('trips when the table does not grow for ten minutes, after a warning at five', async () => {
    const rig = startRig({ images: 2_000, perMinute: 60, look: async () => ({ kind: 'count', entries: 0 }) });
    await rig.play();
    const end = await rig.drive.ended;
    expect(end.halt).toMatchObject({ kind: 'trip', trip: { kind: 'no-growth' } });
    const minutes = (rig.clock.now() - rig.run.terms.startedAt) / 60_000;
    expect(minutes).toBeGreaterThanOrEqual(10);
    expect(minutes).toBeLessThan(11.5);
    expect(
      rig.events.filter((event) => event.kind === 'warning-began' && event.warning.kind === 'no-growth'),
    ).toHaveLength(1);
  });

  test('fires also when nothing completes at all', async () => {
    const rig = startRig({ images: 200, tookMs: () => 86_400_000 });
    await rig.play(13 * 60_000);
    expect(rig.halts).toMatchObject([{ kind: 'trip', trip: { kind: 'no-growth' } }]);
    rig.drive.halt({ kind: 'stop', by: { kind: 'person', by: 'U1' }, now: true });
    await rig.play(1_000);
    expect((await rig.drive.ended).halt.kind).toBe('trip');
  });

  test('is content with a probe that finds the rows of the last processed image', async () => {
    const rig = startRig({ images: 900, perMinute: 60, look: async () => ({ kind: 'probe', fresh: true }) });
    await rig.play();
    expect((await rig.drive.ended).halt.kind).toBe('completed');
  });
});

describe('the entries in the table', () => {
  test('are told with the images that came since they were counted, and grow by what was counted, not by the time since', async () => {
    const rig = startRig({ images: 2_000, perMinute: 60, look: async () => ({ kind: 'count', entries: 150 }) });
    const growth = () => takeSnapshot(rig.run, { kind: 'running' }, rig.clock.now()).growth;
    await rig.clock.advance(20_000);
    const before = growth();
    expect(before).toMatchObject({ entries: 0, entriesAtStart: 0 });
    expect(before.imagesSinceCount).toBeGreaterThan(5);
    expect(before.perMinute).toBeUndefined();
    await rig.clock.advance(45_000);
    const after = growth();
    expect(after.entries).toBe(150);
    expect(after.imagesSinceCount).toBeLessThan(20);
    await rig.clock.advance(5_000);
    expect(growth()).toMatchObject({ perMinute: after.perMinute });
    const saved = takeCheckpoint(rig.run, rig.clock.now());
    expect(saved.entriesSeenAt?.done).toBeGreaterThan(40);
    rig.drive.halt({ kind: 'stop', by: { kind: 'person', by: 'U1' }, now: true });
    await rig.drive.ended;
  });
});

describe('going on after a crash', () => {
  test('repeats only what had no outcome on record', async () => {
    const first = startRig({ images: 100, perMinute: 1_200, tookMs: () => 1_000 });
    await first.play(3_000);
    const checkpoint = structuredClone(takeCheckpoint(first.run, first.clock.now()));
    const onRecord = new Set([...first.outcomes().keys()]);
    expect(onRecord.size).toBeGreaterThan(20);
    first.drive.halt({ kind: 'lease-lost' });
    const second = startRig({
      images: 100,
      clock: first.clock,
      from: { checkpoint, fresh: false },
    });
    await second.play();
    expect((await second.drive.ended).halt.kind).toBe('completed');
    for (const call of second.invoked) expect(onRecord.has(number(call.key))).toBe(false);
    expect(new Set([...onRecord, ...second.outcomes().keys()]).size).toBe(100);
  });

  test('goes on counting the pushbacks of an image', async () => {
    const reply = (key: string) => (number(key) === 0 ? pushback() : processed());
    const first = startRig({ images: 2, reply });
    await first.play(3_000);
    while (first.run.waiting === 0) await first.clock.advance(100);
    const before = first.invoked.filter((call) => number(call.key) === 0).length;
    first.drive.halt({ kind: 'lease-lost' });
    const from = { checkpoint: takeCheckpoint(first.run, first.clock.now()), fresh: false };
    const second = startRig({ images: 2, reply, clock: first.clock, from });
    await second.play();
    const after = second.invoked.filter((call) => number(call.key) === 0).length;
    expect(before + after).toBe(8);
  });

  test('the breaker is closed again when a person resumes, and remembers when the bot goes on by itself', async () => {
    const first = startRig({
      images: 200,
      reply: (key) => (number(key) < 9 ? failed() : processed()),
      tookMs: () => 100,
      perMinute: 60,
    });
    while (first.run.totals.failed < 9) await first.clock.advance(250);
    const checkpoint = takeCheckpoint(first.run, first.clock.now());
    first.drive.halt({ kind: 'lease-lost' });
    for (const [fresh, kind] of [
      [false, 'trip'],
      [true, 'pause'],
    ] as const) {
      const next = startRig({
        images: 200,
        clock: first.clock,
        reply: (key) => (number(key) === 9 ? failed() : processed()),
        from: { checkpoint, fresh },
      });
      await next.play(5_000);
      next.drive.halt({ kind: 'pause', by: 'U1' });
      await next.play(5_000);
      expect((await next.drive.ended).halt.kind).toBe(kind);
    }
  });
});

describe('the time a run took', () => {
  test('counts what it ran, and not what it rested', async () => {
    const rig = startRig({ images: 60, perMinute: 60 });
    await rig.play();
    const ran = takeSnapshot(rig.run, { kind: 'completed' }, rig.clock.now()).activeMs;
    expect(ran).toBeGreaterThan(58_000);
    expect(ran).toBeLessThan(62_000);
    await rig.clock.advance(600_000);
    expect(takeSnapshot(rig.run, { kind: 'completed' }, rig.clock.now()).activeMs).toBe(ran);
    expect(takeCheckpoint(rig.run, rig.clock.now()).activeMs).toBe(ran);
  });
});

describe('what is told', () => {
  test('the first failure of each kind, once', async () => {
    const rig = startRig({ images: 30, reply: (key) => (number(key) % 5 === 0 ? failed() : processed()) });
    await rig.play();
    expect(kinds(rig.events).filter((kind) => kind === 'first-failure')).toHaveLength(1);
  });

  test('a checkpoint every ten outcomes or five seconds', async () => {
    const rig = startRig({ images: 60, perMinute: 60 });
    await rig.play();
    const times = rig.checkpoints.map((checkpoint) => checkpoint.at);
    expect(rig.checkpoints.length).toBeGreaterThanOrEqual(10);
    for (let i = 1; i < times.length; i++) expect((times[i] ?? 0) - (times[i - 1] ?? 0)).toBeLessThanOrEqual(6_000);
  });

  test('pace changes take effect within a second', async () => {
    const rig = startRig({ images: 2_000, perMinute: 60 });
    await rig.play(5_000);
    rig.drive.setPace({ kind: 'fixed', perMinute: 1_200 }, 'U2');
    const before = rig.invoked.length;
    await rig.play(1_000);
    expect(rig.invoked.length - before).toBeGreaterThanOrEqual(15);
    expect(rig.events.at(-1)).toBeDefined();
    expect(kinds(rig.events)).toContain('pace-changed');
    rig.drive.halt({ kind: 'lease-lost' });
  });
});

describe('the first images as a canary', () => {
  const canary = { images: 20, percent: 20 };
  const failing = (few: number) => (key: string) => (number(key) < few ? failed() : processed());

  test('go alone: no other starts before each of them has its outcome', async () => {
    const rig = startRig({
      images: 60,
      perMinute: 6_000,
      terms: { canary },
      tookMs: (key) => (number(key) === 7 ? 9_000 : 50),
    });
    await rig.play(5_000);
    expect(rig.invoked).toHaveLength(20);
    await rig.play();
    expect(rig.run.totals.processed).toBe(60);
    expect(rig.invoked.slice(20).every((call) => number(call.key) >= 20)).toBe(true);
    expect(rig.events.filter((event) => event.kind === 'canary-passed')).toMatchObject([{ failed: 0, images: 20 }]);
  });

  test('are tried again after pushback while the others wait', async () => {
    const rig = startRig({
      images: 40,
      perMinute: 6_000,
      terms: { canary },
      reply: (key, attempt) => (number(key) === 3 && attempt < 3 ? pushback() : processed()),
    });
    await rig.play();
    const last = rig.invoked.findLastIndex((call) => number(call.key) === 3);
    expect(rig.invoked.slice(0, last).every((call) => number(call.key) < 20)).toBe(true);
    expect(rig.run.totals.processed).toBe(40);
  });

  test('trip the run at the fifth failure of twenty, and no image beyond them was started', async () => {
    const rig = startRig({ images: 200, perMinute: 6_000, terms: { canary }, reply: failing(5) });
    await rig.play();
    expect((await rig.drive.ended).halt).toEqual({
      kind: 'trip',
      trip: { kind: 'canary', failed: 5, images: 20, percent: 20 },
    });
    expect(rig.invoked.every((call) => number(call.key) < 20)).toBe(true);
  });

  test('pass with four failures of twenty', async () => {
    const rig = startRig({ images: 50, perMinute: 6_000, terms: { canary }, reply: failing(4) });
    await rig.play();
    expect((await rig.drive.ended).halt.kind).toBe('completed');
    expect(rig.run.totals).toMatchObject({ processed: 46, failed: 4 });
  });

  test('are all there are where the run has fewer', async () => {
    const rig = startRig({ images: 4, terms: { canary }, reply: failing(1) });
    await rig.play();
    expect((await rig.drive.ended).halt).toMatchObject({ kind: 'trip', trip: { kind: 'canary', images: 4 } });
  });

  test('a trip that the crash kept from the record is found when the run goes on by itself', async () => {
    const first = startRig({ images: 60, perMinute: 6_000, terms: { canary }, reply: failing(5) });
    await first.play();
    const checkpoint = takeCheckpoint(first.run, first.clock.now());
    const again = startRig({ images: 60, terms: { canary }, from: { checkpoint, fresh: false } });
    await again.play();
    expect((await again.drive.ended).halt).toMatchObject({ kind: 'trip', trip: { kind: 'canary' } });
    expect(again.invoked).toEqual([]);
  });

  test('a person who resumes after the trip has the rest of them done, and then the others', async () => {
    const first = startRig({ images: 60, perMinute: 6_000, terms: { canary }, reply: failing(5) });
    await first.play();
    const checkpoint = takeCheckpoint(first.run, first.clock.now());
    const again = startRig({ images: 60, terms: { canary }, from: { checkpoint, fresh: true } });
    await again.play();
    expect((await again.drive.ended).halt.kind).toBe('completed');
    expect(again.run.totals).toMatchObject({ processed: 55, failed: 5 });
  });
});
