import pino from 'pino';
import { onTestFinished } from 'vitest';
import { createMetrics } from '../../src/http/metrics/metrics.ts';
import { type ObservedPipeline, observePipeline } from '../../src/http/metrics/pipeline-metrics.ts';
import { observeOver } from '../../src/http/observe.ts';
import { startHttpServer } from '../../src/http/server.ts';
import type { RunSnapshot } from '../../src/run/model/types.ts';
import { createLease } from '../../src/state/lease.ts';
import { createOutbox } from '../../src/state/outbox.ts';
import { failOnWarning } from '../support/fail-on-warning.ts';
import { idleControls } from '../support/memory/idle-checklist.ts';
import { idleTableControl } from '../support/memory/idle-table-control.ts';
import { createMemoryControlTable } from '../support/memory/memory-control-table.ts';
import { createScriptedRunControl } from '../support/memory/scripted-run-control.ts';
import { createFakeClock } from '../support/rigs/fake-clock.ts';

/** The HTTP server with health, readiness and metrics of one pipeline, on a fake clock and a control table in memory. */
export async function observedBot(change: Partial<ObservedPipeline> = {}, firstRun?: RunSnapshot) {
  const clock = createFakeClock();
  const { table } = createMemoryControlTable();
  const runs = createScriptedRunControl(firstRun ? { firstRun } : {});
  const logged: string[] = [];
  const logger = pino({ level: 'info' }, { write: (line) => void logged.push(line) });
  const server = await startHttpServer({ host: '127.0.0.1', port: 0 }, logger);
  const metrics = createMetrics();
  const observation = observeOver(server, { metrics, clock });
  onTestFinished(async () => {
    observation.close();
    await server.close();
  });
  const lease = (holder: string) => createLease({ table, name: 'ocr', holder, durationMs: 15_000, clock });
  const outbox = createOutbox({ table, name: 'ocr', warn: failOnWarning });
  const parts: ObservedPipeline = {
    pipeline: 'ocr',
    runs,
    tables: idleTableControl(),
    deploys: idleControls(runs).deploys,
    outbox,
    lease: lease('me'),
    holder: 'me',
    clock,
    warn: (message) => void logged.push(message),
    ...change,
  };
  observation.expect(parts.pipeline);
  observation.add(parts.pipeline, observePipeline(parts, metrics));
  const url = `http://127.0.0.1:${server.port}`;
  return {
    ...{ clock, runs, table, outbox, lease, server, metrics, observation, logged, url },
    async get(path: string, method = 'GET') {
      const response = await fetch(`${url}${path}`, { method });
      return { status: response.status, headers: response.headers, text: await response.text() };
    },
    /** The value of one series, as the text of /metrics has it; undefined where it is absent. */
    async series(name: string) {
      clock.jump(10_000);
      const { text } = await this.get('/metrics');
      const line = text.split('\n').find((one) => one.startsWith(`${name} `));
      return line === undefined ? undefined : Number(line.slice(name.length + 1));
    },
  };
}
