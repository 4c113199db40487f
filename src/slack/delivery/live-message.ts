import type { Clock } from '../../lib/clock.ts';
import type { RunLocation } from '../../run/model/run-control.ts';
import type { MessageLocation } from '../client/chat.ts';
import { readTrouble } from '../client/slack-errors.ts';
import type { Message } from '../messages/kit/message.ts';

/** Something whose message is edited in place: a run, a job on the table. `runId` tells one from another. */
export interface Shown {
  readonly runId: string;
}

/** Messages that are edited in place. */
export interface LiveMessage<State extends Shown> {
  /** Shows this state as soon as an edit is due. Returns at once; an older state not yet shown is dropped. */
  show(state: State): void;
  /** Resolves when nothing is left to show, or when the board is closed. */
  shown(): Promise<void>;
  /** Nothing is edited any more. */
  close(): void;
}

export interface BoardPorts<State extends Shown> {
  readonly edit: (location: MessageLocation, message: Message) => Promise<void>;
  readonly locationOf: (runId: string) => Promise<RunLocation | undefined>;
  readonly render: (state: State) => Message;
  readonly clock: Clock;
  /** Edits begin at least this long after the one before, ms. */
  readonly everyMs: number;
  readonly onError: (error: unknown) => void;
}

const LONGEST_WAIT_MS = 30_000;

/**
 * One edit at a time, at most one in `everyMs`, always of the newest state (design, "Slack"). Where Slack is down, slow
 * or says 429 the states in between are dropped, and the newest is tried until it is shown.
 */
export function createLiveMessage<State extends Shown>(ports: BoardPorts<State>): LiveMessage<State> {
  const { clock, everyMs } = ports;
  const waiting = new Map<string, State>();
  const closed = new AbortController();
  let dueAt = Number.NEGATIVE_INFINITY;
  let failures = 0;
  let working: Promise<void> | undefined;
  const lastShown = new Map<string, string>();

  async function work(): Promise<void> {
    while (waiting.size > 0) {
      await clock.sleep(dueAt - clock.now(), closed.signal);
      if (closed.signal.aborted) return;
      // Taken after the wait, so that it is the newest.
      const [next] = waiting;
      if (!next) return;
      const [runId, run] = next;
      waiting.delete(runId);
      dueAt = clock.now() + everyMs;
      try {
        await put(run);
        failures = 0;
      } catch (error) {
        const trouble = readTrouble(error);
        ports.onError(error);
        // A message that is gone or not ours does not come back: later states are tried, this one is dropped.
        if (trouble.kind === 'refused') continue;
        failures++;
        const wait = trouble.kind === 'rate-limited' ? trouble.retryAfterMs : everyMs * 2 ** Math.min(failures, 10);
        dueAt = clock.now() + Math.max(everyMs, Math.min(wait, LONGEST_WAIT_MS));
        if (!waiting.has(runId)) waiting.set(runId, run);
      }
    }
  }

  async function put(run: State): Promise<void> {
    const location = await ports.locationOf(run.runId);
    if (location?.ts === undefined) return;
    const message = ports.render(run);
    const content = JSON.stringify(message);
    if (lastShown.get(run.runId) === content) return;
    await ports.edit({ channel: location.channel, ts: location.ts }, message);
    lastShown.clear();
    lastShown.set(run.runId, content);
  }

  return {
    show(run) {
      if (closed.signal.aborted) return;
      waiting.set(run.runId, run);
      working ??= work().finally(() => {
        working = undefined;
      });
    },
    async shown() {
      while (working) await working;
    },
    close() {
      closed.abort();
    },
  };
}
