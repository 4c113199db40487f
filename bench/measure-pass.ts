import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

/** Runs a pass of `pass.ts` in a process of its own, with the flags of this one: seconds, and peak memory of the whole bot. */
export async function measurePass(
  ...args: readonly string[]
): Promise<{ readonly seconds: number; readonly cpuSeconds: number; readonly peakMb: number }> {
  const script = fileURLToPath(new URL('./pass.ts', import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, [...process.execArgv, script, ...args]);
  const numbers = (stdout.trim().split('\n').at(-1) ?? '').split(' ').map(Number);
  const [seconds = Number.NaN, cpuSeconds = Number.NaN, peakMb = Number.NaN] = numbers;
  return { seconds, cpuSeconds, peakMb };
}
