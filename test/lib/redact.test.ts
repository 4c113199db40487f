import { expect, test } from 'vitest';
import { redact } from '../../src/lib/redact.ts';

test.each([
  ['key AKIAIOSFODNN7EXAMPLE is gone', 'key [key id] is gone'],
  ['ASIAIOSFODNN7EXAMPLE', '[key id]'],
  [
    'GET /?X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F2025&X-Amz-Signature=fe5f80&X-Amz-Date=1',
    'GET /?X-Amz-Credential=[redacted]&X-Amz-Signature=[redacted]&X-Amz-Date=1',
  ],
  [
    '{"SessionToken":"IQoJb3","aws_secret_access_key": "wJalr/+x"}',
    '{"SessionToken":"[redacted]","aws_secret_access_key": "[redacted]"}',
  ],
  ['AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMI rest', 'AWS_SECRET_ACCESS_KEY=[redacted] rest'],
  [
    '<SignatureProvided>abc</SignatureProvided><Code>x</Code>',
    '<SignatureProvided>[redacted]</SignatureProvided><Code>x</Code>',
  ],
  [
    "The request signature we calculated does not match.\n\nThe Canonical String for this request should have been\n'POST\n/'\n",
    'The request signature we calculated does not match.\n\n[canonical request]',
  ],
  ['xoxb-123-abc and xapp-1-A', '[token] and [token]'],
  ['Nothing secret: Textract could not read the document', 'Nothing secret: Textract could not read the document'],
])('the text %j is shown as %j', (given, shown) => {
  expect(redact(given)).toBe(shown);
});

test('a long text is cut to 500 characters with an ellipsis, never within a surrogate pair', () => {
  expect(redact('a'.repeat(500))).toHaveLength(500);
  expect(redact('a'.repeat(501))).toBe(`${'a'.repeat(499)}…`);
  const cut = redact(`${'a'.repeat(498)}😀 and more`);
  expect(cut).toBe(`${'a'.repeat(498)}…`);
  expect(cut.isWellFormed()).toBe(true);
});
