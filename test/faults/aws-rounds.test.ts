import { randomBytes } from 'node:crypto';
import { DynamoDBClient, PutItemCommand } from '@aws-sdk/client-dynamodb';
import { test } from 'vitest';
import { FAULTS_TIMEOUT_MS, FULL, seedsOf } from '../support/fault-forms.ts';
import { undisturbed } from './disturbances.ts';
import { ANSWER_FAULTS, SLOW_LISTING } from './network-disturbances.ts';
import { playRound } from './play-round.ts';
import type { Round } from './round.ts';
import { backup, deploy, flush, restore, restoreRows, rollback, run, scopedRun } from './works.ts';

const EVERY_WORK = [backup, flush, run, restore, restoreRows, scopedRun, deploy, rollback];

test.each(FULL ? ANSWER_FAULTS : ANSWER_FAULTS.slice(0, 1))(
  'Every work is done once, and every message is true: $name',
  (disturbance) =>
    playRound(disturbance.name, { seeds: seedsOf(1, 5), works: FULL ? EVERY_WORK : [backup, flush], disturbance }),
  FAULTS_TIMEOUT_MS,
);

if (FULL)
  test(
    'Every work is done once, and every message is true, when the answer of its n-th write is lost',
    () =>
      playRound('the answer of the n-th write is lost, for each n', {
        seeds: seedsOf(1, 40),
        works: EVERY_WORK,
        disturbance: undisturbed,
        before: ({ here }, lostWrite) => here.world.set({ answers: { lostWrite } }),
      }),
    FAULTS_TIMEOUT_MS,
  );

if (FULL)
  test(
    'A run covers every image although the pages of a listing are short and slow',
    () =>
      playRound(SLOW_LISTING.name, {
        seeds: seedsOf(1, 3),
        works: [backup, flush, run, scopedRun],
        disturbance: undisturbed,
        condition: SLOW_LISTING,
      }),
    FAULTS_TIMEOUT_MS,
  );

const LARGE_RECORDS = 30;
const LARGE_BYTES = 260_000;

/** Records of one partition, which are in one file of a backup: more than one part of an upload. */
async function putLargeRecords({ here }: Round): Promise<void> {
  const credentials = { accessKeyId: 'x', secretAccessKey: 'x' };
  const client = new DynamoDBClient({ endpoint: here.sandbox.aws?.url ?? '', region: 'us-east-1', credentials });
  for (let number = 0; number < LARGE_RECORDS; number += 1) {
    const Item = {
      ResourceName: { S: 'Large_Records' },
      DateProjectCode: { S: `2025-01-01#P${number}` },
      Note: { S: randomBytes(LARGE_BYTES).toString('base64') },
    };
    await client.send(new PutItemCommand({ TableName: 'TimesheetOCR-dev', Item }));
  }
  client.destroy();
}

if (FULL)
  test(
    'A backup in several parts is exact although parts and completions fail and their answers are lost',
    () =>
      playRound('parts and completions of uploads fail, and answers are lost', {
        seeds: seedsOf(1, 5),
        works: [backup],
        disturbance: undisturbed,
        async before(round, seed) {
          if (seed === 1) await putLargeRecords(round);
          await round.here.world.set({ s3: { partErrors: 0.4, completeErrors: 0.4 }, answers: { lostWrites: 0.2 } });
        },
      }),
    FAULTS_TIMEOUT_MS,
  );
