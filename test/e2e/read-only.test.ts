import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, cpSync, mkdirSync, mkdtempSync, readdirSync, realpathSync, rmSync, symlinkSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { startTestSandbox } from '../support/rigs/sandbox.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
/** A user without rights, as in the container. Only root can start a process as another user; anybody else is one already. */
const USER = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {};
const folder = mkdtempSync(join(tmpdir(), 'rescan-read-only-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const modules = realpathSync(join(ROOT, 'node_modules'));
const canRead =
  spawnSync(process.execPath, ['-e', `require(${JSON.stringify(join(modules, 'zod'))})`], USER).status === 0;

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  if (address === null || typeof address === 'string') throw new Error('No free port');
  return address.port;
}

test.skipIf(!canRead)(
  canRead
    ? 'the files of the image start a bot that writes to its temporary folder only, is healthy, and ends on SIGTERM'
    : 'the files of the image start a bot (skipped: a user without rights cannot read node_modules here)',
  async () => {
    const app = join(folder, 'app');
    const temporary = join(folder, 'tmp');
    mkdirSync(join(app, 'deploy'), { recursive: true });
    mkdirSync(temporary);
    for (const path of ['package.json', 'src', 'deploy/healthcheck.ts'])
      cpSync(join(ROOT, path), join(app, path), { recursive: true });
    symlinkSync(modules, join(app, 'node_modules'));
    for (const path of [folder, app]) chmodSync(path, 0o555);
    for (const path of readdirSync(app, { recursive: true, encoding: 'utf8' }))
      if (path !== 'node_modules') chmodSync(join(app, path), 0o555);
    chmodSync(temporary, 0o777);

    const here = await startTestSandbox({ images: 1 });
    await here.people.bot('stop');
    const environment = {
      ...here.environment,
      TMPDIR: temporary,
      STOP_FILE: join(temporary, 'STOP_RESCAN'),
      HTTP_PORT: String(await freePort()),
      NODE_COMPILE_CACHE: join(app, 'compile-cache'),
    };
    const options = { cwd: app, env: environment, ...USER };
    const bot = spawn(process.execPath, ['--import', './src/compile-cache.js', 'src/main.ts'], options);
    let log = '';
    for (const stream of [bot.stdout, bot.stderr]) stream.on('data', (part) => (log += String(part)));
    const ended = once(bot, 'exit');
    try {
      await eventually(() => expect(log).toContain('the pipeline has started'));
      const check = spawn(process.execPath, ['deploy/healthcheck.ts'], options);
      expect((await once(check, 'exit'))[0]).toBe(0);
      bot.kill('SIGTERM');
      expect((await ended)[0]).toBe(0);
      expect(log).not.toMatch(/EACCES|EROFS|EPERM/);
      // Nothing stays behind, either.
      expect(readdirSync(temporary)).toEqual([]);
    } finally {
      bot.kill('SIGKILL');
      chmodSync(folder, 0o755);
      for (const path of [app, join(app, 'deploy')]) chmodSync(path, 0o755);
      await here.close();
    }
  },
);
