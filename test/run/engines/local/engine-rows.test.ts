import { describe, expect, test } from 'vitest';
import { takeCheckpoint } from '../../../../src/run/engines/reducer/run-views.ts';
import { noRowsOf } from '../../../../src/run/proof/row-proof.ts';
import { failed, kinds, number, processed, rejected, startRig } from '../../../support/rigs/engine-rig.ts';

/** A check that ends after `work`, and finds all rows. */
const checkAfter = (work: (signal: AbortSignal) => Promise<unknown>) =>
  async function* (signal: AbortSignal) {
    await work(signal);
    yield [];
  };
const canary = { images: 20, percent: 20 };

describe('rows that never come', () => {
  test('trip a run by its breaker, and each image counts as without rows', async () => {
    const rig = startRig({ images: 240, perMinute: 160, proofOf: () => 'missing' });
    await rig.play();
    const { halt } = await rig.drive.ended;
    expect(halt).toMatchObject({ kind: 'trip', trip: { kind: 'failure-rate', window: 20 } });
    expect(halt).toHaveProperty('trip.withoutRows', 11);
    expect(rig.run.totals.noRows).toBeGreaterThan(10);
    expect(rig.invoked.length).toBeLessThan(120);
    expect(rig.events).toContainEqual(expect.objectContaining({ kind: 'first-failure', failureType: 'NO_ROWS' }));
  });

  test('from the sixth image on, they stop the run long before its end', async () => {
    const rig = startRig({
      images: 240,
      perMinute: 160,
      proofOf: ({ index }) => (index < 5 ? 'found' : 'missing'),
    });
    await rig.play();
    expect((await rig.drive.ended).halt).toMatchObject({ kind: 'trip', trip: { kind: 'failure-rate' } });
    expect(rig.run.totals.processed + rig.run.totals.noRows).toBeLessThan(160);
  });

  test('of one image in a hundred let the run continue, and are on record at its end', async () => {
    const rig = startRig({
      images: 200,
      perMinute: 6_000,
      proofOf: ({ index }) => (index % 100 === 7 ? 'missing' : 'found'),
    });
    await rig.play();
    expect((await rig.drive.ended).halt.kind).toBe('completed');
    expect(rig.run.totals).toMatchObject({ processed: 198, noRows: 2, failed: 0 });
    expect(
      [...rig.outcomes()]
        .filter(([, { kind }]) => kind === 'no-rows')
        .map(([index]) => index)
        .sort(),
    ).toEqual([107, 7]);
  });

  test('of all images of a canary trip it', async () => {
    const rig = startRig({ images: 60, perMinute: 6_000, terms: { canary }, proofOf: () => 'missing' });
    await rig.play();
    const { halt } = await rig.drive.ended;
    expect(halt).toMatchObject({ kind: 'trip', trip: { kind: 'canary', images: 20, percent: 20 } });
    expect(halt).toHaveProperty('trip.withoutRows');
    expect(rig.invoked).toHaveLength(20);
  });
});

describe('rows that come later', () => {
  test('are waited for by the canary', async () => {
    const rig = startRig({
      images: 60,
      perMinute: 6_000,
      terms: { canary },
      proofOf: (record) => (rig.clock.now() > record.startedAt + 6_000 ? 'found' : 'missing'),
      missingRows: async function* () {},
    });
    await rig.play(4_000);
    expect(rig.invoked).toHaveLength(20);
    expect(rig.drive.snapshot().rows).toMatchObject({ canaryWaits: true });
    expect(rig.drive.snapshot().rows?.unproven).toBeGreaterThan(0);
    await rig.play(6_000);
    expect(kinds(rig.events)).toContain('canary-passed');
    expect(rig.run.totals.noRows).toBe(0);
  });

  test('do not count as missing when they come within the time', async () => {
    const rig = startRig({
      images: 100,
      perMinute: 600,
      proofOf: (record) => (rig.clock.now() > record.startedAt + record.durationMs + 8_000 ? 'found' : 'missing'),
      missingRows: async function* () {},
    });
    await rig.play();
    expect((await rig.drive.ended).halt.kind).toBe('completed');
    expect(rig.run.totals).toMatchObject({ processed: 100, noRows: 0 });
  });

  test('a crash while the canary waits for its rows does not let the other images start', async () => {
    const first = startRig({ images: 60, perMinute: 6_000, terms: { canary }, proofOf: () => 'missing' });
    await first.play(3_000);
    expect(first.run.progress.lowWater).toBe(20);
    first.drive.halt({ kind: 'shutdown' });
    const checkpoint = takeCheckpoint(first.run, first.clock.now());
    const again = startRig({
      images: 60,
      terms: { canary },
      from: { checkpoint, fresh: false },
      proofOf: () => 'missing',
    });
    expect(again.run.canaryPassed).toBe(false);
  });
});

describe('a run in which every image has an outcome', () => {
  test('checks the rows of all images before it is complete, and stays running meanwhile', async () => {
    let release = () => {};
    const checked = new Promise<void>((resolve) => {
      release = resolve;
    });
    const rig = startRig({
      images: 30,
      missingRows: checkAfter(() => checked),
    });
    await rig.play(60_000);
    expect(rig.run.totals.processed).toBe(30);
    expect(rig.run.halt).toBeUndefined();
    expect(rig.drive.snapshot()).toMatchObject({ state: { kind: 'running' }, rows: { checkingAll: true } });
    // Nothing grows during the check, which is no reason to trip.
    await rig.play(1_200_000);
    expect(rig.run.halt).toBeUndefined();
    release();
    await rig.play();
    expect((await rig.drive.ended).halt.kind).toBe('completed');
  });

  test('can be stopped during the check, and the check begins again after a resume', async () => {
    let checks = 0;
    const rig = startRig({
      images: 30,
      missingRows: checkAfter((signal) => {
        checks += 1;
        return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
      }),
    });
    await rig.play(60_000);
    rig.drive.halt({ kind: 'stop', by: { kind: 'person', by: 'U1' }, now: false });
    await rig.play(1_000);
    expect((await rig.drive.ended).halt).toMatchObject({ kind: 'stop' });
    const checkpoint = takeCheckpoint(rig.run, rig.clock.now());
    const again = startRig({
      images: 30,
      from: { checkpoint, fresh: true },
      missingRows: checkAfter(async () => {
        checks += 1;
      }),
    });
    await again.play();
    expect((await again.drive.ended).halt.kind).toBe('completed');
    expect(again.invoked).toEqual([]);
    expect(checks).toBe(2);
  });

  test('pauses when its rows cannot be checked', async () => {
    const rig = startRig({
      images: 30,
      missingRows: checkAfter(() => Promise.reject(new Error('no connection'))),
    });
    await rig.play();
    expect((await rig.drive.ended).halt).toMatchObject({ kind: 'fault' });
  });

  test('has nothing to check when no image claims rows', async () => {
    const rig = startRig({
      images: 30,
      reply: (key) => (number(key) % 3 === 0 ? rejected() : number(key) % 3 === 1 ? processed(0) : failed()),
      rules: { breaker: { consecutive: 10, window: 20, percent: 90 } },
      missingRows: checkAfter(() => Promise.reject(new Error('checked'))),
    });
    await rig.play();
    expect((await rig.drive.ended).halt.kind).toBe('completed');
    expect(rig.run.totals).toMatchObject({ processed: 10, rejected: 10, failed: 10, noRows: 0 });
  });

  test('writes many images without rows in pieces, in constant memory', async () => {
    const rig = startRig({
      images: 1_000,
      perMinute: 6_000,
      terms: { growthKind: 'probed' },
      missingRows: async function* () {
        const all = [...rig.journal.values()].flatMap(({ records }) => records);
        for (let at = 0; at < all.length; at += 200) {
          expect(rig.run.unsaved).toEqual([]);
          yield all.slice(at, at + 200).flatMap(noRowsOf);
        }
      },
      checkGrowth: async () => ({ kind: 'probe', fresh: true }),
    });
    await rig.play();
    expect((await rig.drive.ended).halt.kind).toBe('completed');
    expect(rig.run.totals).toMatchObject({ processed: 0, noRows: 1_000, entriesStored: 3_000 });
  });
});

describe('lookups', () => {
  test('read the rows of a few per cent of the images, one lookup at a time', async () => {
    let lookups = 0;
    let images = 0;
    const rig = startRig({
      images: 500,
      perMinute: 6_000,
      lookUpRows: async (records) => {
        lookups += 1;
        images += records.length;
        return records.map(() => 'found' as const);
      },
    });
    await rig.play();
    expect(images).toBeGreaterThanOrEqual(20);
    expect(images).toBeLessThanOrEqual(30);
    expect(lookups).toBeLessThanOrEqual(images);
  });

  test('that fail for a while are repeated, and end the run only without permission', async () => {
    let calls = 0;
    const lookUpRows = async () => {
      calls += 1;
      throw new Error('slow down');
    };
    const rig = startRig({ images: 60, lookUpRows });
    await rig.play();
    expect((await rig.drive.ended).halt.kind).toBe('completed');
    expect(calls).toBeGreaterThan(1);
    const denied = startRig({
      images: 60,
      lookUpRows,
      ports: { readFault: () => ({ reason: 'access-denied', message: 'no', fix: 'look' }) },
    });
    await denied.play();
    expect((await denied.drive.ended).halt).toMatchObject({ kind: 'fault', fault: { reason: 'access-denied' } });
  });
});
