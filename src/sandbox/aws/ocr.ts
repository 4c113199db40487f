import {
  BatchWriteItemCommand,
  type DynamoDBClient,
  PutItemCommand,
  type WriteRequest,
} from '@aws-sdk/client-dynamodb';
import { GetObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { readTimesheetText } from './png.ts';
import { OCR_VERSION, recordsOf, type Timesheet, timesheetSchema } from './timesheet.ts';
import type { FailureKind, World } from './world.ts';

/** What an invocation answers: the payload, and the FunctionError header where the runtime itself failed. */
export interface FunctionReply {
  readonly payload: string;
  readonly functionError?: string;
  /** For the record of what was seen. */
  readonly kind: string;
}

export interface FunctionPorts {
  readonly dynamodb: DynamoDBClient;
  readonly s3: S3Client;
  readonly table: string;
  readonly world: () => World;
  /** Whether the model takes one more call this minute. */
  readonly modelTakes: () => boolean;
  readonly log: (level: 'INFO' | 'WARN' | 'ERROR', message: string) => void;
  readonly now: () => number;
  readonly timeoutSeconds: number;
  readonly requestId: string;
  readonly failWith: FailureKind | undefined;
  readonly failMessage: string | undefined;
}

/** An error as Python's would be shown: its class and its text. */
class PythonError extends Error {
  readonly type: string;
  constructor(type: string, message: string) {
    super(message);
    this.type = type;
  }
}

/** Exceptions raised inside the handler, which answers 500. */
const RAISED: Partial<Record<FailureKind, () => PythonError>> = {
  'failed-500': () => new PythonError('RuntimeError', 'OCR produced no usable result'),
  validation: () => new PythonError('ValueError', 'Validation failed: hours do not add up to the weekly total'),
  textract: () => new PythonError('ClientError', 'Textract could not read the document'),
  parsing: () =>
    new PythonError('JSONDecodeError', 'Parsing the model output failed: Expecting value: line 1 column 1 (char 0)'),
  'throttling-in-500': throttled,
};

function throttled(): PythonError {
  return new PythonError(
    'ThrottlingException',
    'An error occurred (ThrottlingException) when calling the Converse operation: Too many requests, please wait before trying again.',
  );
}

/** Runs the OCR function on one image, as the pipeline's facts describe it. Never throws. */
export async function runOcr(bucket: string, key: string, ports: FunctionPorts): Promise<FunctionReply> {
  const { failWith, failMessage, requestId } = ports;
  const stamp = new Date(ports.now()).toISOString();
  switch (failWith) {
    case 'crash':
      return runtimeError('Unhandled', 'KeyError', failMessage ?? "'entries'", failWith, [
        '  File "/var/task/lambda_function.py", line 512, in lambda_handler\n    rows = metadata[\'entries\']\n',
      ]);
    case 'timeout':
      return {
        payload: JSON.stringify({
          errorMessage: `${stamp} ${requestId} Task timed out after ${ports.timeoutSeconds}.00 seconds`,
        }),
        functionError: 'Unhandled',
        kind: failWith,
      };
    case 'timeout-new':
      return runtimeError(
        'Unhandled',
        'Sandbox.Timedout',
        `RequestId: ${requestId} Error: Task timed out after ${ports.timeoutSeconds}.00 seconds`,
        failWith,
      );
    case 'out-of-memory':
      return runtimeError(
        'Unhandled',
        'Runtime.OutOfMemory',
        `RequestId: ${requestId} Error: Runtime exited with error: signal: killed`,
        failWith,
      );
    case 'exit':
      return runtimeError(
        'Unhandled',
        'Runtime.ExitError',
        `RequestId: ${requestId} Error: Runtime exited with error: exit status 1`,
        failWith,
      );
    case 'unreadable':
      return { payload: '<html>502 Bad Gateway</html>', kind: failWith };
    default:
      return handle(bucket, key, ports);
  }
}

function runtimeError(
  functionError: string,
  errorType: string,
  errorMessage: string,
  kind: string,
  stackTrace?: string[],
): FunctionReply {
  return {
    payload: JSON.stringify({ errorType, errorMessage, ...(stackTrace ? { stackTrace } : {}) }),
    functionError,
    kind,
  };
}

/** The handler: reads, stores, and answers 200; anything raised in it is answered with 500. */
async function handle(bucket: string, key: string, ports: FunctionPorts): Promise<FunctionReply> {
  const startedAt = ports.now();
  const seconds = () => Number(((ports.now() - startedAt) / 1000 + 0.01).toFixed(2));
  try {
    const raise = ports.failWith && RAISED[ports.failWith];
    if (ports.world().functionWork === 'none' && !raise)
      return answer(200, processedBody(key, 3, 'Nik Coultas', '', 0.01), 'processed');
    const sheet = await readSheet(bucket, key, ports);
    if (!ports.modelTakes()) throw throttled();
    if (raise) {
      const error = raise();
      throw ports.failMessage === undefined ? error : new PythonError(error.type, ports.failMessage);
    }
    const records = recordsOf(sheet, key, ports.now(), OCR_VERSION);
    if (!ports.world().writesNothing) await store(records, ports);
    if (sheet.status === 'Draft') {
      ports.log('INFO', `Rejected ${key}: status Draft`);
      return answer(
        200,
        { message: 'Timesheet rejected', rejected: true, reason: 'Timesheet is not Posted', status: 'Draft' },
        'rejected',
      );
    }
    ports.log('INFO', `Stored ${records.length} records for ${sheet.person}`);
    const end = records[0]?.WeekEndDate?.S ?? sheet.week;
    return answer(
      200,
      processedBody(key, records.length, sheet.person, `${sheet.week} to ${end}`, seconds()),
      'processed',
    );
  } catch (error) {
    return failed(key, asPython(error), seconds(), ports);
  }
}

const processedBody = (key: string, stored: number, person: string, dates: string, seconds: number) => ({
  message: 'Timesheet processed',
  source_image: key,
  entries_stored: stored,
  resource_name: person,
  date_range: dates,
  processing_time_seconds: seconds,
  cost_estimate_usd: 0.00182,
  validation: { valid: true, errors: [], warnings: [] },
});

const answer = (statusCode: number, body: unknown, kind: string): FunctionReply => ({
  payload: JSON.stringify({ statusCode, body: JSON.stringify(body) }),
  kind,
});

async function failed(key: string, error: PythonError, seconds: number, ports: FunctionPorts): Promise<FunctionReply> {
  const trace = `Traceback (most recent call last):\n  File "/var/task/lambda_function.py", line 640, in lambda_handler\n${error.type}: ${error.message}\n`;
  ports.log('ERROR', `❌ INVOCATION FAILED AFTER ${seconds.toFixed(3)}s`);
  ports.log('ERROR', `Error type: ${error.type}`);
  ports.log('ERROR', `Error message: ${error.message}`);
  await logFailure(key, error, ports);
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

/** The pipeline's own failure logger, with its trap: it fills attributes that are not the table's key, and goes on. */
async function logFailure(key: string, error: PythonError, ports: FunctionPorts): Promise<void> {
  const Item = {
    ImageKey: { S: key },
    FailureTimestamp: { S: new Date(ports.now()).toISOString() },
    RecordType: { S: 'FAILED_IMAGE' },
    ErrorMessage: { S: error.message },
    AttemptNumber: { N: '1' },
  };
  await ports.dynamodb.send(new PutItemCommand({ TableName: ports.table, Item })).catch((refusal: unknown) => {
    const { type, message } = asPython(refusal);
    ports.log(
      'WARN',
      `⚠️  Could not save failed image record: An error occurred (${type}) when calling the PutItem operation: ${message}`,
    );
  });
  ports.log('INFO', '📝 Logged failure to database');
}

async function readSheet(bucket: string, key: string, ports: FunctionPorts): Promise<Timesheet> {
  const found = await ports.s3.send(new GetObjectCommand({ Bucket: bucket, Key: key })).catch((error: unknown) => {
    const { type, message } = asPython(error);
    throw new PythonError(type, `An error occurred (${type}) when calling the GetObject operation: ${message}`);
  });
  const text = readTimesheetText(Buffer.from((await found.Body?.transformToByteArray()) ?? []));
  if (text === undefined)
    throw new PythonError(
      'ClientError',
      'An error occurred (UnsupportedDocumentException) when calling the AnalyzeDocument operation: Textract could not read the document',
    );
  const sheet = timesheetSchema.safeParse(JSON.parse(text));
  if (!sheet.success)
    throw new PythonError('JSONDecodeError', 'Parsing the model output failed: the sheet is not as expected');
  return sheet.data;
}

async function store(records: ReturnType<typeof recordsOf>, ports: FunctionPorts): Promise<void> {
  let waiting: WriteRequest[] = records.map((Item) => ({ PutRequest: { Item } }));
  while (waiting.length > 0) {
    const done = await ports.dynamodb.send(
      new BatchWriteItemCommand({ RequestItems: { [ports.table]: waiting.slice(0, 25) } }),
    );
    waiting = [...(done.UnprocessedItems?.[ports.table] ?? []), ...waiting.slice(25)];
  }
}

function asPython(error: unknown): PythonError {
  if (error instanceof PythonError) return error;
  if (error instanceof Error)
    return new PythonError(error.name === 'Error' ? 'RuntimeError' : error.name, error.message);
  return new PythonError('RuntimeError', String(error));
}
