import { type ChildProcess, spawn } from 'node:child_process';
import { createWriteStream, mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

/** Some seconds on a machine that has nothing else to do. */
const UP_WITHIN_MS = 120_000;
/** The bot drains for some seconds when it is told to stop; one that has not ended by then is killed. */
const STOPS_WITHIN_MS = 20_000;
const MOST_LAST_WORDS = 12;
/** Node keeps compiled code here between starts: the second start of the bot takes half the time. */
const COMPILE_CACHE = process.env.NODE_COMPILE_CACHE ?? join(tmpdir(), 'rescan-bot-compile-cache');
const MAIN = fileURLToPath(new URL('../src/main.ts', import.meta.url));

/** What can be done to the bot: `kill` as a crash does (SIGKILL), `stop` as a deploy does (SIGTERM), `start`. */
export const BOT_DEEDS = ['kill', 'stop', 'start'] as const;
export type BotDeed = (typeof BOT_DEEDS)[number];

export interface BotStatus {
  readonly running: boolean;
  readonly pid?: number;
  /** How the last process ended: its exit code, or the signal that ended it. */
  readonly ended?: string;
}

export interface BotProcess {
  /**
   * Carries out a deed and answers when it is done: a started bot is connected then, or has ended. Throws where it does neither. `start` on a running bot,
   * and `stop` on none, change nothing.
   */
  do(deed: BotDeed): Promise<BotStatus>;
  status(): BotStatus;
  /** Stops it for good: from now on `start` starts nothing. */
  close(): Promise<void>;
}

/**
 * The bot as a process of its own, started from src/main.ts with `environment`. Its log goes to the file `logPath`. It does not
 * outlive this process, unless that is killed. `onEnded` hears when it ends without having been told to, and its last words to
 * stderr: why it could not start.
 */
export function createBotProcess(options: {
  environment: Readonly<Record<string, string | undefined>>;
  logPath: string;
  /** Whether the bot answers; `start` waits for it. */
  isUp: () => Promise<boolean>;
  onEnded?: (how: string, lastText: readonly string[]) => void;
}): BotProcess {
  let child: ChildProcess | undefined;
  let ended: string | undefined;
  let told = false;
  let closed = false;
  mkdirSync(dirname(options.logPath), { recursive: true });
  const log = createWriteStream(options.logPath, { flags: 'a' });

  const status = (): BotStatus => ({
    running: child !== undefined,
    ...(child?.pid === undefined ? {} : { pid: child.pid }),
    ...(ended === undefined ? {} : { ended }),
  });

  async function start(): Promise<void> {
    await spawned();
    const until = performance.now() + UP_WITHIN_MS;
    while (child && !(await options.isUp())) {
      if (performance.now() > until)
        throw new Error(`The bot did not connect within ${UP_WITHIN_MS / 1000} s; its log: ${options.logPath}`);
      await sleep(50);
    }
  }

  function spawned(): Promise<void> {
    const started = spawn(process.execPath, [MAIN], {
      env: { NODE_COMPILE_CACHE: COMPILE_CACHE, ...options.environment },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    child = started;
    told = false;
    let words = '';
    started.stdout?.pipe(log, { end: false });
    started.stderr?.pipe(log, { end: false });
    started.stderr?.on('data', (part: Buffer) => {
      words = `${words}${part.toString('utf8')}`.slice(-4_000);
    });
    const takeAlong = () => started.kill('SIGKILL');
    process.once('exit', takeAlong);
    started.once('exit', (code, signal) => {
      process.off('exit', takeAlong);
      ended = signal ?? `exit ${code}`;
      if (child === started) child = undefined;
    });
    // After `exit`, when all that it said has been read.
    started.once('close', () => {
      if (told) return;
      const lastText = words.split('\n').filter((line) => line !== '');
      options.onEnded?.(ended ?? 'unknown', lastText.slice(-MOST_LAST_WORDS));
    });
    return new Promise((resolve, reject) => {
      started.once('spawn', resolve);
      started.once('error', reject);
    });
  }

  async function end(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    const running = child;
    if (!running) return;
    told = true;
    const gone = new Promise<void>((resolve) => running.once('exit', () => resolve()));
    running.kill(signal);
    const late = setTimeout(() => running.kill('SIGKILL'), STOPS_WITHIN_MS);
    await gone;
    clearTimeout(late);
  }

  return {
    async do(deed) {
      if (deed === 'start' && !child && !closed) await start();
      if (deed === 'stop') await end('SIGTERM');
      if (deed === 'kill') await end('SIGKILL');
      return status();
    },
    status,
    async close() {
      closed = true;
      await end('SIGTERM');
      await new Promise<void>((resolve) => log.end(() => resolve()));
    },
  };
}
