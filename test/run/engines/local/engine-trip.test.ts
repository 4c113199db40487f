import { describe, expect, test } from 'vitest';
import { checkGrowth } from '../../../../src/run/engines/growth-check.ts';
import type { GrowthAnswer } from '../../../../src/run/engines/reducer/engine-events.ts';
import { takeCheckpoint } from '../../../../src/run/engines/reducer/run-views.ts';
import { failed, number, processed, type RigOptions, rejected, startRig } from '../../../support/rigs/engine-rig.ts';
import { createFakeClock } from '../../../support/rigs/fake-clock.ts';

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

  const OFTEN = { growth: { checkImages: 5, warnMs: 300_000, tripMs: 600_000 } };
  /** The rig, and what its growth checks ask; `answer` is what each of them finds. */
  function watchGrowth(answer: () => Promise<GrowthAnswer>, options: RigOptions = {}) {
    const asked: (string | undefined)[] = [];
    const rig = startRig({
      images: 40,
      perMinute: 60,
      rules: OFTEN,
      terms: { growthKind: 'probed' },
      checkGrowth({ lastProcessed }) {
        asked.push(lastProcessed?.key);
        return answer();
      },
      ...options,
    });
    return { rig, asked };
  }

  test('what a failed check of the growth asked is asked again by the next one', async () => {
    const { rig, asked } = watchGrowth(() => Promise.reject(new Error('no connection')), {
      tookMs: (key) => (number(key) < 5 ? 10 : 1_000_000),
    });
    await rig.play(100_000);
    expect(asked.slice(0, 2)).toEqual(['image 4.png', 'image 4.png']);
  });

  test('rejected sheets are not taken for growth while the rows of the last processed image are missing', async () => {
    const { rig, asked } = watchGrowth(async () => ({ kind: 'nothing' }), {
      images: 2_000,
      reply: (key) => (number(key) < 5 ? processed() : rejected()),
      checkGrowth(question) {
        asked.push(question.lastProcessed?.key);
        return checkGrowth(question, { lookUp: async () => 'missing' });
      },
    });
    await rig.play();
    expect(new Set(asked)).toEqual(new Set(['image 4.png']));
    expect(rig.halts).toMatchObject([{ kind: 'trip', trip: { kind: 'no-growth' } }]);
    expect(rig.run.sinceGrowth.processed).toBe(5);
  });

  test('images that come while the table is checked are not proven by that check', async () => {
    const clock = createFakeClock();
    const slow = async (): Promise<GrowthAnswer> => {
      await clock.sleep(10_000);
      return { kind: 'probe', fresh: true };
    };
    const { rig } = watchGrowth(slow, { clock });
    await rig.play(16_000);
    expect(rig.run.growth.outcomesSinceGrowth).toBe(rig.run.sinceGrowth.processed);
    expect(rig.run.sinceGrowth.processed).toBeGreaterThanOrEqual(8);
  });

  test('a run that continues asks at once about the last image before, also where a check of it was under way', async () => {
    const before = watchGrowth(() => new Promise(() => {}));
    await before.rig.play(5_100);
    expect(before.asked).toEqual(['image 4.png']);
    const checkpoint = takeCheckpoint(before.rig.run, before.rig.clock.now());
    const isFresh = async (): Promise<GrowthAnswer> => ({ kind: 'probe', fresh: true });
    const { rig, asked } = watchGrowth(isFresh, { clock: before.rig.clock, from: { checkpoint, fresh: false } });
    await rig.play(300);
    expect(asked).toEqual([checkpoint.lastProcessed?.key]);
    expect(asked).not.toEqual([undefined]);
    expect(rig.run.growth.outcomesSinceGrowth).toBeLessThan(3);
  });
});
