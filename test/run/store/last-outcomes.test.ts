import { expect, test } from 'vitest';
import type { Outcome } from '../../../src/pipeline/invoke/invocation.ts';
import type { OutcomeRecord } from '../../../src/run/model/types.ts';
import { lastOutcomes } from '../../../src/run/store/last-outcomes.ts';

const record = (index: number, outcome: Outcome): OutcomeRecord => ({
  index,
  key: `image ${index}`,
  outcome,
  startedAt: 0,
  durationMs: 1,
  throttles: 0,
});
const processed: Outcome = { kind: 'processed', entriesStored: 3 };
const noRows: Outcome = { kind: 'no-rows', entriesStored: 3 };

test('The last outcome of each image is returned once, in the order of the journal', async () => {
  const chunks = [
    [record(0, processed), record(1, processed), record(2, processed)],
    [record(1, noRows), record(3, processed)],
    [record(3, processed), record(3, noRows)],
  ];
  async function* journal() {
    for (const records of chunks) yield { records };
  }
  const found = await Array.fromAsync(lastOutcomes(journal, 4));
  expect(found.map(({ index, outcome }) => [index, outcome.kind])).toEqual([
    [0, 'processed'],
    [2, 'processed'],
    [1, 'no-rows'],
    [3, 'no-rows'],
  ]);
});

test('An outcome that is recorded after the first read is left out', async () => {
  let reads = 0;
  async function* journal() {
    reads += 1;
    yield { records: [record(0, processed)] };
    if (reads === 2) yield { records: [record(1, processed)] };
  }
  expect(await Array.fromAsync(lastOutcomes(journal, 2))).toHaveLength(1);
});
