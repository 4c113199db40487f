import type { Clock } from '../../../lib/clock.ts';
import type { OutcomeRecord } from '../../model/types.ts';
import type { Appended, JournalChunk } from '../../store/run-store.ts';

/** What is written at once at the most: well below the 400 KB of a DynamoDB item. */
const MOST_AT_ONCE = 200;
const LONGEST_WAIT_MS = 5_000;

export interface OutcomeWriterPorts {
  readonly clock: Clock;
  /**
   * Puts a chunk on record. `records`: those that are, the first of the chunk's; an earlier try that seemed to fail may have
   * put fewer there. `found`: what another writer put there first. Throws when it cannot.
   */
  readonly append: (chunk: Omit<JournalChunk, 'writer'>) => Promise<Appended>;
  /** The number of the last chunk on record and the highest index started, read before and noted after each write. */
  readonly position: { journalSeq: number; startedThrough: number };
  /** Records that are now on record: own ones, or ones found that another writer put there. */
  readonly onRecord: (records: readonly OutcomeRecord[], own: boolean) => void;
  /** A write failed, for the n-th time in a row; it is tried again. */
  readonly onError: (error: unknown, times: number) => void;
  /** Gives up what is not on record yet. */
  readonly abandoned: AbortSignal;
}

export interface OutcomeWriter {
  add(record: OutcomeRecord): void;
  /** Whether the last write failed. */
  troubled(): boolean;
  /** Resolves when nothing waits to be written, or all was given up. */
  idle(): Promise<void>;
}

/**
 * Writes outcomes to the journal in the order they come, one write at a time; what comes meanwhile goes with the next
 * write. So every outcome is durable within one or two writes of its coming, at any speed.
 */
export function createOutcomeWriter(ports: OutcomeWriterPorts): OutcomeWriter {
  const { clock, position, abandoned } = ports;
  const waiting: OutcomeRecord[] = [];
  let writing: Promise<void> | undefined;
  let troubles = 0;

  async function write(): Promise<void> {
    while (waiting.length > 0 && !abandoned.aborted) {
      const records = waiting.slice(0, MOST_AT_ONCE);
      const seq = position.journalSeq + 1;
      try {
        const written = await ports.append({ seq, startedThrough: position.startedThrough, records });
        troubles = 0;
        position.journalSeq = seq;
        if (written.ok) waiting.splice(0, written.records.length);
        ports.onRecord(written.ok ? written.records : written.found.records, written.ok);
      } catch (error) {
        troubles++;
        ports.onError(error, troubles);
        await clock.sleep(Math.min(LONGEST_WAIT_MS, 250 * 2 ** troubles), abandoned);
      }
    }
  }

  return {
    add(record) {
      waiting.push(record);
      writing ??= write().finally(() => {
        writing = undefined;
      });
    },
    troubled: () => troubles > 0,
    idle: () => writing ?? Promise.resolve(),
  };
}
