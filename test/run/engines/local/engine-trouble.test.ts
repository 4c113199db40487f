import { describe, expect, test } from 'vitest';
import { broken, fault, kinds, number, processed, startRig, throttled } from '../../../support/engine-rig.ts';

describe('throttled', () => {
  test('puts the image back and loses none', async () => {
    const rig = startRig({ images: 30, reply: (_key, attempt) => (attempt < 3 ? throttled() : processed()) });
    await rig.play();
    expect(rig.run.totals).toMatchObject({ processed: 30, failed: 0, throttles: 60, calls: 90 });
  });

  test('after eight of them the image is a THROTTLING_ERROR', async () => {
    const rig = startRig({ images: 3, reply: (key) => (number(key) === 1 ? throttled() : processed()) });
    await rig.play();
    expect(rig.invoked.filter((call) => number(call.key) === 1)).toHaveLength(8);
    expect(rig.outcomes().get(1)).toMatchObject({ kind: 'failed', failureType: 'THROTTLING_ERROR' });
    expect(rig.run.totals).toMatchObject({ processed: 2, failed: 1 });
  });

  test('slows the pace', async () => {
    const rig = startRig({ images: 500, reply: (_key, attempt) => (attempt === 1 ? throttled() : processed()) });
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
      rig.onError(() => resolve(rig.invoked.length));
    });
    await rig.play(2_000);
    expect(rig.invoked.length).toBe(await failed);
    rig.has.journal = true;
    await rig.play(60_000);
  });
});
