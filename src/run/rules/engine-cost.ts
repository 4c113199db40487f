import type { EngineKind } from '../model/types.ts';

/**
 * A price per unit in US dollars, and the AWS page that has it. `confirmed`: a copy of that page names it. Otherwise only pages of
 * others name it. `asOf`: when that was looked up; the copies have no date of their own.
 */
interface Price {
  readonly usd: number;
  readonly source: string;
  readonly confirmed: boolean;
  readonly asOf: string;
}
const confirmed = (usd: number, source: string): Price => ({ usd, source, confirmed: true, asOf: '2026-11' });
const unconfirmed = (usd: number, source: string): Price => ({ usd, source, confirmed: false, asOf: '2026-11' });

const STEP_FUNCTIONS = 'https://aws.amazon.com/step-functions/pricing/';
const ON_DEMAND = 'https://aws.amazon.com/dynamodb/pricing/on-demand/';
const S3 = 'https://aws.amazon.com/s3/pricing/';

/**
 * On-demand prices of us-east-1 without the free tiers. Other regions cost up to half more (state transitions: São Paulo half more,
 * most of the others the same to a fifth more): an estimate with them is an order of magnitude, not a bill.
 */
export const PRICES = {
  /** $0.0250 for 1,000 ("State transitions pricing table"). */
  stateTransition: confirmed(25e-6, STEP_FUNCTIONS),
  /** $1.00 for a million (pricing example of Express workflows). */
  expressRequest: confirmed(1e-6, STEP_FUNCTIONS),
  /** $0.06 for a GB-hour, for the first 1,000 of a month; then $0.03 for 4,000, then $0.01642. */
  expressGbSecond: confirmed(0.06 / 3_600, STEP_FUNCTIONS),
  /** "$0.20 per 1 million requests". */
  invocation: confirmed(0.2e-6, 'https://docs.aws.amazon.com/whitepapers/latest/how-aws-pricing-works/lambda.html'),
  /** Since November 2024. */
  writeUnit: unconfirmed(0.625e-6, ON_DEMAND),
  readUnit: unconfirmed(0.125e-6, ON_DEMAND),
  s3Put: unconfirmed(5e-6, S3),
  s3Get: unconfirmed(0.4e-6, S3),
} as const satisfies Readonly<Record<string, Price>>;
export type Priced = keyof typeof PRICES;

/**
 * What the state machine does for a row and for each of its images when nothing is throttled and nothing fails. A test counts the
 * states on that path of the generated definition. `start`: "Transitions in Distributed Map state" (Step Functions developer guide).
 */
export const TRANSITIONS = { start: 1, row: 3, image: 6 } as const;

/** Control table: what one image needs in units, with a run record of up to 4 KB. */
const UNITS = {
  local: { writes: 1, reads: 0 },
  /** The machine reads run and outcome and writes an entry of up to 2 KB; the bot reads that once. */
  'step-functions': { writes: 2, reads: 2.5 },
} as const;

/** The memory of an Express execution is billed in chunks of 64 MB; a row needs one. */
const EXPRESS_GB = 64 / 1024;
/** The states of a row around its invocations, seconds. */
const EXPRESS_OVERHEAD_SECONDS = 0.5;
/** A row of the items file, bytes, and what its upload sends in one request. */
const ITEM_BYTES = 400;
const PART_BYTES = 5 * 2 ** 20;
/** The items file and the files of the ResultWriter, whatever the size. */
const S3_PUTS_PER_EXECUTION = 10;

export interface EngineWork {
  readonly engine: EngineKind;
  readonly images: number;
  readonly secondsPerImage: number;
  /** Images of one child execution. */
  readonly imagesPerRow: number;
  readonly childType: 'STANDARD' | 'EXPRESS';
}

/** What an engine uses for so many images, in the units that AWS bills. */
export function unitsOf({ engine, images, ...row }: EngineWork): readonly (readonly [Priced, number])[] {
  const { writes, reads } = UNITS[engine];
  const common = [
    ['invocation', images],
    ['writeUnit', writes * images],
  ] as const;
  if (engine === 'local') return common;
  const rows = Math.ceil(images / Math.max(1, row.imagesPerRow));
  const shared = [
    ...common,
    ['readUnit', reads * images],
    ['s3Put', S3_PUTS_PER_EXECUTION + Math.ceil((images * ITEM_BYTES) / PART_BYTES)],
    ['s3Get', 1],
  ] as const;
  if (row.childType === 'STANDARD')
    return [['stateTransition', (TRANSITIONS.start + TRANSITIONS.row) * rows + TRANSITIONS.image * images], ...shared];
  const seconds = row.secondsPerImage * images + EXPRESS_OVERHEAD_SECONDS * rows;
  return [
    ['stateTransition', TRANSITIONS.start * rows],
    ['expressRequest', rows],
    ['expressGbSecond', seconds * EXPRESS_GB],
    ...shared,
  ];
}

const NAMES: Readonly<Record<Priced, string>> = {
  stateTransition: 'state transitions',
  expressRequest: 'Express requests',
  expressGbSecond: 'GB-seconds',
  invocation: 'Lambda requests',
  writeUnit: 'write units of the control table',
  readUnit: 'read units of the control table',
  s3Put: 'writes to S3',
  s3Get: 'reads from S3',
};
const whole = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 });

export interface EngineCost {
  readonly engine: EngineKind;
  /** US dollars. */
  readonly usd: number;
  /** The largest parts with their numbers: "8,400 state transitions". */
  readonly parts: readonly string[];
}

/** Parts below this share of the sum are not named. */
const NAMED_SHARE = 0.01;

/**
 * What the engine itself costs, beside what the function does (Bedrock, Textract, Lambda's duration, the rows), which is the same
 * on both. Without throttling, failures and repeated runs.
 */
export function engineCost(work: EngineWork): EngineCost {
  const parts = unitsOf(work).map(([name, units]) => ({ name, units, usd: units * PRICES[name].usd }));
  const usd = parts.reduce((sum, part) => sum + part.usd, 0);
  return {
    engine: work.engine,
    usd,
    parts: parts
      .filter((part) => part.usd >= usd * NAMED_SHARE)
      .toSorted((a, b) => b.usd - a.usd)
      .map(({ name, units }) => `${whole.format(units)} ${NAMES[name]}`),
  };
}

/** Where the prices hold, in one sentence for a preview. */
export const PRICES_HOLD = 'Prices of us-east-1 without free tiers; other regions differ.';
