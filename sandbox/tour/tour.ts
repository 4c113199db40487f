import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { startSandbox } from '../sandbox.ts';
import { narrate } from './narrator.ts';
import { IMAGES, playTour, type StepResult } from './steps.ts';

const USAGE = `npm run tour [-- --json] [--record FILE]

  Runs the whole checklist in the sandbox, and prints the conversation and then the checks.
  Exit code: 1 when a step failed, 130 after Ctrl+C.

  --json          prints only the result: {"ok", "seconds", "steps": [{"step", "ok", "checked", "seconds", "because"?}]}
  --record FILE   writes each typed command and its answer to FILE, if every step passed. After a change of messages:
                  npm run tour -- --record docs/generate/examples/tour.json && npm run docs`;
const WIDTHS = { least: 60, usual: 120, most: 140 };

function print(results: readonly StepResult[], seconds: number): void {
  console.log('');
  for (const { step, ok, checked, because, seconds: took } of results) {
    console.log(`${ok ? '✔' : '✘'} ${step} (${took} s)`);
    for (const fact of checked) console.log(`    ✔ ${fact}`);
    if (because !== undefined) console.log(`    ✘ ${because}`);
  }
  const ok = results.every((result) => result.ok);
  console.log(`\n${ok ? 'All steps passed' : 'A step failed'}, in ${seconds} s.`);
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      json: { type: 'boolean', default: false },
      record: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return console.log(USAGE);
  const folder = mkdtempSync(join(tmpdir(), 'rescan-tour-'));
  const interrupted = new AbortController();
  const began = performance.now();
  const columns = process.stdout.columns ?? WIDTHS.usual;
  const narrator = narrate({
    print: values.json ? () => {} : (line) => console.log(line),
    width: Math.min(WIDTHS.most, Math.max(WIDTHS.least, columns)),
    now: () => performance.now(),
  });
  // Set up before the start, so that a signal during the start also stops every part.
  const stop = new Promise<'interrupted'>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
      process.on(signal, () => {
        interrupted.abort();
        resolve('interrupted');
      });
  });
  // Fixed settings, so that the environment of the user does not change the tour.
  const { PATH, HOME, TMPDIR } = process.env;
  const starting = startSandbox({
    slack: true,
    aws: true,
    images: IMAGES,
    port: 0,
    seedTable: 'full',
    environment: {
      PATH,
      HOME,
      ...(TMPDIR === undefined ? {} : { TMPDIR }),
      STOP_FILE: join(folder, 'STOP_RESCAN'),
      LEASE_SECONDS: '5',
      MESSAGE_EDIT_SECONDS: '1',
      MAX_IN_FLIGHT: '20',
      PACE: '600',
      ROWS_WAIT_SECONDS: '2',
    },
    logPath: join(folder, 'bot.log'),
    // Long, because a slow machine must not fail the tour.
    slackWaitsMs: 30_000,
  });
  let played: Awaited<ReturnType<typeof playTour>> | 'interrupted';
  try {
    const playing = starting.then(({ slack, aws }) => {
      if (!slack || !aws) throw new Error('The tour needs the local Slack and the local AWS.');
      return playTour({ slackUrl: slack.url, awsUrl: aws.url }, narrator, { interrupted: interrupted.signal });
    });
    playing.catch(() => {});
    played = await Promise.race([playing, stop]);
  } finally {
    await narrator.close();
    await starting.then(
      (sandbox) => sandbox.close(),
      () => undefined,
    );
    rmSync(folder, { recursive: true, force: true });
  }
  if (played === 'interrupted') {
    console.error('\nThe tour was stopped. All its processes and files are removed.');
    process.exit(130);
  }
  const { results, commands } = played;
  const seconds = Math.round((performance.now() - began) / 1000);
  const ok = results.every((result) => result.ok);
  if (values.json) console.log(JSON.stringify({ ok, seconds, steps: results }, null, 2));
  else print(results, seconds);
  if (ok && values.record !== undefined) writeFileSync(values.record, `${JSON.stringify(commands, null, 2)}\n`);
  process.exitCode = ok ? 0 : 1;
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
