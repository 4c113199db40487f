import { validate } from 'node-cron';
import { anyText, boolean, list, matching, oneOf, seconds, setting, text } from '../lib/environment.ts';
import { timeZoneOf } from '../lib/time-zone.ts';

/** Settings of one pipeline: its channels and people, its AWS resources, and where the bot keeps its state. */

const tableName = matching('a table name: 3 to 255 of A-Z a-z 0-9 _ . -', /^[A-Za-z0-9_.-]{3,255}$/);
const bucketName = matching('a bucket name: 3 to 63 of a-z 0-9 . -', /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/);
const people = list('Slack user ids (U…, W…) and user group ids (S…), separated by commas', (id) =>
  /^[UWS][A-Z0-9]{2,}$/.test(id),
);
const channels = list('Slack channel ids (C…, G…), separated by commas', (id) => /^[CG][A-Z0-9]{2,}$/.test(id));

export const channelsAndPeople = {
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
  scheduleTimeZone: setting(
    'SCHEDULE_TIME_ZONE',
    'The time zone of `/rescan schedule` where a schedule does not name one.',
    text('the name of a time zone such as Europe/Berlin', (name) => timeZoneOf(name) !== undefined),
    'UTC',
  ),
};

export const pipeline = {
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
  profileFile: setting(
    'PROFILE_FILE',
    'A YAML file that describes the records, the replies and the image keys of the pipeline (docs/profiles.md). Empty: the timesheet pipeline.',
    anyText,
    '',
  ),
  stateMachine: setting(
    'STATE_MACHINE',
    'The state machine of runs on AWS Step Functions: its name, in the account and region of the function, or its ARN. Each pipeline has its own. Empty: `rescan-bot`, and for a pipeline of `PIPELINES_FILE` `rescan-bot-NAME`.',
    matching(
      'empty, a name of A-Z a-z 0-9 _ - with at most 80 characters, or the ARN of a state machine',
      /^([A-Za-z0-9_-]{1,80}|arn:[\w-]+:states:[\w-]+:\d{12}:stateMachine:[A-Za-z0-9_-]{1,80})?$/,
    ),
    '',
  ),
  stateMachineRole: setting(
    'STATE_MACHINE_ROLE',
    'The ARN of the role that the state machine assumes. `/rescan engine install` needs it. Empty: none.',
    matching('empty, or the ARN of a role', /^(arn:[\w-]+:iam::\d{12}:role\/[\w+=,.@/-]{1,512})?$/),
    '',
  ),
  table: setting('TABLE', 'The DynamoDB table with the records.', tableName, 'TimesheetOCR-dev'),
  modelId: setting(
    'MODEL_ID',
    'The Bedrock model that the function calls, named as in its code. It decides which Bedrock quota applies.',
    anyText,
    'us.amazon.nova-lite-v1:0',
  ),
};

export const state = {
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
  autoResume: setting('AUTO_RESUME', 'Whether a run continues by itself after a restart.', boolean, 'true'),
  stopFile: setting(
    'STOP_FILE',
    'While this file exists, nothing runs. Beside it the bot stores a stop that it can store nowhere else.',
    anyText,
    '/tmp/STOP_RESCAN',
  ),
};

/**
 * How the bot signs in to the AWS account of a pipeline, in a file of pipelines only. In the environment the SDK reads the
 * same variables itself. What a pipeline does not set is as the environment of the process says.
 */
export const connection = {
  awsRegion: setting(
    'AWS_REGION',
    'The AWS region of the pipeline, its control table and its control bucket. Empty: the region of the process.',
    matching('an AWS region such as eu-central-1', /^([a-z]{2}(-[a-z]+)+-\d)?$/),
    '',
  ),
  awsProfile: setting(
    'AWS_PROFILE',
    'The profile of the AWS configuration file with the credentials of the pipeline; `role_arn` in it names a role that the bot assumes. Empty: the credentials of the process.',
    matching('the name of a profile', /^[^\s"']*$/),
    '',
  ),
  awsEndpointUrl: setting(
    'AWS_ENDPOINT_URL',
    'Where every AWS service of the pipeline is. Empty: as the environment of the process says.',
    text('a URL', (given) => given === '' || URL.canParse(given)),
    '',
  ),
};
