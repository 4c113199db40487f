import { describe, expect, test } from 'vitest';
import { takeCheckpoint } from '../../../../src/run/engines/reducer/run-views.ts';
import type { Checkpoint } from '../../../../src/run/store/checkpoint.ts';
import { failed, number, processed, startRig, throttled } from '../../../support/rigs/engine-rig.ts';
import type { FakeClock } from '../../../support/rigs/fake-clock.ts';

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

  test('an image whose outcome is lost three times is not invoked again by itself; each repeat counts and slows the pace', async () => {
    const hangs = (key: string) => (number(key) === 4 ? 86_400_000 : 100);
    const invoked: number[] = [];
    let from: { checkpoint: Checkpoint; fresh: boolean; lost: boolean } | undefined;
    let clock: FakeClock | undefined;
    for (let crash = 0; crash < 3; crash++) {
      const rig = startRig({ images: 30, tookMs: hangs, ...(clock && { clock }), ...(from && { from }) });
      if (crash > 0) expect(rig.drive.snapshot().pacePerMinute).toBeLessThan(600);
      await rig.play(60_000);
      invoked.push(...rig.invoked.map(({ key }) => number(key)));
      // Killed: nothing of its drive is saved any more.
      const checkpoint = structuredClone(takeCheckpoint(rig.run, rig.clock.now()));
      from = { checkpoint, fresh: false, lost: true };
      clock = rig.clock;
      rig.drive.halt({ kind: 'lease-lost' });
    }
    const again = from && { ...structuredClone(from), fresh: true };
    const last = startRig({ images: 30, tookMs: hangs, ...(clock && { clock }), ...(from && { from }) });
    await last.play(60_000);
    expect((await last.drive.ended).halt.kind).toBe('completed');
    expect(last.invoked).toEqual([]);
    expect(invoked.filter((index) => index === 4)).toHaveLength(3);
    expect(last.outcomes().get(4)).toMatchObject({ kind: 'failed', failureType: 'INVOCATION_ERROR' });
    expect(last.run.totals).toMatchObject({ processed: 29, failed: 1, repeats: 3 });

    const byPerson = startRig({ images: 30, clock: last.clock, ...(again && { from: again }) });
    await byPerson.play(60_000);
    expect(byPerson.run.totals).toMatchObject({ processed: 30, failed: 0 });
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
