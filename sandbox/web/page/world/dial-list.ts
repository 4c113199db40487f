import { type JsonRecord, recordOf, recordsOf } from '../../../slack/rules/json.ts';

/** A fault that one click starts and another click ends. */
export interface Fault {
  readonly name: string;
  readonly what: string;
  readonly on: JsonRecord;
  readonly off: JsonRecord;
  readonly isOn: (world: JsonRecord) => boolean;
}

const failuresAre = (world: JsonRecord, failures: readonly JsonRecord[]) =>
  JSON.stringify(recordsOf(world.failures).map(({ rate, kind }) => ({ rate, kind }))) === JSON.stringify(failures);
const failing = (name: string, what: string, failures: readonly JsonRecord[]): Fault => ({
  name,
  what,
  on: { failures },
  off: { failures: [] },
  isOn: (world) => failuresAre(world, failures),
});
const flag = (name: string, what: string, dial: string): Fault => ({
  name,
  what,
  on: { [dial]: true },
  off: { [dial]: false },
  isOn: (world) => world[dial] === true,
});
const limit = (name: string, what: string, dial: string, perMinute: number): Fault => ({
  name,
  what,
  on: { [dial]: perMinute },
  off: { [dial]: 0 },
  isOn: (world) => world[dial] === perMinute,
});

export const FAULTS: readonly Fault[] = [
  failing('Every image fails (Textract)', 'the breaker stops the run after 10 failures in a row', [
    { rate: 1, kind: 'textract' },
  ]),
  failing('7 % fail, for three reasons', 'the run completes with failed images to retry', [
    { rate: 0.03, kind: 'textract' },
    { rate: 0.02, kind: 'parsing' },
    { rate: 0.02, kind: 'timeout' },
  ]),
  flag(
    'The function reports entries but writes none',
    'the run finds that the rows are missing, and stops itself',
    'writesNothing',
  ),
  limit('Bedrock throttles (20 a minute)', 'throttling inside a 500: the run slows down', 'bedrockPerMinute', 20),
  limit('Lambda throttles (20 a minute)', 'throttling as a 429: the run slows down', 'functionPerMinute', 20),
  flag('AWS does not answer', 'connections close without an answer: the run pauses', 'outage'),
  flag('Credentials have expired', 'every service refuses: the run pauses', 'expiredCredentials'),
  flag('The function does not exist', 'ResourceNotFound from Lambda', 'functionMissing'),
  flag('The bucket does not exist', 'NoSuchBucket from S3', 'bucketMissing'),
];

export const FAILURE_KINDS: readonly (readonly [kind: string, what: string])[] = [
  ['textract', 'Textract cannot read the image'],
  ['parsing', 'the reply cannot be parsed'],
  ['validation', 'the data is not valid'],
  ['failed-500', 'another error, answered with 500'],
  ['throttling-in-500', 'throttling, answered with 500'],
  ['timeout', 'timeout'],
  ['timeout-new', 'timeout (new error text)'],
  ['out-of-memory', 'out of memory'],
  ['crash', 'an unhandled error'],
  ['exit', 'the runtime exits'],
  ['unreadable', 'an unreadable reply'],
  ['import-module', 'the module of the handler cannot be imported'],
  ['handler-missing', 'the handler does not exist'],
  ['syntax-error', 'the code has a syntax error'],
  ['daily-quota', 'the tokens of the day are used up'],
  ['model-denied', 'no access to the model'],
  ['kms-disabled', 'the KMS key of the bucket is disabled'],
  ['textract-denied', 'no permission for Textract'],
  ['needs-review', 'processed, but not valid'],
  ['reply-too-large', 'stored, but the reply is too large'],
];

/** The share, in per cent, of invocations that fail with this kind of failure, for any key. */
export const sharePercent = (world: JsonRecord, kind: string): number => {
  const found = recordsOf(world.failures).find((failure) => failure.kind === kind && failure.match === undefined);
  return found ? Math.round(Number(found.rate ?? 1) * 100) : 0;
};

/** The change that sets the share of one kind of failure and keeps the others. */
export function withShare(world: JsonRecord, kind: string, percent: number): JsonRecord {
  const others = recordsOf(world.failures).filter((failure) => failure.kind !== kind || failure.match !== undefined);
  return { failures: percent === 0 ? others : [...others, { rate: percent / 100, kind }] };
}

export interface Slider {
  readonly name: string;
  readonly unit: string;
  readonly most: number;
  readonly step: number;
  /** The text for the value 0, where 0 has a special meaning. */
  readonly zero?: string;
  readonly read: (world: JsonRecord) => number;
  readonly turn: (value: number, world: JsonRecord) => JsonRecord;
}

const at = (world: JsonRecord, dial: string, part?: string): number =>
  Number((part === undefined ? world[dial] : recordOf(world[dial])[part]) ?? 0);
const slider = (
  name: string,
  dial: string,
  { unit, most, step, zero, part }: { unit: string; most: number; step: number; zero?: string; part?: string },
): Slider => ({
  name,
  unit,
  most,
  step,
  ...(zero === undefined ? {} : { zero }),
  read: (world) => at(world, dial, part),
  turn: (value) => (part === undefined ? { [dial]: value } : { [dial]: { [part]: value } }),
});
const shareOf = (name: string, dial: string, part?: string): Slider => ({
  name,
  unit: '%',
  most: 100,
  step: 1,
  read: (world) => Math.round(at(world, dial, part) * 100),
  turn: (percent) => (part === undefined ? { [dial]: percent / 100 } : { [dial]: { [part]: percent / 100 } }),
});

/** The longest duration of an invocation. The shortest is a third of it. */
export const LATENCY: Slider = {
  name: 'Longest invocation',
  unit: 'ms',
  most: 5_000,
  step: 50,
  read: (world) => (typeof world.latencyMs === 'number' ? world.latencyMs : at(world, 'latencyMs', 'max')),
  turn: (value) => ({ latencyMs: { min: Math.round(value / 3), max: value } }),
};

/** Slower than in AWS is not possible. */
const MACHINE_SPEED: Slider = {
  name: 'Waits of state machines pass',
  unit: 'times as fast',
  most: 100,
  step: 1,
  read: (world) => at(world, 'stepFunctions', 'speed'),
  turn: (value) => ({ stepFunctions: { speed: Math.max(1, value) } }),
};

export const THROTTLES: readonly Slider[] = [
  slider('Lambda limit', 'functionPerMinute', { unit: 'a minute', most: 600, step: 10, zero: 'no limit' }),
  slider('Bedrock limit', 'bedrockPerMinute', { unit: 'a minute', most: 600, step: 10, zero: 'no limit' }),
  slider('Unreserved concurrency', 'concurrency', { unit: 'at once', most: 1_000, step: 10, part: 'unreserved' }),
  slider('Nova Lite quota', 'quotas', {
    unit: 'requests a minute',
    most: 6_000,
    step: 50,
    part: 'novaLiteCrossRegionRequestsPerMinute',
  }),
  shareOf('DynamoDB throttles', 'dynamodb', 'throttleRate'),
  shareOf('DynamoDB leaves unprocessed', 'dynamodb', 'unprocessedRate'),
  slider('DynamoDB delay', 'addedLatencyMs', { unit: 'ms', most: 2_000, step: 20 }),
  shareOf('Broken answers', 'brokenConnections'),
  slider('Empty log pages before the lines', 'emptyLogPages', { unit: '', most: 20, step: 1 }),
  slider('Duration of a function update', 'updateMs', { unit: 'ms', most: 10_000, step: 100 }),
  MACHINE_SPEED,
];

export interface Switch {
  readonly name: string;
  readonly isOn: (world: JsonRecord) => boolean;
  readonly turn: (on: boolean, world: JsonRecord) => JsonRecord;
}

const plainSwitch = (name: string, dial: string): Switch => ({
  name,
  isOn: (world) => world[dial] === true,
  turn: (on) => ({ [dial]: on }),
});
/** A switch for one entry of a list, which may be in a group. */
const listSwitch = (name: string, dial: string, entry: string, group?: string): Switch => {
  const list = (world: JsonRecord): readonly unknown[] => {
    const entries = (group === undefined ? world : recordOf(world[group]))[dial];
    return Array.isArray(entries) ? entries : [];
  };
  return {
    name,
    isOn: (world) => list(world).includes(entry),
    turn(on, world) {
      const change = { [dial]: [...list(world).filter((other) => other !== entry), ...(on ? [entry] : [])] };
      return group === undefined ? change : { [group]: change };
    },
  };
};

export const SWITCHES: readonly Switch[] = [
  plainSwitch('A missing image is answered with 200', 'neverFails'),
  plainSwitch('The log group does not exist', 'logGroupMissing'),
  plainSwitch('Updates of the function fail', 'updateFails'),
  listSwitch('The function may not write (PutItem)', 'functionDenied', 'dynamodb:PutItem'),
  listSwitch('The bot may not invoke', 'accessDenied', 'lambda:InvokeFunction'),
  listSwitch('The bot may not scan the table', 'accessDenied', 'dynamodb:Scan'),
  listSwitch('The bot may not read the log', 'accessDenied', 'logs:FilterLogEvents'),
  listSwitch('The bot may not read metrics', 'accessDenied', 'cloudwatch:GetMetricData'),
  listSwitch('The bot may not start executions', 'accessDenied', 'states:StartExecution'),
  listSwitch('The state machine may not invoke', 'denied', 'lambda:InvokeFunction', 'stepFunctions'),
  listSwitch('The state machine may not write outcomes', 'denied', 'dynamodb:PutItem', 'stepFunctions'),
];

/** Settings with a fixed list of values. */
export const CHOICES: readonly (readonly [name: string, dial: string, choices: readonly string[]])[] = [
  ['The function’s failure logger', 'logger', ['broken', 'none', 'works']],
  ['Table billing', 'billing', ['on-demand', 'provisioned']],
  ['Function package type', 'packageType', ['Zip', 'Image']],
  ['Function work', 'functionWork', ['real', 'none']],
];
