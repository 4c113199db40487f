import { subscribe } from 'node:diagnostics_channel';
import { EventEmitter, getEventListeners } from 'node:events';
import { readdirSync } from 'node:fs';
import { Agent } from 'node:http';

/** What a process holds, counted after a garbage collection. */
export interface Held {
  readonly heapMb: number;
  readonly rssMb: number;
  readonly timers: number;
  /** Agents of node:http with a connection, before their idle connections are closed. Each client of AWS has one. */
  readonly pools: number;
  /** Other handles and requests of Node. */
  readonly others: number;
  /** Open files, sockets and pipes, as Linux counts them, without idle connections to AWS. */
  readonly descriptors: number;
  /** Listeners of all event emitters that are in use. */
  readonly listeners: number;
  /** Listeners of all abort signals that are in use and not aborted. */
  readonly abortListeners: number;
}

const TIMERS = new Set(['Timeout', 'Immediate']);
/** Counted as descriptors: whether an idle connection is open depends on the real time. */
const SOCKETS = new Set(['TCPSocketWrap', 'TLSSocketWrap']);

/** Objects that were seen, without keeping them alive. */
function createNotes<T extends object>() {
  const seen = new WeakSet<T>();
  const references = new Set<WeakRef<T>>();
  return {
    add(target: T): void {
      if (seen.has(target)) return;
      seen.add(target);
      references.add(new WeakRef(target));
    },
    *living(): Generator<T> {
      for (const reference of references) {
        const target = reference.deref();
        if (target === undefined) references.delete(reference);
        else yield target;
      }
    },
  };
}

/** Counts from now on; call it before anything else is loaded. `collect` is the garbage collection of `--expose-gc`. */
export function countResources(collect: () => void): () => Promise<Held> {
  const emitters = createNotes<EventEmitter>();
  const signals = createNotes<AbortSignal>();
  const agents = createNotes<Agent>();
  const createConnection: unknown = Reflect.get(Agent.prototype, 'createSocket');
  if (typeof createConnection !== 'function') throw new Error('The agents of this Node have no createSocket.');
  Object.assign(Agent.prototype, {
    createSocket(this: Agent, ...args: unknown[]): unknown {
      agents.add(this);
      return Reflect.apply(createConnection, this, args);
    },
  });
  const { on, addListener } = EventEmitter.prototype;
  EventEmitter.prototype.on = function (this: EventEmitter, ...args) {
    emitters.add(this);
    return on.apply(this, args);
  };
  EventEmitter.prototype.addListener = function (this: EventEmitter, ...args) {
    emitters.add(this);
    return addListener.apply(this, args);
  };
  const { addEventListener } = AbortSignal.prototype;
  AbortSignal.prototype.addEventListener = function (
    this: AbortSignal,
    ...args: Parameters<AbortSignal['addEventListener']>
  ) {
    signals.add(this);
    return addEventListener.apply(this, args);
  };
  function closeIdle(): number {
    let pools = 0;
    for (const agent of agents.living()) {
      const idle = Object.values(agent.freeSockets).flatMap((sockets) => sockets ?? []);
      if (idle.length > 0 || Object.keys(agent.sockets).length > 0) pools += 1;
      for (const socket of idle) socket.destroy();
    }
    return pools;
  }
  return async () => {
    const pools = closeIdle();
    // Finalizers run in later turns, and free more.
    for (let turn = 0; turn < 3; turn += 1) {
      collect();
      await new Promise((resolve) => setImmediate(resolve));
    }
    const { heapUsed, rss } = process.memoryUsage();
    const resources = process.getActiveResourcesInfo();
    const count = (kinds: ReadonlySet<string>) => resources.filter((kind) => kinds.has(kind)).length;
    let listeners = 0;
    for (const emitter of emitters.living())
      for (const name of emitter.eventNames()) listeners += emitter.listenerCount(name);
    let abortListeners = 0;
    for (const signal of signals.living())
      if (!signal.aborted) abortListeners += getEventListeners(signal, 'abort').length;
    const timers = count(TIMERS);
    return {
      heapMb: heapUsed / 2 ** 20,
      rssMb: rss / 2 ** 20,
      timers,
      pools,
      others: resources.length - timers - count(SOCKETS),
      descriptors: readdirSync('/proc/self/fd').length,
      listeners,
      abortListeners,
    };
  };
}

/** The number of HTTP requests of this process that were not answered yet. */
export function countOpenRequests(): () => number {
  let open = 0;
  const opens = ['http.client.request.start', 'undici:request:create'];
  const closes = [
    'http.client.response.finish',
    'http.client.request.error',
    'undici:request:trailers',
    'undici:request:error',
  ];
  const count = (names: readonly string[], by: number): void => {
    for (const name of names)
      subscribe(name, () => {
        open += by;
      });
  };
  count(opens, 1);
  count(closes, -1);
  return () => open;
}
