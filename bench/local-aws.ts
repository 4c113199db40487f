import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const MAIN = fileURLToPath(new URL('../sandbox/main.ts', import.meta.url));

export interface OtherProcess {
  readonly url: string;
  close(): void;
}

/** The local AWS in a process of its own, so that its work does not count as the bot's. This process's clients use it. */
export async function startLocalAwsProcess(port: number, images = 1): Promise<OtherProcess> {
  const child: ChildProcess = spawn(
    process.execPath,
    [MAIN, '--aws-only', '--images', String(images), '--port', String(port - 1)],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  const url = `http://127.0.0.1:${port}`;
  if (!child.stdout) throw new Error('The local AWS has no output to wait for.');
  await new Promise<void>((resolve, reject) => {
    child.once('exit', (code) => reject(new Error(`The local AWS ended at its start (exit ${code}).`)));
    createInterface({ input: child.stdout ?? process.stdin }).on('line', (line) => {
      if (line.includes(url)) resolve();
    });
  });
  Object.assign(process.env, {
    AWS_ENDPOINT_URL: url,
    AWS_REGION: 'us-east-1',
    AWS_ACCESS_KEY_ID: 'sandbox',
    AWS_SECRET_ACCESS_KEY: 'sandbox',
  });
  return { url, close: () => void child.kill('SIGTERM') };
}

export async function setWorld(url: string, change: Record<string, unknown>): Promise<void> {
  const reply = await fetch(`${url}/sandbox/world`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(change),
  });
  if (!reply.ok) throw new Error(`The world refused ${JSON.stringify(change)}: ${await reply.text()}`);
}
