import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { type WebSocket, WebSocketServer } from 'ws';
import { z } from 'zod';
import { isRecord, type JsonRecord } from './rules/json.ts';
import type { SlackClock } from './workspace/clock.ts';
import type { EventLog } from './workspace/event-log.ts';
import type { Ids } from './workspace/ids.ts';

export const DISCONNECT_REASONS = ['warning', 'refresh_requested', 'link_disabled', 'too_many_websockets'] as const;
export type DisconnectReason = (typeof DISCONNECT_REASONS)[number];

export type EnvelopeType = 'slash_commands' | 'interactive' | 'events_api';

/** The result of an envelope that had to be acknowledged in time. */
export type Delivery =
  | { readonly kind: 'acknowledged'; readonly afterMs: number; readonly response: JsonRecord }
  /** No acknowledgement within the limit. */
  | { readonly kind: 'too-late' }
  /** The app has no connection. */
  | { readonly kind: 'not-connected' }
  /** The connection ended before the acknowledgement. */
  | { readonly kind: 'connection-lost' }
  /** Over HTTP: the answer was not 200. */
  | { readonly kind: 'refused'; readonly status: number };

export interface ConnectionState {
  readonly id: string;
  readonly since: number;
  /** Was asked to disconnect: gets no more envelopes. */
  readonly leaving: boolean;
  readonly unacknowledged: number;
}

export interface SocketMode {
  /** The path and query of a link that is valid for one connection, as apps.connections.open returns it. */
  newLink(): string;
  /** Handles an HTTP upgrade. */
  accept(request: IncomingMessage, socket: Duplex, head: Buffer): void;
  /** Sends to one of the connections in rotation, and waits for the acknowledgement. */
  deliver(type: Exclude<EnvelopeType, 'events_api'>, payload: JsonRecord): Promise<Delivery>;
  /**
   * Sends an event and returns the result of the first attempt. Redelivers it up to three times until it is
   * acknowledged.
   */
  deliverEvent(payload: JsonRecord): Promise<Delivery>;
  /** Sends `disconnect` to one connection, or to all. Returns to how many. */
  disconnect(reason: DisconnectReason, connectionId?: string): number;
  /** Terminates every connection without a close frame. */
  cut(): void;
  connections(): readonly ConnectionState[];
  close(): Promise<void>;
}

interface Connection {
  readonly id: string;
  readonly socket: WebSocket;
  readonly since: number;
  leaving: boolean;
  readonly waiting: Map<string, (outcome: 'connection-lost' | JsonRecord) => void>;
}

const MOST_CONNECTIONS = 10;
/** Slack closes a connection some seconds after its `disconnect` message. */
const LEAVING_MS = 10_000;
const SERVER_PING_MS = 5_000;
/** Real time: how long a connection may take to close before it is terminated. */
const GOODBYE_MS = 300;
/** Slack's Events API retries almost at once, after one minute and after five minutes. */
const RETRY_AFTER_MS = [0, 60_000, 300_000] as const;

const ACKNOWLEDGEMENT = z.looseObject({ envelope_id: z.string(), payload: z.unknown().optional() });

export function createSocketMode(options: {
  clock: SlackClock;
  ids: Ids;
  log: Pick<EventLog, 'record'>;
  appId: string;
  /** Time limit for acknowledgements, in ms. Slack's limit is 3,000. */
  acknowledgeWithinMs: number;
  /** While it returns false, connections are refused. */
  isUp: () => boolean;
  /** How long an envelope is on its way, and after which times it arrives again, in ms. */
  delivery?: () => { readonly envelopeDelayMs: number; readonly repeatEnvelopesAfterMs: readonly number[] };
}): SocketMode {
  const { clock, ids, log } = options;
  const server = new WebSocketServer({ noServer: true });
  const tickets = new Set<string>();
  let connections: readonly Connection[] = [];
  let turn = 0;
  let connected: (() => void)[] = [];
  const closing = new AbortController();

  function join(socket: WebSocket): void {
    const connection: Connection = {
      id: ids.next('L'),
      socket,
      since: clock.now(),
      leaving: false,
      waiting: new Map(),
    };
    if (connections.length >= MOST_CONNECTIONS) {
      socket.send(JSON.stringify({ type: 'disconnect', reason: 'too_many_websockets', debug_info: debugInfo }));
      socket.close();
      return;
    }
    connections = [...connections, connection];
    socket.on('message', (data) => receive(connection, data.toString()));
    socket.on('error', () => socket.terminate());
    // Real time: clients drop a connection on which the server is silent (30 s in @slack/socket-mode).
    const pinging = setInterval(() => socket.ping(), SERVER_PING_MS);
    pinging.unref();
    socket.on('close', () => {
      clearInterval(pinging);
      connections = connections.filter((other) => other !== connection);
      for (const settle of connection.waiting.values()) settle('connection-lost');
      log.record('connection_closed', { connectionId: connection.id });
    });
    socket.send(
      JSON.stringify({
        type: 'hello',
        num_connections: connections.length,
        debug_info: debugInfo,
        connection_info: { app_id: options.appId },
      }),
    );
    log.record('connection_opened', { connectionId: connection.id });
    const waiting = connected;
    connected = [];
    for (const go of waiting) go();
  }

  function receive(connection: Connection, text: string): void {
    const parsed = ACKNOWLEDGEMENT.safeParse(parseJson(text));
    if (!parsed.success) return;
    const { envelope_id, payload } = parsed.data;
    connection.waiting.get(envelope_id)?.(
      isRecord(payload) ? payload : typeof payload === 'string' ? { text: payload } : {},
    );
  }

  const ableConnections = (): readonly Connection[] =>
    connections.filter((connection) => !connection.leaving && connection.socket.readyState === 1);

  /** Slack distributes envelopes over the connections in turn. */
  function nextConnection(): Connection | undefined {
    const able = ableConnections();
    return able.length === 0 ? undefined : able[turn++ % able.length];
  }

  async function send(type: EnvelopeType, envelope: JsonRecord): Promise<Delivery> {
    if (ableConnections().length === 0) return { kind: 'not-connected' };
    const envelopeId = crypto.randomUUID();
    const sentAt = clock.now();
    const settled = new AbortController();
    const limit = AbortSignal.any([settled.signal, closing.signal]);
    const text = JSON.stringify({
      envelope_id: envelopeId,
      type,
      accepts_response_payload: type !== 'events_api',
      ...envelope,
    });
    const { envelopeDelayMs = 0, repeatEnvelopesAfterMs = [] } = options.delivery?.() ?? {};
    for (const afterMs of repeatEnvelopesAfterMs)
      void clock
        .sleep(envelopeDelayMs + afterMs, closing.signal)
        .then(() => closing.signal.aborted || nextConnection()?.socket.send(text));
    const first = await Promise.race([
      transmit(envelopeId, text, envelopeDelayMs),
      clock.sleep(options.acknowledgeWithinMs, limit).then(() => 'too-late' as const),
    ]);
    settled.abort();
    for (const { waiting } of connections) waiting.delete(envelopeId);
    if (typeof first === 'string') return { kind: first };
    return { kind: 'acknowledged', afterMs: Math.round(clock.now() - sentAt), response: first };
  }

  /** Sends the envelope, also where nobody waits for it any more, and waits for its acknowledgement. */
  async function transmit(envelopeId: string, text: string, delayMs: number) {
    if (delayMs > 0) await clock.sleep(delayMs, closing.signal);
    const connection = nextConnection();
    if (!connection) return 'not-connected' as const;
    const outcome = new Promise<'connection-lost' | JsonRecord>((resolve) =>
      connection.waiting.set(envelopeId, resolve),
    );
    connection.socket.send(text);
    return outcome;
  }

  async function redeliver(payload: JsonRecord, attempt: number): Promise<void> {
    const delay = RETRY_AFTER_MS[attempt - 1];
    if (delay === undefined || closing.signal.aborted) return;
    await clock.sleep(delay, closing.signal);
    if (ableConnections().length === 0) await new Promise<void>((resolve) => connected.push(resolve));
    const delivery = await send('events_api', { payload, retry_attempt: attempt, retry_reason: 'timeout' });
    if (delivery.kind !== 'acknowledged') await redeliver(payload, attempt + 1);
  }

  return {
    newLink() {
      const ticket = crypto.randomUUID();
      tickets.add(ticket);
      return `/link/?ticket=${ticket}&app_id=${options.appId}`;
    },
    accept(request, socket, head) {
      const url = new URL(request.url ?? '/', 'http://localhost');
      const isInvited = url.pathname === '/link/' && tickets.delete(url.searchParams.get('ticket') ?? '');
      if (!isInvited || !options.isUp()) {
        socket.end(
          `HTTP/1.1 ${isInvited ? '503 Service Unavailable' : '401 Unauthorized'}\r\nConnection: close\r\n\r\n`,
        );
        return;
      }
      server.handleUpgrade(request, socket, head, join);
    },
    deliver: (type, payload) => send(type, { payload }),
    async deliverEvent(payload) {
      const delivery = await send('events_api', { payload, retry_attempt: 0, retry_reason: '' });
      if (delivery.kind !== 'acknowledged') void redeliver(payload, 1);
      return delivery;
    },
    disconnect(reason, connectionId) {
      const leaving = connections.filter((connection) => connectionId === undefined || connection.id === connectionId);
      for (const connection of leaving) {
        connection.socket.send(JSON.stringify({ type: 'disconnect', reason, debug_info: debugInfo }));
        // A warning comes some seconds before the disconnect. The connection works until then.
        if (reason === 'warning') continue;
        connection.leaving = true;
        void clock.sleep(LEAVING_MS, closing.signal).then(() => connection.socket.close());
      }
      return leaving.length;
    },
    cut() {
      for (const connection of connections) connection.socket.terminate();
    },
    connections: () =>
      connections.map(({ id, since, leaving, waiting }) => ({ id, since, leaving, unacknowledged: waiting.size })),
    async close() {
      closing.abort();
      await Promise.all(connections.map((connection) => goodbye(connection.socket)));
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

/** Closes with a close frame, so that clients do not see an error. Terminates connections that do not answer it. */
function goodbye(socket: WebSocket): Promise<void> {
  return new Promise((resolve) => {
    const cutting = setTimeout(() => socket.terminate(), GOODBYE_MS);
    socket.once('close', () => {
      clearTimeout(cutting);
      resolve();
    });
    socket.close(1001);
  });
}

const debugInfo = { host: 'local-slack', build_number: 1, approximate_connection_time: 18_060 };

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
