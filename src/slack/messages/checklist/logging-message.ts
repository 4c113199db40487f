import type { LoggingResult, WriteRefusal } from '../../../checklist/contracts/step-control.ts';
import { ACTION, button } from '../kit/buttons.ts';
import { code, sentence } from '../kit/escape.ts';
import { duration } from '../kit/format.ts';
import { compose, type Message } from '../kit/message.ts';
import { faultLines } from '../run/describe-run.ts';

const REFUSAL_FACTS: Readonly<Record<WriteRefusal, string>> = {
  'missing-key': 'DynamoDB refused the record, because it lacks the table’s key.',
  'access-denied': 'DynamoDB refused the record, because the function’s role may not write to the table.',
  'table-missing': 'DynamoDB refused the record, because the table does not exist.',
  throttled: 'DynamoDB throttled the write.',
  unreachable: 'DynamoDB did not answer in time.',
  other: 'the write failed.',
};

const REFUSAL_FIXES: Readonly<Record<WriteRefusal, string>> = {
  'missing-key': '`/rescan deploy` adds a logger to the function that writes the correct key.',
  'access-denied':
    'Give the function’s role `dynamodb:PutItem` and `dynamodb:Query` on the table, then run `/rescan test-logging` again.',
  'table-missing': '`/rescan deploy` sets the table’s name in the function.',
  throttled: 'Raise the table’s write capacity or make it on demand, then run `/rescan test-logging` again.',
  unreachable:
    'If the function runs in a VPC, it needs a gateway endpoint (or another route) to DynamoDB. Then run `/rescan test-logging` again.',
  other:
    '`/rescan deploy` adds the bot’s own logger to the function. If it is already there, the log line above says what is wrong.',
};

/** What a test of failure logging showed, and how to fix it. */
export function loggingMessage(result: LoggingResult): Message {
  const image = code(result.imageKey, 120);
  switch (result.kind) {
    case 'proven':
      return compose({
        fact: 'Failure logging works: a failure left its record in the table.',
        lines: [
          `The function was invoked for ${image}, which does not exist. Its record appeared ${result.afterMs < 1_000 ? 'at once' : `after ${duration(result.afterMs)}`}:`,
          ...result.record.attributes.map(([name, value]) => `• ${sentence(name, 60)}: ${code(value, 200)}`),
          result.leftBecause === undefined
            ? 'The record was removed again.'
            : `:warning: The record could not be removed and is still in the table: ${code(result.leftBecause, 200)} The bot tries again every few minutes.`,
        ],
        notes: [`Key of the record: ${code(result.record.key, 300)}`],
      });
    case 'did-not-fail':
      return compose({
        fact: 'Failure logging could not be tested: the function did not fail for an image that does not exist.',
        lines: [
          `It was invoked for ${image} and answered: ${code(result.reply, 300)}`,
          'Check how its code handles a missing object; `/rescan deploy rollback` restores the code from before the last deploy. An approver can skip this step with `/rescan override test-logging because REASON`.',
        ],
      });
    case 'nothing-logged':
      return compose({
        fact: 'Failure logging does not work: the function failed as expected, but did not try to write a record.',
        lines: [failureLine(image, result.failure), 'Fix: `/rescan deploy` adds a logger to the function.'],
        buttons: [DEPLOY],
      });
    case 'write-refused':
      return compose({
        fact: `Failure logging does not work: ${REFUSAL_FACTS[result.refusal]}`,
        lines: [
          failureLine(image, result.failure),
          `Its log says: ${code(result.line, 500)}`,
          REFUSAL_FIXES[result.refusal],
        ],
        buttons: ['access-denied', 'throttled', 'unreachable'].includes(result.refusal) ? [] : [DEPLOY],
      });
    case 'log-unread':
      return compose({
        fact: 'Failure logging does not work: the failure left no record. The cause is unknown, because the function’s log cannot be read.',
        lines: [
          failureLine(image, result.failure),
          ...faultLines(result.fault),
          '`/rescan deploy` adds a logger to the function that is known to work.',
        ],
        buttons: [DEPLOY],
      });
    case 'written-elsewhere':
      return compose({
        fact: 'Failure logging writes to another table: the function reports that it wrote the record, but it is not in this table.',
        lines: [
          failureLine(image, result.failure),
          `Its log says: ${code(result.line, 500)}`,
          'Fix: `/rescan deploy` sets the table’s name in the function (setting `TABLE`).',
        ],
        buttons: [DEPLOY],
      });
    case 'log-silent':
      return compose({
        fact: 'Failure logging does not work: the failure left no record. The cause is unknown, because the function’s log does not show the invocation.',
        lines: [
          failureLine(image, result.failure),
          `Log group read: ${code(result.group, 200)}. Check that the function’s role may write there (\`logs:CreateLogStream\`, \`logs:PutLogEvents\`).`,
          'Run `/rescan test-logging` again in a minute, or `/rescan deploy`, which adds a logger that is known to work.',
        ],
        buttons: [DEPLOY],
      });
    case 'no-answer':
      return compose({
        fact: 'Failure logging could not be tested: the function did not answer.',
        lines: [
          `It was invoked for ${image}: ${sentence(result.message, 300)}`,
          'Run `/rescan test-logging` again in a minute.',
        ],
      });
  }
}

const DEPLOY = button(ACTION.deploy, 'Deploy…', 'deploy', { style: 'primary' });

const failureLine = (image: string, failure: string) =>
  `It was invoked for ${image}, which does not exist: ${code(failure, 300)}`;
