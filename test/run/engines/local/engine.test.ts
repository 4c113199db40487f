import { describe, expect, test } from 'vitest';
import { takeCheckpoint, takeSnapshot } from '../../../../src/run/engines/reducer/run-views.ts';
import { failed, kinds, number, processed, startRig } from '../../../support/rigs/engine-rig.ts';

describe('a run over the manifest', () => {
  test('a run invokes every image once and completes when each has an outcome on record', async () => {
    const rig = startRig({ images: 120 });
    await rig.play();
    await expect(rig.drive.ended).resolves.toEqual({ halt: { kind: 'completed' }, leftInFlight: 0 });
    expect(rig.invoked.map((call) => call.key)).toEqual(
      Array.from({ length: 120 }, (_, index) => `image ${index}.png`),
    );
    expect(rig.outcomes().size).toBe(120);
    expect(rig.run.totals).toMatchObject({ processed: 120, rejected: 0, failed: 0, entriesStored: 360 });
  });

  test('a run never has more images in flight than its limit', async () => {
    const rig = startRig({ images: 100, perMinute: 6_000, tookMs: () => 10_000 });
    await rig.play();
    expect(rig.highest()).toBe(20);
    expect(rig.run.totals.processed).toBe(100);
  });

  test('a manifest with fewer images than the plan is a fault, and the run does not complete', async () => {
    const rig = startRig({ images: 10, terms: { total: 12 } });
    await rig.play();
    expect((await rig.drive.ended).halt).toMatchObject({ kind: 'fault', fault: { reason: 'manifest' } });
  });

  test('an image is in flight until its outcome is on record', async () => {
    const rig = startRig({ images: 40, perMinute: 6_000 });
    rig.has.journal = false;
    await rig.play(1_000);
    expect(rig.run.inFlight.size).toBeGreaterThan(0);
    expect(rig.run.totals.processed).toBe(0);
    rig.has.journal = true;
    await rig.play();
    const unsaved = rig.run.unsaved.length;
    expect(unsaved).toBe(rig.run.inFlight.size);
    expect(rig.outcomes().size + rig.run.waiting.length + unsaved).toBeGreaterThan(0);
    expect(new Set(rig.invoked.map((call) => call.key)).size).toBe(rig.invoked.length);
  });
});

describe('entries in the table', () => {
  test('a snapshot shows the last count of entries, the outcomes since it, and the rate at that count', async () => {
    const rig = startRig({ images: 2_000, perMinute: 60, checkGrowth: async () => ({ kind: 'count', entries: 150 }) });
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
    expect(saved.entriesCountedAt?.done).toBeGreaterThan(40);
    rig.drive.halt({ kind: 'stop', by: { kind: 'person', by: 'U1' }, now: true });
    await rig.drive.ended;
  });
});

describe('the running time of a run', () => {
  test('the running time does not include the time after the end of the drive', async () => {
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

describe('events of a run', () => {
  test('the first failure of each type is announced once', async () => {
    const rig = startRig({ images: 30, reply: (key) => (number(key) % 5 === 0 ? failed() : processed()) });
    await rig.play();
    expect(kinds(rig.events).filter((kind) => kind === 'first-failure')).toHaveLength(1);
  });

  test('a checkpoint is saved every ten outcomes or five seconds', async () => {
    const rig = startRig({ images: 60, perMinute: 60 });
    await rig.play();
    const times = rig.checkpoints.map((checkpoint) => checkpoint.at);
    expect(rig.checkpoints.length).toBeGreaterThanOrEqual(10);
    for (let i = 1; i < times.length; i++) expect((times[i] ?? 0) - (times[i - 1] ?? 0)).toBeLessThanOrEqual(6_000);
  });

  test('a change of pace takes effect within a second', async () => {
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
