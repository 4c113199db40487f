import { test } from 'vitest';
import { FAULTS_TIMEOUT_MS, FULL, seedsOf } from '../support/fault-forms.ts';
import { AWS_FAULTS, type Disturbance, LONG_OUTAGE, LONG_SLACK_OUTAGES, SLACK_FAULTS } from './disturbances.ts';
import { playRound } from './play-round.ts';
import type { Work } from './round.ts';
import { backup, flush, machineRun, restore, run } from './works.ts';

/** In the order in which each leaves what the next one needs. */
const WORKS = FULL ? [backup, flush, run, restore] : [backup, run];
const DISTURBANCES = FULL
  ? [...AWS_FAULTS, LONG_OUTAGE, ...SLACK_FAULTS, ...LONG_SLACK_OUTAGES]
  : [AWS_FAULTS[0], SLACK_FAULTS[2]].filter((one) => one !== undefined);
/** What is answered to the bot: the state machine calls the function and the control table inside of AWS. */
const OF_THE_BOT = AWS_FAULTS.filter(({ name }) => !/^(?:invocations|batches|the function)/.test(name));

const SCENARIOS: readonly {
  readonly name: string;
  readonly works: readonly Work[];
  readonly disturbance: Disturbance;
}[] = [
  ...DISTURBANCES.map((disturbance) => ({ name: disturbance.name, works: WORKS, disturbance })),
  ...(FULL ? OF_THE_BOT : []).map((disturbance) => ({
    name: `a run on Step Functions, ${disturbance.name}`,
    works: [machineRun],
    disturbance,
  })),
];

test.each(SCENARIOS)(
  'Each work is done once, and every message is true: $name',
  ({ name, works, disturbance }) =>
    playRound(name, {
      seeds: seedsOf(1, disturbance.forMs > 60_000 ? 1 : 5),
      works,
      disturbance,
      settings: { LEASE_SECONDS: '2' },
    }),
  FAULTS_TIMEOUT_MS,
);
