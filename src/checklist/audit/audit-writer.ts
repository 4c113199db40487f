import type { Clock } from '../../lib/clock.ts';
import type { AuditEntry, AuditFacts } from './audit-entry.ts';

export type NewAuditEntry = Omit<AuditFacts, 'at'>;

/** Takes down what is done, in its order. */
export interface AuditWriter {
  /**
   * Taken down as soon as it can be; returns at once, since a stop waits for nothing. What could not be written stays and is
   * tried again for as long as this process lives.
   */
  enqueue(deed: NewAuditEntry): void;
  /** On record when this resolves; throws where it cannot be written now. For what must not be done unless it is in the audit. */
  record(deed: NewAuditEntry): Promise<void>;
  /** How many deeds are not on record yet. */
  waiting(): number;
  /** Resolves when nothing waits any more, or after `withinMs`. Then nothing is tried again. */
  close(withinMs: number): Promise<void>;
}

interface Waiting {
  readonly facts: AuditFacts;
  /** Told how the first try went; undefined where nobody waits for it. */
  readonly settle?: { readonly done: () => void; readonly failed: (error: unknown) => void };
}

const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 30_000;
/** More are not kept in memory; how many were lost is an entry of its own. */
const MOST_WAITING = 5_000;

export function createAuditWriter(ports: {
  readonly append: (facts: AuditFacts) => Promise<AuditEntry>;
  /** What is on record so far was written: noted in another place, where it can be. */
  readonly anchor: (head: AuditEntry) => Promise<void>;
  readonly clock: Clock;
  readonly warn: (message: string, cause: unknown) => void;
  readonly mostWaiting?: number;
}): AuditWriter {
  const { clock, mostWaiting = MOST_WAITING } = ports;
  const closed = new AbortController();
  const queue: Waiting[] = [];
  let lost = 0;
  let working: Promise<void> | undefined;

  /** Whoever waits hears at once that nothing can be written: what hangs on it is refused, not held up. */
  function failWaiting(error: unknown): void {
    for (const { settle } of queue) settle?.failed(error);
    const left = queue.filter(({ settle }) => !settle);
    queue.splice(0, queue.length, ...left);
  }

  async function writeNext(): Promise<AuditEntry> {
    const [next] = queue;
    if (!next) {
      const outcome = `${lost} entries could not be written for too long, and are lost`;
      const entry = await ports.append({ at: clock.now(), who: 'bot', what: 'audit', outcome });
      lost = 0;
      return entry;
    }
    const entry = await ports.append(next.facts);
    queue.shift();
    next.settle?.done();
    return entry;
  }

  async function work(): Promise<void> {
    let pauseMs = FIRST_PAUSE_MS;
    let head: AuditEntry | undefined;
    while (queue.length > 0 || lost > 0) {
      try {
        head = await writeNext();
        pauseMs = FIRST_PAUSE_MS;
      } catch (error) {
        ports.warn(`the audit cannot be written; ${queue.length + lost} entries wait`, error);
        failWaiting(error);
        await clock.sleep(pauseMs, closed.signal);
        if (closed.signal.aborted) return;
        pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS);
      }
    }
    if (head) await ports.anchor(head).catch((error) => ports.warn('the head of the audit was not anchored', error));
  }
  function begin(): void {
    working ??= work().finally(() => {
      working = undefined;
      if ((queue.length > 0 || lost > 0) && !closed.signal.aborted) begin();
    });
  }

  return {
    enqueue(deed) {
      if (queue.length < mostWaiting) queue.push({ facts: { ...deed, at: clock.now() } });
      else lost++;
      begin();
    },
    record(deed) {
      return new Promise((resolve, reject) => {
        queue.push({ facts: { ...deed, at: clock.now() }, settle: { done: resolve, failed: reject } });
        begin();
      });
    },
    waiting: () => queue.length + lost,
    async close(withinMs) {
      const drained = new AbortController();
      const late = clock.sleep(withinMs, drained.signal);
      while (working) {
        const first = await Promise.race([working.then(() => 'written' as const), late.then(() => 'late' as const)]);
        if (first === 'late') break;
      }
      drained.abort();
      closed.abort();
    },
  };
}
