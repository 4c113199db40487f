import { duration } from './format.ts';

/** A smaller difference does no harm: the function may log and write that much earlier or later. */
const HARMLESS_MS = 60_000;

/** What to say about a machine whose clock is ahead of AWS's by `machineAheadMs` (behind: negative); undefined for nothing. */
export function clockWarning(machineAheadMs: number): string | undefined {
  if (Math.abs(machineAheadMs) <= HARMLESS_MS) return;
  const differs = `${duration(Math.abs(machineAheadMs))} ${machineAheadMs > 0 ? 'ahead of' : 'behind'} AWS`;
  return `The clock of the bot is ${differs}. The bot uses the time of AWS. Correct the clock of its machine (NTP).`;
}
