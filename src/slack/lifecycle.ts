import type { Drain } from './client/receiver/drain.ts';

/** Starts and stops everything that talks to Slack. */
export interface SlackApp {
  /**
   * Subscribes to events, connects, and delivers what earlier processes left. Resolves when commands and clicks arrive;
   * when Slack cannot be reached it resolves all the same, and connecting is retried.
   * @throws when Slack refuses a token.
   */
  start(): Promise<void>;
  /**
   * Disconnects, delivers for up to 3 s what is under way, and ends the subscriptions. Undelivered alerts and follow-ups
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

/** The Slack part of one pipeline, without the connection that all pipelines share. */
export interface PipelineLife {
  /** Reads what is stored, and subscribes to events. It must not throw. */
  open(): Promise<void>;
  /** Delivers what earlier processes left, and what comes from now on. */
  serve(): void;
  /** Begins to end. What is returned still ends by itself, and must be waited for. */
  leave(): readonly Promise<void>[];
  /** Resolves when nothing is left that could be delivered now. */
  idle(): Promise<unknown>;
  /** Ends the subscriptions: until here a request in progress can still cause an event. */
  close(): void;
}

export function createPipelineLife(ports: {
  /** Awaited before anything else. It must not throw. */
  readonly prepare: () => Promise<void>;
  readonly sources: readonly Source[];
  readonly services: readonly Service[];
  /** Called once the services have started; nothing waits for them. They must not throw. */
  readonly onStarted: readonly (() => Promise<void>)[];
  /** Called at the beginning of the shutdown; the drain waits for them. They must not throw. */
  readonly onStopping: readonly (() => Promise<void>)[];
}): PipelineLife {
  const { services } = ports;
  let ends: readonly (() => void)[] = [];
  return {
    async open() {
      await ports.prepare();
      ends = ports.sources.map((start) => start());
    },
    serve() {
      for (const service of services) service.start?.();
      for (const call of ports.onStarted) void call();
    },
    leave: () => ports.onStopping.map((call) => call()),
    idle: () => Promise.all(services.map((service) => service.idle?.())),
    close() {
      for (const end of ends) end();
      for (const service of services) service.close();
    },
  };
}

export function createLifecycle(ports: {
  /** Of the pipelines that could be started: asked again at the end. */
  readonly lives: () => readonly PipelineLife[];
  readonly connection: {
    readonly connect: () => Promise<void>;
    readonly disconnect: () => Promise<unknown>;
    readonly close: () => void;
  };
  readonly drain: Drain;
}): SlackApp {
  const { connection, lives, drain } = ports;
  return {
    async start() {
      // Before the connection, so that no event is missed.
      const begun = lives();
      await Promise.all(begun.map((life) => life.open()));
      await connection.connect();
      for (const life of begun) life.serve();
    },
    async stop() {
      const ending = lives();
      for (const ended of ending.flatMap((life) => life.leave())) void drain.track(ended);
      await drain.drain(connection.disconnect, () => Promise.all(ending.map((life) => life.idle())));
      connection.close();
      for (const life of ending) life.close();
    },
  };
}
