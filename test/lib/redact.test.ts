import fc from 'fast-check';
import { expect, test } from 'vitest';
import { jsonWithoutSecrets, redact, withoutSecrets } from '../../src/lib/redact.ts';
import { cpuMs } from '../support/cpu-time.ts';

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
  ['/x?h=Bearer%20xoxb-123-abc&k=a%2FAKIAIOSFODNN7EXAMPLE', '/x?h=Bearer%20[token]&k=a%2F[key id]'],
  ['a%20eyJhbGciOiJ.eyJzdWIi.c2ln', 'a%20[token]'],
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

const HEX = '0123456789abcdef0123456789abcdef';
const RANDOM = 'aZ3kQ9xL7mP2vT5wR8yB4nC6dF1gH0jK';
// Joined at run time, so that no scanner takes these lines for real secrets.
const vendor = (prefix: string, rest: string) => `${prefix}${rest}`;

/** Each text with the part that must not be shown. */
const SECRET_SHAPES: readonly (readonly [text: string, secret: string])[] = [
  ['DB_PASSWORD=hunter2', 'hunter2'],
  ['POSTGRES_PASSWORD: hunter2', 'hunter2'],
  ['"dbPassword": "correct horse, battery; staple"', 'horse, battery; staple'],
  ["'password' => 'hunter2'", 'hunter2'],
  ['password := "hunter2"', 'hunter2'],
  ['{\\"password\\":\\"hunter2\\"}', 'hunter2'],
  ['{"password":"a\\"b-rest"}', 'b-rest'],
  ['Server=db;User Id=app;Pwd=hunter2;', 'hunter2'],
  ['SMTP_PASS=hunter2', 'hunter2'],
  ['ssh passphrase=hunter2', 'hunter2'],
  ['passwd: hunter2', 'hunter2'],
  ['mysqldump --password hunter2 db', 'hunter2'],
  ['curl --api-key hunter2', 'hunter2'],
  ['<DbPassword>hunter2</DbPassword>', 'hunter2'],
  ['OPENAI_API_KEY=abcdef', 'abcdef'],
  ['x-api-key: abcdef123', 'abcdef123'],
  ['apiKey=abcdef', 'abcdef'],
  ['"api-key":"abcdef"', 'abcdef'],
  ['CLIENT_SECRET=abcdef', 'abcdef'],
  ['client_secret=abcdef&grant_type=x', 'abcdef'],
  ['JWT_SECRET=abcdef', 'abcdef'],
  ['"webhookSecret":"abcdef"', 'abcdef'],
  ['secret: abc123def', 'abc123def'],
  ['SECRET_KEY=abcdef', 'abcdef'],
  ['AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMI/K7MDENG', 'wJalrXUtnFEMI/K7MDENG'],
  ['"secretAccessKey":"wJalrXUtnFEMI"', 'wJalrXUtnFEMI'],
  ['aws_session_token = FwoGabc', 'FwoGabc'],
  ['DefaultEndpointsProtocol=https;AccountKey=abc/def==;', 'abc/def=='],
  ['SharedAccessKey=abcdef', 'abcdef'],
  ['https://x.blob.core.windows.net/a?sv=1&sig=abc%2Fdef', 'abc%2Fdef'],
  ['signing_key=abcdef', 'abcdef'],
  ['ENCRYPTION_KEY=abcdef', 'abcdef'],
  ['X-Hub-Signature-256: sha256=abc123', 'abc123'],
  ['access_token=abcdef', 'abcdef'],
  ['"refresh_token":"abcdef"', 'abcdef'],
  ['authToken: abc123', 'abc123'],
  ['https://x.example/?token=abcdef', 'abcdef'],
  ['Authorization: Bearer abcdef', 'abcdef'],
  ['authorization: token abcdef', 'abcdef'],
  [`bearer ${RANDOM}`, RANDOM],
  ['Basic dXNlcjpwYXNzd29yZA==', 'dXNlcjpwYXNzd29yZA'],
  ['Cookie: session=abcdef; theme=dark', 'abcdef'],
  ['Set-Cookie: sid=abcdef; Path=/', 'abcdef'],
  ['postgres://app:hunter2@db.example:5432/x', 'hunter2'],
  ['redis://:hunter2@cache:6379', 'hunter2'],
  ['https://user:hunter2@example.com/a', 'hunter2'],
  ['mongodb+srv://app:hunter2@cluster0.example', 'hunter2'],
  ['eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc-DEF_123', 'abc-DEF_123'],
  ['-----BEGIN RSA PRIVATE KEY-----\nMIIEabc\n-----END RSA PRIVATE KEY-----', 'MIIEabc'],
  ['{"private_key":"-----BEGIN PRIVATE KEY-----\\nMIIEabc\\n-----END PRIVATE KEY-----\\n","x":1}', 'MIIEabc'],
  ['-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1 and cut', 'b3BlbnNzaC1'],
  ['-----BEGIN PGP PRIVATE KEY BLOCK-----\nlQOYB\n-----END PGP PRIVATE KEY BLOCK-----', 'lQOYB'],
  ...[
    vendor('AKIA', 'IOSFODNN7EXAMPLE'),
    vendor('xoxb-', '123456789012-abcdef'),
    vendor('xoxe.xoxp-', '1-abcdef'),
    vendor('xapp-', '1-A0123-abc'),
    vendor('ghp_', RANDOM),
    vendor('gho_', RANDOM),
    vendor('github_pat_', RANDOM),
    vendor('glpat-', RANDOM),
    vendor('sk_live_', RANDOM),
    vendor('rk_test_', RANDOM),
    vendor('whsec_', RANDOM),
    vendor('AIza', `${RANDOM}abc`),
    vendor('ya29.', RANDOM),
    vendor('GOCSPX-', RANDOM),
    vendor('sk-proj-', RANDOM),
    vendor('sk-ant-api03-', RANDOM),
    vendor('hf_', RANDOM),
    vendor('npm_', RANDOM),
    vendor('pypi-', `${RANDOM}${RANDOM}`),
    vendor('dckr_pat_', RANDOM),
    vendor('SG.', `${RANDOM}.${RANDOM}`),
    vendor('key-', HEX),
    vendor('dop_v1_', HEX),
    vendor('dapi', HEX),
    vendor('hvs.', RANDOM),
    vendor('shpat_', HEX),
    vendor('ABSK', `${RANDOM}${RANDOM}`),
  ].map((token): [string, string] => [`The call with ${token} failed`, token]),
  ['POST https://hooks.slack.com/services/T000/B000/abcdef', 'abcdef'],
];

const HARMLESS_LOOK_ALIKES: readonly string[] = [
  'The password is wrong',
  'password: must be at least 8 characters',
  'password: required',
  'password=',
  '"password": null',
  '"password":""',
  'password=$' + '{DB_PASSWORD}',
  'password=****',
  'DB_PASSWORD=$DB_PASSWORD',
  'password=<your password>',
  'PASSWORD_FILE=/run/secrets/db',
  'password_changed_at=2025-01-01',
  'passwordless login is on',
  'PWD=/home/app',
  'pass: 12, fail: 3',
  'bypass=true',
  'compass=north',
  'SECRET_NAME=prod/db',
  '"secretArn":"arn:aws:secretsmanager:eu-west-1:1:secret:db"',
  'secret: missing',
  '"secret": true',
  'secrets=3',
  'secretary=Anna',
  'client_id=abc123',
  'api_key_id=abc',
  'API key rotation is due',
  'api_keys: 3',
  'apiKeyName=main',
  'public_key=abc',
  'primary_key=id',
  'partition_key=ResourceName',
  'idempotency_key=abc',
  'key=timesheets/2025/a.png',
  'access_key_age=90',
  'max_tokens=4096',
  'tokens: 1200',
  'inputTokens=17',
  'NextToken=abcdef123',
  '"nextToken":"abcdef123"',
  'ContinuationToken=abc123',
  '<NextContinuationToken>abc</NextContinuationToken>',
  'ClientRequestToken=abc123',
  'page_token=abc123',
  'SyntaxError: Unexpected token: }',
  'Unexpected token < in JSON at position 0',
  'token: expired',
  'token_type=bearer',
  'Bearer authentication is not supported',
  'Basic authentication failed',
  'basic internationalization',
  'Authorization header is missing',
  'Authorization: denied',
  'credentials: missing',
  'The security token included in the request is expired',
  'signature does not match',
  'method signature: handler',
  'design=modern',
  'https://example.com:8080/a@b',
  'https://bucket.s3.amazonaws.com/a/b.png?versionId=abc',
  'arn:aws:lambda:eu-west-1:123456789012:function:ocr',
  's3://bucket/user:a@b.png',
  'mailto:ana@example.com',
  'ana@example.com: 3 sheets',
  '2025-01-01T10:00:00Z a@b',
  '550e8400-e29b-41d4-a716-446655440000',
  'sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef',
  'RequestId: 8f5e0c1a-0000-4000-8000-123456789abc',
  'sk-learn-is-a-python-library-for-models',
  'task-12345678901234567890',
  'monkey-0123456789abcdef',
  'ghp_short',
  'npm_config_registry',
  'hf_model',
  'AKIA is a prefix',
  '-----BEGIN CERTIFICATE-----\nMIIEabc\n-----END CERTIFICATE-----',
  '-----BEGIN PUBLIC KEY-----\nMIIEabc\n-----END PUBLIC KEY-----',
  'eyJ is how a token begins',
  'https://slack.com/services/T000',
  'cookie: accepted',
  '--password-file /run/secrets/db',
  'SG. is Singapore',
  '[redacted]',
];

test('the lists have at least 60 shapes of secrets and 60 harmless look-alikes', () => {
  expect(SECRET_SHAPES.length).toBeGreaterThanOrEqual(60);
  expect(HARMLESS_LOOK_ALIKES.length).toBeGreaterThanOrEqual(60);
});

test.each(SECRET_SHAPES)('the secret in %j is not shown', (text, secret) => {
  const shown = withoutSecrets(`Before it. ${text}`);
  expect(shown).not.toContain(secret);
  expect(shown).toMatch(/^Before it\. [\s\S]*\[[a-z ]+\]/);
  expect(withoutSecrets(shown)).toBe(shown);
});

test.each(HARMLESS_LOOK_ALIKES)('the harmless text %j is shown unchanged', (text) => {
  expect(withoutSecrets(text)).toBe(text);
});

test('what stands around a secret stays: quotes, the next parameter, the host', () => {
  expect(withoutSecrets('{"password":"hunter2","user":"ana"}')).toBe('{"password":"[redacted]","user":"ana"}');
  expect(withoutSecrets('{\\"password\\":\\"hunter2\\",\\"a\\":1}')).toBe(
    '{\\"password\\":\\"[redacted]\\",\\"a\\":1}',
  );
  expect(withoutSecrets('postgres://app:hunter2@db:5432/x')).toBe('postgres://app:[redacted]@db:5432/x');
  expect(withoutSecrets('client_secret=abc&grant_type=x')).toBe('client_secret=[redacted]&grant_type=x');
});

test('a JSON text keeps its form: only strings lose what is secret, by their shape or by the name of their property', () => {
  const shown = (value: unknown) => JSON.parse(jsonWithoutSecrets(JSON.stringify(value)));
  const harmless = { a: [1, -0.5, true, null, 'text', { b: {} }], continuationToken: 'x1', token: '12', password: '' };
  expect(shown(harmless)).toEqual(harmless);
  expect(shown({ dbPassword: 'hunter2', deep: [{ 'api-key': 'abcdef', note: 'DB_PASSWORD=hunter2, then' }] })).toEqual({
    dbPassword: '[redacted]',
    deep: [{ 'api-key': '[redacted]', note: 'DB_PASSWORD=[redacted], then' }],
  });
  // In a text, these two would take the rest of it.
  const greedy = ['The Canonical String for this request should have been x', '-----BEGIN PRIVATE KEY-----\nab'];
  expect(shown({ greedy, after: 'stays' })).toEqual({
    greedy: ['[canonical request]', '[private key]'],
    after: 'stays',
  });
  expect(jsonWithoutSecrets('{"__proto__":"password=hunter2"}')).toBe('{"__proto__":"password=[redacted]"}');
  const levels = 5_000;
  expect(jsonWithoutSecrets(`${'['.repeat(levels)}"password=hunter2"${']'.repeat(levels)}`)).toContain('["[deeper]"]');
});

test('the bytes of a canonical request are not shown', () => {
  const bytes = Buffer.from('PUT\nx-amz-security-token:IQoJb3JpZ2luX2VjEXAMPLETOKEN');
  const hex = bytes.toString('hex').replaceAll(/..(?=.)/g, '$& ');
  expect(withoutSecrets(`CanonicalRequestBytes: '${hex}', Code: 'x'`)).toBe(
    "CanonicalRequestBytes: '[bytes]', Code: 'x'",
  );
});

test('hostile input is searched in linear time', () => {
  const part = fc.constantFrom(
    ...[
      'password',
      '="',
      "='",
      '\\"',
      '=',
      ': ',
      '"',
      '\\',
      'token',
      'eyJaaaaaaaaa',
      '-',
      '.',
      '://',
      ':',
      '@',
      'a',
      'A1',
    ],
    ...[
      'sk-',
      'SG.aaaaaaaaaaaaaaaaaaaa',
      '<password>',
      '<',
      'bearer ',
      ' ',
      'cookie: a=',
      '--',
      'BEGIN PRIVATE KEY-----',
      '-----',
    ],
  );
  fc.assert(
    fc.property(fc.array(part, { minLength: 1, maxLength: 5 }), (parts) => {
      const unit = parts.join('');
      const text = unit.repeat(Math.ceil(200_000 / unit.length));
      const begin = cpuMs();
      withoutSecrets(text);
      // Quadratic time would need minutes.
      expect(cpuMs() - begin).toBeLessThan(4_000);
    }),
    { numRuns: 60 },
  );
});
