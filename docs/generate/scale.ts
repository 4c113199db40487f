import { engineCost, PRICES, TRANSITIONS } from '../../src/run/rules/engine-cost.ts';

/** The arithmetic of docs/scale.md: every figure there follows from these constants. */

interface Constant {
  readonly value: number;
  readonly unit: string;
  readonly from: string;
}
const constant = (value: number, unit: string, from: string): Constant => ({ value, unit, from });

export const MEASURED = {
  countUs: constant(5, 'µs of CPU a record', '`count.cpu_us`'),
  backupUs: constant(40, 'µs of CPU a record', '`backup.cpu_us`'),
  verifyUs: constant(15, 'µs of CPU a record', '`verify.cpu_us` (11 to 19)'),
  compareUs: constant(25, 'µs of CPU a record', '`compare.cpu_us`, equal contents'),
  compareChangedUs: constant(45, 'µs of CPU a record', '`compare-changed.cpu_us`, 1 % differs'),
  flushUs: constant(59, 'µs of CPU a record', '`flush.cpu_us`, with its comparison'),
  restoreUs: constant(71, 'µs of CPU a record', '`restore.cpu_us`, with safety backup and proof'),
  diffUs: constant(62, 'µs of CPU a record', '`diff.cpu_us`'),
  reconcileUs: constant(25, 'µs of CPU an image', '`reconcile.seconds`, its CPU'),
  csvUs: constant(45, 'µs a row', '`csv.rows_per_s`'),
  runUs: constant(
    470,
    'µs of CPU an image',
    '`engine.cpu_ms_per_image`, with the proof of rows (320 on a faster machine)',
  ),
  compareDisk: constant(52, 'bytes of temporary files a record', '`compare-changed.disk_bytes`'),
  diffDisk: constant(112, 'bytes of temporary files a record', '`diff.disk_bytes`'),
  peakMb: constant(236, 'MB of memory at most', '`data.peak_rss_mb`, 1,000,000 records'),
} as const satisfies Readonly<Record<string, Constant>>;

export const ASSUMED = {
  recordKb: constant(1, 'KB a record', 'the pipeline’s entries are 0.7 to 1 KB'),
  storedKb: constant(0.2, 'KB a record in S3', 'gzip; the benchmark’s records repeat and take 0.03 KB'),
  indexes: constant(2, 'global indexes of the table', 'the pipeline’s table'),
  secondsPerImage: constant(5, 's an image', 'SECONDS_PER_IMAGE'),
  modelPerMinute: constant(200, 'model requests a minute', 'the default quota of Amazon Nova Lite'),
  quotaShare: constant(0.8, 'of the model quota', 'PACE_QUOTA_PERCENT'),
  journalKb: constant(
    1,
    'KB of the control table an image',
    'the journal of the local engine; 2 KB with Step Functions',
  ),
  itemBytes: constant(400, 'bytes of an items file an image', 'key, sort key and payload'),
} as const satisfies Readonly<Record<string, Constant>>;

/** Limits of AWS, with the page of its documentation. */
export const LIMITS = {
  children: constant(10_000, 'parallel children of a Map Run', '“Step Functions service quotas”'),
  transitionsPerSecond: constant(
    5_000,
    'state transitions a second (800 in most regions)',
    '“Step Functions service quotas”',
  ),
  standardStarts: constant(100, 'STANDARD children started a second', '“Step Functions service quotas”'),
  expressStarts: constant(1_000, 'EXPRESS children started a second', '“Step Functions service quotas”'),
  itemsFileGb: constant(10, 'GB of an items file', '“Step Functions service quotas”, with 100,000,000 items'),
  expressMinutes: constant(5, 'minutes of an Express execution', '“Step Functions service quotas”'),
  partitionWrites: constant(
    1_000,
    'write units a second of one partition',
    '“Best practices for designing and using partition keys effectively in DynamoDB”',
  ),
  tableWrites: constant(40_000, 'write units a second of an on-demand table by default', '“Quotas in Amazon DynamoDB”'),
  lambdaConcurrency: constant(1_000, 'concurrent Lambda invocations by default', '“Lambda quotas”'),
  exportTb: constant(100, 'TB in all exports that are in progress, at most 300 of them', '“Quotas in Amazon DynamoDB”'),
  recoveryDays: constant(35, 'days of point-in-time recovery', '“Point-in-time backups for DynamoDB”'),
  itemKb: constant(400, 'KB of an item', '“Quotas in Amazon DynamoDB”'),
  pageMb: constant(1, 'MB of a page of Scan and Query', '“Quotas in Amazon DynamoDB”'),
  partsPerObject: constant(10_000, 'parts of an S3 object', '“Amazon S3 multipart upload limits”'),
} as const satisfies Readonly<Record<string, Constant>>;

/** Prices of DynamoDB that a run does not use, us-east-1. */
const GB_EXPORTED_USD = 0.1;
const GB_MONTH_RECOVERY_USD = 0.2;
const KB_PER_READ_UNIT = 4;
const KB_PER_GB = 1e6;

const number = new Intl.NumberFormat('en-US', { maximumSignificantDigits: 3 });
const many = (value: number): string => `10^${Math.round(Math.log10(value))}`;
export function duration(seconds: number): string {
  if (seconds < 90) return `${number.format(seconds)} s`;
  if (seconds < 90 * 60) return `${number.format(seconds / 60)} min`;
  return seconds < 72 * 3_600 ? `${number.format(seconds / 3_600)} h` : `${number.format(seconds / 86_400)} days`;
}
const dollars = (usd: number): string => (usd < 0.01 ? 'under $0.01' : `$${number.format(usd)}`);
const size = (kb: number): string => {
  if (kb < 1e6) return `${number.format(kb / 1e3)} MB`;
  return kb < 1e9 ? `${number.format(kb / 1e6)} GB` : `${number.format(kb / 1e9)} TB`;
};
const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');

/** Read units of one consistent scan. */
export const scanUnits = (records: number): number => (records * ASSUMED.recordKb.value) / KB_PER_READ_UNIT;

interface Step {
  readonly name: string;
  /** CPU of the bot, µs a record. */
  readonly us: number;
  /** Consistent scans of the table, and records that are read one by one. */
  readonly scans: number;
  readonly reads: number;
  /** Records written in transactions. */
  readonly writes: number;
  readonly diskBytes: number;
}
const step = (name: string, us: Constant | number, more: Partial<Omit<Step, 'name' | 'us'>> = {}): Step => ({
  name,
  us: typeof us === 'number' ? us : us.value,
  ...{ scans: 0, reads: 0, writes: 0, diskBytes: 0 },
  ...more,
});

const BYTES_OF_HASH = 16;
/** A transaction writes at twice the units; an index takes units of its own, once. */
const unitsPerWrite = 2 * ASSUMED.recordKb.value + ASSUMED.indexes.value;

/** What each step of the checklist does to every record of the table. */
export const STEPS: readonly Step[] = [
  step('count, at each request and approval', MEASURED.countUs, { scans: 1 }),
  step('backup', MEASURED.backupUs, { scans: 1 }),
  step('backup export, the bot’s part', 0),
  step('reading an export or a backup in full (`backups verify`)', MEASURED.verifyUs),
  step('comparison, for the form of a flush or restore', MEASURED.compareChangedUs, {
    scans: 1,
    diskBytes: MEASURED.compareDisk.value,
  }),
  step('flush', MEASURED.flushUs, { scans: 3, writes: 1, diskBytes: MEASURED.compareDisk.value }),
  step('flush recreate', 2 * MEASURED.compareChangedUs.value, { scans: 2, diskBytes: MEASURED.compareDisk.value }),
  step('restore', MEASURED.restoreUs, {
    scans: 2,
    reads: 1,
    writes: 1,
    diskBytes: MEASURED.compareDisk.value + BYTES_OF_HASH,
  }),
  step('diff, validate', MEASURED.diffUs, { scans: 1, diskBytes: MEASURED.diffDisk.value }),
];

export interface StepFigures {
  readonly cpuSeconds: number;
  readonly writeSeconds: number;
  readonly usd: number;
  readonly diskKb: number;
}

/** What a step needs for so many records: CPU, the least time for its writes, money for DynamoDB, and disk. */
export function figuresOf({ us, scans, reads, writes, diskBytes }: Step, records: number): StepFigures {
  const readUnits = scans * scanUnits(records) + reads * records;
  const writeUnits = writes * records * unitsPerWrite;
  return {
    cpuSeconds: (us * records) / 1e6,
    // The indexes have limits of their own.
    writeSeconds: (writes * records * 2 * ASSUMED.recordKb.value) / LIMITS.tableWrites.value,
    usd: readUnits * PRICES.readUnit.usd + writeUnits * PRICES.writeUnit.usd,
    diskKb: (diskBytes * records) / 1e3,
  };
}

export const RECORDS = [1e6, 1e8, 1e9] as const;
export const IMAGES = [1e4, 1e6, 1e8] as const;

/** Hours, money and disk of each step, one table for each number of records. */
export const stepTables = (): string =>
  RECORDS.map((records) =>
    [
      `**${many(records)} records** (${size(records * ASSUMED.recordKb.value)}; in S3 ${size(records * ASSUMED.storedKb.value)}; point-in-time recovery ${dollars(recoveryUsdPerMonth(records))} a month)`,
      '',
      table(
        ['step', 'one CPU of the bot', 'least time of its writes', 'DynamoDB', 'temporary files'],
        STEPS.map((one) => {
          const { cpuSeconds, writeSeconds, usd, diskKb } = figuresOf(one, records);
          return [
            one.name,
            cpuSeconds === 0 ? 'seconds' : duration(cpuSeconds),
            writeSeconds === 0 ? '' : duration(writeSeconds),
            one.name.startsWith('backup export') ? dollars(exportUsd(records)) : usd === 0 ? '' : dollars(usd),
            diskKb === 0 ? '' : size(diskKb),
          ];
        }),
      ),
    ].join('\n'),
  ).join('\n\n');

/** An export is paid by the size of the table. */
export const exportUsd = (records: number): number =>
  ((records * ASSUMED.recordKb.value) / KB_PER_GB) * GB_EXPORTED_USD;
export const recoveryUsdPerMonth = (records: number): number =>
  ((records * ASSUMED.recordKb.value) / KB_PER_GB) * GB_MONTH_RECOVERY_USD;

const transitionsPerImage = (imagesPerRow: number): number =>
  (TRANSITIONS.start + TRANSITIONS.row) / imagesPerRow + TRANSITIONS.image;

/** Images a minute that each limit allows. */
export const PACES: readonly { readonly name: string; readonly perMinute: number }[] = [
  { name: 'the default model quota', perMinute: ASSUMED.modelPerMinute.value * ASSUMED.quotaShare.value },
  { name: 'MAX_IN_FLIGHT=200 of the bot (default)', perMinute: (200 * 60) / ASSUMED.secondsPerImage.value },
  {
    name: '1,000 concurrent invocations of Lambda (default)',
    perMinute: (LIMITS.lambdaConcurrency.value * 60) / ASSUMED.secondsPerImage.value,
  },
  {
    name: 'the control table’s partition of a run on Step Functions (2 write units an image)',
    perMinute: (LIMITS.partitionWrites.value * 60) / 2,
  },
  {
    name: 'STANDARD children: state transitions, rows of one image',
    perMinute: (LIMITS.transitionsPerSecond.value * 60) / transitionsPerImage(1),
  },
  {
    name: 'STANDARD children: state transitions, rows of 10 images',
    perMinute: (LIMITS.transitionsPerSecond.value * 60) / transitionsPerImage(10),
  },
  {
    name: 'STANDARD children: starts, rows of one image',
    perMinute: LIMITS.standardStarts.value * 60,
  },
  {
    name: 'EXPRESS children: starts, rows of one image',
    perMinute: LIMITS.expressStarts.value * 60,
  },
  { name: 'MAX_IN_FLIGHT=5000 of the bot (most)', perMinute: (5_000 * 60) / ASSUMED.secondsPerImage.value },
  {
    name: 'the control table’s partition of a run of the bot (1 write unit an image)',
    perMinute: LIMITS.partitionWrites.value * 60,
  },
  {
    name: '10,000 children on Step Functions',
    perMinute: (LIMITS.children.value * 60) / ASSUMED.secondsPerImage.value,
  },
  { name: 'one CPU of the bot, local engine', perMinute: 60e6 / MEASURED.runUs.value },
];

export const paceTable = (): string =>
  table(
    ['limit', 'images a minute', ...IMAGES.map((images) => `${many(images)} images`)],
    PACES.toSorted((a, b) => a.perMinute - b.perMinute).map(({ name, perMinute }) => [
      name,
      number.format(perMinute),
      ...IMAGES.map((images) => duration((images / perMinute) * 60)),
    ]),
  );

export function runTable(): string {
  const cost = (images: number, engine: 'local' | 'step-functions', childType: 'STANDARD' | 'EXPRESS') =>
    dollars(
      engineCost({
        engine,
        images,
        childType,
        imagesPerRow: 1,
        secondsPerImage: ASSUMED.secondsPerImage.value,
      }).usd,
    );
  const row = (name: string, value: (images: number) => string) => [name, ...IMAGES.map(value)];
  return table(
    ['', ...IMAGES.map((images) => `${many(images)} images`)],
    [
      row('engine of the bot', (images) => cost(images, 'local', 'STANDARD')),
      row('Step Functions, EXPRESS children', (images) => cost(images, 'step-functions', 'EXPRESS')),
      row('Step Functions, STANDARD children', (images) => cost(images, 'step-functions', 'STANDARD')),
      row('journal in the control table (local; twice that with Step Functions)', (images) =>
        size(images * ASSUMED.journalKb.value),
      ),
      row('items file of Step Functions', (images) => size((images * ASSUMED.itemBytes.value) / 1e3)),
      row('CPU of the report and validation (reconcile)', (images) =>
        duration((images * MEASURED.reconcileUs.value) / 1e6),
      ),
      row('CSV of the run, one row an image', (images) => duration((images * MEASURED.csvUs.value) / 1e6)),
    ],
  );
}

/** Every constant with its source. */
export const constantTables = (): string =>
  (
    [
      ['Measured', MEASURED],
      ['Assumed', ASSUMED],
      ['Limits of AWS', LIMITS],
    ] as const
  )
    .map(
      ([title, constants]) =>
        `**${title}**\n\n${table(
          ['value', 'unit', title === 'Measured' ? 'figure of `npm run bench`' : 'from'],
          Object.values<Constant>(constants).map(({ value, unit, from }) => [number.format(value), unit, from]),
        )}`,
    )
    .concat(
      `**Prices** (us-east-1, without free tiers)\n\n${table(
        ['US dollars', 'for', 'page', 'as of', 'seen on that page'],
        [
          ...Object.entries(PRICES).map(([name, { usd, source, confirmed, asOf }]) => [
            `${number.format(usd * 1e6)}`,
            `a million ${PRICE_NAMES[name] ?? name}`,
            source,
            asOf,
            confirmed ? 'yes' : 'no',
          ]),
          [`${GB_EXPORTED_USD}`, 'a GB that is exported', PRICES.writeUnit.source, '2025-11', 'no'],
          [
            `${GB_MONTH_RECOVERY_USD}`,
            'a GB and month of point-in-time recovery',
            PRICES.writeUnit.source,
            '2025-11',
            'no',
          ],
        ],
      )}\n\n${PRICES_NOTE}`,
    )
    .join('\n\n');

const PRICES_NOTE =
  '“Yes”: a stored copy of the page named the price when it was looked up. “No”: only pages of others named it, because no copy of the page with its numbers could be read. Check these before you rely on them.';

const PRICE_NAMES: Readonly<Record<string, string>> = {
  stateTransition: 'state transitions',
  expressRequest: 'Express requests',
  expressGbSecond: 'GB-seconds of Express executions',
  invocation: 'Lambda requests',
  writeUnit: 'write units',
  readUnit: 'read units',
  s3Put: 'writes to S3',
  s3Get: 'reads from S3',
};
