import { z } from 'zod';
import type { ControlTable } from '../../state/control-table.ts';

/** A test of the failure logging that may have left a record behind. `at`: when it began, epoch ms. */
export interface PendingTest {
  readonly imageKey: string;
  readonly at: number;
}

/** Tests under way, or whose process died: `pipeline#NAME` / `logging-test#IMAGE` in the control table. */
export interface PendingTests {
  /** Before the function is invoked. */
  add(test: PendingTest): Promise<void>;
  /** Its record is gone, or there is none. */
  remove(imageKey: string): Promise<void>;
  list(): AsyncIterable<PendingTest>;
}

const noteSchema = z.object({ imageKey: z.string(), at: z.number() });
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
      for await (const entry of table.list(pk, { prefix: PREFIX })) yield noteSchema.parse(entry);
    },
  };
}
