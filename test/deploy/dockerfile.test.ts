import { existsSync, globSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { findProblem } from '../../deploy/healthcheck.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const read = (path: string) => readFileSync(`${ROOT}${path}`, 'utf8');
const packageSchema = z.object({
  scripts: z.object({ start: z.string() }),
  dependencies: z.record(z.string(), z.string()),
});
const lockSchema = z.object({
  packages: z.record(z.string(), z.looseObject({ version: z.string().optional(), dev: z.boolean().optional() })),
});

/** The instructions of each stage of the Dockerfile, without comments and with continued lines joined. */
function stages(): { instruction: string; rest: string }[][] {
  const lines = read('Dockerfile')
    .replaceAll(/^#.*\n/gm, '')
    .replaceAll(/\\\n\s*/g, '')
    .split('\n')
    .filter((line) => line.trim() !== '');
  const found: { instruction: string; rest: string }[][] = [];
  for (const line of lines) {
    const [, instruction = '', rest = ''] = /^([A-Z]+) (.*)$/.exec(line) ?? [];
    if (instruction === '') throw new Error(`The Dockerfile has a line that is no instruction: ${line}`);
    if (instruction === 'FROM') found.push([]);
    found.at(-1)?.push({ instruction, rest });
  }
  return found;
}
const last = () => stages().at(-1) ?? [];
const restOf = (wanted: string) => last().flatMap(({ instruction, rest }) => (instruction === wanted ? [rest] : []));
const words = z.array(z.string());

test('each stage starts from the exact Node version that the lock file has', () => {
  const { version } = lockSchema.parse(JSON.parse(read('package-lock.json'))).packages['node_modules/node'] ?? {};
  const bases = stages().map(([from]) => from?.rest.replace(/ AS \w+$/, ''));
  expect(bases).toHaveLength(2);
  for (const base of bases) expect(base).toMatch(new RegExp(`^node:${version}-bookworm-slim(@sha256:[0-9a-f]{64})?$`));
});

test('every copied file exists, and the build sees these files and no others', () => {
  const copied = stages()
    .flat()
    .filter(({ instruction, rest }) => instruction === 'COPY' && !rest.startsWith('--from='))
    .flatMap(({ rest }) => rest.split(' ').slice(0, -1));
  for (const path of copied) expect(existsSync(`${ROOT}${path}`), path).toBe(true);
  const [first, ...patterns] = read('.dockerignore').trim().split('\n');
  expect(first).toBe('*');
  const seen = patterns.flatMap((pattern) => (pattern.startsWith('!') ? [pattern.slice(1)] : []));
  expect(seen.sort()).toEqual([...new Set(copied)].sort());
});

test('the container runs as a user without rights, checks its health and writes below /tmp only', () => {
  const order = last().map(({ instruction }) => instruction);
  expect(restOf('USER')).toEqual(['node']);
  expect(order.lastIndexOf('COPY')).toBeLessThan(order.indexOf('USER'));
  expect(restOf('VOLUME')).toEqual(['["/tmp"]']);
  expect(restOf('HEALTHCHECK')).toHaveLength(1);
  const [, command = ''] = /CMD (\[.*\])$/.exec(restOf('HEALTHCHECK')[0] ?? '') ?? [];
  const [program, file = ''] = words.parse(JSON.parse(command));
  expect(program).toBe('node');
  expect(existsSync(`${ROOT}${file}`)).toBe(true);
});

test('the container starts the bot as `npm start` does, and signals reach it', () => {
  const { start } = packageSchema.parse(JSON.parse(read('package.json'))).scripts;
  const command = words.parse(JSON.parse(restOf('CMD')[0] ?? ''));
  const [, variables = '', flags = ''] = /^((?:[A-Z_]+=\S+ )+)(.*)$/.exec(start) ?? [];
  expect(command.join(' ')).toBe(flags.replace(' --env-file-if-exists=.env', ''));
  expect(variables.trim().split(' ')).toHaveLength(3);
  for (const variable of variables.trim().split(' ')) expect(restOf('ENV').join(' ')).toContain(variable);
});

test('the sandbox starts the bot with the flags and variables of `npm start`', () => {
  const { start } = packageSchema.parse(JSON.parse(read('package.json'))).scripts;
  const started = read('sandbox/bot-process.ts');
  for (const [, name = '', value = ''] of start.matchAll(/(MALLOC\w+)=(\S+)/g))
    expect(started).toContain(`${name}: '${value}'`);
  const flags = start.match(/--max-\S+/g) ?? [];
  expect(flags).toHaveLength(2);
  for (const flag of flags) expect(started).toContain(`'${flag}'`);
});

test('everything that the image runs is a dependency and no development dependency', () => {
  const { dependencies } = packageSchema.parse(JSON.parse(read('package.json')));
  const files = ['deploy/healthcheck.ts', ...globSync('src/**/*.{ts,js}', { cwd: ROOT })];
  const imported = files.flatMap((file) =>
    [...read(file).matchAll(/^(?:import|export)(?! type)[^;]*?from '([^'.][^']*)'|import\('([^'.][^']*)'\)/gm)].map(
      ([, from, dynamic]) => from ?? dynamic ?? '',
    ),
  );
  const packages = new Set(
    imported
      .filter((name) => !name.startsWith('node:'))
      .map((name) =>
        name
          .split('/')
          .slice(0, name.startsWith('@') ? 2 : 1)
          .join('/'),
      ),
  );
  expect(packages.size).toBeGreaterThan(10);
  expect([...packages].filter((name) => !Object.hasOwn(dependencies, name))).toEqual([]);
  const { packages: locked } = lockSchema.parse(JSON.parse(read('package-lock.json')));
  for (const name of packages) expect(locked[`node_modules/${name}`]?.dev, name).toBeUndefined();
});

/** The problem that the health check finds on a server that answers with this status. */
async function problemAt(status: number): Promise<string | undefined> {
  const server = createServer((_, response) => response.writeHead(status).end('{"healthy":false}'));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  try {
    return await findProblem({ HTTP_PORT: String(port), HTTP_HOST: '0.0.0.0' }, () => '');
  } finally {
    server.close();
  }
}

test('the health check asks /healthz where HTTP_PORT is set, and fails on any answer but a good one', async () => {
  expect(await problemAt(200)).toBeUndefined();
  expect(await problemAt(503)).toBe('/healthz answered 503: {"healthy":false}');
  expect(await findProblem({ HTTP_PORT: '1' }, () => 'node src/main.ts')).toMatch(/does not answer/);
});

test('the health check looks for the bot as the first process where no port is open', async () => {
  const command = 'node --import ./src/compile-cache.js src/main.ts ';
  expect(await findProblem({}, () => command)).toBeUndefined();
  expect(await findProblem({ HTTP_PORT: '' }, () => 'sh ')).toBe('process 1 is not the bot');
  const missing = () => {
    throw new Error('ENOENT');
  };
  expect(await findProblem({}, missing)).toMatch(/ENOENT/);
});
