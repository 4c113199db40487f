import { z } from 'zod';
import { type ControlTable, parsedEntry } from '../../state/table/control-table.ts';

/** A test of the failure logging that may have left a record in the table. `at`: when it began, epoch ms. */
export interface PendingTest {
  readonly imageKey: string;
  readonly at: number;
}

/**
 * The tests that are running, or whose process stopped: `pipeline#NAME` / `logging-test#IMAGE` in the control table.
 */
export interface PendingTests {
  /** Call this before the function is invoked. */
  add(test: PendingTest): Promise<void>;
  /** Call this when the failure record is deleted or was never written. */
  remove(imageKey: string): Promise<void>;
  list(): AsyncIterable<PendingTest>;
}

const testSchema = z.object({ imageKey: z.string(), at: z.number() });
const PREFIX = 'logging-test#';

export function createPendingTests(table: ControlTable, name: string): PendingTests {
  const pk = `pipeline#${name}`;
  return {
    async add({ imageKey, at }) {
      await table.create({ pk, sk: `${PREFIX}${imageKey}` }, { imageKey, at: Math.round(at) });
    },
    async remove(imageKey) {
      await table.remove({ pk, sk: `${PREFIX}${imageKey}` });
    },
    async *list() {
      for await (const entry of table.list(pk, { prefix: PREFIX })) yield parsedEntry(entry, testSchema);
    },
  };
}
