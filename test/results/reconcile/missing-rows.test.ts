import { describe, expect, test } from 'vitest';
import type { Outcome } from '../../../src/pipeline/invoke/invocation.ts';
import type { Item } from '../../../src/pipeline/table/item.ts';
import { findMissingRows, type MissingRowsPorts } from '../../../src/results/reconcile/missing-rows.ts';
import type { OutcomeRecord } from '../../../src/run/model/types.ts';
import { noRowsOf } from '../../../src/run/proof/row-proof.ts';
import { PIPELINE_KEYS } from '../../support/aws/pipeline-keys.ts';
import { createFakeClock } from '../../support/rigs/fake-clock.ts';
import { folder, inOneFolder } from './reconcile-rig.ts';

inOneFolder();

const START = Date.parse('2025-11-24T10:00:00Z');
const record = (
  index: number,
  outcome: Outcome = { kind: 'processed', entriesStored: 3, resourceName: `P ${index}` },
) => ({
  index,
  key: `image ${index}.png`,
  outcome,
  startedAt: START,
  durationMs: 1_000,
  throttles: 0,
});
const row = (index: number, minutes = 1): Item => ({
  ResourceName: { S: `P_${index}` },
  DateProjectCode: { S: '2025-09-29#PJ1' },
  SourceImage: { S: `image ${index}.png` },
  ProcessingTimestamp: { S: new Date(START + minutes * 60_000).toISOString() },
});

/** A run with these outcomes over a table whose contents each read asks for. */
function checkOf(
  records: readonly OutcomeRecord[],
  items: () => readonly Item[],
  change: Partial<MissingRowsPorts> = {},
) {
  const clock = createFakeClock(START + 60_000);
  const images = Math.max(...records.map(({ index }) => index)) + 1;
  let scans = 0;
  const ports: MissingRowsPorts = {
    clock,
    keys: PIPELINE_KEYS,
    bucket: 'images',
    async *manifest() {
      for (let index = 0; index < images; index++) yield { key: `image ${index}.png` };
    },
    async *journal() {
      yield { records };
    },
    rows: () => {
      scans += 1;
      return [
        (async function* () {
          yield { items: items() };
        })(),
      ];
    },
    isLarge: async () => false,
    lookUp: async () => [],
    waitMs: 10_000,
    folder,
    ...change,
  };
  const stop = new AbortController();
  return {
    clock,
    stop,
    scans: () => scans,
    found: async () =>
      (await Array.fromAsync(findMissingRows({ images, startedAt: START }, ports, stop.signal))).flat(),
  };
}

describe('the check of all rows', () => {
  test('returns exactly the images that claim rows and have none', async () => {
    const records = [
      record(0),
      record(1),
      record(2, { kind: 'rejected', reason: 'Draft' }),
      record(3, { kind: 'failed', failureType: 'OCR_ERROR', message: 'x' }),
      record(4, { kind: 'processed', entriesStored: 0, resourceName: 'P 4' }),
      record(5, { kind: 'processed', resourceName: 'P 5' }),
      record(6),
    ];
    const check = checkOf(records, () => [row(0), row(6, -60)]);
    const found = await check.found();
    expect(found.map(({ index, outcome }) => [index, outcome.kind])).toEqual([
      [1, 'no-rows'],
      [6, 'no-rows'],
    ]);
    expect(found[0]).toEqual({ ...record(1), outcome: { kind: 'no-rows', entriesStored: 3, resourceName: 'P 1' } });
    expect(check.scans()).toBe(1);
  });

  test('does not return an image twice: what is on record stays', async () => {
    const records = [record(0), record(1), ...noRowsOf(record(1))];
    expect(await checkOf(records, () => []).found()).toMatchObject([{ index: 0 }]);
  });

  test('waits for rows that may still come, and reads again only then', async () => {
    let isThere = false;
    const late = { ...record(0), startedAt: START + 58_000 };
    const check = checkOf([late], () => (isThere ? [row(0)] : []));
    const finding = check.found();
    await check.clock.advance(1_000);
    isThere = true;
    await check.clock.advance(10_000);
    expect(await finding).toEqual([]);
    expect(check.scans()).toBe(2);
  });

  test('looks up the rows of few images in a large table, and scans it only when one is not found', async () => {
    const large = { isLarge: async () => true };
    const found = checkOf([record(0), record(1)], () => [], {
      ...large,
      lookUp: async (claims) => claims.map(() => 'found'),
    });
    expect(await found.found()).toEqual([]);
    expect(found.scans()).toBe(0);
    const unknown = checkOf([record(0), record(1)], () => [row(0)], {
      ...large,
      lookUp: async (claims) => claims.map(() => 'unknown'),
    });
    expect(await unknown.found()).toMatchObject([{ index: 1 }]);
  });

  test('ends with the reason of a stop, and leaves no file', async () => {
    const check = checkOf([record(0)], () => []);
    check.stop.abort(new Error('stopped by U1'));
    await expect(check.found()).rejects.toThrow('stopped by U1');
  });
});
