import type { Drain } from './client/drain.ts';

/** Starts and stops everything that talks to Slack. */
export interface SlackApp {
  /**
   * Subscribes to events, connects, and delivers what earlier processes left. Resolves when commands and clicks arrive;
   * when Slack cannot be reached it resolves all the same, and connecting is retried.
   * @throws when Slack refuses a token.
   */
  start(): Promise<void>;
  /**
   * Ends the subscriptions, disconnects, and delivers for up to 3 s what is under way. Undelivered alerts and follow-ups
   * stay stored. Never throws.
   */
  stop(): Promise<void>;
}

/** A source of events or of work. It starts at the call, and returns the function that ends it. */
export type Source = () => () => void;

/** Something that delivers in the background. */
export interface Service {
  start?(): void;
  /** Resolves when nothing is left that could be delivered now. */
  idle?(): Promise<void>;
  close(): void;
}

export function createLifecycle(ports: {
  /** Awaited before anything else. It must not throw. */
  readonly prepare: () => Promise<void>;
  readonly sources: readonly Source[];
  readonly connection: {
    readonly connect: () => Promise<void>;
    readonly disconnect: () => Promise<unknown>;
    readonly close: () => void;
  };
  readonly services: readonly Service[];
  /** Called once the services have started; nothing waits for them. They must not throw. */
  readonly onStarted: readonly (() => Promise<void>)[];
  /** Called at the beginning of the shutdown; the drain waits for them. They must not throw. */
  readonly onStopping: readonly (() => Promise<void>)[];
  readonly drain: Drain;
}): SlackApp {
  const { connection, services } = ports;
  let ends: readonly (() => void)[] = [];
  return {
    async start() {
      await ports.prepare();
      // Before the connection, so that no event is missed.
      ends = ports.sources.map((start) => start());
      await connection.connect();
      for (const service of services) service.start?.();
      for (const call of ports.onStarted) void call();
    },
    async stop() {
      for (const end of ends) end();
      for (const call of ports.onStopping) void ports.drain.track(call());
      await ports.drain.drain(connection.disconnect, () => Promise.all(services.map((service) => service.idle?.())));
      connection.close();
      for (const service of services) service.close();
    },
  };
}
