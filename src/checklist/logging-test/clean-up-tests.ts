import type { Clock } from '../../lib/clock.ts';
import type { LoggingTestPorts } from './logging-test.ts';
import type { PendingTests } from './pending-tests.ts';

const MINUTE_MS = 60_000;
/** A younger test may still be looking for its record, in another copy of the bot. */
const LEAST_AGE_MS = 5 * MINUTE_MS;
/** Lambda runs nothing for longer than 15 minutes: by then a record is there, or never will be. */
const LAST_LOOK_MS = 20 * MINUTE_MS;

export interface CleanUpPorts extends Pick<LoggingTestPorts, 'findRecords' | 'searchRecords'> {
  readonly clock: Clock;
  readonly pendingTests: PendingTests;
  /** A flush or a restore counts and compares: nothing is taken out beside it. */
  readonly isTableBusy: () => Promise<boolean>;
}

/**
 * Takes out what tests of the failure logging left behind whose process died, whose answer never came, or whose record came
 * late: else it would stand among the failed images, and be retried. Whatever cannot be done is thrown, and done next time.
 */
export async function cleanUpTests({ clock, pendingTests: notes, isTableBusy, ...look }: CleanUpPorts): Promise<void> {
  for await (const { imageKey, at } of notes.list()) {
    const age = clock.now() - at;
    if (age < LEAST_AGE_MS) continue;
    if (await isTableBusy()) return;
    const isLastLook = age >= LAST_LOOK_MS;
    const found = (await look.findRecords(imageKey)) ?? (isLastLook ? await look.searchRecords(imageKey) : undefined);
    if (found) await found.remove();
    else if (!isLastLook) continue;
    await notes.remove(imageKey);
  }
}
