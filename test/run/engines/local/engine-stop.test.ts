import { describe, expect, test } from 'vitest';
import { NotSentError } from '../../../../src/pipeline/may-send.ts';
import { failed, number, processed, startRig } from '../../../support/rigs/engine-rig.ts';
import { createFakeClock } from '../../../support/rigs/fake-clock.ts';

describe('stopping a run', () => {
  const stop = (now: boolean) => ({ kind: 'stop', by: { kind: 'person', by: 'U2' }, now }) as const;

  test('a stop starts no image and waits for images in flight', async () => {
    const rig = startRig({ images: 500, perMinute: 3_000, tookMs: () => 4_000 });
    await rig.play(2_000);
    rig.drive.halt(stop(false));
    const started = rig.invoked.length;
    await rig.play();
    expect(await rig.drive.ended).toEqual({ halt: stop(false), leftInFlight: 0 });
    expect(rig.invoked).toHaveLength(started);
    expect(rig.outcomes().size).toBe(started);
  });

  test('stop now does not wait: images in flight stay without an outcome', async () => {
    const rig = startRig({ images: 500, perMinute: 3_000, tookMs: () => 60_000 });
    await rig.play(2_000);
    rig.drive.halt(stop(true));
    await rig.play(500);
    expect(await rig.drive.ended).toEqual({ halt: stop(true), leftInFlight: 20 });
  });

  test('stop now ends every request in flight, each by a signal of its own, also where it was used before', async () => {
    const ended: string[] = [];
    const using = new Set<AbortSignal>();
    const clock = createFakeClock();
    const rig = startRig({
      images: 500,
      perMinute: 3_000,
      clock,
      ports: {
        async invoke(key, signal) {
          expect(using.has(signal)).toBe(false);
          using.add(signal);
          await clock.sleep(number(key) < 20 ? 100 : 60_000, signal);
          using.delete(signal);
          if (signal.aborted) ended.push(key);
          return processed();
        },
      },
    });
    await rig.play(3_000);
    const inFlight = using.size;
    rig.drive.halt(stop(true));
    await rig.play(500);
    expect(inFlight).toBeGreaterThan(5);
    expect(ended).toHaveLength(inFlight);
    expect(await rig.drive.ended).toEqual({ halt: stop(true), leftInFlight: inFlight });
  });

  test('stop now replaces a stop that drains', async () => {
    const rig = startRig({ images: 500, perMinute: 3_000, tookMs: () => 60_000 });
    await rig.play(2_000);
    rig.drive.halt(stop(false));
    await rig.play(2_000);
    rig.drive.halt(stop(true));
    await rig.play(500);
    expect((await rig.drive.ended).leftInFlight).toBe(20);
  });

  test('a stop replaces a pause that drains', async () => {
    const rig = startRig({ images: 500, tookMs: () => 4_000 });
    await rig.play(2_000);
    rig.drive.halt({ kind: 'pause', by: 'U1' });
    rig.drive.halt(stop(false));
    await rig.play();
    expect((await rig.drive.ended).halt).toEqual(stop(false));
    expect(rig.halts.at(-1)).toEqual(stop(false));
  });

  test('a stop does not replace a trip', async () => {
    const rig = startRig({ images: 200, tookMs: () => 3_000, reply: () => failed() });
    while (rig.halts.length === 0) await rig.clock.advance(250);
    rig.drive.halt(stop(false));
    await rig.play();
    expect((await rig.drive.ended).halt.kind).toBe('trip');
  });

  test('an image whose request did not leave this process is started again, and does not count as repeated or failed', async () => {
    const rig = startRig({
      images: 20,
      reply(key, attempt) {
        if (number(key) === 4 && attempt === 1) throw new NotSentError('no lease');
        return processed();
      },
    });
    await rig.play();
    expect((await rig.drive.ended).halt.kind).toBe('completed');
    expect(rig.invoked.filter(({ key }) => number(key) === 4)).toHaveLength(2);
    expect(rig.run.totals).toMatchObject({ processed: 20, failed: 0 });
    expect(rig.run.totals.repeats ?? 0).toBe(0);
  });

  test('without the lease not one more image is started, and with it again the run goes on without repeating one', async () => {
    const rig = startRig({ images: 100, tookMs: () => 20_000 });
    await rig.play(2_000);
    rig.has.lease = false;
    const started = rig.invoked.length;
    await rig.play(60_000);
    expect(rig.invoked).toHaveLength(started);
    rig.has.lease = true;
    await rig.play();
    expect((await rig.drive.ended).halt).toEqual({ kind: 'completed' });
    expect(rig.invoked).toHaveLength(100);
  });

  test('when another process has taken the run, images in flight are given up', async () => {
    const rig = startRig({ images: 500, tookMs: () => 20_000 });
    await rig.play(2_000);
    const started = rig.invoked.length;
    rig.drive.halt({ kind: 'lease-lost' });
    await rig.play(1_000);
    expect(await rig.drive.ended).toEqual({ halt: { kind: 'lease-lost' }, leftInFlight: started });
  });

  test('a shutdown waits for images in flight for its time, and leaves the rest', async () => {
    const rig = startRig({ images: 500, tookMs: (key) => (number(key) === 3 ? 60_000 : 500) });
    await rig.play(2_000);
    rig.drive.halt({ kind: 'shutdown' });
    await rig.play(9_000);
    expect((await rig.drive.ended).leftInFlight).toBe(1);
  });
});
