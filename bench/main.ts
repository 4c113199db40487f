import { parseArgs } from 'node:util';
import { runAckBenchmark } from './ack.ts';
import { runBackupBenchmarks, runBackupMemoryBenchmark } from './backup.ts';
import { runEngineBenchmark, runManifestBenchmark, runPaceBenchmark } from './engine.ts';
import { runJsonCallBenchmark } from './json-calls.ts';
import { createReport, type Report } from './report.ts';
import { runCsvBenchmark, runDiffBenchmark, runReconcileBenchmark } from './results.ts';

const benchmarks: Readonly<Record<string, (report: Report) => Promise<void>>> = {
  engine: runEngineBenchmark,
  manifest: runManifestBenchmark,
  pace: runPaceBenchmark,
  ack: runAckBenchmark,
  backup: runBackupBenchmarks,
  'backup-memory': runBackupMemoryBenchmark,
  'json-calls': runJsonCallBenchmark,
  diff: runDiffBenchmark,
  reconcile: runReconcileBenchmark,
  csv: runCsvBenchmark,
};

const { positionals } = parseArgs({ allowPositionals: true });
const unknown = positionals.filter((name) => !(name in benchmarks));
if (unknown.length > 0) {
  console.error(`There is no benchmark ${unknown.join(', ')}; there are ${Object.keys(benchmarks).join(', ')}.`);
  process.exit(1);
}
const { report, table } = createReport();
for (const [name, run] of Object.entries(benchmarks))
  if (positionals.length === 0 || positionals.includes(name)) await run(report);
table();
