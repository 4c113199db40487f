import { parseArgs } from 'node:util';
import { runAckBenchmark } from './ack.ts';
import { runDataBenchmark } from './data.ts';
import { runEngineBenchmark, runManifestBenchmark, runPaceBenchmark } from './engine.ts';
import { runEnginesBenchmark } from './engines.ts';
import { runJsonCallBenchmark } from './json-calls.ts';
import { runLoadBenchmark } from './load.ts';
import { createReport, type Report } from './report.ts';
import { runCsvBenchmark, runDiffBenchmark, runReconcileBenchmark } from './results.ts';
import { runSoakBenchmark } from './soak.ts';
import { runStepsBenchmark } from './steps.ts';

const benchmarks: Readonly<Record<string, (report: Report) => Promise<void>>> = {
  engine: runEngineBenchmark,
  engines: runEnginesBenchmark,
  manifest: runManifestBenchmark,
  pace: runPaceBenchmark,
  ack: runAckBenchmark,
  load: runLoadBenchmark,
  soak: runSoakBenchmark,
  data: runDataBenchmark,
  steps: runStepsBenchmark,
  'json-calls': runJsonCallBenchmark,
  diff: runDiffBenchmark,
  reconcile: runReconcileBenchmark,
  csv: runCsvBenchmark,
};

const { positionals } = parseArgs({ allowPositionals: true });
const unknown = positionals.filter((name) => !(name in benchmarks));
if (unknown.length > 0) {
  console.error(`Unknown benchmark: ${unknown.join(', ')}. Known: ${Object.keys(benchmarks).join(', ')}.`);
  process.exit(1);
}
const { report, table } = createReport();
for (const [name, run] of Object.entries(benchmarks))
  if (positionals.length === 0 || positionals.includes(name)) await run(report);
table();
