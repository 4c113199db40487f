import { createHash } from 'node:crypto';
import {
  GetFunctionCommand,
  UpdateFunctionCodeCommand,
  UpdateFunctionConfigurationCommand,
} from '@aws-sdk/client-lambda';
import { strToU8, unzipSync, zipSync } from 'fflate';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type AwsRig, BUCKET, FUNCTION, keyOf, startAwsRig, TABLE, zipOf } from './aws-rig.ts';

let rig: AwsRig;
beforeAll(async () => {
  rig = await startAwsRig();
});
afterAll(() => rig.close());
beforeEach(() => rig.reset());

const TABLE_KEY = { partition: { name: 'ResourceName', type: 'S' }, sort: { name: 'DateProjectCode', type: 'S' } };
const ENVIRONMENT = {
  DYNAMODB_TABLE: TABLE,
  MODEL_ID: 'us.amazon.nova-lite-v1:0',
  RESCAN_FORMER_HANDLER: 'lambda_function.lambda_handler',
  RESCAN_TABLE: TABLE,
  RESCAN_TABLE_KEY: JSON.stringify(TABLE_KEY),
};

/** Adds the failure logging module to the package and makes it the handler, as a deploy does. */
async function deployLogging(
  environment: Record<string, string> = ENVIRONMENT,
  parts: 'all' | 'handler alone' = 'all',
): Promise<void> {
  const { Code } = await rig.lambda.send(new GetFunctionCommand({ FunctionName: FUNCTION }));
  const files = unzipSync(new Uint8Array(await (await fetch(Code?.Location ?? '')).arrayBuffer()));
  const source = strToU8('def handler(event, context):\n    ...\n');
  const record = strToU8('def log_failure(event, context, facts):\n    ...\n');
  const module = {
    'rescan_failure_logging.py': source,
    ...(parts === 'all' ? { 'rescan_failure_record.py': record } : {}),
  };
  await updateCode(Buffer.from(zipSync({ ...files, ...module })));
  await configure({ Handler: 'rescan_failure_logging.handler', Environment: { Variables: environment } });
}
const updateCode = (ZipFile: Buffer) =>
  rig.lambda.send(new UpdateFunctionCodeCommand({ FunctionName: FUNCTION, ZipFile }));
const configure = (change: {
  Handler?: string;
  Timeout?: number;
  Environment?: { Variables: Record<string, string> };
}) => rig.lambda.send(new UpdateFunctionConfigurationCommand({ FunctionName: FUNCTION, ...change }));
const failedRows = async () => (await rig.rows()).filter((row) => row.RecordType?.S === 'FAILED_IMAGE');
const loggingLines = () => rig.lines('RESCAN_FAILURE_LOGGING');

describe('the function runs its deployed code', () => {
  test('the records have the OCR version of the package', async () => {
    await updateCode(
      zipOf({
        'lambda_function.py': 'def lambda_handler(event, context): ...',
        'OCR_VERSION.txt': 'VERSION=3.0.0\nBUILD_DATE=2026-01-02\nDESCRIPTION=Newer',
      }),
    );
    await rig.invoke(keyOf(0));
    expect((await rig.rows()).find((row) => row.SourceImage)).toMatchObject({
      OCRVersion: { S: '3.0.0' },
      OCRBuildDate: { S: '2026-01-02' },
      OCRFullVersion: { S: '3.0.0-2026-01-02' },
    });
  });

  test.each([
    ['nowhere.handler', 'Runtime.ImportModuleError', "Unable to import module 'nowhere': No module named 'nowhere'"],
    ['lambda_function.main', 'Runtime.HandlerNotFound', "Handler 'main' missing on module 'lambda_function'"],
    ['lambda_function.f(', 'Runtime.HandlerNotFound', "Handler 'f(' missing on module 'lambda_function'"],
    [
      'lambda_handler',
      'Runtime.MalformedHandlerName',
      "Bad handler 'lambda_handler': not enough values to unpack (expected 2, got 1)",
    ],
  ])('the runtime refuses the handler %s', async (Handler, errorType, errorMessage) => {
    await configure({ Handler });
    const reply = await rig.invoke(keyOf(0));
    expect(reply.error).toBe('Unhandled');
    expect(JSON.parse(reply.payload)).toMatchObject({ errorType, errorMessage });
    expect(await rig.lines(`"${errorType}"`)).toHaveLength(1);
  });

  test('handlers in folders, packages and imported names are found', async () => {
    await updateCode(
      zipOf({
        'app/main.py': 'async def handler(event, context): ...',
        'core/__init__.py': 'from core.work import run\n',
        'plain.py': 'handler = make_handler()\n',
      }),
    );
    for (const Handler of ['app/main.handler', 'app.main.handler', 'core.run', 'plain.handler']) {
      await configure({ Handler });
      expect((await rig.invoke(keyOf(0))).error).toBeUndefined();
    }
  });

  test('the function fails without the table name in its environment', async () => {
    await configure({ Environment: { Variables: {} } });
    const reply = await rig.invoke(keyOf(0));
    expect(reply.error).toBe('Unhandled');
    expect(JSON.parse(reply.payload)).toMatchObject({ errorType: 'KeyError', errorMessage: "'DYNAMODB_TABLE'" });
  });

  test('a function that exceeds its timeout is ended', async () => {
    await configure({ Timeout: 1 });
    rig.aws.turn({ latencyMs: 20_000 });
    const reply = await rig.invoke(keyOf(0));
    expect(JSON.parse(reply.payload)).toMatchObject({
      errorType: 'Sandbox.Timedout',
      errorMessage: expect.stringMatching(/Task timed out after 1.00 seconds$/),
    });
  });
});

describe('deployed failure logging', () => {
  test('failure logging writes a record of a failed image with the real key, logs a line, and keeps the reply', async () => {
    const without = await rig.invoke('INVALID_IMAGE.png');
    expect(await failedRows()).toEqual([]);
    await deployLogging();
    const reply = await rig.invoke('INVALID_IMAGE.png');
    const error = (payload: string) => JSON.parse(JSON.parse(payload).body).error;
    expect(error(reply.payload)).toBe(error(without.payload));
    const [row] = await failedRows();
    const time = row?.FailureTimestamp?.S ?? '';
    expect(time).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    expect(row).toMatchObject({
      ResourceName: { S: 'FAILED_IMAGE' },
      DateProjectCode: { S: `INVALID_IMAGE.png#${time}` },
      ImageKey: { S: 'INVALID_IMAGE.png' },
      FailureType: { S: 'OCR_ERROR' },
      ErrorMessage: { S: expect.stringContaining('NoSuchKey') },
      ErrorCode: { S: 'NoSuchKey' },
      OCRVersion: { S: '2.6.1' },
      ModelId: { S: 'us.amazon.nova-lite-v1:0' },
      ProcessingTimeSeconds: { N: expect.any(String) },
      S3Bucket: { S: BUCKET },
      StackTrace: { S: expect.stringContaining('Traceback') },
      CloudWatchLogStream: { S: expect.stringContaining('[$LATEST]') },
      AttemptNumber: { N: '1' },
    });
    const [line] = await loggingLines();
    expect(line).toBe(
      `RESCAN_FAILURE_LOGGING written: image="INVALID_IMAGE.png" key=${JSON.stringify({
        ResourceName: { S: 'FAILED_IMAGE' },
        DateProjectCode: { S: `INVALID_IMAGE.png#${time}` },
      })}\n`,
    );
  });

  test('failure logging counts the attempts of each image and not those of a longer key with the same start', async () => {
    await deployLogging();
    for (const key of ['a', 'a', 'a#b', 'a']) await rig.invoke(key);
    const attempts = (await failedRows()).map((row) => `${row.ImageKey?.S} ${row.AttemptNumber?.N}`);
    expect(attempts.sort()).toEqual(['a 1', 'a 2', 'a 3', 'a#b 1']);
  });

  test('failure logging hashes long image names and decodes keys of encoded events', async () => {
    await deployLogging({ ...ENVIRONMENT, RESCAN_KEY_ENCODING: 'url' });
    await rig.invoke('no+such%2Bimage.png');
    const long = 'ü'.repeat(500);
    await rig.invoke(encodeURIComponent(long));
    await rig.invoke('100%.png');
    const rows = await failedRows();
    expect(rows.map((row) => row.ImageKey?.S).sort()).toEqual(['100%.png', 'no such+image.png', long]);
    const hash = createHash('sha256').update(long).digest('hex');
    expect(rows.find((row) => row.ImageKey?.S === long)?.DateProjectCode?.S).toMatch(new RegExp(`^sha256:${hash}#`));
  });

  test('failure logging catches exceptions of the handler and writes nothing when the runtime is killed', async () => {
    await deployLogging();
    rig.aws.turn({ failures: { kind: 'crash' } });
    expect((await rig.invoke(keyOf(0))).error).toBe('Unhandled');
    expect(await failedRows()).toMatchObject([{ ErrorCode: { S: 'KeyError' }, ErrorMessage: { S: "'entries'" } }]);
    for (const kind of ['timeout', 'timeout-new', 'out-of-memory', 'exit']) {
      rig.aws.turn({ failures: { kind } });
      await rig.invoke(keyOf(0));
    }
    expect(await failedRows()).toHaveLength(1);
  });

  test('failure logging writes nothing for processed and rejected images', async () => {
    await deployLogging();
    for (const index of [0, 12]) await rig.invoke(keyOf(index));
    expect(await failedRows()).toEqual([]);
    expect(await loggingLines()).toEqual([]);
  });

  test('failure logging logs the reason when the role may not write or count, or the key is another one', async () => {
    await deployLogging();
    rig.aws.turn({ functionDenied: ['dynamodb:PutItem'] });
    await rig.invoke('one.png');
    expect(await loggingLines()).toEqual([
      expect.stringMatching(
        /^RESCAN_FAILURE_LOGGING not written: image="one.png" error=AccessDeniedException: User: arn:aws:sts::.* is not authorized to perform: dynamodb:PutItem on resource: .*\n$/,
      ),
    ]);
    rig.aws.turn({ functionDenied: ['dynamodb:Query'] });
    await rig.invoke('two.png');
    expect(await failedRows()).toMatchObject([{ AttemptNumber: { N: '1' }, AttemptNumberUnknown: { BOOL: true } }]);
    rig.aws.turn({ functionDenied: [] });
    const wrong = { ...TABLE_KEY, partition: { name: 'Person', type: 'S' } };
    await configure({ Environment: { Variables: { ...ENVIRONMENT, RESCAN_TABLE_KEY: JSON.stringify(wrong) } } });
    await rig.invoke('three.png');
    expect((await loggingLines()).at(-1)).toMatch(/not written: image="three.png" error=ValidationException: /);
    await configure({ Environment: { Variables: { DYNAMODB_TABLE: TABLE } } });
    await rig.invoke('four.png');
    expect((await loggingLines()).at(-1)).toMatch(/not written: image="four.png" error=KeyError: 'RESCAN_TABLE'/);
    expect(await failedRows()).toHaveLength(1);
  });

  test('failure logging for a missing handler is not loaded, and the import error is visible', async () => {
    await deployLogging({ ...ENVIRONMENT, RESCAN_FORMER_HANDLER: 'gone.handler' });
    expect(JSON.parse((await rig.invoke(keyOf(0))).payload).errorType).toBe('Runtime.ImportModuleError');
    expect(await failedRows()).toEqual([]);
  });

  test('failure logging without its writing module logs one line', async () => {
    await deployLogging(ENVIRONMENT, 'handler alone');
    await rig.invoke('x.png');
    expect(await loggingLines()).toEqual([
      expect.stringContaining('not written: image=null error=ModuleNotFoundError'),
    ]);
    expect(await failedRows()).toEqual([]);
  });

  test('failure logging records the size of an existing image, and no more than S3 returns for a missing one', async () => {
    await deployLogging();
    rig.aws.turn({ failures: [{ rate: 1, kind: 'textract' }] });
    await rig.invoke(keyOf(0));
    await rig.invoke('gone.png');
    const sizes = (await failedRows()).map(({ ImageKey, ImageSize }) => [ImageKey?.S, Number(ImageSize?.N) > 0]);
    expect(Object.fromEntries(sizes)).toEqual({ [keyOf(0)]: true, 'gone.png': false });
  });

  test('failure logging whose module is missing in the package does nothing', async () => {
    await configure({ Handler: 'rescan_failure_logging.handler', Environment: { Variables: ENVIRONMENT } });
    expect(JSON.parse((await rig.invoke('x.png')).payload).errorMessage).toMatch(/rescan_failure_logging/);
    expect(await failedRows()).toEqual([]);
  });
});

describe("the function's own logger", () => {
  test('the original failure logger prints that it logged although DynamoDB refused the record', async () => {
    await rig.invoke('x.png');
    expect((await rig.lines('"Could not save failed image record"')).join()).toMatch(
      /An error occurred \(ValidationException\) when calling the PutItem operation/,
    );
    expect(await rig.lines('"Logged failure to database"')).toHaveLength(1);
    expect(await failedRows()).toEqual([]);
  });

  test('the failure logger prints the access error when its role may not write', async () => {
    rig.aws.turn({ functionDenied: ['dynamodb:PutItem'] });
    await rig.invoke('x.png');
    expect((await rig.lines('"Could not save failed image record"')).join()).toMatch(
      /\(AccessDeniedException\) when calling the PutItem operation: User: .* is not authorized/,
    );
  });

  test('without a failure logger there is no record and no line', async () => {
    rig.aws.turn({ logger: 'none' });
    await rig.invoke('x.png');
    expect(await failedRows()).toEqual([]);
    expect(await rig.lines('"image record"')).toEqual([]);
    expect(await rig.lines('"Logged failure"')).toEqual([]);
    expect(await rig.lines('"INVOCATION FAILED"')).toHaveLength(1);
  });

  test('the corrected failure logger writes a record with the real key', async () => {
    rig.aws.turn({ logger: 'works' });
    await rig.invoke('x.png');
    expect(await failedRows()).toMatchObject([{ ResourceName: { S: 'FAILED_IMAGE' }, ImageKey: { S: 'x.png' } }]);
    expect(await rig.lines('"Could not save"')).toEqual([]);
  });
});

describe('permissions of the function', () => {
  test('the function fails when its role may not write the entries', async () => {
    rig.aws.turn({ functionDenied: ['dynamodb:BatchWriteItem'] });
    const { body, statusCode } = JSON.parse((await rig.invoke(keyOf(0))).payload);
    expect(statusCode).toBe(500);
    expect(JSON.parse(body)).toMatchObject({
      error_type: 'AccessDeniedException',
      error: expect.stringContaining('when calling the BatchWriteItem operation: User: '),
    });
  });

  test('with `neverFails` the function answers 200 for a missing key', async () => {
    rig.aws.turn({ neverFails: true });
    const { body, statusCode } = JSON.parse((await rig.invoke('INVALID_IMAGE.png')).payload);
    expect(statusCode).toBe(200);
    expect(JSON.parse(body).entries_stored).toBe(0);
  });
});
