import { describe, expect, test } from 'vitest';
import { failed, number, startRig } from '../../../support/engine-rig.ts';

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
