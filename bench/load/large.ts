import { type Report, rounded } from '../report.ts';
import { NEVER_TRIPS, readProcess, startLoadRig, untilTaken } from './rig.ts';

const SIZES = [1_000, 100_000, 1_000_000];
const FAILING = 0.98;
const WITHIN_MS = 7_200_000;

/**
 * The peak memory of the bot after a whole run with so many failures, 1,000 images a second where the machine can: plan,
 * run, check of the rows, report and CSV, then the list of failures, the CSV of the run and the plan of a retry.
 * BENCH_SIZES=1000,10000 chooses other sizes.
 */
export async function runLargeBenchmark(report: Report): Promise<void> {
  for (const failures of process.env.BENCH_SIZES?.split(',').map(Number) ?? SIZES) {
    const images = Math.ceil(failures / FAILING);
    const rig = await startLoadRig({ images, settings: { ...NEVER_TRIPS, LOG_LEVEL: 'warn' } });
    try {
      const [person = ''] = rig.names;
      const pid = rig.bot.status().pid ?? Number.NaN;
      const peaks: Record<string, number> = {};
      const seconds: Record<string, number> = {};
      const step = async (name: string, work: () => Promise<unknown>): Promise<void> => {
        const start = performance.now();
        await work();
        seconds[name] = rounded((performance.now() - start) / 1_000, 1);
        peaks[name] = rounded(readProcess(pid).peakMb, 0);
      };
      // While the local Slack takes a file of some hundred MB, a request may find no connection.
      const typed = (text: string) => untilTaken(() => rig.people.command(person, text));
      await rig.function({ latencyMs: 0, failing: FAILING });
      await step('plan', () => rig.startRun('pace=60000'));
      await step('run', () => rig.people.sees(/is complete/, { withinMs: WITHIN_MS }));
      await step('reportAndCsv', () => rig.people.file(/failed-images/, WITHIN_MS));
      await step('failures', async () => {
        await typed('/rescan failures');
        await rig.people.sees(/Retry all/, { withinMs: WITHIN_MS });
      });
      await step('exportRun', async () => {
        await typed('/rescan export run');
        await rig.people.file(/^r-0001/, WITHIN_MS);
      });
      await step('retryPlan', async () => {
        await typed('/rescan retry');
        await rig.people.sees(/"plan_start"/, { withinMs: WITHIN_MS });
      });
      const { peakMb, cpuSeconds } = readProcess(pid);
      report({
        name: 'load.large.peak_rss_mb',
        value: rounded(peakMb, 0),
        unit: 'MB',
        goal: 'under 256',
        failures,
        images,
        cpuSeconds: rounded(cpuSeconds, 1),
        peaks,
        seconds,
      });
    } finally {
      await rig.close();
    }
  }
}
