import { INVALID_REQUEST, NOT_READY } from '../../../pipeline/invoke/invoke-error.ts';
import { and, contains, isPresent, isText, not, oneOf, or } from './asl.ts';

/** How the machine judges: the gate of the run's record, the errors of Lambda, and the texts of replies. */

/** Lambda refuses the call for now. */
export const LAMBDA_THROTTLES = ['TooManyRequestsException', 'ThrottlingException', ...NOT_READY].map(
  (name) => `Lambda.${name}`,
);
/** Lambda failed, or the connection to it broke. The function may have run. */
export const LAMBDA_BROKEN = ['ServiceException', 'SdkClientException', 'ClientExecutionTimeoutException'].map(
  (name) => `Lambda.${name}`,
);
/** An error of Lambda without a class of its own: the status in its cause decides. */
export const UNNAMED_ERROR = 'Lambda.AWSLambdaException';
/** Lambda cannot take the request of this image. */
export const LAMBDA_REFUSED = [...INVALID_REQUEST].map((name) => `Lambda.${name}`);

/** Which values of `stop` ask for no stop: the same as `requestedStop` of src/run/store/run-store.ts. */
export const NO_STOP = {
  ':off': { BOOL: false },
  ':null': { NULL: true },
  ':empty': { S: '' },
  ':false': { S: 'false' },
  ':zero': { N: '0' },
} as const;
const isNoStop = or(
  not(isPresent('$.gate.Item.stop')),
  and(isPresent('$.gate.Item.stop.BOOL'), { Variable: '$.gate.Item.stop.BOOL', BooleanEquals: false }),
  isPresent('$.gate.Item.stop.NULL'),
  isText('$.gate.Item.stop.S', ''),
  isText('$.gate.Item.stop.S', 'false'),
  isText('$.gate.Item.stop.N', '0'),
);
/** The rule of the gate. `MAY_RUN_CONDITION` is the same for DynamoDB. */
export const mayRun = and(
  isText('$.gate.Item.stateKind.S', 'running'),
  isPresent('$.gate.Item.execution.S'),
  { Variable: '$.gate.Item.execution.S', StringEqualsPath: '$.run.execution' },
  not(isPresent('$.gate.Item.pause')),
  not(isPresent('$.gate.Item.machineFault')),
  isNoStop,
);
export const MAY_RUN_CONDITION = [
  'stateKind = :running',
  '#execution = :execution',
  'attribute_not_exists(#pause)',
  'attribute_not_exists(machineFault)',
  `(attribute_not_exists(#stop) OR #stop IN (${Object.keys(NO_STOP).join(', ')}))`,
].join(' AND ');
export const RECORD_NAMES = { '#execution': 'execution', '#pause': 'pause', '#stop': 'stop' } as const;

export const TEXT = '$.received.text';
/**
 * Whether a reply may report throttling. It matches at least the texts that `readReply` reads as throttling: one match too
 * many repeats an image that has failed, and `readReply` decides in the end. The names of botocore's own files in a stack
 * trace do not count, and neither does a quota of the day, which does not pass.
 */
export const mayBeThrottled = and(
  not(contains(TEXT, 'per day', 'daily')),
  or(
    contains(
      TEXT,
      'hrottlingException',
      'hrottledException',
      'hrottlingError',
      'TooManyRequestsException',
      'ProvisionedThroughputExceeded',
      'RequestLimitExceeded',
      'SlowDown',
      'oo many requests',
      'oo Many Requests',
      'oo many tokens',
      'oo Many Tokens',
      'ate exceeded',
      'ate Exceeded',
      'educe your request rate',
    ),
    { Variable: '$.received.status', StringEquals: '429' },
    oneOf('$.received.error', ['ThrottlingException', 'ThrottledException', 'TooManyRequestsException']),
    and(contains(TEXT, 'hrottl', 'THROTTL'), not(contains(TEXT, 'throttling.py', 'throttled.py'))),
  ),
);
/** Whether the object of the image may be missing: at least where `maybeMissing` says so. S3 itself is asked then. */
export const mayBeMissing = contains(
  TEXT,
  'NoSuchKey',
  'NoSuchVersion',
  'specified key does not exist',
  '404* when calling',
  '403* when calling',
  'AccessDenied',
);
