import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { closedBreaker } from '../../../src/run/rules/breaker.ts';
import { startGrowth } from '../../../src/run/rules/growth.ts';
import { createPacer, savePacer } from '../../../src/run/rules/pacer.ts';
import { noTotals } from '../../../src/run/rules/totals.ts';
import {
  type Checkpoint,
  CheckpointError,
  copyProgress,
  decodeCheckpoint,
  doneCount,
  emptyProgress,
  encodeCheckpoint,
  isDone,
  markDone,
  type Progress,
} from '../../../src/run/store/checkpoint.ts';

const marked = (...indexes: number[]) => indexes.reduce(markDone, emptyProgress());

describe('progress', () => {
  it.each<[string, number[], Progress]>([
    ['nothing', [], { lowWater: 0, beyond: [] }],
    ['the first image', [0], { lowWater: 1, beyond: [] }],
    ['one image beyond the low-water mark', [5], { lowWater: 0, beyond: [[5, 5]] }],
    ['a range grown upwards', [5, 6, 7], { lowWater: 0, beyond: [[5, 7]] }],
    ['a range grown downwards', [7, 6, 5], { lowWater: 0, beyond: [[5, 7]] }],
    ['two ranges joined', [5, 7, 6], { lowWater: 0, beyond: [[5, 7]] }],
    ['a range that the low water reaches', [1, 2, 0], { lowWater: 3, beyond: [] }],
    ['a range that the low water does not reach', [0, 2], { lowWater: 1, beyond: [[2, 2]] }],
    ['an image that is marked twice', [3, 3, 0, 0], { lowWater: 1, beyond: [[3, 3]] }],
    ['an image inside a range', [4, 5, 6, 5], { lowWater: 0, beyond: [[4, 6]] }],
    [
      'in between',
      [2, 9, 5],
      {
        lowWater: 0,
        beyond: [
          [2, 2],
          [5, 5],
          [9, 9],
        ],
      },
    ],
  ])('progress stores %s', (_, indexes, progress) => {
    expect(marked(...indexes)).toEqual(progress);
  });

  it('progress equals a set of indexes, whatever is marked in whatever order', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 120 }), { maxLength: 200 }), (indexes) => {
        const progress = emptyProgress();
        const set = new Set<number>();
        for (const index of indexes) {
          expect(markDone(progress, index)).toBe(progress);
          set.add(index);
          expect(doneCount(progress)).toBe(set.size);
        }
        for (let index = 0; index <= 125; index++) {
          expect(isDone(progress, index)).toBe(set.has(index));
        }
        const ends = [progress.lowWater - 1, ...progress.beyond.flat()];
        progress.beyond.forEach(([from, to], position) => {
          expect(from).toBeLessThanOrEqual(to);
          expect(from).toBeGreaterThan((ends[position * 2] ?? 0) + 1);
        });
      }),
      { numRuns: 300 },
    );
  });

  it('progress has at most one range more than images in flight and waiting', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 40 }), fc.array(fc.nat(), { maxLength: 400 }), (most, picks) => {
        const progress = emptyProgress();
        const away: number[] = [];
        let next = 0;
        for (const pick of picks) {
          while (away.length < most) away.push(next++);
          const [index] = away.splice(pick % away.length, 1);
          if (index !== undefined) markDone(progress, index);
          expect(progress.beyond.length).toBeLessThanOrEqual(away.length + 1);
        }
      }),
    );
  });

  it('a copy of progress does not change with the original', () => {
    const progress = marked(0, 5, 6);
    const copy = copyProgress(progress);
    for (const index of [1, 7, 3]) markDone(progress, index);
    expect(copy).toEqual({ lowWater: 1, beyond: [[5, 6]] });
  });

  it('progress of 20,000 images that are marked in two passes ends as one low-water mark', () => {
    const progress = emptyProgress();
    for (let index = 19_999; index >= 0; index -= 2) markDone(progress, index);
    expect(progress.beyond).toHaveLength(10_000);
    for (let index = 0; index < 20_000; index += 2) markDone(progress, index);
    expect(progress).toEqual({ lowWater: 20_000, beyond: [] });
  });
});

const checkpointOf = (over: Partial<Checkpoint> = {}): Checkpoint => ({
  version: 1,
  at: 1_700_000_000_000,
  progress: marked(0, 1, 2, 5, 6, 9),
  retries: [{ index: 3, throttles: 2, broken: 0 }],
  totals: { ...noTotals, processed: 5, failed: 1, failedByType: { OCR_ERROR: 1 } },
  breaker: { ...closedBreaker(), recent: [true, false] },
  pacer: savePacer(createPacer({ paceSetting: { kind: 'auto' }, ceilingPerMinute: 100, maxInFlight: 10 }, 0), 5),
  growth: startGrowth(0, 12),
  topFailures: [{ failureType: 'OCR_ERROR', message: 'no "sheet"\u2028 found', count: 1 }],
  firstFailures: ['OCR_ERROR'],
  journalSeq: 7,
  startedThrough: 11,
  activeMs: 1_234.5,
  ...over,
});

describe('a checkpoint', () => {
  it('a checkpoint is decoded as it was encoded', () => {
    const checkpoint = checkpointOf();
    expect(decodeCheckpoint(encodeCheckpoint(checkpoint))).toEqual(checkpoint);
  });

  it('any checkpoint is decoded as it was encoded', () => {
    const failureType = fc.constantFrom('OCR_ERROR' as const, 'TIMEOUT_ERROR' as const, 'UNREADABLE_REPLY' as const);
    const arbitrary = fc.record({
      progress: fc.array(fc.integer({ min: 0, max: 500 })).map((indexes) => marked(...indexes)),
      retries: fc.array(fc.record({ index: fc.nat(), throttles: fc.nat(), broken: fc.nat() })),
      topFailures: fc.array(fc.record({ failureType, message: fc.string({ unit: 'binary' }), count: fc.nat() }), {
        maxLength: 20,
      }),
      firstFailures: fc.array(failureType),
      lastFailure: fc.record({
        failureType,
        message: fc.string({ unit: 'grapheme' }),
        key: fc.string({ unit: 'grapheme' }),
      }),
      entries: fc.nat(),
      entriesCountedAt: fc.record({ done: fc.nat(), activeMs: fc.nat() }),
      startedThrough: fc.integer({ min: -1 }),
      lastProcessed: fc.record({ key: fc.string({ unit: 'grapheme' }), startedAt: fc.nat(), dateRange: fc.string() }),
    });
    fc.assert(
      fc.property(arbitrary, (over) => {
        const checkpoint = checkpointOf(over);
        expect(decodeCheckpoint(encodeCheckpoint(checkpoint))).toEqual(checkpoint);
      }),
    );
  });

  it('a checkpoint with 5,000 ranges, 1,000 retries and 20 long causes is far below 400 KB', () => {
    const progress = marked(...Array.from({ length: 5_000 }, (_, index) => 2_000_000 + 2 * index));
    const retries = Array.from({ length: 1_000 }, (_, index) => ({
      index: 2_000_001 + 2 * index,
      throttles: 7,
      broken: 2,
    }));
    const topFailures = Array.from({ length: 20 }, () => ({
      failureType: 'OCR_ERROR' as const,
      message: 'x'.repeat(500),
      count: 1e6,
    }));
    expect(encodeCheckpoint(checkpointOf({ progress, retries, topFailures })).length).toBeLessThan(200_000);
  });

  const changed = (change: object) => JSON.stringify({ ...checkpointOf(), ...change });
  it.each([
    ['an empty text', '', ''],
    ['half a text', encodeCheckpoint(checkpointOf()).slice(0, 100), ''],
    ['null', 'null', ''],
    ['another version', changed({ version: 2 }), 'version'],
    ['a field that is missing', changed({ totals: undefined }), 'totals'],
    ['a negative number of outcomes', changed({ totals: { ...noTotals, failed: -1 } }), 'totals.failed'],
    ['an unknown failure type', changed({ firstFailures: ['ODD'] }), 'firstFailures.0'],
    [
      'ranges that overlap',
      changed({
        progress: {
          lowWater: 0,
          beyond: [
            [2, 5],
            [4, 6],
          ],
        },
      }),
      'progress',
    ],
    [
      'ranges that touch',
      changed({
        progress: {
          lowWater: 0,
          beyond: [
            [2, 5],
            [6, 6],
          ],
        },
      }),
      'progress',
    ],
    [
      'ranges out of order',
      changed({
        progress: {
          lowWater: 0,
          beyond: [
            [8, 9],
            [2, 3],
          ],
        },
      }),
      'progress',
    ],
    ['a range backwards', changed({ progress: { lowWater: 0, beyond: [[5, 2]] } }), 'progress'],
    ['a range that touches the low water', changed({ progress: { lowWater: 3, beyond: [[3, 4]] } }), 'progress'],
    ['half an image', changed({ progress: { lowWater: 0.5, beyond: [] } }), 'progress.lowWater'],
    [
      '21 causes',
      changed({ topFailures: Array(21).fill({ failureType: 'OCR_ERROR', message: '', count: 1 }) }),
      'topFailures',
    ],
  ])('a checkpoint with %s is refused, and the error says where', (_, text, where) => {
    const read = () => decodeCheckpoint(text);
    expect(read).toThrow(CheckpointError);
    expect(read).toThrow(expect.objectContaining({ where, message: expect.stringContaining(where) }));
  });
});
