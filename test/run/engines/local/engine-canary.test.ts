import { describe, expect, test } from 'vitest';
import { takeCheckpoint } from '../../../../src/run/engines/reducer/run-views.ts';
import { failed, number, processed, startRig, throttled } from '../../../support/rigs/engine-rig.ts';

describe('canary images', () => {
  const canary = { images: 20, percent: 20 };
  const failing = (few: number) => (key: string) => (number(key) < few ? failed() : processed());

  test('no other image starts before each canary image has its outcome', async () => {
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

  test('a throttled canary image is retried while the other images wait', async () => {
    const rig = startRig({
      images: 40,
      perMinute: 6_000,
      terms: { canary },
      reply: (key, attempt) => (number(key) === 3 && attempt < 3 ? throttled() : processed()),
    });
    await rig.play();
    const last = rig.invoked.findLastIndex((call) => number(call.key) === 3);
    expect(rig.invoked.slice(0, last).every((call) => number(call.key) < 20)).toBe(true);
    expect(rig.run.totals.processed).toBe(40);
  });

  test('five failures of twenty canary images trip the run, and no other image was started', async () => {
    const rig = startRig({ images: 200, perMinute: 6_000, terms: { canary }, reply: failing(5) });
    await rig.play();
    expect((await rig.drive.ended).halt).toEqual({
      kind: 'trip',
      trip: { kind: 'canary', failed: 5, images: 20, percent: 20 },
    });
    expect(rig.invoked.every((call) => number(call.key) < 20)).toBe(true);
  });

  test('four failures of twenty canary images let the run continue', async () => {
    const rig = startRig({ images: 50, perMinute: 6_000, terms: { canary }, reply: failing(4) });
    await rig.play();
    expect((await rig.drive.ended).halt.kind).toBe('completed');
    expect(rig.run.totals).toMatchObject({ processed: 46, failed: 4 });
  });

  test('a run with fewer images than the canary is all canary', async () => {
    const rig = startRig({ images: 4, terms: { canary }, reply: failing(1) });
    await rig.play();
    expect((await rig.drive.ended).halt).toMatchObject({ kind: 'trip', trip: { kind: 'canary', images: 4 } });
  });

  test('a canary trip that a crash kept from being saved is found when the bot resumes the run', async () => {
    const first = startRig({ images: 60, perMinute: 6_000, terms: { canary }, reply: failing(5) });
    await first.play();
    const checkpoint = takeCheckpoint(first.run, first.clock.now());
    const again = startRig({ images: 60, terms: { canary }, from: { checkpoint, fresh: false } });
    await again.play();
    expect((await again.drive.ended).halt).toMatchObject({ kind: 'trip', trip: { kind: 'canary' } });
    expect(again.invoked).toEqual([]);
  });

  test('after a canary trip a person can resume: the canary continues, then the other images start', async () => {
    const first = startRig({ images: 60, perMinute: 6_000, terms: { canary }, reply: failing(5) });
    await first.play();
    const checkpoint = takeCheckpoint(first.run, first.clock.now());
    const again = startRig({ images: 60, terms: { canary }, from: { checkpoint, fresh: true } });
    await again.play();
    expect((await again.drive.ended).halt.kind).toBe('completed');
    expect(again.run.totals).toMatchObject({ processed: 55, failed: 5 });
  });
});
