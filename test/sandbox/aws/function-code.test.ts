import { createHash } from 'node:crypto';
import {
  GetFunctionCommand,
  GetFunctionConfigurationCommand,
  ListVersionsByFunctionCommand,
  PublishVersionCommand,
  UpdateFunctionCodeCommand,
  UpdateFunctionConfigurationCommand,
  waitUntilFunctionUpdatedV2,
} from '@aws-sdk/client-lambda';
import { PutObjectCommand } from '@aws-sdk/client-s3';
import { strToU8, unzipSync, zipSync } from 'fflate';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type AwsRig, CONTROL_BUCKET, FUNCTION, keyOf, named, startAwsRig, TABLE, zipOf } from './aws-rig.ts';

let rig: AwsRig;
beforeAll(async () => {
  rig = await startAwsRig();
});
afterAll(() => rig.close());
beforeEach(() => rig.reset());

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('base64');
const PACKAGE = zipOf({
  'lambda_function.py': 'def lambda_handler(event, context):\n    pass\n',
  'OCR_VERSION.txt': 'VERSION=2.7.0\nBUILD_DATE=2025-11-23\nDESCRIPTION=New\n',
});
const getFunction = (Qualifier?: string) =>
  rig.lambda.send(new GetFunctionCommand({ FunctionName: FUNCTION, ...(Qualifier ? { Qualifier } : {}) }));
const updateCode = (more: Partial<ConstructorParameters<typeof UpdateFunctionCodeCommand>[0]> = {}) =>
  rig.lambda.send(new UpdateFunctionCodeCommand({ FunctionName: FUNCTION, ZipFile: PACKAGE, ...more }));
const updateConfiguration = (more: Partial<ConstructorParameters<typeof UpdateFunctionConfigurationCommand>[0]>) =>
  rig.lambda.send(new UpdateFunctionConfigurationCommand({ FunctionName: FUNCTION, ...more }));
const publish = (more: Partial<ConstructorParameters<typeof PublishVersionCommand>[0]> = {}) =>
  rig.lambda.send(new PublishVersionCommand({ FunctionName: FUNCTION, ...more }));

describe('the deployed package', () => {
  test('the package at the address from GetFunction matches the hash and the size that GetFunction returned', async () => {
    const { Configuration, Code } = await getFunction();
    const bytes = new Uint8Array(await (await fetch(Code?.Location ?? '')).arrayBuffer());
    expect(sha256(bytes)).toBe(Configuration?.CodeSha256);
    expect(bytes.length).toBe(Configuration?.CodeSize);
    const files = unzipSync(bytes);
    expect(Object.keys(files)).toEqual(expect.arrayContaining(['lambda_function.py', 'failed_image_logger.py']));
    expect(Buffer.from(files['OCR_VERSION.txt'] ?? []).toString()).toMatch(/^VERSION=2.6.1\nBUILD_DATE=2025-11-21\nD/);
  });

  test('the first package is the same at every start', async () => {
    const other = await startAwsRig();
    expect((await other.configuration()).CodeSha256).toBe((await rig.configuration()).CodeSha256);
    await other.close();
  });

  test('a package cannot be read with a changed signature, for another package, or after the expiry', async () => {
    const location = new URL((await getFunction()).Code?.Location ?? '');
    const changed = new URL(location);
    changed.searchParams.set('X-Amz-Signature', '0'.repeat(64));
    expect((await fetch(changed)).status).toBe(403);
    const longer = new URL(location);
    longer.searchParams.set('X-Sandbox-Expires', String(Date.now() + 9_999_999));
    expect((await fetch(longer)).status).toBe(403);
    const other = new URL(location);
    other.pathname = `/sandbox/packages/${'a'.repeat(64)}.zip`;
    expect((await fetch(other)).status).toBe(403);
    rig.aws.turn({ packageUrlSeconds: 0 });
    const late = await fetch((await getFunction()).Code?.Location ?? '');
    expect([late.status, await late.text()]).toEqual([403, expect.stringContaining('Request has expired')]);
  });

  test('during an outage the address of the package does not answer', async () => {
    const { Code } = await getFunction();
    rig.aws.turn({ outage: true });
    await expect(fetch(Code?.Location ?? '')).rejects.toThrow();
  });

  test('an image function has no package, only the address of its image', async () => {
    rig.aws.turn({ packageType: 'Image' });
    const { Configuration, Code } = await getFunction();
    expect(Configuration).toMatchObject({ PackageType: 'Image' });
    expect(Configuration?.Handler).toBeUndefined();
    expect(Code?.Location).toBeUndefined();
    expect(Code?.ImageUri).toMatch(/\.ecr\./);
    await expect(updateCode()).rejects.toMatchObject({
      name: 'InvalidParameterValueException',
      message: expect.stringContaining('packageType Image'),
    });
  });

  test('the runtime of the function follows its setting', async () => {
    rig.aws.turn({ runtime: 'nodejs22.x' });
    expect((await rig.configuration()).Runtime).toBe('nodejs22.x');
  });
});

describe('UpdateFunctionCode', () => {
  test('UpdateFunctionCode deploys another package and returns its hash and a new revision', async () => {
    const before = await rig.configuration();
    const reply = await updateCode({ RevisionId: before.RevisionId });
    expect(reply.CodeSha256).toBe(sha256(PACKAGE));
    expect(reply.CodeSize).toBe(PACKAGE.length);
    expect(reply.RevisionId).not.toBe(before.RevisionId);
    const view = await (await fetch(`${rig.aws.url}/sandbox/function`)).json();
    expect(view).toMatchObject({
      codeSha256: sha256(PACKAGE),
      ocrVersion: { version: '2.7.0' },
      files: [{ name: 'lambda_function.py' }, { name: 'OCR_VERSION.txt' }],
    });
  });

  test('UpdateFunctionCode reads a package from S3 and reports a missing object with S3’s error', async () => {
    await rig.s3.send(new PutObjectCommand({ Bucket: CONTROL_BUCKET, Key: 'next.zip', Body: PACKAGE }));
    const from = (S3Key: string) =>
      rig.lambda.send(new UpdateFunctionCodeCommand({ FunctionName: FUNCTION, S3Bucket: CONTROL_BUCKET, S3Key }));
    expect((await from('next.zip')).CodeSha256).toBe(sha256(PACKAGE));
    await expect(from('none.zip')).rejects.toMatchObject({
      name: 'InvalidParameterValueException',
      message: expect.stringContaining('Error occurred while GetObject. S3 Error Code: NoSuchKey.'),
    });
  });

  test('UpdateFunctionCode for an old revision is refused and changes nothing', async () => {
    const before = await rig.configuration();
    await expect(updateCode({ RevisionId: '00000000-0000-0000-0000-000000000000' })).rejects.toMatchObject({
      name: 'PreconditionFailedException',
      $metadata: { httpStatusCode: 412 },
    });
    expect(await rig.configuration()).toMatchObject({
      RevisionId: before.RevisionId,
      CodeSha256: before.CodeSha256,
    });
  });

  test('UpdateFunctionCode with DryRun returns the result and changes nothing', async () => {
    const before = await rig.configuration();
    expect((await updateCode({ DryRun: true })).CodeSha256).toBe(sha256(PACKAGE));
    expect((await rig.configuration()).RevisionId).toBe(before.RevisionId);
  });

  const damaged = Buffer.from(zipSync({ 'lambda_function.py': strToU8('def lambda_handler(): pass') }, { level: 0 }));
  damaged.write('fed', damaged.indexOf('def lambda_handler'));
  test.each([
    ['no zip', Buffer.from('this is no zip')],
    ['an empty zip', zipOf({})],
    ['a zip cut short', PACKAGE.subarray(0, PACKAGE.length - 10)],
    ['a zip with a damaged file', damaged],
    ['a zip that leads outside', zipOf({ 'a/../../outside.py': 'x' })],
  ])('UpdateFunctionCode refuses %s with Lambda’s error', async (_name, ZipFile) => {
    await expect(updateCode({ ZipFile })).rejects.toMatchObject({
      name: 'InvalidParameterValueException',
      message: 'Could not unzip uploaded file. Please check your file, then try to upload again.',
    });
  });

  test('UpdateFunctionCode refuses a package that unpacks to more than 250 MB and a request of more than 50 MB', async () => {
    const bomb = zipOf({ 'zeros.py': '\0'.repeat(1_000) });
    // The central directory states the size of this one file as a zip of 300 MB would.
    bomb.writeUInt32LE(300_000_000, bomb.indexOf('PK\x01\x02', 0, 'latin1') + 24);
    await expect(updateCode({ ZipFile: bomb })).rejects.toMatchObject({
      name: 'InvalidParameterValueException',
      message: 'Unzipped size must be smaller than 262144000 bytes',
    });
    await expect(updateCode({ ZipFile: Buffer.alloc(53_000_000) })).rejects.toMatchObject({
      name: 'RequestEntityTooLargeException',
      message: 'Request must be smaller than 70167211 bytes for the UpdateFunctionCode operation',
    });
  });
});

describe('UpdateFunctionConfiguration', () => {
  test('UpdateFunctionConfiguration changes the named fields and replaces the environment as a whole', async () => {
    const before = await rig.configuration();
    await updateConfiguration({ Handler: 'other.handler', Environment: { Variables: { ONE: '1' } } });
    const after = await rig.configuration();
    expect(after).toMatchObject({
      Handler: 'other.handler',
      Environment: { Variables: { ONE: '1' } },
      Timeout: before.Timeout,
      CodeSha256: before.CodeSha256,
    });
    expect(after.RevisionId).not.toBe(before.RevisionId);
    await updateConfiguration({ Timeout: 60, MemorySize: 512 });
    expect(await rig.configuration()).toMatchObject({
      Timeout: 60,
      MemorySize: 512,
      Handler: 'other.handler',
      Environment: { Variables: { ONE: '1' } },
    });
  });

  test.each([
    [{ RevisionId: 'x' }, 'PreconditionFailedException', /does not match the latest Revision Id/],
    [{ Timeout: 901 }, 'ValidationException', /less than or equal to 900/],
    [{ MemorySize: 64 }, 'ValidationException', /greater than or equal to 128/],
    [
      { Environment: { Variables: { AWS_REGION: 'eu' } } },
      'InvalidParameterValueException',
      /Reserved keys used in this request: AWS_REGION/,
    ],
    [{ Environment: { Variables: { 'A-B': '1' } } }, 'ValidationException', /Map keys/],
    [
      { Environment: { Variables: { LONG: 'x'.repeat(4_096) } } },
      'InvalidParameterValueException',
      /exceeded the 4KB limit/,
    ],
    [{ Handler: 'with space.handler' }, 'ValidationException', /handler/],
    [{ Layers: ['arn'] }, 'InvalidParameterValueException', /Layers/],
  ])('UpdateFunctionConfiguration refuses %j', async (change, name, message) => {
    const before = await rig.configuration();
    await expect(updateConfiguration(change)).rejects.toMatchObject({ name, message: expect.stringMatching(message) });
    expect((await rig.configuration()).RevisionId).toBe(before.RevisionId);
  });
});

describe('versions', () => {
  test('versions are numbered, keep their code and configuration, and are listed in pages', async () => {
    expect((await publish({ Description: 'before' })).Version).toBe('1');
    await updateCode();
    const second = await publish();
    expect(second).toMatchObject({ Version: '2', CodeSha256: sha256(PACKAGE) });
    expect(second.FunctionArn).toMatch(/:2$/);
    const page = await rig.lambda.send(new ListVersionsByFunctionCommand({ FunctionName: FUNCTION, MaxItems: 2 }));
    expect(page.Versions?.map(({ Version }) => Version)).toEqual(['$LATEST', '1']);
    const rest = await rig.lambda.send(
      new ListVersionsByFunctionCommand({ FunctionName: FUNCTION, Marker: page.NextMarker }),
    );
    expect(rest.Versions?.map(({ Version }) => Version)).toEqual(['2']);
    expect(rest.NextMarker).toBeUndefined();
    const first = await getFunction('1');
    expect(first.Configuration).toMatchObject({ Version: '1', Description: 'before' });
    const bytes = new Uint8Array(await (await fetch(first.Code?.Location ?? '')).arrayBuffer());
    expect(sha256(bytes)).toBe(first.Configuration?.CodeSha256);
    expect(first.Configuration?.CodeSha256).not.toBe(second.CodeSha256);
    await expect(getFunction('3')).rejects.toEqual(named('ResourceNotFoundException'));
  });

  test('publishing twice without a change gives the same version', async () => {
    expect((await publish()).Version).toBe('1');
    expect((await publish({ Description: 'again' })).Version).toBe('1');
    await updateConfiguration({ Timeout: 200 });
    expect((await publish()).Version).toBe('2');
  });

  test('publishing for another hash or revision is refused', async () => {
    await expect(publish({ CodeSha256: 'AAAA' })).rejects.toMatchObject({
      name: 'InvalidParameterValueException',
      message: expect.stringContaining('CodeSHA256 (AAAA) is different from current CodeSHA256 in $LATEST'),
    });
    await expect(publish({ RevisionId: 'x' })).rejects.toEqual(named('PreconditionFailedException'));
    const { CodeSha256, RevisionId } = await rig.configuration();
    expect((await publish({ CodeSha256, RevisionId })).Version).toBe('1');
  });

  test('a version can be published by the update and can be invoked', async () => {
    expect(await updateCode({ Publish: true })).toMatchObject({ Version: '1', CodeSha256: sha256(PACKAGE) });
    expect((await rig.invoke(keyOf(0), '1')).version).toBe('1');
    expect((await rig.invoke(keyOf(0))).version).toBe('$LATEST');
    await expect(rig.invoke(keyOf(0), '9')).rejects.toEqual(named('ResourceNotFoundException'));
  });
});

describe('a running update', () => {
  test('during an update changes are refused with 409 and the previous code runs until the update is complete', async () => {
    rig.aws.turn({ updateMs: 60_000 });
    const { LastUpdateStatus, LastUpdateStatusReason } = await updateCode();
    expect([LastUpdateStatus, LastUpdateStatusReason]).toEqual(['InProgress', 'The function is being created.']);
    const refusal = {
      name: 'ResourceConflictException',
      message: expect.stringMatching(/^The operation cannot be performed at this time. An update is in progress for r/),
      $metadata: { httpStatusCode: 409 },
    };
    await expect(updateCode()).rejects.toMatchObject(refusal);
    await expect(updateConfiguration({ Timeout: 10 })).rejects.toMatchObject(refusal);
    await expect(publish()).rejects.toMatchObject(refusal);
    await rig.invoke(keyOf(0));
    expect((await rig.rows()).some((row) => row.OCRVersion?.S === '2.6.1')).toBe(true);
    expect((await rig.rows()).some((row) => row.OCRVersion?.S === '2.7.0')).toBe(false);
  });

  test('the waiter of the SDK waits until an update is complete', async () => {
    rig.aws.turn({ updateMs: 300 });
    await updateCode();
    await waitUntilFunctionUpdatedV2(
      { client: rig.lambda, maxWaitTime: 10, minDelay: 0.05, maxDelay: 0.1 },
      { FunctionName: FUNCTION },
    );
    await rig.invoke(keyOf(0));
    expect((await rig.rows()).some((row) => row.OCRVersion?.S === '2.7.0')).toBe(true);
  });

  test('a failed update reports its reason, the previous code continues to run, and the next update succeeds', async () => {
    rig.aws.turn({ updateFails: true });
    await updateCode();
    expect(await rig.configuration()).toMatchObject({
      LastUpdateStatus: 'Failed',
      LastUpdateStatusReasonCode: 'InternalError',
      LastUpdateStatusReason: expect.stringMatching(/./),
    });
    await rig.invoke(keyOf(0));
    expect((await rig.rows()).some((row) => row.OCRVersion?.S === '2.7.0')).toBe(false);
    rig.aws.turn({ updateFails: false });
    await updateCode();
    expect((await rig.configuration()).LastUpdateStatus).toBe('Successful');
    await rig.invoke(keyOf(0));
    expect((await rig.rows()).some((row) => row.OCRVersion?.S === '2.7.0')).toBe(true);
  });
});

test('each Lambda operation is refused when its IAM action is denied', async () => {
  const calls: readonly [string, () => Promise<unknown>][] = [
    ['GetFunction', () => getFunction()],
    ['GetFunctionConfiguration', () => rig.configuration()],
    ['UpdateFunctionCode', () => updateCode()],
    ['UpdateFunctionConfiguration', () => updateConfiguration({ Timeout: 9 })],
    ['PublishVersion', () => publish()],
    ['ListVersionsByFunction', () => rig.lambda.send(new ListVersionsByFunctionCommand({ FunctionName: FUNCTION }))],
  ];
  for (const [operation, call] of calls) {
    rig.aws.turn({ accessDenied: [`lambda:${operation}`] });
    await expect(call()).rejects.toMatchObject({
      name: 'AccessDeniedException',
      message: expect.stringContaining(`not authorized to perform: lambda:${operation} on`),
    });
    rig.aws.turn({ accessDenied: [] });
    await call();
  }
});

test('the function is found by its ARN, and a reset restores the first package', async () => {
  const before = await rig.configuration();
  const byArn = new GetFunctionConfigurationCommand({ FunctionName: before.FunctionArn });
  expect((await rig.lambda.send(byArn)).FunctionName).toBe(FUNCTION);
  await updateCode({ Publish: true });
  await updateConfiguration({ Environment: { Variables: {} } });
  await rig.reset();
  expect(await rig.configuration()).toMatchObject({
    CodeSha256: before.CodeSha256,
    Environment: { Variables: { DYNAMODB_TABLE: TABLE } },
  });
  await expect(getFunction('1')).rejects.toEqual(named('ResourceNotFoundException'));
});
