import { randomUUID } from 'node:crypto';
import { type DelayLimits, delayCeilingMs } from '../../lib/async/backoff.ts';
import type { Clock } from '../../lib/clock.ts';
import type { AuditEntry, AuditFacts } from './audit-entry.ts';
import type { AuditOutcome } from './audit-outcome.ts';

/** An entry before it is written. Its outcome says in past tense what happened. */
export type NewAuditEntry = Omit<AuditFacts, 'at' | 'outcome' | 'id'> & { readonly outcome: AuditOutcome };

/** Writes audit entries in their order. */
export interface AuditWriter {
  /**
   * Queues an entry and returns at once, since a stop must not wait. An entry that cannot be written is tried again for
   * as long as this process runs.
   */
  enqueue(entry: NewAuditEntry): void;
  /**
   * Resolves when the entry is written; rejects when it cannot be written now. For actions that require an audit entry
   * first.
   */
  record(entry: NewAuditEntry): Promise<void>;
  /** How many entries are not written yet. */
  waiting(): number;
  /** Resolves when every entry is written, or after `withinMs`. Nothing is tried again after that. */
  close(withinMs: number): Promise<void>;
}

interface Waiting {
  readonly facts: AuditFacts;
  /** Called with the result of the first try; undefined for a queued entry. */
  readonly settle?: { readonly done: () => void; readonly failed: (error: unknown) => void };
}

const RETRY: DelayLimits = { baseMs: 500, maxMs: 30_000 };
/** How many entries wait in memory at most. The number of lost ones is written as an entry of its own. */
const MAX_WAITING = 5_000;

export function createAuditWriter(ports: {
  readonly append: (facts: AuditFacts) => Promise<AuditEntry>;
  /** Stores the hash of the last entry in another place. */
  readonly anchor: (head: AuditEntry) => Promise<void>;
  readonly clock: Clock;
  readonly warn: (message: string, cause: unknown) => void;
  readonly maxWaiting?: number;
}): AuditWriter {
  const { clock, maxWaiting = MAX_WAITING } = ports;
  const closed = new AbortController();
  const queue: Waiting[] = [];
  let lost = 0;
  let working: Promise<void> | undefined;

  /** Rejects every `record` at once, so that the actions that need it are refused and not delayed. */
  function failRecords(error: unknown): void {
    for (const { settle } of queue) settle?.failed(error);
    const left = queue.filter(({ settle }) => !settle);
    queue.splice(0, queue.length, ...left);
  }

  const waitingFor = (entry: NewAuditEntry): Waiting => ({ facts: { ...entry, at: clock.now(), id: randomUUID() } });

  /** The number of lost entries, as an entry that waits from now on. */
  function queueLost(): Waiting {
    const outcome: AuditOutcome = `failed: ${lost} entries were lost because the audit log could not be written`;
    const waiting = waitingFor({ who: 'bot', what: 'audit', outcome });
    queue.push(waiting);
    lost = 0;
    return waiting;
  }

  async function writeNext(): Promise<AuditEntry> {
    const next = queue[0] ?? queueLost();
    const entry = await ports.append(next.facts);
    queue.shift();
    next.settle?.done();
    return entry;
  }

  async function writeAll(): Promise<void> {
    let failures = 0;
    let head: AuditEntry | undefined;
    while (queue.length > 0 || lost > 0) {
      try {
        head = await writeNext();
        failures = 0;
      } catch (error) {
        ports.warn(`the audit log could not be written; ${queue.length + lost} entries wait`, error);
        failRecords(error);
        failures++;
        await clock.sleep(delayCeilingMs(RETRY, failures), closed.signal);
        if (closed.signal.aborted) return;
      }
    }
    if (head)
      await ports.anchor(head).catch((error) => ports.warn('the head of the audit log was not anchored', error));
  }
  function begin(): void {
    working ??= writeAll().finally(() => {
      working = undefined;
      if ((queue.length > 0 || lost > 0) && !closed.signal.aborted) begin();
    });
  }

  return {
    enqueue(entry) {
      if (queue.length < maxWaiting) queue.push(waitingFor(entry));
      else lost++;
      begin();
    },
    record(entry) {
      return new Promise((resolve, reject) => {
        queue.push({ ...waitingFor(entry), settle: { done: resolve, failed: reject } });
        begin();
      });
    },
    waiting: () => queue.length + lost,
    async close(withinMs) {
      const drained = new AbortController();
      const timeout = clock.sleep(withinMs, drained.signal);
      while (working) {
        const first = await Promise.race([working.then(() => 'written' as const), timeout.then(() => 'late' as const)]);
        if (first === 'late') break;
      }
      drained.abort();
      closed.abort();
    },
  };
}
