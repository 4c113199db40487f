import type { OutcomeRecord } from '../model/types.ts';
import type { JournalChunk } from './run-store.ts';

type Chunks = AsyncIterable<Pick<JournalChunk, 'records'>>;

const MAX_COUNTED = 255;

/**
 * The last outcome of each image of a run, in the order of the journal. An image has several where it was invoked again,
 * or where its rows were missing. Reads the journal twice and needs one byte per image. Outcomes that are recorded
 * between the two reads are left out.
 * @throws the error of the journal
 */
export async function* lastOutcomes(journal: () => Chunks, images: number): AsyncGenerator<OutcomeRecord> {
  const left = new Uint8Array(images);
  for await (const { records } of journal())
    for (const { index } of records) left[index] = Math.min(MAX_COUNTED, (left[index] ?? 0) + 1);
  for await (const { records } of journal())
    for (const record of records) {
      const times = left[record.index] ?? 0;
      left[record.index] = Math.max(0, times - 1);
      if (times === 1) yield record;
    }
}
