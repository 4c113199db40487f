import { describe, expect, test } from 'vitest';
import { failed, number, rejected, startRig } from '../../../support/rigs/engine-rig.ts';

describe('trips by the breaker', () => {
  test('the tenth failure in a row trips the run, and nothing more is started', async () => {
    const rig = startRig({ images: 200, reply: () => failed() });
    await rig.play();
    const end = await rig.drive.ended;
    expect(end.halt).toEqual({ kind: 'trip', trip: { kind: 'consecutive-failures', failures: 10 } });
    expect(rig.invoked.length).toBeLessThanOrEqual(10 + rig.highest());
    expect(rig.halts).toHaveLength(1);
  });

  test.each([true, false])(
    'a trip is announced while images are in flight, also where the control table stores it (%s) late',
    async (isStored) => {
      const rig = startRig({
        images: 200,
        tookMs: (key) => (number(key) < 10 ? 500 : 60_000),
        reply: () => failed(),
        ...(!isStored && { ports: { saveHalt: () => new Promise<never>(() => {}) } }),
      });
      await rig.play(10_000);
      const draining = rig.events.find((event) => event.kind === 'draining');
      expect(draining).toMatchObject({ why: 'trip', next: { kind: 'tripped' } });
      expect(draining?.snapshot.inFlight).toBeGreaterThan(0);
      expect(rig.events.filter((event) => event.kind === 'draining')).toHaveLength(1);
      rig.drive.halt({ kind: 'lease-lost' });
    },
  );

  test('rejected sheets do not trip the breaker', async () => {
    const rig = startRig({ images: 60, reply: () => rejected() });
    await rig.play();
    expect((await rig.drive.ended).halt.kind).toBe('completed');
  });

  test('images in flight at the time of a trip still get their outcome on record', async () => {
    const rig = startRig({ images: 200, perMinute: 3_000, reply: () => failed() });
    await rig.play();
    expect(rig.outcomes().size).toBe(rig.invoked.length);
  });
});

describe('trips by the watchdog', () => {
  test('a table that does not grow causes a warning after five minutes and a trip after ten', async () => {
    const rig = startRig({ images: 2_000, perMinute: 60, checkGrowth: async () => ({ kind: 'count', entries: 0 }) });
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

  test('the watchdog trips a run in which no invocation ends', async () => {
    const rig = startRig({ images: 200, tookMs: () => 86_400_000 });
    await rig.play(13 * 60_000);
    expect(rig.halts).toMatchObject([{ kind: 'trip', trip: { kind: 'no-growth' } }]);
    rig.drive.halt({ kind: 'stop', by: { kind: 'person', by: 'U1' }, now: true });
    await rig.play(1_000);
    expect((await rig.drive.ended).halt.kind).toBe('trip');
  });

  test('a run that is judged by probes does not trip while its rows are found', async () => {
    const rig = startRig({ images: 900, perMinute: 60, checkGrowth: async () => ({ kind: 'probe', fresh: true }) });
    await rig.play();
    expect((await rig.drive.ended).halt.kind).toBe('completed');
  });
});
