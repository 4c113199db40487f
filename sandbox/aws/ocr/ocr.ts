import { GetObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import type { FunctionRevision } from '../lambda/function-state.ts';
import type { FunctionTable } from '../lambda/function-table.ts';
import type { MetricStore } from '../logs/metric-store.ts';
import { readTimesheetText } from '../png.ts';
import { ARCHIVED_MESSAGE, isArchived } from '../s3.ts';
import type { FailureKind, World } from '../world.ts';
import { logFailure } from './failure-logger.ts';
import { asPython, clientErrorText, PythonError } from './python-error.ts';
import type { Team } from './team.ts';
import { type Timesheet, timesheetSchema } from './timesheet.ts';

/** The answer of an invocation: the payload, and the FunctionError header when the runtime itself failed. */
export interface FunctionReply {
  readonly payload: string;
  readonly functionError?: string;
  /** For the list of invocations. */
  readonly kind: string;
  /** The runtime ended; no further Python code ran. */
  readonly killed?: boolean;
}

export interface FunctionPorts {
  readonly s3: S3Client;
  readonly table: FunctionTable;
  readonly team: Team;
  /** The deployed package. */
  readonly revision: FunctionRevision;
  readonly metrics: MetricStore;
  readonly world: () => World;
  /** Whether the model accepts one more call in this minute. */
  readonly modelTakes: () => boolean;
  /** Whether the records of one more image are stored. */
  readonly stores: () => boolean;
  readonly log: (level: 'INFO' | 'WARN' | 'ERROR', message: string) => void;
  readonly now: () => number;
  readonly requestId: string;
  readonly failWith: FailureKind | undefined;
  readonly failMessage: string | undefined;
}

/** Exceptions raised inside the handler, which then answers 500. */
const RAISED: Partial<Record<FailureKind, () => PythonError>> = {
  'failed-500': () => new PythonError('RuntimeError', 'OCR produced no usable result'),
  validation: () => new PythonError('ValueError', 'Validation failed: hours do not add up to the weekly total'),
  textract: () => new PythonError('ClientError', 'Textract could not read the document'),
  parsing: () =>
    new PythonError('JSONDecodeError', 'Parsing the model output failed: Expecting value: line 1 column 1 (char 0)'),
  'throttling-in-500': throttled,
  'daily-quota': () =>
    refused('ThrottlingException', 'Converse', 'Too many tokens per day, please wait before trying again.'),
  'model-denied': () =>
    refused('AccessDeniedException', 'Converse', "You don't have access to the model with the specified model ID."),
  'kms-disabled': () =>
    refused(
      'KMS.DisabledException',
      'GetObject',
      'arn:aws:kms:us-east-1:016164185850:key/1b2c3d4e-0000-4000-8000-123456789012 is disabled.',
    ),
  'textract-denied': () =>
    refused(
      'AccessDeniedException',
      'AnalyzeDocument',
      'User: arn:aws:sts::016164185850:assumed-role/ocr/TimesheetOCR is not authorized to perform: textract:AnalyzeDocument because no identity-based policy allows the textract:AnalyzeDocument action',
    ),
};

/** An error of an AWS service as boto3 raises it. A code with a dot has no class of its own. */
const refused = (code: string, operation: string, message: string): PythonError =>
  new PythonError(code.includes('.') ? 'ClientError' : code, clientErrorText(code, operation, message));

function throttled(): PythonError {
  return new PythonError(
    'ThrottlingException',
    'An error occurred (ThrottlingException) when calling the Converse operation: Too many requests, please wait before trying again.',
  );
}

/** The error that the module of the handler raises when it is imported, if any. */
export const moduleErrorOf = ({ environment }: Pick<FunctionRevision, 'environment'>): FunctionReply | undefined =>
  environment.DYNAMODB_TABLE === undefined
    ? runtimeError('KeyError', "'DYNAMODB_TABLE'", 'import-error', [
        '  File "/var/task/lambda_function.py", line 16, in <module>\n    DYNAMODB_TABLE = os.environ["DYNAMODB_TABLE"]\n',
      ])
    : undefined;

/** Runs the OCR function on one image, as pipeline.md describes it. Never throws. */
export async function runOcr(bucket: string, key: string, ports: FunctionPorts): Promise<FunctionReply> {
  const { failWith, failMessage, requestId } = ports;
  const { timeoutSeconds } = ports.revision;
  const stamp = new Date(ports.now()).toISOString();
  switch (failWith) {
    case 'crash':
      return runtimeError('KeyError', failMessage ?? "'entries'", failWith, [
        '  File "/var/task/lambda_function.py", line 512, in lambda_handler\n    rows = metadata[\'entries\']\n',
      ]);
    case 'timeout':
      return {
        payload: JSON.stringify({
          errorMessage: `${stamp} ${requestId} Task timed out after ${timeoutSeconds}.00 seconds`,
        }),
        functionError: 'Unhandled',
        kind: failWith,
        killed: true,
      };
    case 'timeout-new':
      return killed(
        'Sandbox.Timedout',
        `RequestId: ${requestId} Error: Task timed out after ${timeoutSeconds}.00 seconds`,
        failWith,
      );
    case 'out-of-memory':
      return killed(
        'Runtime.OutOfMemory',
        `RequestId: ${requestId} Error: Runtime exited with error: signal: killed`,
        failWith,
      );
    case 'exit':
      return killed(
        'Runtime.ExitError',
        `RequestId: ${requestId} Error: Runtime exited with error: exit status 1`,
        failWith,
      );
    case 'import-module':
      return runtimeError(
        'Runtime.ImportModuleError',
        failMessage ?? "Unable to import module 'lambda_function': No module named 'nova_client'",
        failWith,
      );
    case 'handler-missing':
      return runtimeError(
        'Runtime.HandlerNotFound',
        failMessage ?? "Handler 'lambda_handler' missing on module 'lambda_function'",
        failWith,
      );
    case 'syntax-error':
      return runtimeError(
        'Runtime.UserCodeSyntaxError',
        failMessage ?? "Syntax error in module 'lambda_function': expected ':' (lambda_function.py, line 12)",
        failWith,
      );
    case 'unreadable':
      return { payload: '<html>502 Bad Gateway</html>', kind: failWith };
    default:
      return handle(bucket, key, ports);
  }
}

/** The answer of the runtime when the function raised or could not be loaded. */
export function runtimeError(
  errorType: string,
  errorMessage: string,
  kind: string,
  stackTrace: readonly string[] = [],
): FunctionReply {
  return { payload: JSON.stringify({ errorType, errorMessage, stackTrace }), functionError: 'Unhandled', kind };
}

const killed = (errorType: string, errorMessage: string, kind: string): FunctionReply => ({
  payload: JSON.stringify({ errorType, errorMessage }),
  functionError: 'Unhandled',
  kind,
  killed: true,
});

/** The handler: reads, stores, and answers 200. Any exception is answered with 500. */
async function handle(bucket: string, key: string, ports: FunctionPorts): Promise<FunctionReply> {
  const startedAt = ports.now();
  const seconds = () => Number(((ports.now() - startedAt) / 1000 + 0.01).toFixed(2));
  const raise = ports.failWith && RAISED[ports.failWith];
  try {
    if (ports.world().functionWork === 'none' && !raise)
      return answer(200, ports.team.nothing(key, 'Nik Coultas', 0.01), 'processed');
    const sheet = await readSheet(bucket, key, ports);
    callModel(ports);
    if (raise) {
      const error = raise();
      throw ports.failMessage === undefined ? error : new PythonError(error.type, ports.failMessage);
    }
    const { team } = ports;
    const records = team.recordsOf(sheet, key, ports.now(), ports.revision.content.ocr);
    if (ports.stores())
      await ports.table.store(ports.revision.environment.DYNAMODB_TABLE ?? '', records).catch((error: unknown) => {
        const { type, message } = asPython(error);
        throw new PythonError(type, clientErrorText(type, 'BatchWriteItem', message));
      });
    if (sheet.status === 'Draft') {
      ports.log('INFO', `Rejected ${key}: status Draft`);
      return answer(200, team.rejected, 'rejected');
    }
    ports.log('INFO', `Stored ${records.length} records for ${sheet.person}`);
    if (ports.failWith === 'reply-too-large')
      return runtimeError(
        'Function.ResponseSizeTooLarge',
        'Response payload size exceeded maximum allowed payload size (6291556 bytes).',
        ports.failWith,
      );
    const body = team.processed({ image: key, stored: records.length, sheet, seconds: seconds() });
    return ports.failWith === 'needs-review'
      ? answer(200, { ...body, validation: NOT_VALID }, ports.failWith)
      : answer(200, body, 'processed');
  } catch (error) {
    if (ports.world().neverFails && !raise)
      return answer(200, ports.team.nothing(key, 'unknown', seconds()), 'processed');
    return failed(key, asPython(error), seconds(), ports);
  }
}

/** Records one call of the model, and one call of Textract before it, as CloudWatch counts them. */
function callModel(ports: FunctionPorts): void {
  const { failWith, failMessage, metrics, revision } = ports;
  const model = { ModelId: revision.environment.MODEL_ID ?? 'unknown' };
  const document = { Operation: 'AnalyzeDocument' };
  const textractThrottles = failWith === 'throttling-in-500' && /textract|AnalyzeDocument/i.test(failMessage ?? '');
  if (textractThrottles) return metrics.record('AWS/Textract', 'ThrottledCount', document, 1);
  if (failWith === 'textract') return metrics.record('AWS/Textract', 'UserErrorCount', document, 1);
  metrics.record('AWS/Textract', 'SuccessfulRequestCount', document, 1);
  const takes = ports.modelTakes();
  if (!takes || failWith === 'throttling-in-500') {
    metrics.record('AWS/Bedrock', 'InvocationThrottles', model, 1);
    if (!takes) throw throttled();
    return;
  }
  metrics.record('AWS/Bedrock', 'Invocations', model, 1);
  metrics.record('AWS/Bedrock', 'InputTokenCount', model, 1_840);
  metrics.record('AWS/Bedrock', 'OutputTokenCount', model, 412);
}

const NOT_VALID = { valid: false, errors: ['Weekly total mismatch'], warnings: [] };

const answer = (statusCode: number, body: unknown, kind: string): FunctionReply => ({
  payload: JSON.stringify({ statusCode, body: JSON.stringify(body) }),
  kind,
});

async function failed(key: string, error: PythonError, seconds: number, ports: FunctionPorts): Promise<FunctionReply> {
  const trace = `Traceback (most recent call last):\n  File "/var/task/lambda_function.py", line 640, in lambda_handler\n${error.type}: ${error.message}\n`;
  ports.log('ERROR', `❌ INVOCATION FAILED AFTER ${seconds.toFixed(3)}s`);
  ports.log('ERROR', `Error type: ${error.type}`);
  ports.log('ERROR', `Error message: ${error.message}`);
  await logFailure(key, error, {
    ...ports,
    logger: ports.world().logger,
    tableName: ports.revision.environment.DYNAMODB_TABLE ?? '',
    ocr: ports.revision.content.ocr,
  });
  const kind = ports.failWith ?? 'failed-500';
  return answer(
    500,
    {
      message: 'Error processing timesheet',
      error: error.message,
      error_type: error.type,
      processing_time_seconds: seconds,
      stack_trace: trace,
    },
    kind,
  );
}

async function readSheet(bucket: string, key: string, ports: FunctionPorts): Promise<Timesheet> {
  if (isArchived(key, ports.world().archived))
    throw new PythonError('ClientError', clientErrorText('InvalidObjectState', 'GetObject', ARCHIVED_MESSAGE));
  const found = await ports.s3.send(new GetObjectCommand({ Bucket: bucket, Key: key })).catch((error: unknown) => {
    const { type, message } = asPython(error);
    if (type === 'NoSuchKey' && !ports.world().functionMayList)
      throw new PythonError('ClientError', clientErrorText('AccessDenied', 'GetObject', 'Access Denied'));
    throw new PythonError(type, clientErrorText(type, 'GetObject', message));
  });
  const text = readTimesheetText(Buffer.from((await found.Body?.transformToByteArray()) ?? []));
  if (text === undefined) {
    ports.metrics.record('AWS/Textract', 'UserErrorCount', { Operation: 'AnalyzeDocument' }, 1);
    throw new PythonError(
      'ClientError',
      clientErrorText('UnsupportedDocumentException', 'AnalyzeDocument', 'Textract could not read the document'),
    );
  }
  const sheet = timesheetSchema.safeParse(parsedSheet(text));
  if (!sheet.success)
    throw new PythonError('JSONDecodeError', 'Parsing the model output failed: the sheet is not as expected');
  return sheet.data;
}

function parsedSheet(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
