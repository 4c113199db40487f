import type { Clock } from '../lib/clock.ts';
import { healthOf, type PipelineReadiness, readinessOf, watchEventLoop } from './health.ts';
import type { Metrics } from './metrics/metrics.ts';
import type { PipelineObserver } from './metrics/pipeline-metrics.ts';
import { type HttpServer, sendJson } from './server.ts';

/** What machines ask the process: `/healthz`, `/readyz` and `/metrics`. */
export interface Observation {
  /** A pipeline of the process, which has not started yet. */
  expect(pipeline: string): void;
  /** It has started, and is observed from now on. */
  add(pipeline: string, observer: PipelineObserver): void;
  /** From now on requests from Slack may be expected: whether they can arrive. */
  slack(isConnected: () => boolean): void;
  /** Ends the answers; the server stays. */
  close(): void;
}

/** A text of metrics is answered again for this long, ms: making it costs some milliseconds of the event loop. */
const TEXT_KEPT_MS = 1_000;

export function observeOver(
  server: Pick<HttpServer, 'add'>,
  ports: { readonly metrics: Metrics; readonly clock: Pick<Clock, 'now'> },
): Observation {
  const { metrics, clock } = ports;
  const loop = watchEventLoop();
  /** The pipelines of the process; undefined: not started yet. */
  const pipelines = new Map<string, PipelineObserver | undefined>();
  const observers = () => pipelines.values().flatMap((observer) => (observer ? [observer] : []));
  let isSlackConnected = () => false;
  let text: { readonly at: number; readonly of: Promise<string> } | undefined;

  const refresh = () => Promise.all(observers().map((observer) => observer.refresh()));

  async function render(): Promise<string> {
    await refresh();
    metrics.slackConnected.set(isSlackConnected() ? 1 : 0);
    for (const [pipeline, observer] of pipelines) metrics.pipelineStarted.set({ pipeline }, observer ? 1 : 0);
    return metrics.registry.metrics();
  }

  server.add('GET', '/healthz', (_request, response) => {
    const { status, body } = healthOf(loop.delayMs());
    sendJson(response, status, body);
  });
  server.add('GET', '/readyz', async (_request, response) => {
    await refresh();
    const known = [...pipelines].map(
      ([pipeline, observer]): PipelineReadiness => observer?.readiness() ?? { pipeline, notStarted: true },
    );
    const { status, body } = readinessOf({ slackConnected: isSlackConnected(), pipelines: known });
    sendJson(response, status, body);
  });
  server.add('GET', '/metrics', async (_request, response) => {
    if (!text || clock.now() - text.at >= TEXT_KEPT_MS) text = { at: clock.now(), of: render() };
    const shown = await text.of;
    response.writeHead(200, { 'content-type': metrics.registry.contentType, 'cache-control': 'no-store' });
    response.end(shown);
  });

  return {
    expect: (pipeline) => void pipelines.set(pipeline, pipelines.get(pipeline)),
    add(pipeline, observer) {
      pipelines.get(pipeline)?.close();
      pipelines.set(pipeline, observer);
    },
    slack(isConnected) {
      isSlackConnected = isConnected;
    },
    close() {
      loop.close();
      for (const observer of observers()) observer.close();
    },
  };
}
