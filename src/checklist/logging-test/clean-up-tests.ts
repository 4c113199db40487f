import type { Clock } from '../../lib/clock.ts';
import type { LoggingTestPorts } from './logging-test.ts';
import type { PendingTests } from './pending-tests.ts';

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
