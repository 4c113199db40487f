import type { LoggingResult, WriteRefusal } from '../../../checklist/contracts/step-control.ts';
import { ACTION, button } from '../kit/buttons.ts';
import { code, sentence } from '../kit/escape.ts';
import { duration } from '../kit/format.ts';
import { compose, type Message } from '../kit/message.ts';
import { faultLines } from '../run/describe-run.ts';

const REFUSAL_FACTS: Readonly<Record<WriteRefusal, string>> = {
  'missing-key': 'it tried to, and DynamoDB refused the record, as it does not have the table’s key.',
  'access-denied': 'it tried to, and DynamoDB refused, as the function’s role may not write to the table.',
  'table-missing': 'it tried to, and DynamoDB refused, as there is no such table.',
  throttled: 'it tried to, and DynamoDB throttled it.',
  unreachable: 'it tried to, and DynamoDB did not answer in time.',
  other: 'it tried to, and could not.',
};

const REFUSAL_MENDS: Readonly<Record<WriteRefusal, string>> = {
  'missing-key': '`/rescan deploy` puts a logger around the function that fills the real key.',
  'access-denied':
    'Give the function’s role `dynamodb:PutItem` and `dynamodb:Query` on the table, then `/rescan test-logging` again.',
  'table-missing': '`/rescan deploy` tells the function which table it is.',
  throttled: 'Raise the table’s write capacity or make it on demand, then `/rescan test-logging` again.',
  unreachable:
    'Does the function run in a VPC? Then it needs a gateway endpoint (or another way) to DynamoDB; then `/rescan test-logging` again.',
  other:
    '`/rescan deploy` puts the bot’s own logger around the function; if it is that one already, the line says what is wrong.',
};

/** What a test of the failure logging showed, and what mends it. */
export function loggingMessage(result: LoggingResult): Message {
  const image = code(result.imageKey, 120);
  switch (result.kind) {
    case 'proven':
      return compose({
        fact: 'Failure logging works: a failure left its record in the table.',
        lines: [
          `The function was invoked for ${image}, which does not exist. Its record was found ${duration(result.afterMs)} after the reply, under ${code(result.record.key, 300)}:`,
          ...result.record.attributes.map(([name, value]) => `• ${sentence(name, 60)}: ${code(value, 200)}`),
          result.leftBecause === undefined
            ? 'The record was removed again.'
            : `:warning: The record could not be removed and is still there: ${code(result.leftBecause, 200)} The bot tries again every few minutes.`,
        ],
      });
    case 'did-not-fail':
      return compose({
        fact: 'The function did not fail for an image that does not exist, so its failure logging could not be tested.',
        lines: [
          `It was invoked for ${image} and answered: ${code(result.reply, 300)}`,
          'Look at how its code treats a missing object; `/rescan deploy rollback` brings a former code back. An approver can pass this step over with `/rescan override test-logging because …`.',
        ],
      });
    case 'nothing-logged':
      return compose({
        fact: 'The function failed, as it should, and logged nothing: no record, and no try in its log.',
        lines: [failureLine(image, result.failure), '`/rescan deploy` puts a logger around it.'],
        buttons: [DEPLOY],
      });
    case 'write-refused':
      return compose({
        fact: `The function failed, as it should, but the failure left no record: ${REFUSAL_FACTS[result.refusal]}`,
        lines: [
          failureLine(image, result.failure),
          `Its log says: ${code(result.line, 500)}`,
          REFUSAL_MENDS[result.refusal],
        ],
        buttons: ['access-denied', 'throttled', 'unreachable'].includes(result.refusal) ? [] : [DEPLOY],
      });
    case 'log-unread':
      return compose({
        fact: 'The function failed, as it should, but the failure left no record; why is not known, as its log cannot be read.',
        lines: [
          failureLine(image, result.failure),
          ...faultLines(result.fault),
          '`/rescan deploy` puts a logger around the function that is known to work.',
        ],
        buttons: [DEPLOY],
      });
    case 'written-elsewhere':
      return compose({
        fact: 'The function failed, as it should, and says that it wrote the record; the table that the bot looks at does not hold it.',
        lines: [
          failureLine(image, result.failure),
          `Its log says: ${code(result.line, 500)}`,
          '`/rescan deploy` tells the function which table it is (setting `TABLE`).',
        ],
        buttons: [DEPLOY],
      });
    case 'log-silent':
      return compose({
        fact: 'The function failed, as it should, but the failure left no record; why is not known, as its log does not show the invocation.',
        lines: [
          failureLine(image, result.failure),
          `The group ${code(result.group, 200)} was read until ${duration(10_000)} after the wait. May the function’s role write there (\`logs:CreateLogStream\`, \`logs:PutLogEvents\`)?`,
          'Try `/rescan test-logging` again in a minute, or `/rescan deploy`: it puts a logger around the function that is known to work.',
        ],
        buttons: [DEPLOY],
      });
    case 'no-answer':
      return compose({
        fact: 'The function gave no answer, so nothing is known of its failure logging.',
        lines: [
          `It was invoked for ${image}: ${sentence(result.message, 300)}`,
          'Try `/rescan test-logging` again in a minute.',
        ],
      });
  }
}

const DEPLOY = button(ACTION.deploy, 'Deploy…', 'deploy', { style: 'primary' });

const failureLine = (image: string, failure: string) =>
  `It was invoked for ${image}, which does not exist: ${code(failure, 300)}`;
