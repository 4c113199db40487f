import { expect, test } from 'vitest';
import { buttonOf } from '../../sandbox/people.ts';
import { seededRandom } from '../../src/run/plan/sample.ts';
import { FAULTS_TIMEOUT_MS, FULL, seedsOf } from '../support/fault-forms.ts';
import { type Disturbance, holderFrozen, holderKilled, oneKilled, undisturbed } from './disturbances.ts';
import { playRound } from './play-round.ts';
import { type RoundOptions, startRound } from './round.ts';
import { backup, flush, machineRun, requestFlush, restore, restoreRows, run, scopedRun } from './works.ts';

const IMAGES = 24;
/** In the order in which each leaves what the next one needs. */
const WORKS = FULL ? [backup, flush, run, restore, restoreRows, scopedRun, machineRun] : [backup, run];
const MINUTES = 60_000;
const CLOCKS = [10 * MINUTES, -10 * MINUTES];
/** Shorter than the difference of the clocks. */
const APPROVAL_MINUTES = 5;
/** The start of a run must take less time than the lease, also on a machine that is busy. */
const SETTINGS = { APPROVAL_MINUTES: String(APPROVAL_MINUTES), LEASE_SECONDS: '10' };

const SCENARIOS: readonly [string, RoundOptions, Disturbance][] = [
  ['two copies', { copies: 2 }, undisturbed],
  ['two copies, one of them killed or stopped', { copies: 2 }, oneKilled],
  ['three copies, one of them killed or stopped', { copies: 3 }, oneKilled],
  [
    'two copies whose clocks differ by 20 minutes, the one that works killed or stopped',
    { copies: 2, clocksAheadMs: CLOCKS },
    holderKilled,
  ],
  ['two copies, the one that works frozen past its lease and woken', { copies: 2 }, holderFrozen],
];

/** The long form plays all of them, the short form the first two. */
test.each(FULL ? SCENARIOS : SCENARIOS.slice(0, 2))(
  'requests arrive at any copy, each work is done once, by one copy at a time, and every message is true: %s',
  (name, options, disturbance) =>
    playRound(name, {
      seeds: seedsOf(1, 10),
      works: WORKS,
      disturbance,
      settings: SETTINGS,
      options,
      // As AWS does: a signature is refused when its time differs by more than 5 minutes.
      before: (round) => round.here.world.set({ checksSignatureTime: true }),
    }),
  FAULTS_TIMEOUT_MS,
);

test.runIf(FULL)(
  'copies whose clocks differ by 20 minutes: a request for approval expires by the clock of AWS, and nothing is deleted',
  async () => {
    const round = await startRound(IMAGES, SETTINGS, { copies: 2, clocksAheadMs: CLOCKS });
    const { world } = round.here;
    try {
      await round.play(backup, seededRandom(1), undisturbed);
      await requestFlush(round);
      await world.set({ clockAheadMs: (APPROVAL_MINUTES - 1) * MINUTES });
      const records = await round.pipeline.countTable();
      const asked = await round.sees(/Approval needed: flush/);
      await world.set({ clockAheadMs: (APPROVAL_MINUTES + 1) * MINUTES });
      const expired = await round.sees(/Flush of .*: expired/);
      expect(expired.ts).toBe(asked.ts);
      expect(() => buttonOf(expired, /approve/)).toThrow();
      expect((await world.calls()).filter(({ operation }) => operation === 'TransactWriteItems')).toEqual([]);
      expect(await round.pipeline.countTable()).toBe(records);
    } finally {
      expect.soft((await round.end()).untrue).toEqual([]);
    }
  },
  FAULTS_TIMEOUT_MS,
);
