import {
  converted,
  hours,
  list,
  minutes,
  number,
  oneOf,
  percent,
  perMinuteOrAuto,
  seconds,
  setting,
  whole,
} from '../lib/environment.ts';
import { TIMESHEETS } from '../pipeline/profile/timesheets.ts';

/** Settings of one pipeline: how fast its runs are, and what stops or holds them. */

const images = (min: number, max: number) => whole(min, max, 'images');
const pace = perMinuteOrAuto('images per minute');

export const paceAndLimits = {
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
  runEngine: setting(
    'RUN_ENGINE',
    'What invokes the function where a plan does not say `engine=`: this process, or AWS Step Functions.',
    oneOf('local', 'step-functions'),
    'local',
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

export const safety = {
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

export const checklist = {
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
    TIMESHEETS.noise.join(','),
  ),
  validatePeople: setting(
    'VALIDATE_PEOPLE',
    'People that a validation compares with the backup.',
    whole(1, 20, 'people'),
    '3',
  ),
};
