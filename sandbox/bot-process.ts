import { type ChildProcess, spawn } from 'node:child_process';
import { createWriteStream, mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

/** A start takes a few seconds on an idle machine. */
const UP_WITHIN_MS = 120_000;
/** The bot needs some seconds to stop. After this time it is killed. */
const STOPS_WITHIN_MS = 20_000;
const MOST_LAST_LINES = 12;
/** Node stores compiled code here. The second start of the bot takes half the time. */
const COMPILE_CACHE = process.env.NODE_COMPILE_CACHE ?? join(tmpdir(), 'rescan-bot-compile-cache');
/** The flags of `npm start`, and its environment for the C library. */
const MALLOC = { MALLOC_ARENA_MAX: '2', MALLOC_TRIM_THRESHOLD_: '131072', MALLOC_MMAP_THRESHOLD_: '131072' };
const V8_FLAGS = ['--max-semi-space-size=8', '--max-old-space-size=400', '--heap-growing-percent=20'];
const MAIN = fileURLToPath(new URL('../src/main.ts', import.meta.url));

/** `kill` sends SIGKILL like a crash, `stop` sends SIGTERM like a deploy. */
export const BOT_ACTIONS = ['kill', 'stop', 'start'] as const;
export type BotAction = (typeof BOT_ACTIONS)[number];

export interface BotStatus {
  readonly running: boolean;
  readonly pid?: number;
  /** How the last process ended: its exit code or its signal. */
  readonly ended?: string;
}

export interface BotProcess {
  /**
   * Runs an action and returns when it is complete: after `start` the bot is connected or has exited. Throws when
   * neither happens in time. `start` with a running bot, and `stop` without one, do nothing.
   */
  do(action: BotAction): Promise<BotStatus>;
  status(): BotStatus;
  /** Stops the bot. Later calls of `start` do nothing. */
  close(): Promise<void>;
}

/**
 * Runs src/main.ts as a separate process with `environment`, and writes its log to `logPath`. The bot is killed when
 * this process exits. `onEnded` is called when the bot exits without a request, with the last lines of its stderr,
 * which say why it could not start.
 */
export function createBotProcess(options: {
  environment: Readonly<Record<string, string | undefined>>;
  logPath: string;
  /** Another program than src/main.ts. */
  main?: string;
  /** Whether the bot answers; `start` waits for it. */
  isUp: () => Promise<boolean>;
  onEnded?: (how: string, lastErrorLines: readonly string[]) => void;
}): BotProcess {
  let child: ChildProcess | undefined;
  let ended: string | undefined;
  let stopRequested = false;
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
    const started = spawn(process.execPath, [...V8_FLAGS, options.main ?? MAIN], {
      env: { NODE_COMPILE_CACHE: COMPILE_CACHE, ...MALLOC, ...options.environment },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    child = started;
    stopRequested = false;
    let errorText = '';
    started.stdout?.pipe(log, { end: false });
    started.stderr?.pipe(log, { end: false });
    started.stderr?.on('data', (part: Buffer) => {
      errorText = `${errorText}${part.toString('utf8')}`.slice(-4_000);
    });
    const killWithParent = () => started.kill('SIGKILL');
    process.once('exit', killWithParent);
    started.once('exit', (code, signal) => {
      process.off('exit', killWithParent);
      ended = signal ?? `exit ${code}`;
      if (child === started) child = undefined;
    });
    // Node emits `close` after all output of the process was read; `exit` can be earlier.
    started.once('close', () => {
      if (stopRequested) return;
      const lastErrorLines = errorText.split('\n').filter((line) => line !== '');
      options.onEnded?.(ended ?? 'unknown', lastErrorLines.slice(-MOST_LAST_LINES));
    });
    return new Promise((resolve, reject) => {
      started.once('spawn', resolve);
      started.once('error', reject);
    });
  }

  async function end(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    const running = child;
    if (!running) return;
    stopRequested = true;
    const gone = new Promise<void>((resolve) => running.once('exit', () => resolve()));
    running.kill(signal);
    const late = setTimeout(() => running.kill('SIGKILL'), STOPS_WITHIN_MS);
    await gone;
    clearTimeout(late);
  }

  return {
    async do(action) {
      if (action === 'start' && !child && !closed) await start();
      if (action === 'stop') await end('SIGTERM');
      if (action === 'kill') await end('SIGKILL');
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
