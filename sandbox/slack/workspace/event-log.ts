import type { ServerResponse } from 'node:http';
import type { JsonRecord } from '../rules/json.ts';

/** Every visible event. `error_shown` is a message of Slack itself to one person. */
export type EventType =
  | 'message'
  | 'message_changed'
  | 'message_deleted'
  | 'ephemeral'
  | 'ephemeral_changed'
  | 'ephemeral_deleted'
  | 'reaction_added'
  | 'file_shared'
  | 'view_opened'
  | 'view_updated'
  | 'view_pushed'
  | 'view_errors'
  | 'view_closed'
  | 'home_published'
  | 'channel_joined'
  | 'channel_changed'
  | 'connection_opened'
  | 'connection_closed'
  | 'slack_world';

export interface EventLog {
  record(type: EventType, detail: JsonRecord): void;
  /** Number of the newest event, 0 before the first. A page that has read the state asks for the events after it. */
  lastId(): number;
  /**
   * Answers with a server-sent event stream: the stored events after `afterId`, then new ones. Ends when the client
   * disconnects.
   */
  stream(response: ServerResponse, afterId: number | undefined): void;
  close(): void;
}

const KEPT = 5_000;
const HEARTBEAT_MS = 15_000;

export function createEventLog(): EventLog {
  let lastId = 0;
  const kept: { id: number; frame: string }[] = [];
  const listeners = new Set<ServerResponse>();
  // Real time: keeps proxies and browsers from closing an idle stream.
  const heartbeat = setInterval(() => {
    for (const listener of listeners) listener.write(': still here\n\n');
  }, HEARTBEAT_MS);
  heartbeat.unref();
  return {
    record(type, detail) {
      const id = ++lastId;
      const frame = `id: ${id}\nevent: ${type}\ndata: ${JSON.stringify({ type, ...detail })}\n\n`;
      kept.push({ id, frame });
      if (kept.length > KEPT) kept.shift();
      for (const listener of listeners) listener.write(frame);
    },
    lastId: () => lastId,
    stream(response, afterId) {
      response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
      response.write('retry: 1000\n\n');
      if (afterId !== undefined) for (const { id, frame } of kept) if (id > afterId) response.write(frame);
      listeners.add(response);
      response.once('close', () => listeners.delete(response));
    },
    close() {
      clearInterval(heartbeat);
      for (const listener of listeners) listener.end();
      // No client is left for events that happen while the server closes.
      listeners.clear();
    },
  };
}
