import { once } from 'node:events';
import { createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import { describe, expect, onTestFinished, test } from 'vitest';
import { type Program, startProgram } from '../support/rigs/program.ts';

const MAIN = fileURLToPath(new URL('../../sandbox/main.ts', import.meta.url));
const { PATH, HOME } = process.env;
const MACHINE = { PATH, HOME };

async function isFree(port: number): Promise<boolean> {
  const server = createServer().listen(port, '127.0.0.1');
  const isListening = await once(server, 'listening').then(
    () => true,
    () => false,
  );
  if (isListening) await new Promise((resolve) => server.close(resolve));
  return isListening;
}

/** The first of three consecutive free ports, below the range from which the system gives ports to other tests. */
async function freePorts(): Promise<number> {
  for (;;) {
    const port = 20_000 + Math.floor(Math.random() * 12_000);
    if ((await isFree(port)) && (await isFree(port + 1)) && (await isFree(port + 2))) return port;
  }
}

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

describe('npm run sandbox', { timeout: 120_000 }, () => {
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
    ['--aws-only', ['AWS_ENDPOINT_URL', 'AWS_REGION', 'AWS_ACCESS_KEY_ID'], 'SLACK_'],
  ])('%s starts one part and prints the environment variables for a program', async (half, names, other) => {
    const program = sandbox([half, '--port', String(await freePorts()), '--images', '3']);
    await program.printed(/End with Ctrl\+C/);
    for (const name of names) expect(program.stdout()).toMatch(new RegExp(`export ${name}=\\S+`));
    expect(program.stdout()).not.toContain(other);
    expect(program.stdout()).not.toContain('The bot');
  });

  test.each([
    [['--port', '65534'], '--port is "65534"; it must be a whole number from 1 to 65533.'],
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
