import { test } from 'vitest';
import { FAULTS_TIMEOUT_MS, FULL, seedsOf } from '../support/fault-forms.ts';
import { killed } from './disturbances.ts';
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

const ROUNDS: readonly [string, readonly Work[]][] = FULL
  ? [
      ['every work', WORKS],
      ['a run on Step Functions', [machineRun]],
    ]
  : [['a backup, a flush, a run and a restore', SHORT]];

test.each(ROUNDS)(
  '%s: what is killed or stopped at a random moment is done once, or a person reads that it is not, and every message is true',
  (name, works) =>
    playRound(`kill or SIGTERM at a random moment, ${name}`, {
      seeds: seedsOf(1, 50),
      works,
      disturbance: killed,
      settings: { LEASE_SECONDS: '2' },
    }),
  FAULTS_TIMEOUT_MS,
);
