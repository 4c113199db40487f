/** What Python prints for values that JSON cannot represent: a backup of the runbook has these texts in place of the values. */

const NAMED: Readonly<Record<string, string>> = {
  n: '\n',
  r: '\r',
  t: '\t',
  '\\': '\\',
  "'": "'",
  '"': '"',
  a: '\x07',
  b: '\b',
  f: '\f',
  v: '\v',
};
const ESCAPE = /\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[nrt\\'"abfv])/g;

const unescaped = (text: string): string =>
  text.replace(ESCAPE, (_, code: string) => NAMED[code] ?? String.fromCodePoint(Number.parseInt(code.slice(1), 16)));

const STRING = `'(?:[^'\\\\]|\\\\.)*'|"(?:[^"\\\\]|\\\\.)*"`;
const DECIMAL = `Decimal\\('[^']*'\\)`;
const BYTES = `(?:Binary\\(b(?:${STRING})\\)|b(?:${STRING}))`;
const setOf = (member: string) => new RegExp(`^\\{(?:${member})(?:, (?:${member}))*\\}$`, 's');
const SETS = { SS: setOf(STRING), NS: setOf(DECIMAL), BS: setOf(BYTES) };
const BINARY = new RegExp(`^${BYTES}$`, 's');
const MEMBERS = { SS: STRING, NS: DECIMAL, BS: BYTES };

const inner = (literal: string) => unescaped(literal.slice(1, -1));
const bytesOf = (literal: string) =>
  Buffer.from(
    inner(
      literal
        .replace(/^Binary\(/, '')
        .replace(/\)$/, '')
        .slice(1),
    ),
    'latin1',
  ).toString('base64');

export type PrintedSet =
  | { readonly SS: readonly string[] }
  | { readonly NS: readonly string[] }
  | { readonly BS: readonly string[] };

/** The set that Python printed as `{'a', 'b'}`, `{Decimal('1')}` or `{Binary(b'..')}`; undefined for other text. */
export function printedSet(text: string): PrintedSet | undefined {
  for (const tag of ['SS', 'NS', 'BS'] as const) {
    if (!SETS[tag].test(text)) continue;
    const literals = text.slice(1, -1).match(new RegExp(MEMBERS[tag], 'gs')) ?? [];
    if (tag === 'SS') return { SS: literals.map(inner) };
    if (tag === 'NS') return { NS: literals.map((literal) => literal.slice("Decimal('".length, -2)) };
    return { BS: literals.map(bytesOf) };
  }
  return undefined;
}

/** The bytes, as base64, that Python printed as `b'..'` or `Binary(b'..')`; undefined for other text. */
export const printedBinary = (text: string): string | undefined => (BINARY.test(text) ? bytesOf(text) : undefined);

/** Whether the text may have been a number. */
export const looksLikeNumber = (text: string): boolean => /^-?\d+(\.\d+)?(E[+-]?\d+)?$/.test(text);
