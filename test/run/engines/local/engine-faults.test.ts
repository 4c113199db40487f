import { describe, expect, test } from 'vitest';
import {
  broken,
  failed,
  fault,
  kinds,
  number,
  processed,
  startRig,
  suspected,
  throttled,
} from '../../../support/rigs/engine-rig.ts';

describe('throttled images', () => {
  test('a throttled image is retried, and none is lost', async () => {
    const rig = startRig({ images: 30, reply: (_key, attempt) => (attempt < 3 ? throttled() : processed()) });
    await rig.play();
    expect(rig.run.totals).toMatchObject({ processed: 30, failed: 0, throttles: 60, calls: 90 });
  });

  test('an image that is throttled eight times fails with THROTTLING_ERROR', async () => {
    const rig = startRig({ images: 3, reply: (key) => (number(key) === 1 ? throttled() : processed()) });
    await rig.play();
    expect(rig.invoked.filter((call) => number(call.key) === 1)).toHaveLength(8);
    expect(rig.outcomes().get(1)).toMatchObject({ kind: 'failed', failureType: 'THROTTLING_ERROR' });
    expect(rig.run.totals).toMatchObject({ processed: 2, failed: 1 });
  });

  test('throttling lowers the pace', async () => {
    const rig = startRig({ images: 500, reply: (_key, attempt) => (attempt === 1 ? throttled() : processed()) });
    await rig.play(5_000);
    expect(rig.drive.snapshot().pacePerMinute).toBeLessThan(600);
    rig.drive.halt({ kind: 'lease-lost' });
  });
});

describe('broken connections', () => {
  test('a broken connection is announced and retried twice; the third one makes only this image fail', async () => {
    const rig = startRig({ images: 20, reply: (key) => (number(key) === 4 ? broken() : processed()) });
    await rig.play();
    expect(rig.invoked.filter((call) => number(call.key) === 4)).toHaveLength(3);
    expect(rig.outcomes().get(4)).toMatchObject({ kind: 'failed', failureType: 'INVOCATION_ERROR' });
    expect(kinds(rig.events).filter((kind) => kind === 'connection-broken')).toHaveLength(3);
    expect(rig.run.totals.processed).toBe(19);
  });

  test('broken connections of every image pause the run, and no image fails', async () => {
    const rig = startRig({ images: 20, reply: () => broken() });
    await rig.play();
    expect((await rig.drive.ended).halt).toMatchObject({ kind: 'fault', fault: { reason: 'network' } });
    expect(rig.outcomes().size).toBe(0);
  });

  test('many that break at once are announced a few times, and a later one says how many there were', async () => {
    const begin = startRig().clock.now();
    const isDown = (now: number) => Math.abs(now - begin - 5_000) < 300 || Math.abs(now - begin - 120_000) < 300;
    const rig = startRig({
      images: 3_000,
      perMinute: 1_200,
      reply: () => (isDown(rig.clock.now()) ? broken() : processed()),
      tookMs: () => 800,
    });
    await rig.play();
    const announced = rig.events.flatMap((event) => (event.kind === 'connection-broken' ? [event] : []));
    expect(rig.run.totals.repeats ?? 0).toBeGreaterThan(10);
    expect(announced).toHaveLength(10);
    expect(announced[0]).toMatchObject({ next: 'retry', others: 0 });
    expect(announced[5]?.others).toBeGreaterThan(0);
  });

  test('a short loss of all connections at once does not pause the run', async () => {
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

describe('faults', () => {
  test('a fault of credentials pauses the run at once; no image fails, and those in flight wait', async () => {
    const rig = startRig({ images: 50, reply: (key) => (number(key) >= 7 ? fault() : processed()) });
    await rig.play();
    const end = await rig.drive.ended;
    expect(end.halt).toMatchObject({ kind: 'fault', fault: { reason: 'credentials' } });
    expect(rig.run.totals).toMatchObject({ processed: 7, failed: 0 });
    expect(end.leftInFlight).toBe(0);
  });

  test('the third network fault in a row pauses the run', async () => {
    const rig = startRig({ images: 50, tookMs: () => 5, reply: () => fault('network') });
    await rig.play();
    expect((await rig.drive.ended).halt.kind).toBe('fault');
    expect(rig.invoked).toHaveLength(3);
    expect(rig.outcomes().size).toBe(0);
  });

  test('a fault of the control table pauses the run once nothing is invoked any more, and keeps the unsaved outcomes', async () => {
    const rig = startRig({ images: 50 });
    await rig.play(2_000);
    rig.has.journal = false;
    await rig.play(10_000);
    expect(rig.halts.map((halt) => halt.kind)).toEqual(['fault']);
    const { halt } = await rig.drive.ended;
    expect(halt.kind).toBe('fault');
    expect(rig.outcomes().size + rig.run.unsaved.length).toBe(rig.invoked.length);
  });
});

describe('a problem that every image meets', () => {
  test('pauses the run at the second reply, also of another image in flight, and no image fails', async () => {
    const rig = startRig({ images: 60, reply: (key) => (number(key) >= 20 ? suspected() : processed()) });
    await rig.play();
    const { halt } = await rig.drive.ended;
    expect(halt).toMatchObject({ kind: 'fault', fault: { reason: 'function-broken' } });
    expect(rig.run.totals).toMatchObject({ processed: 20, failed: 0 });
    expect([...rig.outcomes().values()].every(({ kind }) => kind === 'processed')).toBe(true);
    expect(rig.run.waiting.map(({ entry }) => entry.index)[0]).toBe(20);
  });

  test('that one image meets once is no fault: the image is invoked again', async () => {
    const reply = (key: string, attempt: number) => (number(key) === 4 && attempt === 1 ? suspected() : processed());
    const rig = startRig({ images: 30, reply });
    await rig.play();
    expect((await rig.drive.ended).halt.kind).toBe('completed');
    expect(rig.run.totals).toMatchObject({ processed: 30, failed: 0 });
  });

  test('pauses the run when its last image meets it twice', async () => {
    const rig = startRig({ images: 5, reply: (key) => (number(key) === 4 ? suspected() : processed()) });
    await rig.play();
    expect((await rig.drive.ended).halt.kind).toBe('fault');
    expect(rig.run.totals).toMatchObject({ processed: 4, failed: 0 });
  });

  test('an image that alone meets a problem of its own object fails, and the others are processed', async () => {
    const own = failed('Access Denied').result;
    const failure = own.kind === 'outcome' ? own.outcome : undefined;
    const rig = startRig({ images: 60, reply: (key) => (number(key) === 4 ? suspected(failure) : processed()) });
    await rig.play();
    expect((await rig.drive.ended).halt.kind).toBe('completed');
    expect(rig.outcomes().get(4)).toMatchObject({ kind: 'failed', message: 'Access Denied' });
    expect(rig.run.totals).toMatchObject({ processed: 59, failed: 1 });
  });

  test('a reply of an image that was started before the problem refutes nothing', async () => {
    // The images 0 to 3 run for long with the code of before a deploy; image 4 meets the broken code first.
    const rig = startRig({
      images: 8,
      perMinute: 6_000,
      tookMs: (key) => (number(key) < 4 ? 900 : number(key) === 4 ? 100 : 1_500),
      reply: (key) => (number(key) < 4 ? processed() : suspected()),
    });
    await rig.play();
    expect((await rig.drive.ended).halt.kind).toBe('fault');
    expect(rig.invoked.every(({ attempt }) => attempt <= 2)).toBe(true);
    expect(rig.run.totals).toMatchObject({ processed: 4, failed: 0 });
  });
});

describe('a journal that cannot be written', () => {
  test('no image is started from the first failed write of the journal on', async () => {
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

describe('a defect of the engine', () => {
  test.each([
    [
      'the lease',
      {
        holdsLease: () => {
          throw new Error('no lease');
        },
      },
    ],
    [
      'a listener of events',
      {
        emit: () => {
          throw new Error('no listener');
        },
      },
    ],
  ])('an error of %s pauses the run as a fault, and nothing more is started', async (_what, ports) => {
    const rig = startRig({ images: 50, ports });
    await rig.play(5_000);
    const { halt } = await rig.drive.ended;
    expect(halt).toMatchObject({ kind: 'fault', fault: { message: expect.stringContaining('no l') } });
    const started = rig.invoked.length;
    rig.drive.halt({ kind: 'pause', by: 'U1' });
    await rig.clock.advance(10_000);
    expect(rig.invoked).toHaveLength(started);
  });
});
