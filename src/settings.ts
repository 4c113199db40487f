import { validate } from 'node-cron';
import { z } from 'zod';

/**
 * Every setting of the bot: name of the variable, what it may hold, its default and unit. AWS itself is set by the SDK's
 * own variables (AWS_REGION, AWS_PROFILE, AWS_ENDPOINT_URL, …).
 */

/** Fields that every rescan changes; `OCR*` is every name that begins so. */
export const ALWAYS_CHANGING: readonly string[] = [
  'ProcessingTimestamp',
  'ProcessingTimeSeconds',
  'CostEstimateUSD',
  'InputTokens',
  'OutputTokens',
  'OCR*',
  'LastUpdated',
];

const list = z.string().transform((text) =>
  text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== ''),
);
const flag = z.enum(['true', 'false'], { error: 'true or false' }).transform((text) => text === 'true');

const number = (rule: { min: number; max: number; whole?: boolean }) => {
  const wanted = `a ${rule.whole === false ? '' : 'whole '}number from ${rule.min} to ${rule.max}`;
  return z
    .string()
    .refine((text) => /^\d+(\.\d+)?$/.test(text.trim()), { error: wanted })
    .transform(Number)
    .refine((n) => n >= rule.min && n <= rule.max && (rule.whole === false || Number.isInteger(n)), { error: wanted });
};

const MINUTE = 60_000;
const minutes = (rule: { min: number; max: number }) => number({ ...rule, whole: false }).transform((n) => n * MINUTE);
const seconds = (rule: { min: number; max: number }) => number({ ...rule, whole: false }).transform((n) => n * 1000);

const tableName = z.string().regex(/^[A-Za-z0-9_.-]{3,255}$/, { error: 'a table name: 3 to 255 of A-Z a-z 0-9 _ . -' });
const bucketName = z
  .string()
  .regex(/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/, { error: 'a bucket name: 3 to 63 of a-z 0-9 . -' });
const functionName = z.string().regex(/^[A-Za-z0-9_:/-]{1,170}$/, { error: 'a Lambda function name or ARN' });
const cronExpression = z.string().refine((text) => validate(text), { error: 'a cron expression of 5 or 6 fields' });
const slackIds = (kinds: string, pattern: RegExp) =>
  list.refine((ids) => ids.every((id) => pattern.test(id)), { error: kinds });
const people = slackIds('Slack user ids (U…, W…) and user group ids (S…), separated by commas', /^[UWS][A-Z0-9]{2,}$/);

const shape = {
  // Slack
  SLACK_BOT_TOKEN: z.string().startsWith('xoxb-', { error: 'a bot token (xoxb-…)' }),
  SLACK_APP_TOKEN: z.string().startsWith('xapp-', { error: 'an app-level token (xapp-…) with connections:write' }),
  SLACK_API_URL: z.url({ error: 'a URL' }).default('https://slack.com/api/'),
  /** Channels in which the bot answers; the first one hears of runs that no person in a channel started. */
  SLACK_CHANNELS: slackIds('channel ids (C…, G…), separated by commas', /^[CG][A-Z0-9]{2,}$/).refine(
    (ids) => ids.length > 0,
    { error: 'at least one channel id' },
  ),
  /** Who may act. Empty: nobody. */
  OPERATORS: people.prefault(''),
  /** Who may approve, besides that they may act. Empty: nobody. */
  APPROVERS: people.prefault(''),
  /** The run's message is edited at most this often, seconds. */
  MESSAGE_EDIT_SECONDS: seconds({ min: 1, max: 60 }).prefault('3'),
  /** When a progress post goes into the run's thread. */
  PROGRESS_CRON: cronExpression.default('*/5 * * * *'),

  // The pipeline
  IMAGE_BUCKET: bucketName.default('timesheetocr-input-dev-016164185850'),
  IMAGE_EXTENSIONS: list.prefault('.png,.jpg,.jpeg'),
  EXCLUDED_PREFIXES: list.prefault('quicksight-data/,dictionaries/'),
  OCR_FUNCTION: functionName.default('TimesheetOCR-ocr-dev'),
  /** Whether the function is handed keys as they are, or URL-encoded as in a real S3 event. */
  KEY_ENCODING: z.enum(['raw', 'url'], { error: 'raw or url' }).default('raw'),
  TABLE: tableName.default('TimesheetOCR-dev'),
  /** The model the function calls, as it names it: decides which Bedrock quota binds. */
  MODEL_ID: z.string().min(1).default('us.amazon.nova-lite-v1:0'),

  /** Fields that every rescan changes: a diff does not count them. `OCR*` is every name that begins so. */
  DIFF_IGNORED_FIELDS: list.prefault(ALWAYS_CHANGING.join(',')),
  /** How many people a validation looks at, side by side with the backup. */
  VALIDATE_PEOPLE: number({ min: 1, max: 20 }).prefault('3'),

  // The bot's own state
  CONTROL_TABLE: tableName.default('rescan-bot-control'),
  CONTROL_BUCKET: bucketName.default('rescan-bot-control'),
  CONTROL_PREFIX: z
    .string()
    .regex(/^([A-Za-z0-9!_.*'()-]+\/)*$/, { error: 'empty, or a prefix that ends in /' })
    .default(''),
  /** A driver that is silent this long has lost its run, seconds. */
  LEASE_SECONDS: seconds({ min: 1, max: 300 }).prefault('15'),
  /** After SIGTERM the process has ended within this, whatever hangs; below what the machine grants before it kills, seconds. */
  SHUTDOWN_SECONDS: seconds({ min: 5, max: 300 }).prefault('20'),
  AUTO_RESUME: flag.prefault('true'),
  STOP_FILE: z.string().min(1).default('/tmp/STOP_RESCAN'),

  // Pace
  /** `auto`, or images a minute. */
  PACE: z
    .string()
    .refine((text) => text === 'auto' || (/^\d+$/.test(text) && Number(text) > 0), {
      error: 'auto, or images a minute (a whole number above 0)',
    })
    .default('auto'),
  /** Share of the model's requests per minute that `auto` takes, per cent. */
  PACE_QUOTA_PERCENT: number({ min: 1, max: 100 }).prefault('80'),
  /** Share of the free concurrency that may be in flight, per cent. */
  CONCURRENCY_PERCENT: number({ min: 1, max: 100 }).prefault('50'),
  /** Used where Service Quotas cannot be read, requests a minute (runbook: 200). */
  MODEL_REQUESTS_PER_MINUTE: number({ min: 1, max: 1_000_000 }).prefault('200'),
  /** The most images in flight at once, whatever the quotas say. */
  MAX_IN_FLIGHT: number({ min: 1, max: 5_000 }).prefault('200'),
  /** Pushbacks of one image before it counts as a THROTTLING_ERROR. */
  THROTTLE_LIMIT: number({ min: 1, max: 100 }).prefault('8'),
  /** Cost of an image until this pipeline has told, USD. 0: no forecast. */
  COST_PER_IMAGE_USD: number({ min: 0, max: 100, whole: false }).prefault('0'),
  /** Records that an image leaves, for what the table must take where its capacity is provisioned (runbook: 3). */
  ENTRIES_PER_IMAGE: number({ min: 0.1, max: 1_000, whole: false }).prefault('3'),
  /** Tokens of a model call, in and out. 0: not known, and the model's tokens a minute bound nothing. */
  TOKENS_PER_IMAGE: number({ min: 0, max: 1_000_000 }).prefault('0'),
  /** Time an image takes until this pipeline has told, seconds (pipeline.md: 2 to 10). */
  SECONDS_PER_IMAGE: seconds({ min: 0.01, max: 900 }).prefault('5'),

  // Breaker (runbook, "Circuit Breaker")
  BREAKER_CONSECUTIVE: number({ min: 1, max: 10_000 }).prefault('10'),
  BREAKER_WINDOW: number({ min: 2, max: 10_000 }).prefault('20'),
  /** More than this share of the window, per cent. */
  BREAKER_PERCENT: number({ min: 1, max: 99 }).prefault('50'),

  // Watchdog (runbook, "Progress Monitoring")
  GROWTH_CHECK_IMAGES: number({ min: 1, max: 100_000 }).prefault('50'),
  GROWTH_WARN_MINUTES: minutes({ min: 0.01, max: 1_440 }).prefault('5'),
  GROWTH_TRIP_MINUTES: minutes({ min: 0.01, max: 1_440 }).prefault('10'),
  /** Above this approximate size, MB, the table is probed instead of counted. */
  GROWTH_COUNT_MAX_MB: number({ min: 0, max: 1_000_000 }).prefault('50'),

  // Warnings (runbook, "Warning Signs")
  WARN_IMAGES_PER_MINUTE: number({ min: 0, max: 10_000 }).prefault('10'),
  WARN_FAILURE_PERCENT: number({ min: 1, max: 100 }).prefault('10'),
  WARN_THROTTLE_PERCENT: number({ min: 1, max: 100 }).prefault('20'),

  // Checkpoint (runbook, "Resume Capability")
  CHECKPOINT_OUTCOMES: number({ min: 1, max: 10_000 }).prefault('10'),
  CHECKPOINT_SECONDS: seconds({ min: 0.1, max: 600 }).prefault('5'),

  // Backup, flush, restore, approvals
  /** A backup older than this is no ground for a flush, hours. */
  BACKUP_MAX_AGE_HOURS: number({ min: 0.01, max: 8_760, whole: false })
    .transform((n) => n * 60 * MINUTE)
    .prefault('24'),
  /** The most records that may differ between the backup and the table at a flush. */
  FLUSH_MAX_DIFFERENCE: number({ min: 0, max: 10_000_000 }).prefault('100'),
  APPROVAL_MINUTES: minutes({ min: 0.1, max: 1_440 }).prefault('15'),
  /** `second-person`, or `self` for a team of one. */
  APPROVAL_POLICY: z.enum(['second-person', 'self'], { error: 'second-person or self' }).default('second-person'),

  // Checklist and autopilot
  /** Images that must work today before anything is deleted. 0: none. */
  SAMPLE_IMAGES: number({ min: 0, max: 100 }).prefault('3'),
  /** A sample older than this is tried again, hours. */
  SAMPLE_MAX_AGE_HOURS: number({ min: 0.01, max: 8_760, whole: false })
    .transform((n) => n * 60 * MINUTE)
    .prefault('24'),
  /** The autopilot's run sends so many images ahead; the others follow when these have passed. */
  CANARY_IMAGES: number({ min: 1, max: 10_000 }).prefault('20'),
  /** More than this share of them failed: the run stops itself, per cent. */
  CANARY_PERCENT: number({ min: 1, max: 99 }).prefault('20'),

  LOG_LEVEL: z
    .enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'], {
      error: 'fatal, error, warn, info, debug, trace or silent',
    })
    .default('info'),
};

const schema = z.object(shape);

export type Settings = z.infer<typeof schema>;

/** Settings that each may hold what they hold, but not together. Asked also where others are malformed, so that all are listed at once. */
function contradictions(
  settings: { [Name in keyof Settings]?: Settings[Name] | undefined },
): [name: string, wanted: string][] {
  const found: [string, string][] = [];
  if ((settings.GROWTH_TRIP_MINUTES ?? 0) < (settings.GROWTH_WARN_MINUTES ?? 0))
    found.push(['GROWTH_TRIP_MINUTES', 'no less than GROWTH_WARN_MINUTES']);
  if (
    settings.CONTROL_BUCKET !== undefined &&
    settings.CONTROL_BUCKET === settings.IMAGE_BUCKET &&
    !settings.CONTROL_PREFIX
  )
    found.push(['CONTROL_PREFIX', 'a prefix such as rescan-bot/, as CONTROL_BUCKET is the bucket of the images']);
  if (settings.CONTROL_TABLE !== undefined && settings.CONTROL_TABLE === settings.TABLE)
    found.push(['CONTROL_TABLE', 'another table than TABLE']);
  return found;
}

/** Thrown by `readConfig`: one line for each variable that is missing or malformed. */
export class SettingsError extends Error {
  override readonly name = 'SettingsError';
  readonly lines: readonly string[];
  constructor(lines: readonly string[]) {
    super(lines.join('\n'));
    this.lines = lines;
  }
}

const secret = (name: string) => /TOKEN|SECRET/.test(name);
const shown = (name: string, value: string) => (secret(name) ? `${value.slice(0, 5)}…` : JSON.stringify(value));

/**
 * Reads all settings from the environment. An empty variable counts as not set. Durations come out in ms.
 * @throws ConfigError with all problems at once, each naming the variable, what it holds and what it may hold.
 */
export function readSettings(environment: Readonly<Record<string, string | undefined>>): Settings {
  const given = Object.fromEntries(
    Object.keys(shape).flatMap((name) => {
      const value = environment[name]?.trim();
      return value === undefined || value === '' ? [] : [[name, value]];
    }),
  );
  const result = schema.safeParse(given);
  const lines = new Map<string, string>();
  const refuse = (name: string, wanted: string) => {
    const value = environment[name]?.trim() ?? '';
    const holds = value === '' ? 'is not set' : `is ${shown(name, value)}`;
    if (!lines.has(name)) lines.set(name, `${name} ${holds}; it must hold ${wanted}.`);
  };
  for (const issue of result.error?.issues ?? []) {
    const name = String(issue.path[0] ?? '');
    refuse(name, given[name] === undefined ? (expectations[name] ?? 'a value') : issue.message);
  }
  const sound = Object.fromEntries(Object.entries(given).filter(([name]) => !lines.has(name)));
  for (const [name, wanted] of contradictions(schema.partial().parse(sound))) refuse(name, wanted);
  if (result.success && lines.size === 0) return result.data;
  throw new SettingsError([...lines.values()]);
}

/** What the required variables must hold; the others have defaults. */
const expectations: Readonly<Record<string, string>> = {
  SLACK_BOT_TOKEN: 'a bot token (xoxb-…)',
  SLACK_APP_TOKEN: 'an app-level token (xapp-…) with connections:write',
  SLACK_CHANNELS: 'channel ids (C…, G…), separated by commas',
};
