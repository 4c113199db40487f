import { test } from 'vitest';
import { FAULTS_TIMEOUT_MS, FULL, seedsOf } from '../support/fault-forms.ts';
import { undisturbed } from './disturbances.ts';
import { CHANNEL_FAULTS, SLACK_CONDITIONS } from './network-disturbances.ts';
import { playRound } from './play-round.ts';
import { backup, deploy, flush, restore, restoreRows, rollback, run, scopedRun } from './works.ts';

const EVERY_WORK = [backup, flush, run, restore, restoreRows, scopedRun, deploy, rollback];
const WORKS = FULL ? EVERY_WORK : [backup, run];

test.each(FULL ? CHANNEL_FAULTS : [])(
  'Every work is done once, and every message is true: $name',
  (disturbance) => playRound(disturbance.name, { seeds: seedsOf(1, 5), works: WORKS, disturbance }),
  FAULTS_TIMEOUT_MS,
);

test.each(FULL ? SLACK_CONDITIONS : SLACK_CONDITIONS.slice(1, 2))(
  'Every work is done once, and every message is true, while $name',
  (condition) => playRound(condition.name, { seeds: seedsOf(1, 3), works: WORKS, disturbance: undisturbed, condition }),
  FAULTS_TIMEOUT_MS,
);

if (FULL)
  test(
    'Every button of every earlier message does nothing when it is pressed once more',
    () =>
      playRound('old buttons', {
        seeds: seedsOf(1, 3),
        works: EVERY_WORK,
        disturbance: undisturbed,
        pressesOldButtons: true,
      }),
    FAULTS_TIMEOUT_MS,
  );
