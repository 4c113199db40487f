import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { z } from 'zod';
import { createPipelineTable } from '../test/support/aws/pipeline-table.ts';
import { type Report, rounded } from './report.ts';
import { startStandIn } from './stand-in-process.ts';

const ITEMS = Number(process.env.BENCH_ITEMS ?? 40_000);
const stepSchema = z.discriminatedUnion('step', [
  z.object({
    step: z.enum(['count', 'verify', 'compare', 'compare-changed', 'diff']),
    cpuUs: z.number(),
    diskBytes: z.number(),
  }),
  z.object({ step: z.literal('size'), storedBytes: z.number(), plainBytes: z.number() }),
]);

/** CPU and temporary files per record of the steps that read a table and its backup; 1 % of the records differ. See docs/scale.md. */
export async function runStepsBenchmark(report: Report): Promise<void> {
  const standIn = await startStandIn();
  try {
    await createPipelineTable(standIn.dynamodb, 'Steps');
    await standIn.fill('Steps', ITEMS);
    const script = fileURLToPath(new URL('./steps-bot.ts', import.meta.url));
    const { stdout } = await promisify(execFile)(process.execPath, [
      ...process.execArgv,
      script,
      standIn.url,
      'Steps',
      String(ITEMS / 100),
    ]);
    for (const line of stdout.trim().split('\n')) {
      const step = stepSchema.parse(JSON.parse(line));
      if (step.step === 'size') {
        report({ name: 'record.stored_bytes', value: Math.round(step.storedBytes), unit: 'bytes' });
        report({ name: 'record.plain_bytes', value: Math.round(step.plainBytes), unit: 'bytes' });
        continue;
      }
      report({ name: `${step.step}.cpu_us`, value: rounded(step.cpuUs, 1), unit: 'µs/record', items: ITEMS });
      report({ name: `${step.step}.disk_bytes`, value: Math.round(step.diskBytes), unit: 'bytes/record' });
    }
  } finally {
    standIn.close();
  }
}
