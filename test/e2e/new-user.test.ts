import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { z } from 'zod';
import { createPeople } from '../../sandbox/people.ts';
import { freePorts } from '../support/rigs/free-ports.ts';
import { type Program, startProgram } from '../support/rigs/program.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const SANDBOX = join(ROOT, 'sandbox/main.ts');
const { HOME, NODE_COMPILE_CACHE } = process.env;
/** As npm starts a script: the Node of the project comes first. */
const MACHINE = { HOME, NODE_COMPILE_CACHE, PATH: `${dirname(process.execPath)}:${process.env.PATH}` };
const START = z
  .object({ scripts: z.object({ start: z.string() }) })
  .parse(JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'))).scripts.start;

function ending(program: Program): Program {
  onTestFinished(async () => {
    if (program.leavesSomething()) program.interrupt();
    await program.ended;
  });
  return program;
}

/** Starts one half of the sandbox. Returns the lines that it prints for a `.env`, as they are printed. */
async function half(option: '--aws-only' | '--slack-only'): Promise<string> {
  const program = ending(
    startProgram(SANDBOX, [option, '--port', String(await freePorts()), '--images', '3'], MACHINE),
  );
  await program.printed(/End with Ctrl\+C/);
  return program
    .stdout()
    .split('\n')
    .filter((line) => line.startsWith('  export '))
    .join('\n');
}

/** The file that a reader makes of `.env.example`: the values filled in, and the lines of the sandbox at the end. */
const environmentFile = (values: Readonly<Record<string, string>>, lines: readonly string[]): string =>
  Object.entries(values).reduce(
    (file, [name, value]) => {
      const before = `\n${name}=`;
      expect(file).toContain(before);
      return file.replace(new RegExp(`\n${name}=.*`), () => `${before}${value}`);
    },
    `${[readFileSync(join(ROOT, '.env.example'), 'utf8'), ...lines].join('\n')}\n`,
  );

/** `npm start`, with the command of package.json and with a file in place of `.env`. */
function npmStart(file: string): Program {
  const folder = mkdtempSync(join(tmpdir(), 'rescan-new-user-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const path = join(folder, 'env');
  writeFileSync(path, `${file}STOP_FILE=${join(folder, 'STOP_RESCAN')}\n`);
  expect(START).toContain('--env-file-if-exists=.env ');
  const command = START.replace('=.env ', `=${path} `);
  return ending(startProgram('-c', [`cd "${ROOT}" && exec env ${command}`], MACHINE, 'sh'));
}

test('a .env made from .env.example starts against the local AWS until Slack refuses a token, in one line for each token; with the right tokens the bot answers', async () => {
  const unfilled = npmStart(environmentFile({}, []));
  const [aws, slack] = await Promise.all([half('--aws-only'), half('--slack-only')]);
  expect(await unfilled.ended).toBe(1);
  for (const name of ['SLACK_BOT_TOKEN', 'SLACK_CHANNELS']) expect(unfilled.stderr()).toContain(`${name} is not set`);

  const slackUrl = /SLACK_API_URL=(\S+)\/api\//.exec(slack)?.[1] ?? '';
  const people = { SLACK_CHANNELS: 'C0TIMESHEET', OPERATORS: 'U0OPERATOR,U0APPROVER', APPROVERS: 'U0APPROVER' };
  const names = { IMAGE_BUCKET: 'another-bucket', OCR_FUNCTION: 'another', TABLE: 'another-table' };
  const tokens = { SLACK_BOT_TOKEN: 'xoxb-1234567890-real-looking', SLACK_APP_TOKEN: 'xapp-1-A0123-real-looking' };
  const api = `SLACK_API_URL=${slackUrl}/api/`;

  const refusals = [
    [tokens, /^ {2}Slack refuses SLACK_BOT_TOKEN \(invalid_auth\)\. Copy the Bot User OAuth Token .*\.$/],
    [
      { ...tokens, SLACK_BOT_TOKEN: 'xoxb-sandbox' },
      /^ {2}Slack refuses SLACK_APP_TOKEN \(\w+\)\. Create an app-level token .*\.$/,
    ],
  ] as const;
  const refusedStarts = refusals.map(
    ([given, line]) => [npmStart(environmentFile({ ...given, ...people, ...names }, [aws, api])), line] as const,
  );
  for (const [refused, line] of refusedStarts) {
    expect(await refused.ended).toBe(1);
    const said = refused.stderr().trimEnd().split('\n');
    expect(said).toEqual([
      'rescan-bot cannot start. No image was processed and no record was changed.',
      expect.stringMatching(line),
    ]);
  }

  const bot = npmStart(environmentFile(names, [aws, slack]));
  await bot.printed(/the pipeline has started/);
  expect(bot.stderr()).toBe('');
  const typist = createPeople(slackUrl, { awaitBotMs: 20_000 });
  await typist.command('operator', '/rescan quotas');
  const answer = await typist.sees(/Nova Lite/);
  expect(answer.onlyFor).toBe('U0OPERATOR');
  bot.signal('SIGTERM');
  expect(await bot.ended).toBe(0);
});
