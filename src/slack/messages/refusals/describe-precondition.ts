import { type GuardedStep, overridableStepOf, type UnmetPrecondition } from '../../../checklist/model/preconditions.ts';
import { describeLimit } from '../checklist/describe-limit.ts';
import { code } from '../kit/escape.ts';
import { clockTime, count, counted, duration } from '../kit/format.ts';
import { runName } from '../run/describe-run.ts';
import { backupName } from '../table/describe-table.ts';

/** What is missing for a step, in one clause. */
export function describeMissing(missing: UnmetPrecondition): string {
  switch (missing.reason) {
    case 'no-backup':
      return 'there is no verified backup of this table';
    case 'backup-used':
      return `${backupName(missing.backupId)} was already used by a flush at ${clockTime(missing.at)}`;
    case 'backup-old':
      if (missing.ageMs < 0)
        return `${backupName(missing.backupId)} is dated ${duration(-missing.ageMs)} in the future, so its age is unknown (a clock was wrong)`;
      return `${backupName(missing.backupId)} is ${duration(missing.ageMs)} old (limit ${duration(missing.mostMs)})`;
    case 'table-changed':
      return `the table has ${count(missing.records)} records, but ${backupName(missing.backupId)} has ${count(missing.saved)}`;
    case 'table-unread':
      return 'the table cannot be counted, so it cannot be compared with the backup';
    case 'quotas-blocking':
      return `quotas block a rescan: ${missing.blocking.map(describeLimit).join('; ')}`;
    case 'quotas-unknown':
      return 'the quotas could not be read';
    case 'logging-unproven':
      return 'failure logging has not been tested, so failed images might leave no record';
    case 'logging-stale':
      return 'the code of the function changed after failure logging was tested';
    case 'sample-missing':
      return `no sample was run today (${counted(missing.images, 'image')} must work before anything is deleted)`;
    case 'sample-stale':
      return missing.because === 'code'
        ? 'the code of the function changed after the sample was run'
        : 'no sample was run today';
    case 'sample-failed':
      return `${count(missing.failed)} of the ${counted(missing.images, 'image')} in the sample failed`;
    case 'not-flushed':
      return 'the table was not flushed in this rescan';
    case 'flush-running':
      return `the flush is still in progress (started at ${clockTime(missing.startedAt)})`;
    case 'flush-unapproved':
      return `the flush waits for approval (until ${clockTime(missing.until)})`;
    case 'restored-since':
      return 'a restore put back the records that the flush had deleted';
    case 'table-reset':
      return missing.by === 'flush'
        ? `the table was flushed after ${runName(missing.runId)} started, so the results of its first images are gone`
        : `a backup was restored after ${runName(missing.runId)} started, so the results of its first images are overwritten`;
    case 'run-active':
      return `${runName(missing.runId)} is running`;
    case 'function-unknown':
      return 'the function cannot be read, so its earlier tests do not count';
  }
}

const FIXES: Readonly<Record<UnmetPrecondition['fix'], string>> = {
  backup: 'Make one with `/rescan backup`.',
  quotas: 'See them with `/rescan quotas`.',
  'test-logging': 'Test it with `/rescan test-logging`; if the test fails, install it with `/rescan deploy`.',
  sample: 'Run one with `/rescan sample`.',
  flush: 'Request a flush with `/rescan flush`, or keep the records with `/rescan start keep`.',
  wait: 'Try again when it is done.',
  approval: 'Ask an approver to decide it, then try again.',
  start: 'Plan a new run with `/rescan start`.',
  stop: 'Stop it with `/rescan stop`.',
  table: 'Check that the bot may call `dynamodb:DescribeTable` and `dynamodb:Scan`.',
  status: 'Check that the bot may call `lambda:GetFunction`.',
};

const REFUSED: Readonly<Record<GuardedStep, string>> = {
  start: 'The run was not started',
  resume: 'The run was not resumed',
  flush: 'The flush was not started',
  restore: 'The restore was not started',
};

/** Why a step may not begin: one line for each missing precondition, with the command that fixes it. */
export function preconditionLines(step: GuardedStep, missing: readonly UnmetPrecondition[]): string[] {
  const overridable = missing.map(overridableStepOf).filter((of) => of !== undefined);
  const [first] = overridable;
  const [only] = missing;
  return [
    ...(only && missing.length === 1
      ? [`${REFUSED[step]}: ${describeMissing(only)}. ${FIXES[only.fix]}`]
      : [
          `${REFUSED[step]}. Missing:`,
          ...missing.map((item) => `• ${capitalise(describeMissing(item))}. ${FIXES[item.fix]}`),
        ]),
    ...(first === undefined
      ? []
      : [
          `An approver can skip ${overridable.length === 1 ? 'this check' : 'a check (never the backup)'}: ${code(`/rescan override ${first} because REASON`)}`,
        ]),
  ];
}

const capitalise = (text: string) => `${text.slice(0, 1).toUpperCase()}${text.slice(1)}`;
