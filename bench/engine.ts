import { randomUUID } from 'node:crypto';
import { systemClock } from '../src/lib/clock.ts';
import { createAwsClients, createInvokeClient } from '../src/pipeline/aws.ts';
import { createOcrFunction } from '../src/pipeline/invoke/ocr-function.ts';
import type { Drive, EnginePorts } from '../src/run/engines/local/engine.ts';
import { drive } from '../src/run/engines/local/engine.ts';
import { createLiveRun, type LiveRun, type RunRules } from '../src/run/engines/local/live-run.ts';
import type { PaceSetting } from '../src/run/model/types.ts';
import { readManifest, readManifestIndex, writeManifest } from '../src/run/plan/manifest.ts';
import { encodeCheckpoint } from '../src/run/store/checkpoint.ts';
import { createRunStore } from '../src/run/store/run-store.ts';
import { openControlTable } from '../src/state/control-table.ts';
import { setWorld, startLocalAwsProcess } from './local-aws.ts';
import { type Report, rounded } from './report.ts';

const MEGABYTE = 1024 * 1024;
const rules: RunRules = {
  breaker: { consecutive: 10, window: 20, percent: 50 },
  growth: { checkImages: 1_000_000_000, warnMs: 3_600_000, tripMs: 7_200_000 },
  warnings: { imagesPerMinute: 0, failurePercent: 100, throttlePercent: 100, withoutGrowthMs: 36_000_000 },
  throttleLimit: 8,
  checkpointOutcomes: 10,
  checkpointMs: 5_000,
  shutdownDrainMs: 0,
};

function liveRun(total: number, paceSetting: PaceSetting, maxInFlight: number): LiveRun {
  const ceilingPerMinute = paceSetting.kind === 'fixed' ? paceSetting.perMinute : 1_000_000;
  const now = systemClock.now();
  return createLiveRun(
    {
      runId: 'r-0001',
      total,
      startedBy: 'U1',
      startedAt: now,
      paceSetting,
      ceilingPerMinute,
      maxInFlight,
      growthKind: 'probed',
    },
    rules,
    now,
  );
}

const quietPorts: Omit<EnginePorts, 'invoke' | 'manifest' | 'append' | 'saveCheckpoint'> = {
  clock: systemClock,
  random: Math.random,
  checkGrowth: async () => ({ kind: 'probe', fresh: true }),
  saveHalt: async () => {},
  holdsLease: () => true,
  readFault: (error) => ({ reason: 'configuration', message: String(error), fix: 'Check the benchmark.' }),
  emit: () => {},
  warn: (message, cause) => console.error(message, cause),
};

async function* numbered(count: number, from = 0) {
  for (let index = from; index < count; index++) yield { index, key: `week ${index}/sheet-${index}.png`, size: 40_000 };
}

async function completed(drive: Drive): Promise<void> {
  const { halt } = await drive.ended;
  if (halt.kind !== 'completed') throw new Error(`The run did not complete: ${JSON.stringify(halt)}`);
}

/**
 * 20,000 images with the real engine, SDK and control table, and a function of 0 ms. Only the CPU time of this process
 * counts.
 */
export async function runEngineBenchmark(report: Report): Promise<void> {
  const images = 20_000;
  const maxInFlight = 64;
  const aws = await startLocalAwsProcess(4471);
  try {
    await setWorld(aws.url, {
      latencyMs: 0,
      functionWork: 'none',
      concurrency: { account: 10_000, unreserved: 10_000 },
    });
    const clients = createAwsClients();
    const table = await openControlTable({
      dynamodb: clients.dynamodb,
      tableName: `bench-${randomUUID()}`,
      clock: systemClock,
    });
    const store = createRunStore(table, 'bench');
    const client = createInvokeClient({ timeoutMs: 60_000, maxSockets: maxInFlight });
    const ocr = createOcrFunction({
      client,
      functionName: 'TimesheetOCR-ocr-dev',
      bucket: 'timesheetocr-input-dev-016164185850',
      keyEncoding: 'raw',
    });
    const run = liveRun(images, { kind: 'fixed', perMinute: 10_000_000 }, maxInFlight);
    await table.create({ pk: 'run#r-0001', sk: 'run' }, {});
    const cpuBefore = process.cpuUsage();
    const before = performance.now();
    await completed(
      drive(run, {
        ...quietPorts,
        manifest: (from) => numbered(images, from),
        invoke: ocr.invoke,
        append: (chunk) => store.append('r-0001', { ...chunk, writer: 'bench' }),
        saveCheckpoint: async (checkpoint) => {
          await table.update({ pk: 'run#r-0001', sk: 'run' }, { set: { checkpoint: encodeCheckpoint(checkpoint) } });
        },
      }),
    );
    const seconds = (performance.now() - before) / 1000;
    const cpu = process.cpuUsage(cpuBefore);
    const cpuMs = (cpu.user + cpu.system) / 1000 / images;
    report({
      name: 'engine.images_per_s',
      value: rounded(images / seconds, 0),
      unit: 'images/s',
      images,
      inFlight: maxInFlight,
    });
    report({ name: 'engine.cpu_ms_per_image', value: rounded(cpuMs, 3), unit: 'ms', goal: 'under 1.5', images });
  } finally {
    aws.close();
  }
}

/**
 * Peak memory of a run over a manifest of 1,000,000 keys in S3, and of one over 1,000 keys. Function and journal cost
 * nothing.
 */
export async function runManifestBenchmark(report: Report): Promise<void> {
  const aws = await startLocalAwsProcess(4473);
  try {
    const s3 = createAwsClients().s3;
    async function peakOf(count: number): Promise<number> {
      const location = { bucket: 'rescan-bot-control', prefix: `bench/${count}/` };
      await writeManifest(s3, location, numbered(count));
      const index = await readManifestIndex(s3, location);
      globalThis.gc?.();
      let peak = 0;
      const timer = setInterval(() => {
        peak = Math.max(peak, process.memoryUsage().rss);
      }, 20);
      const run = liveRun(count, { kind: 'fixed', perMinute: 1_000_000_000 }, 64);
      await completed(
        drive(run, {
          ...quietPorts,
          manifest: (from) => readManifest(s3, location, index, from),
          invoke: async () => ({ result: { kind: 'outcome', outcome: { kind: 'processed', entriesStored: 3 } } }),
          append: async ({ records }) => ({ ok: true, records }),
          saveCheckpoint: async (checkpoint) => void encodeCheckpoint(checkpoint),
        }),
      );
      clearInterval(timer);
      return Math.max(peak, process.memoryUsage().rss);
    }
    await peakOf(20_000); // warm: code and buffers that every run needs
    const small = await peakOf(1_000);
    const large = await peakOf(1_000_000);
    report({
      name: 'engine.manifest_mb',
      value: rounded(large / MEGABYTE, 1),
      unit: 'MB',
      goal: 'under 256',
      with1000Images: rounded(small / MEGABYTE, 1),
    });
  } finally {
    aws.close();
  }
}

/**
 * 600 images a minute for 75 s with a function of 500 ms: the error of the pace over 60 s, and the most starts in any
 * 60 s.
 */
export async function runPaceBenchmark(report: Report): Promise<void> {
  const perMinute = 600;
  const aws = await startLocalAwsProcess(4475);
  try {
    await setWorld(aws.url, {
      latencyMs: 500,
      functionWork: 'none',
      concurrency: { account: 10_000, unreserved: 10_000 },
    });
    const ocr = createOcrFunction({
      client: createInvokeClient({ timeoutMs: 60_000, maxSockets: 200 }),
      functionName: 'TimesheetOCR-ocr-dev',
      bucket: 'timesheetocr-input-dev-016164185850',
      keyEncoding: 'raw',
    });
    const starts: number[] = [];
    const driving = drive(liveRun(100_000, { kind: 'fixed', perMinute }, 200), {
      ...quietPorts,
      manifest: (from) => numbered(100_000, from),
      invoke: (key, signal) => {
        starts.push(performance.now());
        return ocr.invoke(key, signal);
      },
      append: async ({ records }) => ({ ok: true, records }),
      saveCheckpoint: async () => {},
    });
    await systemClock.sleep(75_000);
    driving.halt({ kind: 'stop', by: { kind: 'control-table' }, now: true });
    await driving.ended;
    const first = starts[0] ?? 0;
    const inFirstMinute = starts.filter((at) => at < first + 60_000).length;
    const worst = Math.max(
      ...starts.map((from, index) => starts.findLastIndex((at) => at < from + 60_000) - index + 1),
    );
    report({
      name: 'pace.error_percent',
      value: rounded((100 * Math.abs(inFirstMinute - perMinute)) / perMinute),
      unit: '%',
      goal: 'within 2',
      started: inFirstMinute,
    });
    report({ name: 'pace.worst_window', value: worst, unit: 'images in 60 s', goal: 'at most 600' });
  } finally {
    aws.close();
  }
}
