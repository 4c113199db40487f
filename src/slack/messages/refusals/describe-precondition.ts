import { type GuardedStep, overridableStepOf, type UnmetPrecondition } from '../../../checklist/model/preconditions.ts';
import { describeLimit } from '../checklist/describe-limit.ts';
import { code } from '../kit/escape.ts';
import { count, counted, duration } from '../kit/format.ts';
import { runName } from '../run/describe-run.ts';
import { backupName } from '../table/describe-table.ts';

/** What a gate misses, in one clause. */
export function describeMissing(missing: UnmetPrecondition): string {
  switch (missing.reason) {
    case 'no-backup':
      return 'there is no verified backup of this table';
    case 'backup-old':
      return `${backupName(missing.backupId)} is ${duration(missing.ageMs)} old (at most ${duration(missing.mostMs)})`;
    case 'table-changed':
      return `the table holds ${count(missing.records)} records now, ${backupName(missing.backupId)} ${count(missing.saved)}`;
    case 'table-unread':
      return 'the table cannot be counted, so nobody knows whether it still is what was backed up';
    case 'quotas-blocking':
      return `quotas block a rescan: ${missing.blocking.map(describeLimit).join('; ')}`;
    case 'quotas-unknown':
      return 'the quotas could not be read';
    case 'logging-unproven':
      return 'failure logging is not proven: nobody could tell afterwards which images failed, and why';
    case 'logging-stale':
      return 'failure logging was proven on another code of the function';
    case 'sample-missing':
      return `no image was tried today (${counted(missing.images, 'image')} must work before anything is deleted)`;
    case 'sample-stale':
      return missing.because === 'code'
        ? 'the sample was tried on another code of the function'
        : 'the sample was not tried today';
    case 'sample-failed':
      return `${count(missing.failed)} of the ${counted(missing.images, 'image')} of the sample failed`;
    case 'not-flushed':
      return 'the table was not flushed in this rescan';
    case 'restored-since':
      return 'a restore put back what the flush had deleted';
    case 'table-reset':
      return missing.by === 'flush'
        ? `the table was flushed since ${runName(missing.runId)} began: going on with it would leave out what it had done`
        : `a backup was restored since ${runName(missing.runId)} began: what it had done is overwritten`;
    case 'run-active':
      return `${runName(missing.runId)} is running`;
    case 'function-unknown':
      return 'the function cannot be looked at, so nothing that was proven of it counts';
  }
}

const FIXES: Readonly<Record<UnmetPrecondition['fix'], string>> = {
  backup: '`/rescan backup` makes one',
  quotas: '`/rescan quotas` shows them',
  'test-logging': '`/rescan test-logging` proves it, `/rescan deploy` puts it in place',
  sample: '`/rescan sample` tries some',
  flush: '`/rescan flush` asks for one; `/rescan start keep` rescans over what is there',
  start: '`/rescan start` begins a new one',
  stop: '`/rescan stop` stops it',
  table: 'look at the bot’s permissions: `dynamodb:DescribeTable` and `dynamodb:Scan`',
  status: 'look at the bot’s permissions: `lambda:GetFunction`',
};

/** Why a step may not begin, one line for each thing that is missing, with the command that mends it. */
export function preconditionLines(step: GuardedStep, missing: readonly UnmetPrecondition[]): string[] {
  const what = {
    start: 'The rescan was not begun',
    resume: 'The run was not resumed',
    flush: 'The flush was not begun',
    restore: 'The restore was not begun',
  }[step];
  const able = missing.map(overridableStepOf).filter((of) => of !== undefined);
  const [first] = able;
  return [
    `${what}: ${missing.length === 1 ? 'one thing is' : `${missing.length} things are`} missing. Nothing was changed.`,
    ...missing.map((item) => `• ${describeMissing(item)}: ${FIXES[item.fix]}.`),
    ...(first === undefined
      ? []
      : [
          `An approver can pass ${able.length === 1 ? `over ${code(first)}` : 'over these but not the backup'}: ${code(`/rescan override ${first} because …`)}`,
        ]),
  ];
}
