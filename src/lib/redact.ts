/**
 * Makes text from outside fit to be shown: without credentials, and short.
 *
 * The rules are our own. Scanners such as secretlint report where a secret is and know only vendors' formats; the texts here
 * are error messages and log lines, where most secrets are recognised by the name before them (`DB_PASSWORD=…`).
 *
 * Every pattern is linear: a repeated part is bounded, or ends at a character with which the next match would begin, or
 * may begin only where the character before does not belong to it.
 */

const MAX_LENGTH = 500;

type Replacement = string | ((...match: string[]) => string);

/** A PEM block, also with `\n` as two characters as within JSON. One that is cut off is hidden to the end of the text. */
const PRIVATE_KEY =
  /-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----[\s\S]*?(?:-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----|$)/g;

/** Tokens that are recognised by their beginning, whatever is around them. */
const VENDOR_TOKENS: readonly string[] = [
  'xox[a-z](?:\\.xox[a-z])?-[A-Za-z0-9-]{3,}',
  'xapp-[A-Za-z0-9-]+',
  // GitHub, GitLab
  'gh[pousr]_[A-Za-z0-9]{20,}',
  'github_pat_[A-Za-z0-9_]{20,}',
  'gl(?:pat|dt|rt|ptt|cbt|soat)-[A-Za-z0-9_-]{16,}',
  // Stripe
  '[spr]k_(?:live|test)_[A-Za-z0-9]{10,}',
  'whsec_[A-Za-z0-9+/=]{16,}',
  // Google
  'AIza[A-Za-z0-9_-]{30,}',
  'ya29\\.[A-Za-z0-9_-]{16,}',
  'GOCSPX-[A-Za-z0-9_-]{16,}',
  '1//0[A-Za-z0-9_-]{30,}',
  // OpenAI, Anthropic, Hugging Face
  'sk-(?=[A-Za-z_-]{0,60}[0-9])[A-Za-z0-9_-]{20,}',
  'hf_[A-Za-z0-9]{30,}',
  // Package registries
  'npm_[A-Za-z0-9]{30,}',
  'pypi-[A-Za-z0-9_-]{40,}',
  'dckr_pat_[A-Za-z0-9_-]{20,}',
  // Mail, telephone, chat
  'SG\\.[A-Za-z0-9_-]{16,}\\.[A-Za-z0-9_-]{16,}',
  'key-[0-9a-f]{32}',
  'SK[0-9a-f]{32}',
  '[0-9]{8,10}:AA[A-Za-z0-9_-]{33}',
  // Hosting and operations
  'dop_v1_[0-9a-f]{32,}',
  'dapi[0-9a-f]{32}',
  'hv[sb]\\.[A-Za-z0-9_-]{20,}',
  'shp(?:at|ca|pa|ss)_[0-9a-fA-F]{32}',
  'NRAK-[A-Z0-9]{20,}',
  'PMAK-[0-9a-f-]{20,}',
  'lin_api_[A-Za-z0-9]{20,}',
  'sntry[su]_[A-Za-z0-9+/=_-]{20,}',
  'ATATT3[A-Za-z0-9_=-]{20,}',
  'AGE-SECRET-KEY-1[A-Z0-9]{20,}',
  // AWS: session tokens, Bedrock API keys
  '(?:IQoJ|FwoG|FQoG)[A-Za-z0-9+/=_-]{40,}',
  'ABSK[A-Za-z0-9+/=]{40,}',
];

/** What a name ends with when its value is a secret, whatever it begins with. `_` stands for `_`, `-` or nothing. */
const SECRET_NAMES: readonly string[] = [
  'password',
  'passwd',
  'passphrase',
  '[_-]pass',
  'pwd',
  'secret',
  'token',
  'api_key',
  'private_key',
  'secret_key',
  'secret_access_key',
  'access_key',
  'account_key',
  'signing_key',
  'encryption_key',
  'master_key',
  'auth_key',
  'credentials?',
  'signature(?:provided)?',
  'signature-256',
  '[?&]sig',
].map((name) => name.replaceAll(/(?<=[a-z])_(?=[a-z])/g, '[_-]?'));

/** A quoted value to its closing quote, or an unquoted one; an escaped quote, as of JSON within JSON, ends it, too. */
const VALUE = String.raw`"(?:[^"\\\r\n]|\\.)*"|'(?:[^'\\\r\n]|\\.)*'|\\{0,3}["']?(?:[^\s"'&<>,;\\]|\\(?!["']))+`;
const NAMED_VALUE = new RegExp(
  String.raw`(${SECRET_NAMES.join('|')})(\\{0,3}["']?\s{0,9}(?:=>|:=|[=:])\s{0,9})(${VALUE})`,
  'gi',
);

/** Before `token`: words that make it a page of a listing, a part of a program text, or an id that is not secret. */
const HARMLESS_TOKEN = /(?:next|continuation|request|starting|page|cancell?ation|sync|unexpected|unknown)[\s_-]?$/i;
/** Values that stand for a secret or for its absence. */
const PLACEHOLDER =
  /^(?:null|nil|none|undefined|true|false|[*x•]{3,}|\.{3}|\[[\w ]*\]|<[^>]*>|\$\{[^}]*\}|\$[A-Z_]+|%[A-Z_]+%|\{\{[^}]*\}\}|process\.env\.\w+|arn:aws[\w:/.-]*|[{[(]+)$/i;
/** What follows the name in a sentence about the secret: `password: must be longer`. */
const PROSE =
  /^(?:must|should|is|was|has|cannot|not|no|the|a|an|please|required|optional|missing|invalid|expired|denied|empty|unset|unknown|wrong|incorrect|mismatch|changed)[.!]?$/i;

const looksRandom = (value: string): boolean => /\d|[a-z][A-Z]/.test(value) || value.length > 20;

function hideNamedValue(whole: string, name: string, separator: string, quoted: string, before: string): string {
  const [, open = '', value = '', close = ''] = /^(\\{0,3}["']?)([\s\S]*?)(["']?)$/.exec(quoted) ?? [];
  const key = name.toLowerCase();
  if (value === '' || PLACEHOLDER.test(value)) return whole;
  if (key === 'token' && (HARMLESS_TOKEN.test(before) || /^\d{1,4}$/.test(value))) return whole;
  // `arn:aws:secretsmanager:REGION:ACCOUNT:secret:NAME`
  if (key === 'secret' && /\d:$/.test(before)) return whole;
  // The working directory of a shell has this name, too.
  if (key === 'pwd' && /^(?:\/|~|[A-Za-z]:\\)/.test(value)) return whole;
  const isSentence = open === '' && /^:\s/.test(separator);
  if (isSentence && PROSE.test(value)) return whole;
  if (isSentence && /^(?:token|secret|credential|signature)/.test(key) && !looksRandom(value)) return whole;
  return `${name}${separator}${open}[redacted]${close}`;
}

/** Where a token may begin: not within a word, but after a percent-encoded sign (`Bearer%20xoxb-…`). */
const BEGINS = '(?:(?<![A-Za-z0-9_])|(?<=%[0-9A-Fa-f]{2}))';

/** What must never be shown, in the order in which it is looked for. */
const SECRETS: readonly (readonly [pattern: RegExp, shown: Replacement])[] = [
  [PRIVATE_KEY, '[private key]'],
  [/The (?:Canonical String|String-to-Sign) for this request should have been[\s\S]*/g, '[canonical request]'],
  // The bytes of that text, as S3 adds them to its error.
  [/\b(?:[0-9a-f]{2} ){32,}(?:[0-9a-f]{2}\b)?/gi, '[bytes]'],
  [/(hooks\.slack\.com\/(?:services|workflows|triggers)\/)[^\s"'<>]+/g, '$1[redacted]'],
  [/(discord(?:app)?\.com\/api\/webhooks\/)[^\s"'<>]+/g, '$1[redacted]'],
  [new RegExp(`${BEGINS}(?:${VENDOR_TOKENS.join('|')})`, 'g'), '[token]'],
  // A JSON Web Token.
  [
    new RegExp(String.raw`(?<!-)${BEGINS}eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{4,}(?:\.[A-Za-z0-9_-]*){0,3}`, 'g'),
    '[token]',
  ],
  [/([a-z][a-z0-9+.-]{0,20}:\/\/[^\s:/@?#"'<>]{0,100}:)[^\s/@"'<>]{1,300}@/gi, '$1[redacted]@'],
  [
    /<((?:\w{0,30}(?:password|secret|token|accesskey|apikey))|AWSAccessKeyId|StringToSign|StringToSignBytes|CanonicalRequest|SignatureProvided|Token-\d)>[^<]*<\/\1>/gi,
    (whole, name) =>
      HARMLESS_TOKEN.test((name ?? '').slice(0, -'token'.length)) ? whole : `<${name}>[redacted]</${name}>`,
  ],
  [
    /\b(x-amz-security-token|x-amz-signature|x-amz-credential|aws_?session_?token|sessiontoken|securitytoken)(["']?\s{0,9}[=:]\s{0,9}["']?)(?!\[)[^\s"'&<>,;]+/gi,
    '$1$2[redacted]',
  ],
  [new RegExp(String.raw`${BEGINS}(?:AKIA|ASIA|AROA|AIDA)[A-Z0-9]{12,}\b`, 'g'), '[key id]'],
  [
    /\b(authorization["']?\s{0,3}[=:]\s{0,3}["']?(?:bearer|basic|token|apikey)\s{1,9})(?!\[)[^\s"'<>,;]+/gi,
    '$1[redacted]',
  ],
  [
    /\b(bearer|basic)(\s{1,9})([A-Za-z0-9._~+/=-]{12,})/gi,
    (whole, scheme, space, value) => (looksRandom(value ?? '') ? `${scheme}${space}[redacted]` : whole),
  ],
  [/\b((?:set-)?cookie["']?\s{0,3}:\s{0,3}["']?[^\s=;:"']{1,60}=)[^\r\n"']+/gi, '$1[redacted]'],
  [/(--[a-z-]{0,30}(?:password|passphrase|token|secret|api-key)\s{1,3})(?![-[<$])["']?[^\s"']+["']?/gi, '$1[redacted]'],
];

/** The text without credentials, cut to 500 characters. A longer text ends with `…`. */
export function redact(text: string): string {
  // The end of a very long text is cut off anyway, so it is not searched.
  return shorten(withoutSecrets(text.slice(0, 20 * MAX_LENGTH)));
}

/** The whole text without credentials: for files, and for text that is cut elsewhere. Linear in its length. */
export function withoutSecrets(text: string): string {
  let shown = text;
  for (const [pattern, replacement] of SECRETS)
    shown = typeof replacement === 'string' ? shown.replace(pattern, replacement) : shown.replace(pattern, replacement);
  return shown.replace(
    NAMED_VALUE,
    (whole: string, name: string, separator: string, value: string, offset: number, all: string) =>
      hideNamedValue(whole, name, separator, value, all.slice(Math.max(0, offset - 16), offset)),
  );
}

const SECRET_NAME = new RegExp(`(${SECRET_NAMES.join('|')})$`, 'i');
/** Deeper values of a JSON text are removed. The items of DynamoDB have 32 levels, of two objects each. */
const MOST_DEPTH = 100;

/** A JSON text without credentials in its strings, and with the same form. @throws SyntaxError when it is no JSON text */
export const jsonWithoutSecrets = (json: string): string => JSON.stringify(hideIn('', JSON.parse(json), MOST_DEPTH));

/** A parsed JSON value without credentials. `name`: of the property whose value it is. */
function hideIn(name: string, value: unknown, depth: number): unknown {
  if (typeof value === 'string') return isNamedSecret(name, value) ? '[redacted]' : withoutSecrets(value);
  if (typeof value !== 'object' || value === null) return value;
  if (depth === 0) return '[deeper]';
  if (Array.isArray(value)) return value.map((member) => hideIn(name, member, depth - 1));
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, hideIn(key, member, depth - 1)]));
}

/** Whether the value is hidden because of its name, as in a text. */
function isNamedSecret(name: string, value: string): boolean {
  const found = SECRET_NAME.exec(name);
  return found !== null && hideNamedValue('', found[0], '=', `"${value}"`, name.slice(0, found.index)) !== '';
}

/** Cuts to 500 UTF-16 code units, never within a surrogate pair. */
function shorten(text: string): string {
  if (text.length <= MAX_LENGTH) return text;
  const end = MAX_LENGTH - 1;
  const splits = text.charCodeAt(end - 1) >= 0xd800 && text.charCodeAt(end - 1) <= 0xdbff;
  return `${text.slice(0, splits ? end - 1 : end)}…`;
}
