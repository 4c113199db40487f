import { describe, expect, test } from 'vitest';
import { checkBlocks } from '../../../../sandbox/slack/rules/block-check.ts';
import type { LoggingResult } from '../../../../src/checklist/contracts/step-control.ts';
import { loggingMessage } from '../../../../src/slack/messages/checklist/logging-message.ts';
import { withinLimits } from '../../../../src/slack/messages/kit/limits.ts';

const imageKey = 'INVALID_IMAGE-20261124-ab12.png';
const failure = 'OCR_ERROR · An error occurred (NoSuchKey)';
const INVOKED = `It was invoked for \`${imageKey}\`, which does not exist: \`${failure}\``;
const record = {
  key: 'ResourceName FAILED_IMAGE, DateProjectCode x#t',
  attributes: [
    ['FailureType', 'OCR_ERROR'],
    ['ErrorMessage', '<!channel> `x`'],
  ] as [string, string][],
};
const refused = (refusal: Extract<LoggingResult, { kind: 'write-refused' }>['refusal']): LoggingResult => ({
  kind: 'write-refused',
  imageKey,
  failure,
  line: '[WARN] An error occurred (ValidationException) when calling PutItem',
  refusal,
});
const LINE = 'Its log says: `[WARN] An error occurred (ValidationException) when calling PutItem`';

describe('the answer to /rescan test-logging', () => {
  test.each<[string, LoggingResult, string[], string[]]>([
    [
      'proven: the record, and that it is gone again',
      { kind: 'proven', imageKey, record, afterMs: 1_200 },
      [
        'Failure logging works: a failure left its record in the table.',
        `The function was invoked for \`${imageKey}\`, which does not exist. Its record was found 1 s after the reply, under \`ResourceName FAILED_IMAGE, DateProjectCode x#t\`:`,
        '• FailureType: `OCR_ERROR`',
        "• ErrorMessage: `&lt;!channel&gt; 'x'`",
        'The record was removed again.',
      ],
      [],
    ],
    [
      'proven, and the record stays: why',
      { kind: 'proven', imageKey, record: { ...record, attributes: [] }, afterMs: 0, leftBecause: 'not allowed' },
      [
        'Failure logging works: a failure left its record in the table.',
        `The function was invoked for \`${imageKey}\`, which does not exist. Its record was found 0 s after the reply, under \`ResourceName FAILED_IMAGE, DateProjectCode x#t\`:`,
        ':warning: The record could not be removed and is still there: `not allowed` The bot tries again every few minutes.',
      ],
      [],
    ],
    [
      'a log that showed nothing: that why is not known',
      { kind: 'log-silent', imageKey, failure, group: '/aws/lambda/ocr' },
      [
        'The function failed, as it should, but the failure left no record; why is not known, as its log does not show the invocation.',
        INVOKED,
        'The group `/aws/lambda/ocr` was read until 10 s after the wait. May the function’s role write there (`logs:CreateLogStream`, `logs:PutLogEvents`)?',
        'Try `/rescan test-logging` again in a minute, or `/rescan deploy`: it puts a logger around the function that is known to work.',
      ],
      ['step_deploy'],
    ],
    [
      'a record in another table: the line, and what tells the function which it is',
      { kind: 'written-elsewhere', imageKey, failure, line: 'RESCAN_FAILURE_LOGGING written: image="a"' },
      [
        'The function failed, as it should, and says that it wrote the record; the table that the bot looks at does not hold it.',
        INVOKED,
        'Its log says: `RESCAN_FAILURE_LOGGING written: image="a"`',
        '`/rescan deploy` tells the function which table it is (setting `TABLE`).',
      ],
      ['step_deploy'],
    ],
    [
      'no failure: what it answered, and what to look at',
      { kind: 'did-not-fail', imageKey, reply: 'processed' },
      [
        'The function did not fail for an image that does not exist, so its failure logging could not be tested.',
        `It was invoked for \`${imageKey}\` and answered: \`processed\``,
        'Look at how its code treats a missing object; `/rescan deploy rollback` brings a former code back. An approver can pass this step over with `/rescan override test-logging because …`.',
      ],
      [],
    ],
    [
      'nothing logged: deploy',
      { kind: 'nothing-logged', imageKey, failure },
      [
        'The function failed, as it should, and logged nothing: no record, and no try in its log.',
        INVOKED,
        '`/rescan deploy` puts a logger around it.',
      ],
      ['step_deploy'],
    ],
    [
      'the key refused: the line, and deploy',
      refused('missing-key'),
      [
        'The function failed, as it should, but the failure left no record: it tried to, and DynamoDB refused the record, as it does not have the table’s key.',
        INVOKED,
        LINE,
        '`/rescan deploy` puts a logger around the function that fills the real key.',
      ],
      ['step_deploy'],
    ],
    [
      'access denied: the permissions of the function’s role',
      refused('access-denied'),
      [
        'The function failed, as it should, but the failure left no record: it tried to, and DynamoDB refused, as the function’s role may not write to the table.',
        INVOKED,
        LINE,
        'Give the function’s role `dynamodb:PutItem` and `dynamodb:Query` on the table, then `/rescan test-logging` again.',
      ],
      [],
    ],
    [
      'no such table: deploy tells it',
      refused('table-missing'),
      [
        'The function failed, as it should, but the failure left no record: it tried to, and DynamoDB refused, as there is no such table.',
        INVOKED,
        LINE,
        '`/rescan deploy` tells the function which table it is.',
      ],
      ['step_deploy'],
    ],
    [
      'throttled: the capacity',
      refused('throttled'),
      [
        'The function failed, as it should, but the failure left no record: it tried to, and DynamoDB throttled it.',
        INVOKED,
        LINE,
        'Raise the table’s write capacity or make it on demand, then `/rescan test-logging` again.',
      ],
      [],
    ],
    [
      'refused otherwise',
      refused('other'),
      [
        'The function failed, as it should, but the failure left no record: it tried to, and could not.',
        INVOKED,
        LINE,
        '`/rescan deploy` puts the bot’s own logger around the function; if it is that one already, the line says what is wrong.',
      ],
      ['step_deploy'],
    ],
    [
      'the log unread: which permission it lacks',
      {
        kind: 'log-unread',
        imageKey,
        failure,
        fault: { reason: 'access-denied', message: 'not authorized', fix: 'Allow logs:FilterLogEvents.' },
      },
      [
        'The function failed, as it should, but the failure left no record; why is not known, as its log cannot be read.',
        INVOKED,
        '`not authorized`',
        'Allow logs:FilterLogEvents.',
        '`/rescan deploy` puts a logger around the function that is known to work.',
      ],
      ['step_deploy'],
    ],
    [
      'no answer: again',
      { kind: 'no-answer', imageKey, message: 'socket hang up' },
      [
        'The function gave no answer, so nothing is known of its failure logging.',
        `It was invoked for \`${imageKey}\`: socket hang up`,
        'Try `/rescan test-logging` again in a minute.',
      ],
      [],
    ],
  ])('%s', (_, result, lines, buttons) => {
    const message = loggingMessage(result);
    expect(message.text.split('\n')).toEqual(lines);
    const shown = [...JSON.stringify(message.blocks).matchAll(/"action_id":"([^"]+)"/g)].map((match) => match[1]);
    expect(shown).toEqual(buttons);
    expect(checkBlocks(withinLimits(message).blocks, 'message')).toEqual([]);
  });
});
