import { fileURLToPath } from 'node:url';
import { describe, expect, onTestFinished, test } from 'vitest';
import { freePorts } from '../support/rigs/free-ports.ts';
import { type Program, startProgram } from '../support/rigs/program.ts';

const MAIN = fileURLToPath(new URL('../../sandbox/main.ts', import.meta.url));
const { PATH, HOME } = process.env;
const MACHINE = { PATH, HOME };

function sandbox(
  args: readonly string[],
  environment: Readonly<Record<string, string | undefined>> = MACHINE,
): Program {
  const program = startProgram(MAIN, args, environment);
  onTestFinished(async () => {
    if (program.leavesSomething()) program.interrupt();
    await program.ended;
  });
  return program;
}

describe('npm run sandbox', () => {
  test('the sandbox prints its addresses, a second one reports the port in use, and Ctrl+C leaves no process', async () => {
    const port = await freePorts();
    const first = sandbox(['--port', String(port), '--images', '3']);
    await first.printed(/End with Ctrl\+C/);
    expect(first.stdout()).toContain(`Open in a browser   http://127.0.0.1:${port + 2}`);
    expect(first.stdout()).toMatch(/The bot {7}process \d+/);
    expect(first.stderr()).toBe('');
    expect((await fetch(`http://127.0.0.1:${port + 2}`)).status).toBe(200);

    const second = sandbox(['--port', String(port), '--images', '3']);
    expect(await second.ended).toBe(1);
    expect(second.stderr()).toMatch(
      /^Port \d+ is in use, perhaps by another sandbox. Stop that one, or choose other ports with `npm run sandbox -- --port 5000`\.\n$/,
    );

    first.interrupt();
    expect(await first.ended).toBe(0);
    expect(first.stdout()).not.toContain('The bot ended');
    expect(first.leavesSomething()).toBe(false);
    await expect(fetch(`http://127.0.0.1:${port}`)).rejects.toThrow('fetch failed');
  });

  test('a sandbox that is stopped during its start leaves no process', async () => {
    const program = sandbox(['--port', String(await freePorts()), '--images', '3']);
    await program.printed(/Starting/);
    program.signal('SIGINT');
    expect(await program.ended).toBe(0);
    expect(program.leavesSomething()).toBe(false);
  });

  test('a setting that the bot refuses is printed with the bot’s error', async () => {
    const program = sandbox(['--port', String(await freePorts()), '--images', '3'], {
      ...MACHINE,
      BREAKER_PERCENT: 'half',
    });
    await program.printed(/End with Ctrl\+C/);
    await program.printed(/Start it again/);
    expect(program.stdout()).toMatch(/The bot ended \(exit 1\)/);
    expect(program.stdout()).toMatch(/BREAKER_PERCENT.*half/);
    expect(program.stdout()).toMatch(/The bot {7}not running/);
  });

  test.each([
    ['--slack-only', ['SLACK_API_URL', 'SLACK_BOT_TOKEN', 'SLACK_APP_TOKEN'], 'AWS_'],
    [
      '--aws-only',
      [
        'AWS_ENDPOINT_URL',
        'AWS_REGION',
        'AWS_ACCESS_KEY_ID',
        'IMAGE_BUCKET',
        'OCR_FUNCTION',
        'TABLE',
        'CONTROL_BUCKET',
      ],
      'SLACK_',
    ],
  ])('%s starts one part and prints the environment variables for a program', async (half, names, other) => {
    const program = sandbox([half, '--port', String(await freePorts()), '--images', '3']);
    await program.printed(/End with Ctrl\+C/);
    for (const name of names) expect(program.stdout()).toMatch(new RegExp(`export ${name}=\\S+`));
    expect(program.stdout()).not.toContain(other);
    expect(program.stdout()).not.toContain('The bot');
  });

  test('--engine sets the engine of the bot, and a program gets the role of the state machine', async () => {
    const port = String(await freePorts());
    const program = sandbox(['--aws-only', '--engine', 'step-functions', '--port', port, '--images', '3']);
    await program.printed(/End with Ctrl\+C/);
    expect(program.stdout()).toContain('export RUN_ENGINE=step-functions\n');
    expect(program.stdout()).toMatch(/export STATE_MACHINE_ROLE=arn:aws:iam::\d{12}:role\/rescan-bot-state-machine\n/);
  });

  test.each([
    [['--engine', 'cloud'], '--engine is "cloud"; it must be local or step-functions.'],
    [['--port', '65534'], '--port is "65534"; it must be a whole number from 1 to 65531.'],
    [['--images', 'many'], '--images is "many"; it must be a whole number from 1 to 100000.'],
    [['--prot', '1'], "Unknown option '--prot'"],
    [['--slack-only', '--aws-only'], '--slack-only and --aws-only cannot be used together.'],
  ])('the arguments %j are refused with one line', async (args, line) => {
    const program = sandbox(args);
    expect(await program.ended).toBe(1);
    expect(program.stderr()).toBe(`${line}\n`);
    expect(program.stdout()).toBe('');
  });
});
