import { randomUUID } from 'node:crypto';
import { systemClock } from '../src/lib/clock.ts';
import { createAwsClients, createInvokeClient } from '../src/pipeline/aws.ts';
import { createOcrFunction } from '../src/pipeline/invoke/ocr-function.ts';
import { TIMESHEETS } from '../src/pipeline/profile/timesheets.ts';
import { drive } from '../src/run/engines/local/engine.ts';
import { encodeCheckpoint } from '../src/run/store/checkpoint.ts';
import { createRunStore } from '../src/run/store/run-store.ts';
import { openControlTable } from '../src/state/table/control-table.ts';
import { completed, liveRun, numbered, quietPorts } from './bench-run.ts';
import { setWorld, startLocalAwsProcess } from './local-aws.ts';
import { measurePass } from './measure-pass.ts';
import { type Report, rounded } from './report.ts';

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
    const store = createRunStore(table, 'bench', TIMESHEETS.reply);
    const client = createInvokeClient({ like: clients.lambda, timeoutMs: 60_000, maxSockets: maxInFlight });
    const ocr = createOcrFunction({
      client,
      functionName: 'TimesheetOCR-ocr-dev',
      bucket: 'timesheetocr-input-dev-016164185850',
      keyEncoding: 'raw',
      profile: TIMESHEETS,
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

/** Peak memory of a run at full speed over a manifest in S3, by its number of images. */
export async function runManifestBenchmark(report: Report): Promise<void> {
  const aws = await startLocalAwsProcess(4473);
  try {
    for (const images of [1_000, 100_000, 1_000_000]) {
      const { cpuSeconds, peakMb } = await measurePass('manifest', String(images));
      report({
        name: 'engine.manifest_mb',
        value: rounded(peakMb, 1),
        unit: 'MB',
        goal: 'under 256',
        images,
        cpuSeconds,
      });
    }
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
      client: createInvokeClient({ like: createAwsClients().lambda, timeoutMs: 60_000, maxSockets: 200 }),
      functionName: 'TimesheetOCR-ocr-dev',
      bucket: 'timesheetocr-input-dev-016164185850',
      keyEncoding: 'raw',
      profile: TIMESHEETS,
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
