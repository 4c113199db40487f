import { type DelayLimits, delayCeilingMs } from '../../lib/async/backoff.ts';
import { createSingleFlight } from '../../lib/async/single-flight.ts';
import type { Clock } from '../../lib/clock.ts';
import type { RunLocation } from '../../run/model/run-control.ts';
import type { MessageLocation } from '../client/chat.ts';
import { classifySlackError, isPostingForbidden } from '../client/slack-errors.ts';
import type { Message } from '../messages/kit/message.ts';
import type { FindLocation } from './message-locations.ts';

/** Edits live messages: the messages that show the state of a run, a job or the autopilot while it changes. */
export interface LiveMessageEditor<State> {
  /** Shows this state as soon as an edit is allowed. Returns at once; an older state that was not shown yet is dropped. */
  show(state: State): void;
  /** Resolves when every state was shown or dropped, or after `close`. */
  idle(): Promise<void>;
  /** Ends all editing. */
  close(): void;
}

export interface LiveMessageEditorPorts<State> {
  readonly edit: (location: MessageLocation, message: Message) => Promise<void>;
  /** Identifies the message that shows this state. */
  readonly idOf: (state: State) => string;
  readonly findLocation: FindLocation;
  readonly render: (state: State) => Message;
  /** Asked just before the edit: false where another process may have shown a newer state. Then this one is dropped. */
  readonly isCurrent?: (state: State) => boolean;
  /** It has a channel, but no message yet. Returns where the message is then; undefined where the state needs none. */
  readonly onMissing?: (state: State) => Promise<RunLocation | undefined>;
  /** The message was deleted. */
  readonly onDeleted?: (state: State, location: MessageLocation, message: Message) => Promise<unknown>;
  readonly clock: Clock;
  /** The time between the starts of two edits, ms. */
  readonly intervalMs: number;
  readonly onError: (error: unknown) => void;
}

const MAX_DELAY_MS = 30_000;
/** How often a message in a closed channel is tried again, ms. */
const CLOSED_CHANNEL_MS = 30_000;

/**
 * Makes one edit at a time, at most one per `intervalMs` over all messages, always with the newest state. While Slack is
 * down, slow or rate-limits the edits, the states in between are dropped, and the newest one is retried until it is shown. While a
 * channel is closed (archived, or the bot was removed) its messages are retried without holding up others.
 */
export function createLiveMessageEditor<State>(ports: LiveMessageEditorPorts<State>): LiveMessageEditor<State> {
  const { clock, intervalMs } = ports;
  const limits: DelayLimits = { baseMs: 2 * intervalMs, maxMs: Math.max(intervalMs, MAX_DELAY_MS) };
  const waiting = new Map<string, State>();
  /** The newest states of messages in closed channels. */
  const inClosedChannel = new Map<string, State>();
  const closed = new AbortController();
  let nextEditAt = Number.NEGATIVE_INFINITY;
  let failures = 0;
  let lastShown: { readonly id: string; readonly content: string } | undefined;

  async function editWaiting(): Promise<void> {
    while (waiting.size > 0) {
      await clock.sleep(nextEditAt - clock.now(), closed.signal);
      if (closed.signal.aborted) return;
      // Read after the wait, so that it is the newest state.
      const [next] = waiting;
      if (!next) return;
      const [id, state] = next;
      waiting.delete(id);
      nextEditAt = clock.now() + intervalMs;
      try {
        await edit(id, state);
        failures = 0;
      } catch (error) {
        ports.onError(error);
        const failure = classifySlackError(error);
        if (failure.kind === 'refused') {
          // Otherwise the message cannot be edited: a retry would be refused again. A later state is still tried.
          if (isPostingForbidden(failure.code)) void showWhenOpen(id, state);
          continue;
        }
        failures += 1;
        const delayMs = failure.kind === 'rate-limited' ? failure.retryAfterMs : delayCeilingMs(limits, failures);
        nextEditAt = clock.now() + Math.max(intervalMs, Math.min(delayMs, limits.maxMs));
        if (!waiting.has(id)) waiting.set(id, state);
      }
    }
  }

  async function showWhenOpen(id: string, state: State): Promise<void> {
    inClosedChannel.set(id, state);
    await clock.sleep(CLOSED_CHANNEL_MS, closed.signal);
    if (inClosedChannel.get(id) === state) editor.show(state);
  }

  async function edit(id: string, state: State): Promise<void> {
    const found = await ports.findLocation(id);
    if (!found || ports.isCurrent?.(state) === false) return;
    const location = found.ts === undefined ? await ports.onMissing?.(state) : found;
    if (location?.ts === undefined) return;
    const message = ports.render(state);
    const content = JSON.stringify(message);
    if (lastShown?.id === id && lastShown.content === content) return;
    const place = { channel: location.channel, ts: location.ts };
    try {
      await ports.edit(place, message);
    } catch (error) {
      const failure = classifySlackError(error);
      if (failure.kind !== 'refused' || failure.code !== 'message_not_found' || !ports.onDeleted) throw error;
      await ports.onDeleted(state, place, message);
    }
    lastShown = { id, content };
  }

  const editing = createSingleFlight(editWaiting);
  const editor: LiveMessageEditor<State> = {
    show(state) {
      if (closed.signal.aborted) return;
      const id = ports.idOf(state);
      inClosedChannel.delete(id);
      waiting.set(id, state);
      editing.start();
    },
    idle: editing.idle,
    close() {
      closed.abort();
    },
  };
  return editor;
}
