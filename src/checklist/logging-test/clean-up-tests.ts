import { z } from 'zod';
import type { Clock } from '../../lib/clock.ts';
import type { ControlTable } from '../../state/control-table.ts';
import type { LoggingTestPorts } from './logging-test.ts';

/** A test of the failure logging that may have left a record in the table. `at`: when it began, epoch ms. */
interface PendingTest {
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
      for await (const entry of table.list(pk, { prefix: PREFIX })) yield testSchema.parse(entry);
    },
  };
}

const MINUTE_MS = 60_000;
/** A younger test may still be waiting for its record, in another process. */
const MIN_AGE_MS = 5 * MINUTE_MS;
/** Lambda runs an invocation for at most 15 minutes: a record that is not there by now is never written. */
const LAST_SEARCH_MS = 20 * MINUTE_MS;

export interface CleanUpPorts extends Pick<LoggingTestPorts, 'findRecords' | 'searchRecords'> {
  readonly clock: Clock;
  readonly pendingTests: PendingTests;
  /** A flush or restore counts and compares records, so nothing is deleted while one runs. */
  readonly isTableBusy: () => Promise<boolean>;
}

/**
 * Deletes failure records that tests of the failure logging left in the table: their process stopped, the function gave
 * no answer, or the record was written late. Otherwise they would be listed and retried as failed images. Throws what
 * cannot be read or deleted; the next call tries it again.
 */
export async function cleanUpTests(ports: CleanUpPorts): Promise<void> {
  const { clock, pendingTests } = ports;
  for await (const { imageKey, at } of pendingTests.list()) {
    const ageMs = clock.now() - at;
    if (ageMs < MIN_AGE_MS) continue;
    if (await ports.isTableBusy()) return;
    const isLastSearch = ageMs >= LAST_SEARCH_MS;
    const found =
      (await ports.findRecords(imageKey)) ?? (isLastSearch ? await ports.searchRecords(imageKey) : undefined);
    if (found) await found.remove();
    else if (!isLastSearch) continue;
    await pendingTests.remove(imageKey);
  }
}
