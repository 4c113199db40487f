import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { CreateStateMachineCommand, SFNClient } from '@aws-sdk/client-sfn';
import { z } from 'zod';
import { systemClock } from '../src/lib/clock.ts';
import { createAwsClients } from '../src/pipeline/aws.ts';
import { TIMESHEETS } from '../src/pipeline/profile/timesheets.ts';
import { readRunReport } from '../src/results/report/run-report.ts';
import { stateMachineDefinition } from '../src/run/engines/step-functions/definition.ts';
import { createManifestStore } from '../src/run/plan/manifest-store.ts';
import { lastOutcomes } from '../src/run/store/last-outcomes.ts';
import { createRunStore } from '../src/run/store/run-store.ts';
import { readSettings } from '../src/settings.ts';
import { openControlTable } from '../src/state/table/control-table.ts';
import { setWorld, startLocalAwsProcess } from './local-aws.ts';
import { percentile, type Report, rounded } from './report.ts';

/**
 * The same images on both engines, with the same failures. On Step Functions the bot is killed in the middle (`kill -9`), the run is
 * paused and redriven, and it stops itself because the table does not grow. The outcomes and the report must be equal.
 */
const IMAGES = Number(process.env.BENCH_IMAGES ?? '10000');
const BOT = fileURLToPath(new URL('./engine-bot.ts', import.meta.url));
const SETTINGS = readSettings({ SLACK_BOT_TOKEN: 'xoxb-1', SLACK_APP_TOKEN: 'xapp-1', SLACK_CHANNELS: 'C01' });
/** Images that fail, by a part of their key: about one of a hundred, and never many in a row, so that the breaker stays closed. */
const FAILURES = ['37)', '37.', '37_'].map((match) => ({ kind: 'parsing', match, rate: 1 }));

const lineSchema = z.looseObject({
  kind: z.string(),
  snapshot: z
    .looseObject({ runId: z.string(), totals: z.looseObject({ processed: z.number(), failed: z.number() }) })
    .optional(),
  calls: z.record(z.string(), z.number()).optional(),
  answer: z.unknown().optional(),
});
type Line = z.infer<typeof lineSchema>;

function startBot(engine: string, callsPerMinute: number[]) {
  const child: ChildProcess = spawn(process.execPath, [BOT], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: {
      ...process.env,
      RUN_ENGINE: engine,
      // Two and a half minutes, so that there is time for what happens to the run.
      BENCH_PACE: String(Math.ceil(IMAGES * (engine === 'local' ? 1.6 : 0.4))),
      // The growth watchdog trips, and not the lookup of rows before it.
      ROWS_WAIT_SECONDS: '600',
      GROWTH_WARN_MINUTES: '0.2',
      GROWTH_TRIP_MINUTES: '0.5',
      GROWTH_CHECK_IMAGES: '10',
      BREAKER_PERCENT: '90',
      BREAKER_CONSECUTIVE: '50',
      LEASE_SECONDS: '15',
    },
  });
  const lines: Line[] = [];
  const output = child.stdout;
  if (!output) throw new Error('The bot has no output to read');
  createInterface({ input: output }).on('line', (text) => {
    const line = lineSchema.parse(JSON.parse(text));
    if (line.kind === 'answer' && JSON.stringify(line.answer).includes('"ok":false')) console.error(text);
    if (line.calls) callsPerMinute.push(6 * followingOf(line.calls));
    lines.push(line);
    if (process.env.BENCH_LINES && line.kind !== 'progress') console.error(text.slice(0, 300));
  });
  async function until(find: (line: Line) => boolean, from = 0): Promise<Line> {
    for (;;) {
      const found = lines.slice(from).find(find);
      if (found) return found;
      if (child.exitCode !== null) throw new Error(`The bot ended with exit code ${child.exitCode}`);
      await systemClock.sleep(100);
    }
  }
  return {
    until,
    is: (kind: string) =>
      until(
        (line) => line.kind === kind,
        // Everything, before the first request.
        Math.max(
          0,
          lines.findLastIndex((line) => line.kind === 'asked'),
        ),
      ),
    has: (share: number) =>
      until(({ kind, snapshot }) => {
        const done = snapshot ? snapshot.totals.processed + snapshot.totals.failed : 0;
        return kind === 'progress' && done >= share * IMAGES;
      }),
    ask(word: string) {
      lines.push({ kind: 'asked' });
      child.stdin?.write(`${word}\n`);
    },
    kill: () => void child.kill('SIGKILL'),
  };
}

/** Calls with which the bot follows and steers an execution. The others (lease, checkpoint, stops) are those of every engine. */
const followingOf = (calls: Readonly<Record<string, number>>): number =>
  Object.entries(calls).reduce(
    (sum, [name, count]) => (/^(GetItem|UpdateItem|PutItem)/.test(name) ? sum : sum + count),
    0,
  );

async function resultOf(url: string, runId: string) {
  const { dynamodb, s3 } = createAwsClients();
  const table = await openControlTable({ dynamodb, tableName: SETTINGS.controlTable, clock: systemClock });
  const store = createRunStore(table, SETTINGS.ocrFunction, TIMESHEETS.reply);
  const manifests = createManifestStore(s3, { bucket: SETTINGS.controlBucket, prefix: SETTINGS.controlPrefix });
  const outcomes = () => lastOutcomes(() => store.journal(runId, 0), IMAGES);
  const byKey = new Map<string, string>();
  for await (const { key, outcome } of outcomes()) byKey.set(key, JSON.stringify(outcome));
  const report = await readRunReport({ startedAt: 0, manifest: manifests.read(runId, 0), outcomes: outcomes() });
  const counted = z
    .object({ total: z.number(), byKey: z.record(z.string(), z.number()) })
    .parse(await (await fetch(`${url}/sandbox/invocations`)).json());
  const { images, failed, failedByType, largest } = report;
  return {
    byKey,
    report: JSON.stringify({ images, failed, failedByType, largest: largest.map(({ key }) => key) }),
    counted,
  };
}

/** On Step Functions an image takes as long as the pace is calculated with before a duration is known, about. */
const LATENCY_MS = { local: 5, 'step-functions': 3_000 } as const;

const worldOf = (engine: keyof typeof LATENCY_MS, change: object = {}) => ({
  latencyMs: LATENCY_MS[engine],
  failures: FAILURES,
  concurrency: { account: 10_000, unreserved: 10_000 },
  quotas: { novaLiteCrossRegionRequestsPerMinute: 60_000 },
  stepFunctions: { speed: 1 },
  ...change,
});

async function runOn(engine: 'local' | 'step-functions', report: Report) {
  const aws = await startLocalAwsProcess(21_000 + Math.floor(Math.random() * 20_000), IMAGES);
  const callsPerMinute: number[] = [];
  const startedAt = performance.now();
  try {
    await setWorld(aws.url, worldOf(engine));
    let bot = startBot(engine, callsPerMinute);
    if (engine === 'step-functions') {
      const definition = JSON.stringify(stateMachineDefinition('STANDARD'));
      const roleArn = 'arn:aws:iam::016164185850:role/rescan-bot-state-machine';
      await new SFNClient({}).send(new CreateStateMachineCommand({ name: SETTINGS.stateMachine, definition, roleArn }));
    }
    await bot.until(({ kind }) => kind === 'ready');
    bot.ask('start');
    if (engine === 'step-functions') {
      await bot.has(0.1);
      bot.kill();
      bot = startBot(engine, callsPerMinute);
      await bot.is('resumed');
      await bot.has(0.3);
      bot.ask('pause');
      await bot.is('paused');
      bot.ask('resume');
      await bot.has(0.45);
      await setWorld(aws.url, worldOf(engine, { writesNothing: true }));
      await bot.is('tripped');
      await setWorld(aws.url, worldOf(engine, { writesNothing: false }));
      bot.ask('resume');
    }
    const end = await bot.is('completed');
    const seconds = (performance.now() - startedAt) / 1_000;
    report({ name: `engines.${engine}.seconds`, value: rounded(seconds, 0), unit: 's', images: IMAGES });
    const runId = end.snapshot?.runId ?? '';
    bot.kill();
    return { ...(await resultOf(aws.url, runId)), callsPerMinute, totals: end.snapshot?.totals };
  } finally {
    aws.close();
  }
}

export async function runEnginesBenchmark(report: Report): Promise<void> {
  const sfn = await runOn('step-functions', report);
  const local = await runOn('local', report);
  const different = [...local.byKey].filter(([key, outcome]) => sfn.byKey.get(key) !== outcome);
  const lost = IMAGES - sfn.byKey.size;
  const goal = 'at most 240';
  report({ name: 'engines.calls_a_minute.p50', value: percentile(sfn.callsPerMinute, 0.5), unit: 'calls', goal });
  report({ name: 'engines.calls_a_minute.max', value: Math.max(...sfn.callsPerMinute), unit: 'calls', goal });
  report({ name: 'engines.images_without_outcome', value: lost, unit: 'images', goal: '0' });
  report({ name: 'engines.different_outcomes', value: different.length, unit: 'images', goal: '0' });
  report({ name: 'engines.equal_reports', value: sfn.report === local.report ? 1 : 0, unit: '', goal: '1' });
  const repeated = Object.values(sfn.counted.byKey).filter((times) => times > 1).length;
  report({
    name: 'engines.images_invoked_twice',
    value: repeated,
    unit: 'images',
    of: 'the images since the last growth',
  });
  if (different.length > 0)
    console.error(different.slice(0, 5).map(([key, outcome]) => [key, outcome, sfn.byKey.get(key)]));
  if (sfn.report !== local.report) console.error(sfn.report, local.report);
}
