import { spawn } from 'node:child_process';
import { once } from 'node:events';

/** A program of ours as a person starts it in a terminal: what it prints, how it ends, and what it leaves running. */
export interface Program {
  readonly stdout: () => string;
  readonly stderr: () => string;
  /** Resolves when it has printed this, or has ended. */
  printed(what: RegExp): Promise<void>;
  /** Ctrl+C: the terminal tells everything that the program started. */
  interrupt(): void;
  /** A signal to the program alone. */
  signal(signal: NodeJS.Signals): void;
  /** Resolves with its exit code when it ends. */
  readonly ended: Promise<number | null>;
  /** Whether a process that it started still runs. */
  leavesSomething(): boolean;
}

export function startProgram(
  file: string,
  args: readonly string[],
  environment: Readonly<Record<string, string | undefined>> = process.env,
): Program {
  const child = spawn(process.execPath, [file, ...args], { env: environment, detached: true });
  let out = '';
  let err = '';
  child.stdout.on('data', (part: Buffer) => {
    out += part.toString('utf8');
  });
  child.stderr.on('data', (part: Buffer) => {
    err += part.toString('utf8');
  });
  const ended = once(child, 'close').then(([code]) => (typeof code === 'number' ? code : null));
  const group = -(child.pid ?? Number.NaN);
  const leavesSomething = () => {
    try {
      process.kill(group, 0);
      return true;
    } catch {
      return false;
    }
  };
  return {
    stdout: () => out,
    stderr: () => err,
    async printed(what) {
      const isOver = ended.then(() => 'over' as const);
      while (!what.test(out)) {
        const next = await Promise.race([once(child.stdout, 'data'), isOver]);
        if (next === 'over') return;
      }
    },
    interrupt: () => process.kill(group, 'SIGINT'),
    signal: (signal) => void child.kill(signal),
    ended,
    leavesSomething,
  };
}
