import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Outcome } from '../../../src/pipeline/invoke/invocation.ts';
import type { OutcomeRecord } from '../../../src/run/model/types.ts';
import {
  addCall,
  addOutcome,
  type Cause,
  doneOf,
  MAX_CAUSES,
  normaliseMessage,
  noTotals,
  noteCause,
  repeatCostUsd,
} from '../../../src/run/rules/totals.ts';

const recordOf = (outcome: Outcome, over: Partial<OutcomeRecord> = {}): OutcomeRecord => ({
  index: 0,
  key: 'a.png',
  outcome,
  startedAt: 0,
  durationMs: 100,
  throttles: 3,
  ...over,
});

describe('totals', () => {
  it('each kind of outcome is counted separately', () => {
    const outcomes: Outcome[] = [
      { kind: 'processed', entriesStored: 21, costUsd: 0.25 },
      { kind: 'processed' },
      { kind: 'rejected', reason: 'not posted' },
      { kind: 'failed', failureType: 'OCR_ERROR', message: 'x' },
      { kind: 'failed', failureType: 'OCR_ERROR', message: 'y' },
      { kind: 'failed', failureType: 'TIMEOUT_ERROR', message: 'z' },
    ];
    expect(outcomes.map((outcome) => recordOf(outcome)).reduce(addOutcome, noTotals)).toEqual({
      ...noTotals,
      processed: 2,
      rejected: 1,
      failed: 3,
      failedByType: { OCR_ERROR: 2, TIMEOUT_ERROR: 1 },
      entriesStored: 21,
      costUsd: 0.25,
      invokeMs: 600,
    });
  });
  it('an image without rows is no longer processed, and its entries and cost stay as reported', () => {
    const outcomes: Outcome[] = [
      { kind: 'processed', entriesStored: 3, costUsd: 0.5 },
      { kind: 'processed', entriesStored: 2 },
      { kind: 'no-rows', entriesStored: 3, costUsd: 0.5 },
    ];
    const totals = outcomes.map((outcome) => recordOf(outcome)).reduce(addOutcome, noTotals);
    expect(totals).toEqual({ ...noTotals, processed: 1, noRows: 1, entriesStored: 5, costUsd: 0.5, invokeMs: 200 });
    expect(doneOf(totals)).toBe(2);
  });
  it('images that are gone, and those that need a review, are counted', () => {
    const outcomes: Outcome[] = [
      { kind: 'gone' },
      { kind: 'gone' },
      { kind: 'processed', review: ['hours missing'] },
      { kind: 'processed', review: ['date missing'] },
      { kind: 'processed' },
    ];
    const totals = outcomes.map((outcome) => recordOf(outcome)).reduce(addOutcome, noTotals);
    expect(totals).toStrictEqual({ ...noTotals, processed: 3, gone: 2, needsReview: 2, invokeMs: 500 });
    expect(doneOf(totals)).toBe(5);
    expect(addOutcome(noTotals, recordOf({ kind: 'processed' }))).not.toHaveProperty('needsReview');
  });
  it('repeated invocations cost as much as the mean image', () => {
    expect(repeatCostUsd({ ...noTotals, processed: 8, failed: 2, costUsd: 5, repeats: 4 })).toBe(2);
  });
  it.each([
    ['nothing was repeated', { processed: 8, costUsd: 5, repeats: 0 }],
    ['a run from before repeats were counted', { processed: 8, costUsd: 5 }],
    ['the function reports no cost', { processed: 8, costUsd: 0, repeats: 4 }],
    ['no image is done', { processed: 0, costUsd: 5, repeats: 4 }],
  ])('there is no cost of repeats where %s', (_, over) => {
    expect(repeatCostUsd({ ...noTotals, ...over })).toBeUndefined();
  });
  it('calls and throttles are counted call by call', () => {
    const totals = addCall(addCall(noTotals, { throttled: true }), { throttled: false });
    expect(totals).toEqual({ ...noTotals, calls: 2, throttles: 1 });
  });
  it('every image is counted once', () => {
    const outcome = fc.constantFrom<Outcome>(
      { kind: 'processed', entriesStored: 1 },
      { kind: 'rejected', reason: '' },
      { kind: 'failed', failureType: 'OCR_ERROR', message: '' },
      { kind: 'failed', failureType: 'OUT_OF_MEMORY', message: '' },
    );
    fc.assert(
      fc.property(fc.array(outcome), (outcomes) => {
        const totals = outcomes.reduce((sum, one) => addOutcome(sum, recordOf(one)), noTotals);
        expect(doneOf(totals)).toBe(outcomes.length);
        expect(Object.values(totals.failedByType).reduce((a, b) => a + b, 0)).toBe(totals.failed);
      }),
    );
  });
});

describe('similar errors', () => {
  it.each([
    ['numbers', 'Task timed out after 30.02 seconds', 'Task timed out after 900.5 seconds'],
    [
      'request ids',
      'RequestId: 4f2b1c9e-1a2b-4c3d-8e9f-001122334455 Error',
      'RequestId: aaaabbbb-cccc-dddd-eeee-ffff00001111 Error',
    ],
    ['hex ids', 'object 0a1b2c3d4e5f gone', 'object ffee00aa1122 gone'],
    ['quoted names', "No rows for 'Nik Coultas'", "No rows for 'Ann O Nym'"],
    ['double quotes', 'Expected "a" here', 'Expected "b c" here'],
    ['keys', 'Cannot read 2025/Nik+Coultas.png now', 'Cannot read week-7.JPEG now'],
    ['paths', 'open s3://bucket/a failed', 'open s3://bucket/b/c failed'],
    ['times', 'at 2025-09-29T10:00:00Z', 'at 2026-01-01T23:59:59Z'],
    ['case and space', 'Too many  requests', 'too many requests'],
  ])('messages that differ in %s are the same cause', (_, one, other) => {
    expect(noteCause(noteCause([], 'OCR_ERROR', one), 'OCR_ERROR', other)).toEqual([
      { failureType: 'OCR_ERROR', message: one, count: 2 },
    ]);
  });
  it.each([
    ['Textract could not read the document', 'Nova could not read the document'],
    ["couldn't parse it", "couldn't read it"],
    ["didn't find the sheets' rows", "didn't lose the sheets' rows"],
    ['defaced', 'added'],
  ])('different messages are different causes: %s', (one, other) => {
    expect(noteCause(noteCause([], 'OCR_ERROR', one), 'OCR_ERROR', other)).toHaveLength(2);
  });
  it.each([
    ['Rows for "Nik" in `a b` by \'Ann O\' are late', 'rows for … in … by … are late'],
    ['open /tmp/a b/c.txt, week-7.jpg and up.jpeg', 'open … … … and …'],
    ['id 4f2b1c9e-1a2b-4c3d-8e9f-001122334455, object 0a1b2c3d', 'id #, object #'],
    ['at 10:00:00.5, 1,398 of 1.5', 'at #, # of #'],
    ['  two\tblanks  ', 'two blanks'],
  ])('%j is counted as %j', (message, normal) => {
    expect(normaliseMessage(message)).toBe(normal);
  });
  it('the same message with another failure type is another cause', () => {
    expect(noteCause(noteCause([], 'OCR_ERROR', 'x'), 'TEXTRACT_ERROR', 'x')).toHaveLength(2);
  });
  it('long and unusual messages are normalised quickly', () => {
    for (const text of [
      "'".repeat(100_000),
      '/'.repeat(100_000),
      'a.png'.repeat(20_000),
      '1'.repeat(100_000),
      '"'.repeat(99_999),
    ])
      expect(normaliseMessage(text).length).toBeLessThanOrEqual(500);
  });
});

describe('causes', () => {
  it('at most 20 causes are kept, and the most frequent one stays', () => {
    let causes: Cause[] = [];
    for (let turn = 0; turn < 200; turn++) {
      causes = noteCause(causes, 'OCR_ERROR', 'the same again');
      causes = noteCause(
        causes,
        'OCR_ERROR',
        `odd ${'abcdefghijklmnopqrst'.slice(0, 1 + (turn % 19))}${'x'.repeat(turn)}`,
      );
      expect(causes.length).toBeLessThanOrEqual(MAX_CAUSES);
    }
    expect(causes[0]).toEqual({ failureType: 'OCR_ERROR', message: 'the same again', count: 200 });
  });
  it('a cause keeps at most 500 characters of its message', () => {
    expect(noteCause([], 'OCR_ERROR', 'x'.repeat(5_000))[0]?.message).toHaveLength(500);
  });
  it('only the cause that came again is counted', () => {
    const before = ['one', 'two', 'three'].reduce<Cause[]>((list, text) => noteCause(list, 'OCR_ERROR', text), []);
    expect(noteCause(before, 'OCR_ERROR', 'two').map(({ count }) => count)).toEqual([1, 2, 1]);
  });
  it('noting a cause does not change the previous list', () => {
    const before: Cause[] = [{ failureType: 'OCR_ERROR', message: 'x', count: 1 }];
    noteCause(before, 'OCR_ERROR', 'x');
    expect(before).toEqual([{ failureType: 'OCR_ERROR', message: 'x', count: 1 }]);
  });
});
