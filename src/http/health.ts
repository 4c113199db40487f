/** How long the event loop was blocked just now. */
export interface LoopWatch {
  /** How much later than due the last tick came, or the next one already is, ms. */
  delayMs(): number;
  close(): void;
}

const TICK_MS = 1_000;
/** A loop that was blocked for longer than this a moment ago is not healthy, ms. */
export const MOST_LOOP_DELAY_MS = 5_000;

/** Watches the event loop of this process with a timer. It does not keep the process alive. */
export function watchEventLoop(monotonicMs: () => number = () => performance.now(), tickMs = TICK_MS): LoopWatch {
  let last = monotonicMs();
  let lateMs = 0;
  const timer = setInterval(() => {
    const now = monotonicMs();
    lateMs = Math.max(0, now - last - tickMs);
    last = now;
  }, tickMs);
  timer.unref();
  return {
    delayMs: () => Math.round(Math.max(lateMs, monotonicMs() - last - tickMs, 0)),
    close: () => clearInterval(timer),
  };
}

/** What the process answers about itself, with the status of the HTTP answer. */
export interface HealthAnswer {
  readonly status: 200 | 503;
  readonly body: object;
}

/** The process is alive; it is not healthy while its event loop was blocked just now. */
export function healthOf(loopDelayMs: number): HealthAnswer {
  const healthy = loopDelayMs <= MOST_LOOP_DELAY_MS;
  return { status: healthy ? 200 : 503, body: { healthy, eventLoopDelayMs: loopDelayMs } };
}

/** Who may drive runs and table jobs of a pipeline at the moment. */
export type LeaseState = 'this process' | 'another process' | 'nobody';

/** What is known about one pipeline. `notStarted`: it has no parts yet. `readMsAgo`: since its control table was read; absent if it never was. */
export interface PipelineReadiness {
  readonly pipeline: string;
  readonly notStarted?: true;
  readonly readMsAgo?: number;
  readonly lease?: LeaseState;
}

/** A control table that did not answer for this long is not reachable, ms. */
export const MOST_READ_AGE_MS = 30_000;

/**
 * Whether the process can serve people: Slack is connected, and each pipeline has started and its control table was read a moment
 * ago. A process that waits for another one's lease is ready: it answers commands.
 */
export function readinessOf(facts: {
  readonly slackConnected: boolean;
  readonly pipelines: readonly PipelineReadiness[];
}): HealthAnswer {
  const notReady = [
    ...(facts.slackConnected ? [] : ['slack: not connected']),
    ...facts.pipelines.flatMap(({ pipeline, notStarted, readMsAgo }) =>
      notStarted
        ? [`pipeline ${pipeline}: not started`]
        : readMsAgo === undefined || readMsAgo > MOST_READ_AGE_MS
          ? [`control table of ${pipeline}: not reachable`]
          : [],
    ),
  ];
  const ready = notReady.length === 0;
  return {
    status: ready ? 200 : 503,
    body: { ready, notReady, slackConnected: facts.slackConnected, pipelines: facts.pipelines },
  };
}
