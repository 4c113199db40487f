import { z } from 'zod';
import type { ControlTable } from '../../state/control-table.ts';

/** A test of the failure logging that may have left a record behind. `at`: when it began, epoch ms. */
export interface TestNote {
  readonly imageKey: string;
  readonly at: number;
}

/** Tests under way, or whose process died: `pipeline#NAME` / `logging-test#IMAGE` in the control table. */
export interface TestNotes {
  /** Before the function is invoked. */
  note(test: TestNote): Promise<void>;
  /** Its record is gone, or there is none. */
  forget(imageKey: string): Promise<void>;
  list(): AsyncIterable<TestNote>;
}

const noteSchema = z.object({ imageKey: z.string(), at: z.number() });
const PREFIX = 'logging-test#';

export function createTestNotes(table: ControlTable, name: string): TestNotes {
  const pk = `pipeline#${name}`;
  return {
    async note({ imageKey, at }) {
      await table.create({ pk, sk: `${PREFIX}${imageKey}` }, { imageKey, at: Math.round(at) });
    },
    async forget(imageKey) {
      await table.remove({ pk, sk: `${PREFIX}${imageKey}` });
    },
    async *list() {
      for await (const entry of table.list(pk, { prefix: PREFIX })) yield noteSchema.parse(entry);
    },
  };
}
