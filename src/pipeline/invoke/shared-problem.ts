import { redact } from '../../lib/redact.ts';
import type { Fault, FaultReason } from './invocation.ts';

/** The error that the function, or Lambda in its place, reported. */
export interface ReportedError {
  readonly text: string;
  /** The class of the exception, or Lambda's errorType. */
  readonly type?: string;
  /** The exception was raised while the module of the handler was loaded. */
  readonly isAtLoad?: boolean;
}

/** A problem that every image meets alike, once it repeats. */
export interface SharedProblem {
  readonly fault: Fault;
  /** A single image can cause it, too: its object may have a key or permissions of its own. */
  readonly mayBeOfOneImage: boolean;
}

/**
 * Lambda's errors before the handler runs: the code cannot be loaded, the handler does not exist, an extension or the
 * image of the function is broken (Lambda developer guide, "Troubleshoot invocation issues", and the runtime interface
 * client for Python).
 */
const NOT_LOADED =
  /^(Runtime\.(ImportModuleError|HandlerNotFound|UserCodeSyntaxError|MalformedHandlerName|InvalidEntrypoint|InvalidWorkingDir|InvalidTaskConfig)|Extension\.\w+)$/;
/** boto3 has only the status of a HeadObject. */
const DENIED = /^(403|AccessDenied(Exception)?|UnauthorizedOperation|NotAuthorized|AuthorizationError(Exception)?)$/;
/** The account may not use the service at all: not subscribed, closed, or not paid. */
const NO_ACCOUNT = /^(SubscriptionRequiredException|OptInRequired|AccountProblem|AllAccessDisabled)$/;

/** The operation in a text of boto3, and its service. */
const OPERATIONS: readonly (readonly [service: Service, operation: RegExp])[] = [
  ['bedrock', /^(Converse|ConverseStream|InvokeModel|InvokeModelWithResponseStream)$/],
  [
    'textract',
    /^(DetectDocumentText|Analyze(Document|Expense|ID)|(Start|Get)(DocumentTextDetection|DocumentAnalysis))$/,
  ],
  ['dynamodb', /^((Put|Get|Update|Delete|BatchWrite|BatchGet|Transact(Write|Get))Items?|Query|Scan|DescribeTable)$/],
  ['s3', /^(Get|Head)(Object\w*|Bucket\w*)$|^ListObjects(V2)?$/],
];
type Service = 'bedrock' | 'textract' | 'dynamodb' | 's3' | 'unknown';

/** `An error occurred (CODE) when calling the OPERATION operation (reached max retries: 4): …`, as boto3 writes it. */
const BOTO = /\(([\w.]+)\) when calling the (\w+) operation/;

const RESUME = 'then resume the run.';

/**
 * The problem in a reported error that every image meets alike; undefined where the error is of this image, or where
 * nobody can tell. A second such reply is the proof: see `judgeAttempt`.
 */
export function sharedProblemIn(error: ReportedError): SharedProblem | undefined {
  const { text, type = '' } = error;
  const problem = (reason: FaultReason, what: string, fix: string, mayBeOfOneImage = false): SharedProblem => {
    const said = type !== '' && !text.includes(type) ? `${type}: ${text}` : text || type;
    return { fault: { reason, message: redact(`${what}: ${said}`), fix }, mayBeOfOneImage };
  };
  if (error.isAtLoad || NOT_LOADED.test(type))
    return problem(
      'function-broken',
      'Lambda cannot load the function',
      `Deploy code that loads, or correct the handler and the variables of the function, ${RESUME}`,
    );
  const [, code = type, operation = ''] = BOTO.exec(text) ?? [];
  const service = OPERATIONS.find(([, named]) => named.test(operation))?.[0] ?? 'unknown';

  if (isDailyQuota(code, text))
    return problem(
      'daily-quota',
      'A quota of the day is used up',
      'AWS does not say when the day of this quota ends. Resume the run after midnight UTC, or after AWS has raised the quota (Service Quotas, Amazon Bedrock, “tokens per day”). If it is refused then as well, the run pauses again and loses nothing.',
    );
  if (/^KMS(\.|[A-Z])/.test(code) || /\bkms:\w+|\bKMS\.\w+Exception/.test(text))
    return problem(
      'encryption-key',
      'The function cannot use a KMS key',
      `Enable the key (AWS KMS console), or allow the function’s role to use it (kms:Decrypt), ${RESUME}`,
      service === 's3',
    );
  if (isModelDenied(service, code, text))
    return problem(
      'function-denied',
      'Bedrock denies the function the model',
      `Allow bedrock:InvokeModel for the function’s role, and enable access to the model (Amazon Bedrock console, “Model access”), ${RESUME}`,
    );
  if (service === 'bedrock' && isUnknownModel(code, text))
    return problem(
      'model-missing',
      'Bedrock does not have the model that the function names',
      `Correct the model id of the function, or deploy code with a model that exists in its region, ${RESUME}`,
    );
  if (service !== 'unknown' && (DENIED.test(code) || NO_ACCOUNT.test(code)))
    return problem(
      'function-denied',
      `${SERVICE_NAMES[service]} denies the function a permission`,
      NO_ACCOUNT.test(code)
        ? `Check that the account of the function may use ${SERVICE_NAMES[service]}, ${RESUME}`
        : `Allow ${ACTION_PREFIXES[service]}:${actionOf(operation)} for the function’s role, ${RESUME}`,
      service === 's3',
    );
  if (service === 'dynamodb' && /^(ResourceNotFoundException|TableNotFoundException)$/.test(code))
    return problem(
      'table-missing',
      'The function cannot find its table',
      `Check whether the table exists, and the variable of the function that names it, ${RESUME}`,
    );
  return undefined;
}

/** Bedrock: "Too many tokens per day, please wait before trying again." Unlike a rate it does not pass within the run. */
const isDailyQuota = (code: string, text: string): boolean =>
  /^(Throttling(Exception|Error)?|ThrottledException|TooManyRequestsException|ServiceQuotaExceededException|LimitExceededException)$/.test(
    code,
  )
    ? /\bper day\b|\bdaily\b/i.test(text)
    : /\btoo many (tokens|requests) per day\b/i.test(text);

const isModelDenied = (service: Service, code: string, text: string): boolean =>
  (service === 'bedrock' && (DENIED.test(code) || NO_ACCOUNT.test(code))) ||
  /don't have access to the model with the specified model id|model access is denied/i.test(text);

/** Other ValidationExceptions of Bedrock are of one image: too large, or of an unknown format. */
const isUnknownModel = (code: string, text: string): boolean =>
  code === 'ResourceNotFoundException' ||
  (code === 'ValidationException' &&
    /model identifier is invalid|on-demand throughput isn.t supported|end of its life|model .{0,80}(is not supported|isn.t supported) in this region/i.test(
      text,
    ));

const SERVICE_NAMES = { bedrock: 'Bedrock', textract: 'Textract', dynamodb: 'DynamoDB', s3: 'S3' } as const;
const ACTION_PREFIXES = { bedrock: 'bedrock', textract: 'textract', dynamodb: 'dynamodb', s3: 's3' } as const;
/** The IAM action of an operation, where the two have different names. */
const actionOf = (operation: string): string =>
  operation === 'HeadObject' ? 'GetObject' : /^ListObjects/.test(operation) ? 'ListBucket' : operation;

/**
 * Whether a Python exception was raised while the module of the handler was loaded: each frame of its stack trace is the
 * top level of a module. (An import within the handler has the handler's own frame, too.)
 */
export function isRaisedAtLoad(stackTrace: readonly string[]): boolean {
  const frames = stackTrace
    .join('\n')
    .split('\n')
    .flatMap((line) => /^\s*File ".*", line \d+, in (.+)$/.exec(line)?.[1] ?? []);
  return (
    frames.length > 0 && frames.every((frame) => frame === '<module>' || frame.startsWith('_call_with_frames_removed'))
  );
}
