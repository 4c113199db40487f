import { describe, expect, test } from 'vitest';
import { takeCheckpoint } from '../../../../src/run/engines/local/run-views.ts';
import { failed, number, processed, startRig, throttled } from '../../../support/rigs/engine-rig.ts';

describe('after a crash', () => {
  test('a resumed run invokes only images without an outcome on record', async () => {
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

  test('a resumed run continues to count the throttles of an image', async () => {
    const reply = (key: string) => (number(key) === 0 ? throttled() : processed());
    const first = startRig({ images: 2, reply });
    await first.play(3_000);
    while (first.run.waiting.length === 0) await first.clock.advance(100);
    const before = first.invoked.filter((call) => number(call.key) === 0).length;
    first.drive.halt({ kind: 'lease-lost' });
    const from = { checkpoint: takeCheckpoint(first.run, first.clock.now()), fresh: false };
    const second = startRig({ images: 2, reply, clock: first.clock, from });
    await second.play();
    const after = second.invoked.filter((call) => number(call.key) === 0).length;
    expect(before + after).toBe(8);
  });

  test('the breaker starts closed if a person resumes a run, and keeps its state if the bot does', async () => {
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
