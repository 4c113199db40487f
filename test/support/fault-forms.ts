import { z } from 'zod';

/**
 * Which form of the fault tests runs. `npm test` plays a short form; `npm run test:faults` sets FAULTS=full and plays
 * many seeds. FAULTS_SEEDS=3,7 plays these seeds alone, to repeat a failure.
 */
export const FULL = process.env.FAULTS === 'full';
/** These end a test that hangs. */
export const FAULTS_TIMEOUT_MS = FULL ? 3 * 3_600_000 : 1_200_000;

const seedList = z.array(z.coerce.number().int().positive());

/** The seeds of a scenario: 1 to `short`, or 1 to `full` in the long form. */
export function seedsOf(short: number, full: number): readonly number[] {
  const given = process.env.FAULTS_SEEDS;
  if (given) return seedList.parse(given.split(','));
  return Array.from({ length: FULL ? full : short }, (_, index) => index + 1);
}

/**
 * The points 1, 2, 3, … at which a process is killed: every one in the long form, every `nth` in the short one, from
 * `first` on.
 */
export function* pointsOf(nth: number, first = 1): Generator<number> {
  for (let point = FULL ? 1 : first; ; point += FULL ? 1 : nth) yield point;
}

/** Prints what a scenario played, as one JSON line. */
export function reportScenario(scenario: string, facts: Readonly<Record<string, number | string>>): void {
  if (FULL) console.log(JSON.stringify({ scenario, ...facts }));
}
