import { expect, test } from 'vitest';
import { FaultError } from '../../../src/pipeline/fault.ts';
import {
  generationOf,
  lanePrefix,
  MOST_IMAGES,
  machineLane,
  nextGeneration,
  seqOf,
  startOfBotLane,
  startOfNextGeneration,
} from '../../../src/run/store/lanes.ts';

/** Every generation that a run can have, from the first. */
function allGenerations(): number[] {
  const all = [0];
  for (let seq = startOfBotLane(0); ; ) {
    const next = nextGeneration(seq);
    if ('fault' in next) return all;
    seq = next.seq;
    all.push(generationOf(seq));
  }
}

test('Every generation of a run has lanes whose numbers have ten digits, and there are fifty', () => {
  const generations = allGenerations();
  expect(generations).toEqual(Array.from({ length: 50 }, (_, generation) => generation));
  for (const generation of generations) {
    const lane = machineLane(generation);
    expect([lanePrefix(lane), lanePrefix(lane + 1)].every((prefix) => prefix.length === 2)).toBe(true);
    expect(String(seqOf(lane + 1, MOST_IMAGES - 2)).length).toBeLessThanOrEqual(10);
  }
});

test('A generation after the last one is refused with a line that says what to do, and no number is given', () => {
  const last = startOfBotLane(49);
  expect(nextGeneration(last)).toMatchObject({ fault: { fix: expect.stringContaining('/rescan start') } });
  expect(() => startOfNextGeneration(last)).toThrow(FaultError);
  expect(startOfNextGeneration(startOfBotLane(48))).toBe(last);
});
