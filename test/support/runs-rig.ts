import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { type LocalAws, startLocalAws } from '../../sandbox/aws/server.ts';
import { assembleRuns } from '../../src/app/runs.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { createLogger } from '../../src/lib/log.ts';
import type { Result } from '../../src/lib/result.ts';
import { createAwsClients } from '../../src/pipeline/aws.ts';
import type { Runs } from '../../src/run/control/runs.ts';
import type { Refusal } from '../../src/run/model/run-control.ts';
import type { ImageSelection, PaceSetting, RunEvent } from '../../src/run/model/types.ts';
import { readSettings } from '../../src/settings.ts';
import { openControlTable } from '../../src/state/control-table.ts';

/** Quotas so wide that a test's pace is its own. */
export const WIDE = {
  latencyMs: 20,
  concurrency: { account: 10_000, unreserved: 10_000 },
  quotas: { novaLiteCrossRegionRequestsPerMinute: 60_000 },
};

/** One copy of the bot without its face. */
export interface Copy {
  readonly runs: Runs;
  readonly events: RunEvent[];
  /** Waits until an event comes, or came. */
  listensTo(kind: RunEvent['kind'], withinMs?: number): Promise<RunEvent>;
}

export interface RunsRig {
  readonly aws: LocalAws;
  readonly stopFile: string;
  copy(settings?: Record<string, string>): Promise<Copy>;
  /** Plans and starts a run. */
  start(copy: Copy, options?: { selection?: ImageSelection; pace?: PaceSetting }): Promise<string>;
  invocations(): Promise<{ total: number; counts: number[] }>;
  close(): Promise<void>;
}

export function value<T>(answer: Result<T, Refusal>): T {
  if (!answer.ok) throw new Error(`Refused: ${JSON.stringify(answer.refusal)}`);
  return answer.value;
}

/** Waits until a run has so many outcomes. */
export async function untilDone(copy: Copy, count: number): Promise<void> {
  const until = Date.now() + 10_000;
  for (;;) {
    const run = await copy.runs.current();
    const totals = run?.totals;
    if (totals && totals.processed + totals.rejected + totals.failed >= count) return;
    if (Date.now() > until) throw new Error(`Only ${JSON.stringify(totals)} after 10 s`);
    await new Promise((resolve) => setTimeout(resolve, 30));
  }
}

const FAST: PaceSetting = { kind: 'fixed', perMinute: 3_000 };
const seenSchema = z.object({ total: z.number(), byKey: z.record(z.string(), z.number()) });
export const PLACE = { channel: 'C1', ts: '1.1' };

/** Runs on a local AWS with real clients; as many copies of the bot as a test wants. */
export async function startRunsRig(options: { images?: number; seedTable?: 'full' | 'empty' } = {}): Promise<RunsRig> {
  const aws = await startLocalAws({ port: 0, images: options.images ?? 60, seedTable: options.seedTable ?? 'empty' });
  aws.turn(WIDE);
  const folder = mkdtempSync(join(tmpdir(), 'rescan-runs-'));
  const stopFile = join(folder, 'STOP');
  const copies: Runs[] = [];
  Object.assign(process.env, {
    AWS_ENDPOINT_URL: aws.url,
    AWS_REGION: 'us-east-1',
    AWS_ACCESS_KEY_ID: 'x',
    AWS_SECRET_ACCESS_KEY: 'x',
  });
  return {
    aws,
    stopFile,
    async copy(overrides = {}) {
      const settings = readSettings({
        SLACK_BOT_TOKEN: 'xoxb-1',
        SLACK_APP_TOKEN: 'xapp-1',
        SLACK_CHANNELS: 'C01',
        STOP_FILE: stopFile,
        LEASE_SECONDS: '5',
        MAX_IN_FLIGHT: '10',
        LOG_LEVEL: process.env.TEST_LOG ?? 'silent',
        ...overrides,
      });
      const clients = createAwsClients();
      const table = await openControlTable({
        dynamodb: clients.dynamodb,
        tableName: settings.controlTable,
        clock: systemClock,
      });
      const runs = await assembleRuns({
        settings,
        aws: clients,
        table,
        clock: systemClock,
        random: Math.random,
        logger: createLogger(settings.logLevel),
        holder: randomUUID(),
        drainMs: 2_000,
      });
      copies.push(runs);
      const events: RunEvent[] = [];
      const waiting = new Set<() => void>();
      runs.watch((event) => {
        events.push(event);
        for (const look of waiting) look();
      });
      return {
        runs,
        events,
        listensTo: (kind, withinMs = 30_000) =>
          new Promise((resolve, reject) => {
            const timer = setTimeout(
              () => reject(new Error(`No ${kind}; heard ${events.map((event) => event.kind).join(', ')}`)),
              withinMs,
            );
            const look = () => {
              const found = events.find((event) => event.kind === kind);
              if (!found) return;
              clearTimeout(timer);
              waiting.delete(look);
              resolve(found);
            };
            waiting.add(look);
            look();
          }),
      };
    },
    async start(copy, options = {}) {
      const { selection = {}, pace = FAST } = options;
      const plan = value(await copy.runs.plan({ selection, paceSetting: pace, by: 'U1', location: PLACE }));
      value(await copy.runs.start(plan.runId, 'U1', { location: PLACE }));
      return plan.runId;
    },
    async invocations() {
      const seen = seenSchema.parse(await (await fetch(`${aws.url}/sandbox/invocations`)).json());
      return { total: seen.total, counts: Object.values(seen.byKey) };
    },
    async close() {
      await Promise.all(copies.map((runs) => runs.shutDown()));
      await aws.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
