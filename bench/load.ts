import { runBusyBenchmark } from './load/busy.ts';
import { runFailuresBenchmark } from './load/failures.ts';
import { runLargeBenchmark } from './load/large.ts';
import type { Report } from './report.ts';

/** The whole bot under load. `BENCH_LOAD=busy,large` runs only these parts. */
const PARTS: Readonly<Record<string, (report: Report) => Promise<void>>> = {
  busy: runBusyBenchmark,
  failures: runFailuresBenchmark,
  large: runLargeBenchmark,
};

export async function runLoadBenchmark(report: Report): Promise<void> {
  const chosen = process.env.BENCH_LOAD?.split(',') ?? Object.keys(PARTS);
  for (const part of chosen) {
    const run = PARTS[part];
    if (run === undefined) throw new Error(`There is no part ${part} of the benchmark of load: ${Object.keys(PARTS)}`);
    await run(report);
  }
}
