import { test } from 'vitest';
import { FAULTS_TIMEOUT_MS, FULL, seedsOf } from '../support/fault-forms.ts';
import { type Disturbance, killed, stoppedAtLastChange } from './disturbances.ts';
import { playRound } from './play-round.ts';
import type { Work } from './round.ts';
import {
  autopilot,
  backup,
  deploy,
  flush,
  machineRun,
  restore,
  restoreRows,
  rollback,
  run,
  scopedRun,
} from './works.ts';

/** In the order in which each leaves what the next one needs. */
const WORKS = [backup, flush, run, restore, restoreRows, scopedRun, deploy, rollback, autopilot, rollback, restore];
const SHORT = [backup, flush, run, restore];

/** The disturbance waits for its moment itself. */
const AT_ONCE = { spanMs: 0 };

const ROUNDS: readonly [string, readonly Work[], Disturbance][] = FULL
  ? [
      ['every work', WORKS, killed],
      ['a run on Step Functions', [machineRun], killed],
      ['a deploy and a rollback', [deploy, rollback], killed],
      [
        'the last change of a deploy and of a rollback',
        [
          { ...deploy, ...AT_ONCE },
          { ...rollback, ...AT_ONCE },
        ],
        stoppedAtLastChange,
      ],
    ]
  : [['a backup, a flush, a run and a restore', SHORT, killed]];

test.each(ROUNDS)(
  '%s: what is killed or stopped at a random moment is done once, or a person reads that it is not, and every message is true',
  (name, works, disturbance) =>
    playRound(`${disturbance.name}, ${name}`, {
      seeds: seedsOf(1, 50),
      works,
      disturbance,
      settings: { LEASE_SECONDS: '2' },
    }),
  FAULTS_TIMEOUT_MS,
);
