import { execFile, execFileSync } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { z } from 'zod';
import { createPipelineTable } from '../test/support/aws/pipeline-table.ts';
import { seconds } from './local-aws.ts';
import { type Report, rounded } from './report.ts';
import { backUpAsRunbook, flushAsRunbook, restoreAsRunbook } from './runbook-way.ts';
import { type StandIn, startStandIn } from './stand-in-process.ts';

const ITEMS = Number(process.env.BENCH_ITEMS ?? 40_000);
const MEMORY_ITEMS = Number(process.env.BENCH_MEMORY_ITEMS ?? 1_000_000);
const LATENCY_MS = 20;
/** With latency the runbook writes 25 records per 20 ms: its rate is that of the first records. */
const SLOW_BASELINE = Math.min(ITEMS, 10_000);

const stepSchema = z.object({ step: z.string(), seconds: z.number(), cpuUs: z.number(), peakMb: z.number() });
type Step = z.infer<typeof stepSchema>;

/** Backup, flush and restore by the bot in a process of its own. */
async function runBot(standIn: StandIn, table: string): Promise<Readonly<Record<string, Step>>> {
  const script = fileURLToPath(new URL('./data-bot.ts', import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, [...process.execArgv, script, standIn.url, table]);
  const steps = stdout
    .trim()
    .split('\n')
    .map((line) => stepSchema.parse(JSON.parse(line)));
  return Object.fromEntries(steps.map((step) => [step.step, step]));
}

/**
 * Backup (with its read-back), flush and restore (with safety backup and proof) against the runbook's way on the same server,
 * plain and with 20 ms per request; CPU of the bot's process per record; and its peak memory with a large table.
 */
export async function runDataBenchmark(report: Report): Promise<void> {
  const standIn = await startStandIn();
  try {
    await compareWithRunbook(standIn, report, '', 0);
    await compareWithRunbook(standIn, report, '_20ms', LATENCY_MS);
    await standIn.setLatencyMs(0);
    await measureMemory(standIn, report);
  } finally {
    standIn.close();
  }
}

type RunbookStep = 'backup' | 'flush' | 'restore';
type RunbookWay = (
  standIn: StandIn,
  step: RunbookStep,
  table: string,
  file: string,
  most: number,
) => Promise<z.infer<typeof takenSchema>>;

/** Whether the runbook's own scripts can run here; otherwise their port to JavaScript is the baseline. */
function hasBoto3(): boolean {
  try {
    execFileSync('python3', ['-c', 'import boto3'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

const withBoto3: RunbookWay = async ({ url }, step, table, file, most) => {
  const script = fileURLToPath(new URL('./runbook_way.py', import.meta.url));
  const { stdout } = await promisify(execFile)('python3', [script, step, url, table, file, String(most)]);
  return takenSchema.parse(JSON.parse(stdout));
};
const takenSchema = z.object({ items: z.number(), seconds: z.number(), cpuUs: z.number() });

const withPort: RunbookWay = async ({ dynamodb }, step, table, file, most) => {
  const steps = {
    backup: () => backUpAsRunbook(dynamodb, table, file),
    flush: () => flushAsRunbook(dynamodb, table, most),
    restore: () => restoreAsRunbook(dynamodb, table, file, most),
  };
  const cpu = process.cpuUsage();
  const took = await seconds(steps[step]);
  const { user, system } = process.cpuUsage(cpu);
  return { items: most, seconds: took, cpuUs: user + system };
};

const GOALS: Readonly<Record<string, string>> = {
  'flush.ratio': 'at least 1.2',
  'restore.ratio': 'at least 1.2',
  'backup.ratio_20ms': 'at least 3',
  'flush.ratio_20ms': 'at least 8',
  'restore.ratio_20ms': 'at least 8',
  'backup.cpu_us': 'at most 60',
  'flush.cpu_us': 'at most 150',
  'restore.cpu_us': 'at most 200',
};

async function compareWithRunbook(standIn: StandIn, report: Report, suffix: string, latencyMs: number): Promise<void> {
  const table = `Data${suffix}`;
  const { dynamodb } = standIn;
  await createPipelineTable(dynamodb, table);
  await standIn.fill(table, ITEMS);
  await standIn.setLatencyMs(latencyMs);
  const steps = await runBot(standIn, table);
  const file = join(tmpdir(), `runbook-backup-${process.pid}.json`);
  const most = latencyMs === 0 ? ITEMS : SLOW_BASELINE;
  const way = hasBoto3() ? withBoto3 : withPort;
  // The bot has restored the table: the runbook finds the same records.
  const runbook = {
    backup: await way(standIn, 'backup', table, file, ITEMS),
    flush: await way(standIn, 'flush', table, file, most),
    restore: await way(standIn, 'restore', table, file, most),
  };
  await rm(file, { force: true });
  for (const [step, baseline] of Object.entries(runbook)) {
    const bot = steps[step];
    if (bot === undefined) throw new Error(`The bot reported no ${step}`);
    const perSecond = ITEMS / bot.seconds;
    const baselinePerSecond = baseline.items / baseline.seconds;
    const figure = (name: string, value: number, unit: string, more: object = {}) =>
      report({ name, value, unit, ...(GOALS[name] === undefined ? {} : { goal: GOALS[name] }), ...more });
    figure(`${step}.ratio${suffix}`, rounded(perSecond / baselinePerSecond), '×', {
      runbook: hasBoto3() ? 'boto3' : 'port to JavaScript',
      recordsPerSecond: Math.round(perSecond),
      runbookRecordsPerSecond: Math.round(baselinePerSecond),
      cpuUs: rounded(bot.cpuUs / ITEMS, 1),
      runbookCpuUs: rounded(baseline.cpuUs / baseline.items, 1),
    });
    if (latencyMs === 0) figure(`${step}.cpu_us`, rounded(bot.cpuUs / ITEMS, 1), 'µs/record');
  }
}

async function measureMemory(standIn: StandIn, report: Report): Promise<void> {
  const table = 'Data-large';
  await createPipelineTable(standIn.dynamodb, table);
  await standIn.fill(table, MEMORY_ITEMS);
  const steps = await runBot(standIn, table);
  const peakMb = Math.max(...Object.values(steps).map((step) => step.peakMb));
  report({
    name: 'data.peak_rss_mb',
    value: rounded(peakMb, 1),
    unit: 'MB',
    goal: 'under 256',
    records: MEMORY_ITEMS,
    secondsOfSteps: Object.fromEntries(
      Object.entries(steps).map(([step, { seconds: took }]) => [step, rounded(took, 1)]),
    ),
  });
}
