import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { OutcomeRecord } from '../../../src/run/model/types.ts';
import {
  beginLookup,
  LOOK_AT_ONCE,
  lookupDueAt,
  noteClaim,
  noteFailedLookup,
  noteProofs,
  type RowProof,
  startRowWatch,
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
