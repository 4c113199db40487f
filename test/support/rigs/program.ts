import { spawn } from 'node:child_process';
import { once } from 'node:events';

/** A program of this project, started as in a terminal: its output, its exit code and its remaining processes. */
export interface Program {
  readonly stdout: () => string;
  readonly stderr: () => string;
  /** Resolves when stdout matches or the program has exited. */
  printed(what: RegExp): Promise<void>;
  /** Ctrl+C: sends SIGINT to the program and its children, as a terminal does. */
  interrupt(): void;
  /** Sends a signal to the program alone. */
  signal(signal: NodeJS.Signals): void;
  /** Resolves with the exit code. */
  readonly ended: Promise<number | null>;
  /** Whether the program or one of its children still runs. */
  leavesSomething(): boolean;
}

export function startProgram(
  file: string,
  args: readonly string[],
  environment: Readonly<Record<string, string | undefined>> = process.env,
  executable = process.execPath,
): Program {
  const child = spawn(executable, [file, ...args], { env: environment, detached: true });
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
