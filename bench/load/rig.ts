import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { type BotProcess, createBotProcess } from '../../sandbox/bot-process.ts';
import { buttonOf, createPeople, type People, type SeenMessage } from '../../sandbox/people.ts';
import { type LocalSlack, startLocalSlack } from '../../sandbox/slack/server.ts';
import { createWorld } from '../../sandbox/world.ts';
import { createFastClock } from '../../test/support/rigs/fast-clock.ts';
import type { FunctionBehaviour } from '../stand-in/pipeline.ts';

const STAND_IN = fileURLToPath(new URL('../stand-in/load.ts', import.meta.url));
const MANIFEST = fileURLToPath(new URL('../../manifest.yml', import.meta.url));
/** Enough that no acknowledgement and no form expires on a busy machine: the benchmarks measure the times. */
const SLACK_WAITS_MS = 600_000;

const seenSchema = z.object({
  total: z.number(),
  inFlight: z.number(),
  highest: z.number(),
  records: z.number(),
});

/** Settings of a run that nothing stops by itself, although nearly every image fails. */
export const NEVER_TRIPS = {
  BREAKER_CONSECUTIVE: '10000',
  BREAKER_WINDOW: '10000',
  BREAKER_PERCENT: '99',
  GROWTH_WARN_MINUTES: '1440',
  GROWTH_TRIP_MINUTES: '1440',
};

/** The whole product for a benchmark: the bot, the stand-in for AWS, each in a process of its own, and a local Slack in this one. */
export interface LoadRig {
  readonly slack: LocalSlack;
  readonly people: People;
  readonly bot: BotProcess;
  /** The names of the people, all of them operators. */
  readonly names: readonly string[];
  /** Requests of the bot to Slack so far, by method or kind. */
  readonly requests: ReadonlyMap<string, number>;
  function(behaviour: FunctionBehaviour): Promise<void>;
  /** What the function saw since the last `clear`. */
  seen(): Promise<z.infer<typeof seenSchema>>;
  /** When each of these invocations arrived, ms, on one clock. */
  starts(): Promise<readonly number[]>;
  clear(): Promise<void>;
  /** Plans a run, and starts it. Returns the words of the plan. */
  startRun(words: string): Promise<string>;
  close(): Promise<void>;
}

interface LoadOptions {
  readonly images: number;
  readonly people?: number;
  readonly settings: Readonly<Record<string, string>>;
  /** How many times faster than the machine the clocks of the bot, of Slack and of the function run. */
  readonly clockFactor?: number;
  /** The program of the bot; src/main.ts where it is absent. */
  readonly botMain?: string;
}

export async function startLoadRig({ images, people: count = 1, settings, ...options }: LoadOptions): Promise<LoadRig> {
  const folder = mkdtempSync(join(tmpdir(), 'rescan-bench-'));
  const factor = options.clockFactor ?? 1;
  const since = Date.now();
  const standIn = spawn(
    process.execPath,
    ['--max-old-space-size=8192', STAND_IN, String(images), String(factor), String(since)],
    { stdio: ['pipe', 'pipe', 'inherit'] },
  );
  const url = await firstLine(standIn);
  const names = Array.from({ length: count }, (_, at) => `person${at + 1}`);
  const ids = names.map((name) => `U0${name.toUpperCase()}`);
  const requests = new Map<string, number>();
  const slack = await startLocalSlack({
    port: 0,
    manifest: MANIFEST,
    acknowledgeWithinMs: SLACK_WAITS_MS,
    triggerLifeMs: SLACK_WAITS_MS,
    ...(factor === 1 ? {} : { clock: createFastClock(factor, since) }),
    seed: {
      users: ids.map((id, at) => ({ id, name: names[at] ?? id })),
      channels: [{ id: 'C0TIMESHEET', name: 'timesheet-ocr', members: ids, withBot: true }],
      groups: [],
    },
    onAppRequest(path) {
      const [, first = '', second = ''] = path.split('/');
      const name = first === 'api' ? second : first;
      requests.set(name, (requests.get(name) ?? 0) + 1);
    },
  });
  const bot = createBotProcess({
    environment: {
      PATH: process.env.PATH,
      HOME: process.env.HOME,
      SLACK_API_URL: `${slack.url}/api/`,
      SLACK_BOT_TOKEN: slack.tokens.bot,
      SLACK_APP_TOKEN: slack.tokens.app,
      SLACK_CHANNELS: 'C0TIMESHEET',
      OPERATORS: ids.join(','),
      APPROVERS: ids.join(','),
      AWS_ENDPOINT_URL: url,
      AWS_REGION: 'us-east-1',
      AWS_ACCESS_KEY_ID: 'bench',
      AWS_SECRET_ACCESS_KEY: 'bench',
      STOP_FILE: join(folder, 'STOP_RESCAN'),
      TMPDIR: folder,
      BENCH_CLOCK_FACTOR: String(factor),
      BENCH_CLOCK_SINCE: String(since),
      ...settings,
    },
    logPath: process.env.BENCH_LOG ?? join(folder, 'bot.log'),
    isUp: async () => /"connections":\[\{/.test(await (await fetch(`${slack.url}/sandbox/state`)).text()),
    ...(options.botMain === undefined ? {} : { main: options.botMain }),
    onEnded: (how, lines) => console.error(`The bot ended (${how})\n${lines.join('\n')}`),
  });
  const post = async (path: string, body: object): Promise<void> => {
    const reply = await fetch(`${url}${path}`, { method: 'POST', body: JSON.stringify(body) });
    if (!reply.ok) throw new Error(`${path} answered ${reply.status}: ${await reply.text()}`);
  };
  const rig: LoadRig = {
    slack,
    people: createPeople(slack.url),
    bot,
    names,
    requests,
    function: (behaviour) => post('/load/function', behaviour),
    seen: async () => seenSchema.parse(await (await fetch(`${url}/load`)).json()),
    starts: async () => z.array(z.number()).parse(await (await fetch(`${url}/load/starts`)).json()),
    clear: () => post('/load/clear', {}),
    async startRun(words) {
      const [person = ''] = names;
      const before = (await rig.people.messages()).at(-1)?.ts ?? '';
      await rig.people.command(person, `/rescan start keep ${words}`);
      let preview: SeenMessage | undefined;
      while (preview === undefined) {
        await sleep(100);
        const later = (await rig.people.messages()).filter(({ ts }) => ts > before);
        preview = later.find(({ blocks }) => JSON.stringify(blocks).includes('"plan_start"'));
      }
      await rig.people.click(person, preview.ts, buttonOf(preview, /^plan_start$/));
      return preview.text;
    },
    async close() {
      await bot.close();
      await slack.close();
      standIn.kill('SIGTERM');
      rmSync(folder, { recursive: true, force: true });
    },
  };
  try {
    await createWorld(url).set({
      concurrency: { account: 10_000, unreserved: 10_000 },
      quotas: { novaLiteCrossRegionRequestsPerMinute: 10_000_000 },
    });
    await bot.do('start');
    return rig;
  } catch (error) {
    await rig.close();
    throw error;
  }
}

async function firstLine(child: ChildProcess): Promise<string> {
  const output = child.stdout;
  if (!output) throw new Error('The stand-in has no output to wait for');
  return new Promise<string>((resolve, reject) => {
    child.once('exit', (code) => reject(new Error(`The stand-in ended at its start (exit ${code})`)));
    createInterface({ input: output }).once('line', resolve);
  });
}

const TICKS_PER_SECOND = 100;

/** CPU seconds and memory of a process so far, as Linux counts them. */
export function readProcess(pid: number) {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const megabytes = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]) / 1_024;
  return {
    cpuSeconds: (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND,
    rssMb: megabytes('VmRSS'),
    peakMb: megabytes('VmHWM'),
  };
}

const AGAIN_MS = 1_000;

/** Types or clicks. Where the bot has no connection at that moment, Slack says so, and the person does it again. */
export async function untilTaken(act: () => Promise<Awaited<ReturnType<People['command']>>>): Promise<void> {
  while ((await act()).acknowledged !== true) await sleep(AGAIN_MS);
}
