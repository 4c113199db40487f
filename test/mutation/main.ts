import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename } from 'node:path';
import { z } from 'zod';
import { TARGETS } from './targets.ts';

/**
 * `npm run test:mutation [part of a file name…]`: changes each target in every way that Stryker knows, runs its tests on each
 * change, and prints the score of each file and the changes that no test noticed.
 */
const KILLED = new Set(['Killed', 'Timeout']);
const reportSchema = z.object({
  files: z.record(
    z.string(),
    z.object({
      source: z.string(),
      mutants: z.array(
        z.object({
          mutatorName: z.string(),
          replacement: z.string().optional(),
          status: z.string(),
          location: z.object({ start: z.object({ line: z.number(), column: z.number() }) }),
        }),
      ),
    }),
  ),
});

const wanted = process.argv.slice(2);
const chosen = TARGETS.filter(({ file }) => wanted.length === 0 || wanted.some((part) => file.includes(part)));
if (chosen.length === 0) {
  console.error(
    `No target has ${wanted.join(' or ')} in its name. Targets: ${TARGETS.map(({ file }) => file).join(', ')}`,
  );
  process.exit(2);
}
const base: object = JSON.parse(readFileSync('test/mutation/stryker.json', 'utf8'));
mkdirSync('.stryker', { recursive: true });
let isGood = true;
for (const { file, tests } of chosen) {
  const startedAt = Date.now();
  const name = basename(file, '.ts');
  const [config, fileName] = [`.stryker/${name}.config.json`, `.stryker/${name}.report.json`];
  const options = { ...base, mutate: [file], tempDirName: `.stryker/work-${name}`, jsonReporter: { fileName } };
  writeFileSync(config, JSON.stringify(options));
  const run = spawnSync(process.execPath, ['node_modules/@stryker-mutator/core/bin/stryker.js', 'run', config], {
    env: { ...process.env, MUTATION_TESTS: tests.join(',') },
    encoding: 'utf8',
  });
  if (run.status !== 0) {
    console.log(`${file}: Stryker failed (exit ${run.status}).\n${(run.stdout + run.stderr).slice(-2_000)}`);
    isGood = false;
    continue;
  }
  const report = reportSchema.parse(JSON.parse(readFileSync(fileName, 'utf8')));
  const all = Object.values(report.files).flatMap(({ source, mutants }) =>
    mutants.map((mutant) => ({ ...mutant, text: source.split('\n')[mutant.location.start.line - 1] ?? '' })),
  );
  const valid = all.filter(({ status }) => status !== 'CompileError' && status !== 'Ignored');
  const killed = valid.filter(({ status }) => KILLED.has(status));
  // On a busy machine a test may take too long for another reason than the change.
  const late = valid.filter(({ status }) => status === 'Timeout').length;
  const percent = valid.length === 0 ? 100 : (100 * killed.length) / valid.length;
  isGood &&= percent >= 90;
  const seconds = Math.round((Date.now() - startedAt) / 1_000);
  console.log(
    `| \`${file}\` | ${valid.length} | ${killed.length} | ${percent.toFixed(1)} % | ${late} by the time limit | ${seconds} s |`,
  );
  for (const { location, mutatorName, replacement, status, text } of valid)
    if (!KILLED.has(status))
      console.log(
        `  ${location.start.line}:${location.start.column} ${status} ${mutatorName} → ${replacement}\n      ${text.trim()}`,
      );
}
process.exitCode = isGood ? 0 : 1;
