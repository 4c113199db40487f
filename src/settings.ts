import { validate } from 'node-cron';
import {
  boolean,
  converted,
  hours,
  list,
  matching,
  minutes,
  number,
  oneOf,
  percent,
  perMinuteOrAuto,
  readEnvironment,
  type Setting,
  seconds,
  setting,
  text,
  type ValuesOf,
  whole,
} from './lib/environment.ts';
import { FIELDS_CHANGED_BY_EVERY_RUN } from './results/diff/noise.ts';

/**
 * Every setting of the bot, declared once: variable, meaning, default, unit and allowed values. The docs are generated
 * from this list. AWS itself is configured by the SDK's own variables (AWS_REGION, AWS_PROFILE, AWS_ENDPOINT_URL, …).
 */

const images = (min: number, max: number) => whole(min, max, 'images');
const anyText = text('any text', () => true);
const url = text('a URL', (given) => URL.canParse(given));
const tableName = matching('a table name: 3 to 255 of A-Z a-z 0-9 _ . -', /^[A-Za-z0-9_.-]{3,255}$/);
const bucketName = matching('a bucket name: 3 to 63 of a-z 0-9 . -', /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/);
const people = list('Slack user ids (U…, W…) and user group ids (S…), separated by commas', (id) =>
  /^[UWS][A-Z0-9]{2,}$/.test(id),
);
const channels = list('Slack channel ids (C…, G…), separated by commas', (id) => /^[CG][A-Z0-9]{2,}$/.test(id));

const pace = perMinuteOrAuto('images per minute');

const slack = {
  slackBotToken: setting('SLACK_BOT_TOKEN', "The app's bot token.", matching('a bot token (xoxb-…)', /^xoxb-/)),
  slackAppToken: setting(
    'SLACK_APP_TOKEN',
    'The app-level token with the scope `connections:write`.',
    matching('an app-level token (xapp-…)', /^xapp-/),
  ),
  slackApiUrl: setting('SLACK_API_URL', 'Where the Slack Web API is.', url, 'https://slack.com/api/'),
  slackChannels: setting(
    'SLACK_CHANNELS',
    'The channels in which the bot answers. The first one gets the messages of runs that nobody started in a channel.',
    { ...channels, read: (given) => (channels.read(given)?.length ? channels.read(given) : undefined) },
  ),
  operators: setting(
    'OPERATORS',
    'Who may start, resume and change things; active members of the workspace only. Empty: nobody.',
    people,
    '',
  ),
  approvers: setting(
    'APPROVERS',
    'Who may approve; approvers may also do what operators may. Empty: nobody.',
    people,
    '',
  ),
  stopFor: setting(
    'STOP_FOR',
    'Who may stop and pause: everyone in the channel, or operators and approvers only. Resuming always needs an operator.',
    oneOf('everyone', 'operators'),
    'everyone',
  ),
  messageEditMs: setting('MESSAGE_EDIT_SECONDS', 'The least time between edits of a message.', seconds(1, 60), '3'),
  progressCron: setting(
    'PROGRESS_CRON',
    'When progress is posted in the thread.',
    text('a cron expression of 5 or 6 fields', validate),
    '*/5 * * * *',
  ),
};

const pipeline = {
  imageBucket: setting(
    'IMAGE_BUCKET',
    'The bucket with the images.',
    bucketName,
    'timesheetocr-input-dev-016164185850',
  ),
  imageExtensions: setting(
    'IMAGE_EXTENSIONS',
    'Objects with one of these endings are images.',
    list('file extensions, separated by commas'),
    '.png,.jpg,.jpeg',
  ),
  excludedPrefixes: setting(
    'EXCLUDED_PREFIXES',
    'Objects under these prefixes are not images.',
    list('key prefixes, separated by commas'),
    'quicksight-data/,dictionaries/',
  ),
  ocrFunction: setting(
    'OCR_FUNCTION',
    'The Lambda function that reads an image and writes its records.',
    matching('a Lambda function name or ARN', /^[A-Za-z0-9_:/-]{1,170}$/),
    'TimesheetOCR-ocr-dev',
  ),
  keyEncoding: setting(
    'KEY_ENCODING',
    'How the function receives object keys: `raw` as they are, `url` encoded as in an S3 event.',
    oneOf('raw', 'url'),
    'raw',
  ),
  table: setting('TABLE', 'The DynamoDB table with the records.', tableName, 'TimesheetOCR-dev'),
  modelId: setting(
    'MODEL_ID',
    'The Bedrock model that the function calls, named as in its code. It decides which Bedrock quota applies.',
    anyText,
    'us.amazon.nova-lite-v1:0',
  ),
};

const state = {
  controlTable: setting(
    'CONTROL_TABLE',
    'The DynamoDB table in which the bot keeps its state. The bot creates it at the first start.',
    tableName,
    'rescan-bot-control',
  ),
  controlBucket: setting(
    'CONTROL_BUCKET',
    'The bucket for backups, image lists and function packages. It must exist.',
    bucketName,
    'rescan-bot-control',
  ),
  controlPrefix: setting(
    'CONTROL_PREFIX',
    'The prefix of everything the bot writes to CONTROL_BUCKET.',
    matching('empty, or a prefix that ends with /', /^([A-Za-z0-9!_.*'()-]+\/)*$/),
    '',
  ),
  leaseMs: setting(
    'LEASE_SECONDS',
    'A process that has not renewed its lease for this long loses the run or the table job.',
    seconds(1, 300),
    '15',
  ),
  shutdownMs: setting(
    'SHUTDOWN_SECONDS',
    'After SIGTERM the process exits within this time. Keep it below the time after which the platform sends SIGKILL.',
    seconds(5, 300),
    '20',
  ),
  autoResume: setting('AUTO_RESUME', 'Whether a run continues by itself after a restart.', boolean, 'true'),
  stopFile: setting(
    'STOP_FILE',
    'While this file exists, nothing runs. Beside it the bot stores a stop that it can store nowhere else.',
    anyText,
    '/tmp/STOP_RESCAN',
  ),
  logLevel: setting(
    'LOG_LEVEL',
    'The least important log lines that are written.',
    oneOf('fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'),
    'info',
  ),
};

const paceAndLimits = {
  pace: setting('PACE', 'Images started per minute. `auto` follows the quotas.', pace, 'auto'),
  paceQuotaPercent: setting(
    'PACE_QUOTA_PERCENT',
    "How much of the model's quota of requests per minute the pace `auto` may use.",
    percent(1, 100),
    '80',
  ),
  concurrencyPercent: setting(
    'CONCURRENCY_PERCENT',
    'The share of the free Lambda concurrency for a run.',
    percent(1, 100),
    '50',
  ),
  modelRequestsPerMinute: setting(
    'MODEL_REQUESTS_PER_MINUTE',
    "The model's quota where Service Quotas cannot be read.",
    whole(1, 1_000_000, 'requests per minute'),
    '200',
  ),
  maxInFlight: setting(
    'MAX_IN_FLIGHT',
    'The most images in progress at once, whatever the quotas allow.',
    images(1, 5_000),
    '200',
  ),
  throttleLimit: setting(
    'THROTTLE_LIMIT',
    'An image that was throttled more often than this counts as failed with THROTTLING_ERROR.',
    whole(1, 100),
    '8',
  ),
  costPerImageUsd: setting(
    'COST_PER_IMAGE_USD',
    'The expected cost of an image until a run has measured it. 0: no cost forecast.',
    number(0, 100, 'USD'),
    '0',
  ),
  entriesPerImage: setting(
    'ENTRIES_PER_IMAGE',
    "The records that the function writes per image, to compare with the table's provisioned capacity.",
    number(0.1, 1_000, 'records'),
    '3',
  ),
  tokensPerImage: setting(
    'TOKENS_PER_IMAGE',
    "The tokens of a model call, in and out, to compare with the model's quota. 0: unknown, the quota is not considered.",
    whole(0, 1_000_000, 'tokens'),
    '0',
  ),
  secondsPerImage: setting(
    'SECONDS_PER_IMAGE',
    'The expected duration of an image until a run has measured it.',
    number(0.01, 900, 'seconds'),
    '5',
  ),
};

const safety = {
  breakerConsecutive: setting(
    'BREAKER_CONSECUTIVE',
    'Failed images in a row that stop the run.',
    images(1, 10_000),
    '10',
  ),
  breakerWindow: setting('BREAKER_WINDOW', 'The images that BREAKER_PERCENT counts.', images(2, 10_000), '20'),
  breakerPercent: setting(
    'BREAKER_PERCENT',
    'A higher share of failures in the window stops the run.',
    percent(1, 99),
    '50',
  ),
  growthCheckImages: setting(
    'GROWTH_CHECK_IMAGES',
    'The run checks the growth of the table after this many images.',
    images(1, 100_000),
    '50',
  ),
  growthWarnMs: setting(
    'GROWTH_WARN_MINUTES',
    'No growth of the table for this long causes a warning.',
    minutes(0.01, 1_440),
    '5',
  ),
  growthTripMs: setting(
    'GROWTH_TRIP_MINUTES',
    'No growth of the table for this long stops the run.',
    minutes(0.01, 1_440),
    '10',
  ),
  growthCountMaxBytes: setting(
    'GROWTH_COUNT_MAX_MB',
    'A larger table is sampled instead of counted.',
    converted(0, 1_000_000, 'MB', 1024 * 1024),
    '50',
  ),
  rowsWaitMs: setting(
    'ROWS_WAIT_SECONDS',
    'How long after the reply of the function the rows of an image may come.',
    seconds(0, 600),
    '10',
  ),
  warnImagesPerMinute: setting(
    'WARN_IMAGES_PER_MINUTE',
    'A slower run causes a warning.',
    whole(0, 10_000, 'images per minute'),
    '10',
  ),
  warnFailurePercent: setting(
    'WARN_FAILURE_PERCENT',
    'A higher share of failed images causes a warning.',
    percent(1, 100),
    '10',
  ),
  warnThrottlePercent: setting(
    'WARN_THROTTLE_PERCENT',
    'A higher share of throttled calls causes a warning.',
    percent(1, 100),
    '20',
  ),
  checkpointOutcomes: setting(
    'CHECKPOINT_OUTCOMES',
    'The run saves its position after this many images.',
    images(1, 10_000),
    '10',
  ),
  checkpointMs: setting(
    'CHECKPOINT_SECONDS',
    'The run saves its position at least this often.',
    seconds(0.1, 600),
    '5',
  ),
};

const checklist = {
  backupMaxAgeMs: setting('BACKUP_MAX_AGE_HOURS', 'The oldest backup that a flush accepts.', hours(0.01, 8_760), '24'),
  flushMaxDifference: setting(
    'FLUSH_MAX_DIFFERENCE',
    'A flush is refused when more records than this differ between the table and the backup.',
    whole(0, 10_000_000, 'records'),
    '100',
  ),
  approvalMs: setting('APPROVAL_MINUTES', 'How long a request for approval is valid.', minutes(0.1, 1_440), '15'),
  approvalPolicy: setting(
    'APPROVAL_POLICY',
    'Who approves: another person, or the requester (`self`, for a team of one).',
    oneOf('second-person', 'self'),
    'second-person',
  ),
  sampleImages: setting(
    'SAMPLE_IMAGES',
    'This many images must be processed correctly before a flush. 0: no sample is needed.',
    images(0, 100),
    '3',
  ),
  sampleMaxAgeMs: setting('SAMPLE_MAX_AGE_HOURS', 'The oldest sample that a flush accepts.', hours(0.01, 8_760), '24'),
  canaryImages: setting(
    'CANARY_IMAGES',
    'A run that the autopilot starts processes this many images first, and the others only after these succeeded.',
    images(1, 10_000),
    '20',
  ),
  canaryPercent: setting(
    'CANARY_PERCENT',
    'A higher share of failures among the first images stops the run.',
    percent(1, 99),
    '20',
  ),
  diffIgnoredFields: setting(
    'DIFF_IGNORED_FIELDS',
    'Fields that a diff does not compare. `OCR*` stands for every name that begins with `OCR`.',
    list('field names, separated by commas'),
    FIELDS_CHANGED_BY_EVERY_RUN.join(','),
  ),
  validatePeople: setting(
    'VALIDATE_PEOPLE',
    'People that a validation compares with the backup.',
    whole(1, 20, 'people'),
    '3',
  ),
};

const SCHEMA = { ...slack, ...pipeline, ...state, ...paceAndLimits, ...safety, ...checklist };

/** The settings as `readSettings` returns them: each name says the unit of its value. */
export type Settings = ValuesOf<typeof SCHEMA>;

/** A setting as the docs show it. */
export interface SettingDescription {
  readonly group: string;
  readonly variable: string;
  readonly about: string;
  /**
   * The default as it would be written in the variable; empty where that is the default, absent where it is required.
   */
  readonly defaultText?: string;
  readonly allowed: string;
  readonly unit?: string;
}

/** Every setting, by group, in the order of the docs. */
export const SETTINGS: readonly SettingDescription[] = Object.entries({
  Slack: slack,
  Pipeline: pipeline,
  'State of the bot': state,
  'Pace and limits': paceAndLimits,
  'Safety of a run': safety,
  'Checklist, approvals and results': checklist,
}).flatMap(([group, settings]) =>
  Object.values<Setting<unknown>>(settings).map(({ read: _, ...description }) => ({ group, ...description })),
);

/** Values that are each allowed, but not together, with what would be allowed. Malformed settings are absent. */
function contradictions(settings: Partial<Settings>): [variable: string, allowed: string][] {
  const { growthWarnMs, growthTripMs, controlBucket, imageBucket, controlPrefix, controlTable, table } = settings;
  const found: [string, string][] = [];
  if (growthWarnMs !== undefined && growthTripMs !== undefined && growthTripMs < growthWarnMs)
    found.push(['GROWTH_TRIP_MINUTES', `at least GROWTH_WARN_MINUTES (${growthWarnMs / 60_000})`]);
  if (controlBucket !== undefined && controlBucket === imageBucket && !controlPrefix)
    found.push(['CONTROL_PREFIX', 'a prefix such as rescan-bot/, because CONTROL_BUCKET is also the IMAGE_BUCKET']);
  if (controlTable !== undefined && controlTable === table)
    found.push(['CONTROL_TABLE', 'a table that is not the TABLE of the pipeline']);
  return found;
}

/**
 * Reads all settings from the environment.
 * @throws SettingsError with all problems at once, each naming the variable, its value and what is allowed.
 */
export const readSettings = (environment: Readonly<Record<string, string | undefined>>): Settings =>
  readEnvironment(SCHEMA, environment, contradictions);
