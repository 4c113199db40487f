import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { OutcomeRecord } from '../../../src/run/model/types.ts';
import {
  awaitsRowsBelow,
  beginLookup,
  endRowWatch,
  LOOK_AT_ONCE,
  lookupDueAt,
  noteClaim,
  noteFailedLookup,
  noteProofs,
  type RowProof,
  startRowWatch,
  unprovenOf,
} from '../../../src/run/rules/row-watch.ts';

const WAIT_MS = 10_000;
const record = (index: number, startedAt = 0): OutcomeRecord => ({
  index,
  key: `image ${index}`,
  outcome: { kind: 'processed', entriesStored: 3 },
  startedAt,
  durationMs: 0,
  throttles: 0,
});

/** Passes images one per `everyMs`, with a lookup whenever one is due. */
function play(images: number, proofOf: (record: OutcomeRecord, now: number) => RowProof, everyMs = 500) {
  let watch = startRowWatch();
  const lookedUp: OutcomeRecord[] = [];
  const lost: OutcomeRecord[] = [];
  for (let index = 0; index < images; index++) {
    const now = index * everyMs;
    watch = noteClaim(watch, record(index, now));
    if (lookupDueAt(watch) > now) continue;
    watch = beginLookup(watch, now);
    lookedUp.push(...watch.asked);
    const noted = noteProofs(
      watch,
      watch.asked.map((each) => proofOf(each, now)),
      now,
      WAIT_MS,
    );
    watch = noted.watch;
    lost.push(...noted.lost);
  }
  return { watch, lookedUp, lost };
}

describe('lookups of rows', () => {
  test('take the first images of a drive and then 4 % of the images', () => {
    const { lookedUp } = play(505, () => 'found');
    expect(lookedUp.map(({ index }) => index).slice(0, 7)).toEqual([0, 1, 2, 3, 4, 29, 54]);
    expect(lookedUp).toHaveLength(25);
  });

  test('take all images around one without rows, those before it included', () => {
    const { lookedUp } = play(100, ({ index }) => (index === 54 ? 'missing' : 'found'));
    const seen = new Set(lookedUp.map(({ index }) => index));
    for (let index = 30; index < 100; index++) expect(seen.has(index), `image ${index}`).toBe(true);
  });

  test('give rows the time to come, and then count them as missing once', () => {
    const late = play(100, ({ startedAt }, now) => (now >= startedAt + 8_000 ? 'found' : 'missing'));
    expect(late.lost).toEqual([]);
    const never = play(100, ({ index }) => (index % 2 === 0 ? 'missing' : 'found'));
    const keys = never.lost.map(({ key }) => key);
    expect(keys.length).toBeGreaterThan(25);
    expect(new Set(keys).size).toBe(keys.length);
    expect(never.lost.every(({ index }) => index % 2 === 0)).toBe(true);
  });

  test('lose no image when a lookup fails', () => {
    let watch = startRowWatch();
    for (let index = 0; index < 5; index++) watch = noteClaim(watch, record(index));
    watch = noteFailedLookup(beginLookup(watch, 0), 0);
    expect(lookupDueAt(watch)).toBe(2_000);
    expect(
      beginLookup(watch, 2_000)
        .asked.map(({ index }) => index)
        .sort(),
    ).toEqual([0, 1, 2, 3, 4]);
  });

  test('are bounded in number and memory, whatever the table says', () => {
    const proof = fc.constantFrom<RowProof>('found', 'missing', 'unknown');
    fc.assert(
      fc.property(
        fc.array(fc.array(proof, { minLength: 30, maxLength: 30 }), { minLength: 1, maxLength: 60 }),
        (turns) => {
          let watch = startRowWatch();
          let index = 0;
          for (const [turn, proofs] of turns.entries()) {
            for (let more = 0; more < 40; more++) watch = noteClaim(watch, record(index++, turn * 1_000));
            watch = beginLookup(watch, turn * 1_000);
            expect(watch.asked.length).toBeLessThanOrEqual(LOOK_AT_ONCE);
            watch = noteProofs(watch, proofs, turn * 1_000, WAIT_MS).watch;
            expect(watch.queue.length + watch.missing.length).toBeLessThanOrEqual(500 + LOOK_AT_ONCE);
            expect(watch.skipped.length).toBeLessThanOrEqual(40);
          }
        },
      ),
    );
  });
});

describe('the state of the lookups', () => {
  const records = (count: number, from = 0) => Array.from({ length: count }, (_, at) => record(from + at));
  const indexesOf = (of: readonly OutcomeRecord[]) => of.map(({ index }) => index);
  const start = startRowWatch();

  test('begins with nothing to look up', () => {
    expect(start).toMatchObject({ queue: [], asked: [], missing: [], skipped: [], found: 0 });
    expect(lookupDueAt(start)).toBe(Number.POSITIVE_INFINITY);
  });

  test('a full queue takes no more images, unless one must be looked up', () => {
    const full = { ...start, queue: records(400), missing: records(100, 400) };
    expect(noteClaim(full, record(900)).queue).toHaveLength(400);
    expect(indexesOf(noteClaim(full, record(900), true).queue).at(-1)).toBe(900);
    expect(noteClaim({ ...full, queue: records(399) }, record(900)).queue).toHaveLength(400);
  });

  test('the images around a miss are taken as far as the queue has room', () => {
    const watch = { ...start, asked: [record(1)], queue: records(490, 100), skipped: records(40, 50) };
    const { watch: next } = noteProofs(watch, ['missing'], 0, WAIT_MS);
    expect(next.queue).toHaveLength(499);
    expect(next.skipped).toEqual([]);
    expect(unprovenOf(next)).toBe(1);
  });

  test('the images around a miss are left out where the queue is longer than it may be', () => {
    const watch = { ...start, asked: [record(1)], queue: records(510, 100), skipped: records(40, 50) };
    expect(noteProofs(watch, ['missing'], 0, WAIT_MS).watch.queue).toHaveLength(510);
  });

  test('no lookup begins while one runs', () => {
    expect(lookupDueAt({ ...start, asked: records(1), queue: records(3, 1) })).toBe(Number.POSITIVE_INFINITY);
    expect(lookupDueAt({ ...start, queue: records(1) })).toBe(0);
    expect(lookupDueAt({ ...start, missing: records(1), nextLookAt: 700 })).toBe(700);
    expect(lookupDueAt({ ...start, nextLookAt: 700 })).toBe(Number.POSITIVE_INFINITY);
  });

  test('missing rows are looked up again when it is time, beside new images', () => {
    const watch = { ...start, missing: records(15), queue: records(30, 100), nextLookAt: 2_000 };
    expect(indexesOf(beginLookup(watch, 1_999).asked)).toEqual(indexesOf(records(20, 100)));
    const next = beginLookup(watch, 2_000);
    expect(indexesOf(next.asked)).toEqual([...indexesOf(records(10)), ...indexesOf(records(10, 100))]);
    expect(indexesOf(next.missing)).toEqual([10, 11, 12, 13, 14]);
    expect(indexesOf(next.queue)).toEqual(indexesOf(records(20, 110)));
  });

  test('rows count as missing from exactly the waiting time after the reply on', () => {
    const watch = { ...start, asked: [{ ...record(1, 1_000), durationMs: 3_000 }] };
    expect(noteProofs(watch, ['missing'], 13_999, WAIT_MS).lost).toEqual([]);
    expect(indexesOf(noteProofs(watch, ['missing'], 14_000, WAIT_MS).lost)).toEqual([1]);
  });

  test('found rows are counted, and what is unknown is left to the end of the run', () => {
    const watch = { ...start, asked: records(5), found: 7 };
    const { watch: next, lost } = noteProofs(watch, ['found', 'unknown', 'found'], 99_000, WAIT_MS);
    expect(next).toMatchObject({ found: 9, asked: [], missing: [], everyoneFor: 5 });
    expect(lost).toEqual([]);
  });

  test('the next look at missing rows is two seconds later, or when it was due already', () => {
    const watch = { ...start, asked: records(1), nextLookAt: 5_000 };
    const dueAt = (now: number) => noteProofs(watch, ['missing'], now, WAIT_MS).watch.nextLookAt;
    expect([dueAt(4_000), dueAt(5_000), dueAt(6_000)]).toEqual([5_000, 7_000, 8_000]);
  });

  test('the end of a run waits for no lookup', () => {
    const watch = { ...start, queue: records(2), missing: records(2, 2), skipped: records(2, 4), asked: records(1, 6) };
    expect(endRowWatch(watch)).toEqual({ ...watch, queue: [], missing: [], skipped: [] });
  });

  test.each(['queue', 'asked', 'missing'] as const)('an image in %s awaits its rows', (where) => {
    const watch = { ...start, [where]: records(2, 5) };
    expect([5, 6, 7].map((index) => awaitsRowsBelow(watch, index))).toEqual([false, true, true]);
  });

  test('no image awaits its rows where none is looked up', () => {
    expect(awaitsRowsBelow({ ...start, skipped: records(3) }, 10)).toBe(false);
  });
});
