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
        `The function was invoked for \`${imageKey}\`, which does not exist. Its record appeared after 1 s:`,
        '• FailureType: `OCR_ERROR`',
        "• ErrorMessage: `&lt;!channel&gt; 'x'`",
        'The record was removed again.',
        'Key of the record: `ResourceName FAILED_IMAGE, DateProjectCode x#t`',
      ],
      [],
    ],
    [
      'proven, and the record stays: why',
      { kind: 'proven', imageKey, record: { ...record, attributes: [] }, afterMs: 0, leftBecause: 'not allowed' },
      [
        'Failure logging works: a failure left its record in the table.',
        `The function was invoked for \`${imageKey}\`, which does not exist. Its record appeared at once:`,
        ':warning: The record could not be removed and is still in the table: `not allowed` The bot tries again every few minutes.',
        'Key of the record: `ResourceName FAILED_IMAGE, DateProjectCode x#t`',
      ],
      [],
    ],
    [
      'a log that showed nothing: that why is not known',
      { kind: 'log-silent', imageKey, failure, group: '/aws/lambda/ocr' },
      [
        'Failure logging does not work: the failure left no record. The cause is unknown, because the function’s log does not show the invocation.',
        INVOKED,
        'Log group read: `/aws/lambda/ocr`. Check that the function’s role may write there (`logs:CreateLogStream`, `logs:PutLogEvents`).',
        'Run `/rescan test-logging` again in a minute, or `/rescan deploy`, which adds a logger that is known to work.',
      ],
      ['step_deploy'],
    ],
    [
      'a record in another table: the line, and what tells the function which it is',
      { kind: 'written-elsewhere', imageKey, failure, line: 'RESCAN_FAILURE_LOGGING written: image="a"' },
      [
        'Failure logging writes to another table: the function reports that it wrote the record, but it is not in this table.',
        INVOKED,
        'Its log says: `RESCAN_FAILURE_LOGGING written: image="a"`',
        'Fix: `/rescan deploy` sets the table’s name in the function (setting `TABLE`).',
      ],
      ['step_deploy'],
    ],
    [
      'no failure: what it answered, and what to look at',
      { kind: 'did-not-fail', imageKey, reply: 'processed' },
      [
        'Failure logging could not be tested: the function did not fail for an image that does not exist.',
        `It was invoked for \`${imageKey}\` and answered: \`processed\``,
        'Check how its code handles a missing object; `/rescan deploy rollback` restores the code from before the last deploy. An approver can skip this step with `/rescan override test-logging because REASON`.',
      ],
      [],
    ],
    [
      'nothing logged: deploy',
      { kind: 'nothing-logged', imageKey, failure },
      [
        'Failure logging does not work: the function failed as expected, but did not try to write a record.',
        INVOKED,
        'Fix: `/rescan deploy` adds a logger to the function.',
      ],
      ['step_deploy'],
    ],
    [
      'the key refused: the line, and deploy',
      refused('missing-key'),
      [
        'Failure logging does not work: DynamoDB refused the record, because it lacks the table’s key.',
        INVOKED,
        LINE,
        '`/rescan deploy` adds a logger to the function that writes the correct key.',
      ],
      ['step_deploy'],
    ],
    [
      'access denied: the permissions of the function’s role',
      refused('access-denied'),
      [
        'Failure logging does not work: DynamoDB refused the record, because the function’s role may not write to the table.',
        INVOKED,
        LINE,
        'Give the function’s role `dynamodb:PutItem` and `dynamodb:Query` on the table, then run `/rescan test-logging` again.',
      ],
      [],
    ],
    [
      'no such table: deploy tells it',
      refused('table-missing'),
      [
        'Failure logging does not work: DynamoDB refused the record, because the table does not exist.',
        INVOKED,
        LINE,
        '`/rescan deploy` sets the table’s name in the function.',
      ],
      ['step_deploy'],
    ],
    [
      'throttled: the capacity',
      refused('throttled'),
      [
        'Failure logging does not work: DynamoDB throttled the write.',
        INVOKED,
        LINE,
        'Raise the table’s write capacity or make it on demand, then run `/rescan test-logging` again.',
      ],
      [],
    ],
    [
      'refused otherwise',
      refused('other'),
      [
        'Failure logging does not work: the write failed.',
        INVOKED,
        LINE,
        '`/rescan deploy` adds the bot’s own logger to the function. If it is already there, the log line above says what is wrong.',
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
        'Failure logging does not work: the failure left no record. The cause is unknown, because the function’s log cannot be read.',
        INVOKED,
        '`not authorized`',
        'Allow logs:FilterLogEvents.',
        '`/rescan deploy` adds a logger to the function that is known to work.',
      ],
      ['step_deploy'],
    ],
    [
      'no answer: again',
      { kind: 'no-answer', imageKey, message: 'socket hang up' },
      [
        'Failure logging could not be tested: the function did not answer.',
        `It was invoked for \`${imageKey}\`: socket hang up`,
        'Run `/rescan test-logging` again in a minute.',
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
