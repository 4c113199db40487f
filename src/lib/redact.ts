/** Makes text from outside fit to be shown: without credentials, and short. */

const MAX_LENGTH = 500;

/** What must never be shown: access key ids, and secrets, tokens and signatures in URLs, headers and XML. */
const SECRETS: readonly (readonly [pattern: RegExp, shown: string])[] = [
  [/\bxox[a-z]-[A-Za-z0-9-]+|\bxapp-[A-Za-z0-9-]+/g, '[token]'],
  [
    /\b(x-amz-security-token|x-amz-signature|x-amz-credential|aws_?secret_?access_?key|aws_?session_?token|secretaccesskey|sessiontoken|securitytoken|signature(?:provided)?|credential)(["']?\s*[=:]\s*["']?)[^\s"'&<>,;]+/gi,
    '$1$2[redacted]',
  ],
  [
    /<(AWSAccessKeyId|StringToSign|StringToSignBytes|CanonicalRequest|SignatureProvided|Token-\d)>[^<]*<\/\1>/g,
    '<$1>[redacted]</$1>',
  ],
  [/The (?:Canonical String|String-to-Sign) for this request should have been[\s\S]*/g, '[canonical request]'],
  [/\b(?:IQoJ|FwoG|FQoG)[A-Za-z0-9+/=_-]{40,}/g, '[token]'],
  [/\b(?:AKIA|ASIA|AROA|AIDA)[A-Z0-9]{12,}\b/g, '[key id]'],
  [/\b(Bearer|Basic)(\s{1,9})[A-Za-z0-9._~+/=-]{16,}/g, '$1$2[redacted]'],
  [
    /\b(password|passwd|client_secret|api_?key|private_?key)(["']?\s{0,9}[=:]\s{0,9}["']?)[^\s"'&<>,;]+/gi,
    '$1$2[redacted]',
  ],
  [/-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]{0,40}PRIVATE KEY-----|$)/g, '[private key]'],
];

/** The text without credentials, cut to 500 characters. A longer text ends with `…`. */
export function redact(text: string): string {
  // The end of a very long text is cut off anyway, so it is not searched.
  return shorten(withoutSecrets(text.slice(0, 20 * MAX_LENGTH)));
}

/** The whole text without credentials: for files, and for text that is cut elsewhere. Linear in its length. */
export function withoutSecrets(text: string): string {
  let shown = text;
  for (const [pattern, replacement] of SECRETS) shown = shown.replace(pattern, replacement);
  return shown;
}

/** Cuts to 500 UTF-16 code units, never within a surrogate pair. */
function shorten(text: string): string {
  if (text.length <= MAX_LENGTH) return text;
  const end = MAX_LENGTH - 1;
  const splits = text.charCodeAt(end - 1) >= 0xd800 && text.charCodeAt(end - 1) <= 0xdbff;
  return `${text.slice(0, splits ? end - 1 : end)}…`;
}
