/** Texts that come from outside at their worst. */
export const HOSTILE_TEXTS = [
  '<!channel> <@U0OPERATOR> <https://evil.example|click me> &lt;!here&gt;',
  '`` ` ```break out``` *bold* _it_ ~no~ \\',
  'first line\nsecond line\r\n> quoted\n\u2028separator',
  '&'.repeat(600),
  '<'.repeat(4_000),
  `${'x'.repeat(2_990)}&amp;${'y'.repeat(5_000)}`,
  '𝟘😀'.repeat(2_000),
  '*'.repeat(700),
  '`'.repeat(700),
  '\u202Egnp.exe\u202C zero\u200Bwidth \u0000nul',
  'scans/100%/O’Neil & Søn (1).PNG',
  '   ',
  '',
] as const;

/** Draws whole numbers below `most`, the same ones for the same seed. */
export type Draw = (most: number) => number;

export function seededDraw(seed: number): Draw {
  let state = seed >>> 0;
  return (most) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * most);
  };
}

/** Words of a closed list (`kind`, `reason`, a step's name): these are ours, whatever comes from outside. */
const OURS = /^[a-z]+(?:-[a-z]+)*$|^[A-Z]+(?:_[A-Z]+)*$|^(?:S|N|B|HASH|RANGE)$/;
const CLOSED = new Set(
  [
    'kind',
    'reason',
    'state',
    'step',
    'next',
    'action',
    'because',
    'stage',
    'verdict',
    'limit',
    'source',
    'why',
    'by',
    'since',
    'type',
    'role',
    'mode',
    'refusal',
  ].concat([
    'failureType',
    'because',
    'billing',
    'purpose',
    'pointInTimeRecovery',
    'decision',
    'from',
    'runState',
    'record',
    'service',
    'weight',
    'lookedLike',
    'options',
  ]),
);
/** What the bot made itself: ids, hashes, exact decimals, words for its stages. */
const OWN_IDS = new Set([
  'id',
  'runId',
  'runIds',
  'causeId',
  'checklistId',
  'backupId',
  'codeSha256',
  'sum',
  'digest',
  'hash',
  'head',
  'stage',
  'hours',
  'movedHours',
  'gained',
  'lost',
  'net',
]);
const COUNTS = [0, 1, 2, 49, 1_000_000_000_000, 0.000_001] as const;

/**
 * The same state with everything that may vary at its worst: texts hostile and huge, lists empty or long, counts none or many. What is
 * one of a closed list stays, and so do times, as their range is the clock's.
 */
export function distort<T>(value: T, draw: Draw): T;
export function distort(value: unknown, draw: Draw): unknown {
  return distorted(value, draw, '');
}

function distorted(value: unknown, draw: Draw, name: string): unknown {
  switch (typeof value) {
    case 'string':
      if ((CLOSED.has(name) && OURS.test(value)) || OWN_IDS.has(name) || name === 'options') return value;
      return draw(4) === 0 ? value : (HOSTILE_TEXTS[draw(HOSTILE_TEXTS.length)] ?? value);
    case 'number':
      return /At$|^at$|until|^now$|newest/.test(name) || draw(3) === 0 ? value : (COUNTS[draw(COUNTS.length)] ?? value);
    case 'boolean':
      return name === 'ok' ? value : draw(2) === 0;
    case 'object':
      if (value === null) return value;
      return Array.isArray(value) ? distortedList(value, draw, name) : distortedRecord(value, draw);
    default:
      return value;
  }
}

/** Of each thing that a list is of exactly one, or none, or very many. */
const ONE_OF_EACH = new Set(['steps', 'keys', 'intervals', 'blocking', 'attributes']);
const LENGTHS = [0, 1, 3, 110] as const;

function distortedList(list: readonly unknown[], draw: Draw, name: string): unknown[] {
  if (list.length === 0 || ONE_OF_EACH.has(name)) return list.map((entry) => distorted(entry, draw, name));
  const length = LENGTHS[draw(LENGTHS.length)] ?? list.length;
  return Array.from({ length }, (_, at) => distorted(list[at % list.length], draw, name));
}

const distortedRecord = (record: object, draw: Draw): object =>
  Object.fromEntries(Object.entries(record).map(([name, value]) => [name, distorted(value, draw, name)]));
