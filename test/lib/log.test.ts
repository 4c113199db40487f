import { expect, test } from 'vitest';
import { createLogger, type Logger } from '../../src/lib/log.ts';
import { FaultError } from '../../src/pipeline/fault.ts';

const TOKEN = 'IQoJb3JpZ2luX2VjEXAMPLETOKENEXAMPLETOKENEXAMPLETOKEN1234567890';
const SECRETS = [TOKEN, 'hunter2', 'abcdefghijklmnop1234', 'xoxb-1-planted', Buffer.from(TOKEN).toString('hex', 0, 8)];

/** Each line that is logged, as text and parsed. */
function logged(log: (logger: Logger) => void) {
  const lines: string[] = [];
  log(createLogger('debug', { write: (line) => void lines.push(line) }));
  const text = lines.join('');
  for (const line of lines) expect(line.endsWith('\n') && !line.slice(0, -1).includes('\n')).toBe(true);
  for (const secret of SECRETS) expect(text).not.toContain(secret);
  return lines.map((line) => JSON.parse(line));
}

/** What AWS and S3 answer where a signature is not valid, as their clients throw it. */
const wrongSignature = Object.assign(
  new Error(
    `The request signature we calculated does not match the signature you provided.\n\nThe Canonical String for this request should have been\n'POST\n/\n\nhost:dynamodb.eu-central-1.amazonaws.com\nx-amz-security-token:${TOKEN}\n'`,
  ),
  { name: 'InvalidSignatureException' },
);
const ofS3 = Object.assign(new Error('The signature does not match'), {
  name: 'SignatureDoesNotMatch',
  CanonicalRequest: `PUT\nx-amz-security-token:${TOKEN}`,
  CanonicalRequestBytes: Buffer.from(`PUT\nx-amz-security-token:${TOKEN}`)
    .toString('hex')
    .replaceAll(/..(?=.)/g, '$& '),
  $metadata: { httpStatusCode: 403 },
});

test('the log has no credential of an error, of its causes, of its fields and of the errors within it', () => {
  const fault = { reason: 'credentials', message: 'AWS rejects the credentials.', fix: 'Renew them.' } as const;
  const [first, second, third, fourth] = logged((logger) => {
    logger.warn({ err: new FaultError(fault, wrongSignature) }, 'The lease was not renewed.');
    logger.error({ err: ofS3 });
    const deep = {
      request: { headers: [{ password: 'hunter2', note: 'Authorization: Bearer abcdefghijklmnop1234' }] },
    };
    logger.error(
      { cause: Object.assign(new AggregateError([ofS3, wrongSignature], 'both'), deep) },
      'A request failed.',
    );
    logger.child({ component: `token=xoxb-1-planted` }).info('Task failed: DB_PASSWORD=hunter2, then it ended.');
  });
  expect(first).toMatchObject({ level: 40, msg: 'The lease was not renewed.', err: { type: 'FaultError' } });
  expect(first.err.message).toMatch(/^AWS rejects the credentials\..*\[canonical request\]$/s);
  expect(second).toMatchObject({ msg: 'The signature does not match', err: { $metadata: { httpStatusCode: 403 } } });
  expect(third.cause.aggregateErrors).toHaveLength(2);
  expect(third.cause.request.headers[0].note).toContain('Authorization: Bearer [redacted]');
  expect(fourth.msg).toBe('Task failed: DB_PASSWORD=[redacted], then it ended.');
});

test('what has no credential is logged as it is', () => {
  const fields = { key: '2025-09/Ana "B".png', count: 3, none: null, list: [1, 'two'], signal: 'SIGTERM' };
  expect(logged((logger) => logger.info(fields, 'line 1\nline 2'))).toEqual([
    { level: 30, time: expect.any(Number), msg: 'line 1\nline 2', ...fields },
  ]);
});

test('an error that contains itself, or thousands of levels, is logged', () => {
  const circular = Object.assign(new Error('password=hunter2'), { self: {} });
  circular.self = { circular };
  let deep: object = { password: 'hunter2' };
  for (let level = 0; level < 5_000; level++) deep = { deep };
  const lines = logged((logger) => {
    logger.error({ err: circular }, 'circular');
    logger.error({ deep }, 'deep');
  });
  expect(lines.map(({ msg }) => msg)).toEqual(['circular', 'deep']);
});
