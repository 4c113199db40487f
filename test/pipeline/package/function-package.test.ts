import { createHash } from 'node:crypto';
import { PutObjectCommand } from '@aws-sdk/client-s3';
import { strToU8, unzipSync, zipSync } from 'fflate';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { MODULE_FILES, MODULE_HANDLER } from '../../../src/pipeline/package/failure-module.ts';
import { carryOutDeploy, carryOutRollback } from '../../../src/pipeline/package/function-update.ts';
import { packageKey, readStored, sha256 } from '../../../src/pipeline/package/package-store.ts';
import { type DeployRig, MODULES, otherModules, refusalOf, startDeployRig } from './deploy-rig.ts';
import { withText, zipParts } from './zip-parts.ts';

let rig: DeployRig;
beforeEach(async () => {
  rig = await startDeployRig();
});
afterEach(() => rig.close());

const HANDLER = 'def lambda_handler(event, context):\n    return None\n';
const newVersion = (files: Record<string, string> = {}) =>
  zipSync(
    Object.fromEntries(
      Object.entries({ 'lambda_function.py': HANDLER, 'OCR_VERSION.txt': 'VERSION=3.0.0\r\n', ...files }).map(
        ([path, text]) => [path, strToU8(text)],
      ),
    ),
  );
/** Made by the command of the runbook: `cd src && zip -r ../x.zip *.py ../OCR_VERSION.txt`. */
const RUNBOOK = zipSync({
  'lambda_function.py': strToU8(HANDLER),
  '../OCR_VERSION.txt': strToU8('VERSION=2.6.1\n'),
});
const zip = (bytes: Uint8Array) => ({ kind: 'zip', bytes, fileName: 'new.zip' }) as const;

describe('the plan of a deploy', () => {
  test('says exactly what will change, and changes nothing', async () => {
    const before = await rig.current();
    const bytes = await rig.deployedBytes();
    const plan = await rig.plan();
    const after = await readStored(rig.location, plan.next.codeSha256);
    expect(plan).toEqual({
      functionName: 'TimesheetOCR-ocr-dev',
      former: {
        codeSha256: before.codeSha256,
        codeBytes: bytes.length,
        handler: 'lambda_function.lambda_handler',
        environment: {},
      },
      next: {
        codeSha256: createHash('sha256').update(after).digest('base64'),
        codeBytes: after.length,
        handler: MODULE_HANDLER,
        environment: {
          RESCAN_FORMER_HANDLER: 'lambda_function.lambda_handler',
          RESCAN_TABLE: 'TimesheetOCR-dev',
          RESCAN_TABLE_KEY: JSON.stringify({
            partition: { name: 'ResourceName', type: 'S' },
            sort: { name: 'DateProjectCode', type: 'S' },
          }),
          RESCAN_KEY_ENCODING: 'raw',
          RESCAN_MODEL_ID: 'us.amazon.nova-lite-v1:0',
        },
      },
      unpackedBytes: Object.values(unzipSync(after)).reduce((sum, { length }) => sum + length, 0),
      ocrVersion: { before: '2.6.1', after: '2.6.1' },
      files: {
        added: { count: 2, names: [...MODULE_FILES] },
        changed: { count: 0, names: [] },
        missing: { count: 0, names: [] },
        same: Object.keys(unzipSync(bytes)).length,
      },
      inPlace: false,
    });
    expect(await rig.current()).toEqual(before);
  });

  test('keeps every other file of the package, and adds the module', async () => {
    const former = await rig.deployedBytes();
    const plan = await rig.plan();
    const next = await readStored(rig.location, plan.next.codeSha256);
    const facts = (bytes: Uint8Array) =>
      zipParts(bytes)
        .filter(({ path }) => !Object.hasOwn(MODULES, path))
        .map(({ path, packed, attributes, modified }) => [path, packed, attributes, modified]);
    expect(facts(next)).toEqual(facts(former));
    for (const file of MODULE_FILES) expect(Buffer.from(unzipSync(next)[file] ?? []).toString()).toBe(MODULES[file]);
  });

  test('stores both packages by their hash, each once', async () => {
    const plan = await rig.plan();
    await rig.plan();
    const hashes = [plan.former.codeSha256, plan.next.codeSha256];
    expect(await rig.storedKeys()).toEqual(hashes.map((hash) => packageKey(rig.location, hash)).sort());
    expect(Buffer.from(await readStored(rig.location, plan.former.codeSha256))).toEqual(
      Buffer.from(await rig.deployedBytes()),
    );
  });

  test('predicts the same hash each time, and it is the deployed one', async () => {
    const [one, other] = [await rig.plan(), await rig.plan()];
    expect(one).toEqual(other);
    await carryOutDeploy(rig.ports, one, () => {});
    const current = await rig.current();
    expect(current).toMatchObject({ codeSha256: one.next.codeSha256, handler: one.next.handler });
    expect(current.environment).toMatchObject(one.next.environment);
  });

  test('is in place after the deploy, and not when the module, the table or a variable differs', async () => {
    await carryOutDeploy(rig.ports, await rig.plan(), () => {});
    const again = await rig.plan();
    expect(again.inPlace).toBe(true);
    expect(again.next.codeSha256).toBe(again.former.codeSha256);
    expect((await rig.plan({ modules: otherModules('newer') })).inPlace).toBe(false);
    expect((await rig.plan({ tableKeys: [{ role: 'HASH', name: 'Id', type: 'N' }] })).inPlace).toBe(false);
    const { environment } = await rig.current();
    await rig.configureElsewhere({ Variables: { ...environment, RESCAN_TABLE: 'another' } });
    expect((await rig.plan()).inPlace).toBe(false);
  });

  test('wraps the handler of the team, never its own, when it replaces an older module', async () => {
    await carryOutDeploy(rig.ports, await rig.plan({ modules: otherModules('old') }), () => {});
    const plan = await rig.plan();
    expect(plan.former.handler).toBe(MODULE_HANDLER);
    expect(plan.next.environment.RESCAN_FORMER_HANDLER).toBe('lambda_function.lambda_handler');
    expect(plan.former.environment).toMatchObject({ RESCAN_FORMER_HANDLER: 'lambda_function.lambda_handler' });
  });

  test('contains no variable of the team, because it may be secret', async () => {
    const { environment } = await rig.current();
    await rig.configureElsewhere({ Variables: { ...environment, API_TOKEN: 'hush', RESCAN_TABLE: 'older' } });
    const plan = await rig.plan();
    expect(JSON.stringify(plan)).not.toContain('hush');
    expect(plan.former.environment).toEqual({ RESCAN_TABLE: 'older' });
  });

  test('names no sort key for a table without one', async () => {
    const { next } = await rig.plan({ tableKeys: [{ role: 'HASH', name: 'Id', type: 'N' }] });
    expect(next.environment.RESCAN_TABLE_KEY).toBe('{"partition":{"name":"Id","type":"N"}}');
  });
});

describe('a package that the team gives', () => {
  test('is deployed with the module, and the plan has the old and the new version', async () => {
    const plan = await rig.plan({ given: zip(newVersion()) });
    expect(plan).toMatchObject({ given: 'new.zip', ocrVersion: { before: '2.6.1', after: '3.0.0' }, inPlace: false });
    await carryOutDeploy(rig.ports, plan, () => {});
    expect(Object.keys(unzipSync(await rig.deployedBytes())).sort()).toEqual(
      ['OCR_VERSION.txt', 'lambda_function.py', ...MODULE_FILES].sort(),
    );
  });

  test('is downloaded from S3', async () => {
    await rig.clients.s3.send(
      new PutObjectCommand({ Bucket: 'rescan-bot-control', Key: 'team/new version.zip', Body: newVersion() }),
    );
    const given = { kind: 's3', bucket: 'rescan-bot-control', key: 'team/new version.zip' } as const;
    expect(await rig.plan({ given })).toMatchObject({
      given: 's3://rescan-bot-control/team/new version.zip',
      ocrVersion: { after: '3.0.0' },
    });
  });

  test('made by the command of the runbook is accepted, and ../OCR_VERSION.txt is stored as OCR_VERSION.txt', async () => {
    const plan = await rig.plan({ given: zip(RUNBOOK) });
    expect(plan).toMatchObject({
      ocrVersion: { after: '2.6.1' },
      fromOutside: { count: 1, names: ['../OCR_VERSION.txt'] },
    });
    const next = unzipSync(await readStored(rig.location, plan.next.codeSha256));
    expect(Object.keys(next)).toEqual(['lambda_function.py', ...MODULE_FILES, 'OCR_VERSION.txt']);
    expect(Buffer.from(next['OCR_VERSION.txt'] ?? []).toString()).toBe('VERSION=2.6.1\n');
  });

  test('the running package of the runbook is wrapped in the same way, and a rollback restores exactly its bytes', async () => {
    await rig.deployElsewhere(RUNBOOK);
    const plan = await rig.plan();
    expect(plan).toMatchObject({ ocrVersion: { before: '2.6.1', after: '2.6.1' }, fromOutside: { count: 1 } });
    expect(plan.files).toMatchObject({
      added: { names: [...MODULE_FILES] },
      changed: { count: 0 },
      missing: { count: 0 },
    });
    await carryOutDeploy(rig.ports, plan, () => {});
    expect((await rig.plan()).inPlace).toBe(true);
    await carryOutRollback(rig.ports, plan, () => {});
    expect(Buffer.from(await rig.deployedBytes()).equals(RUNBOOK)).toBe(true);
  });

  test('names the files that are added, changed and missing', async () => {
    const running = {
      'lambda_function.py': HANDLER,
      'team_roster.json': '[]',
      'nova.py': 'x = 1\n',
      'same/a.txt': 'a',
    };
    await rig.deployElsewhere(
      zipSync(Object.fromEntries(Object.entries(running).map(([path, text]) => [path, strToU8(text)]))),
    );
    const given = { 'lambda_function.py': HANDLER, 'nova.py': 'x = 2\n', 'same/a.txt': 'a', 'new.py': '' };
    const bytes = zipSync(Object.fromEntries(Object.entries(given).map(([path, text]) => [path, strToU8(text)])));
    expect((await rig.plan({ given: zip(bytes) })).files).toEqual({
      added: { count: 3, names: ['new.py', ...MODULE_FILES] },
      changed: { count: 1, names: ['nova.py'] },
      missing: { count: 1, names: ['team_roster.json'] },
      same: 2,
    });
  });

  test('is refused when the object does not exist', async () => {
    expect(
      await refusalOf(rig.plan({ given: { kind: 's3', bucket: 'rescan-bot-control', key: 'nothing.zip' } })),
    ).toEqual({ reason: 'given-not-found', name: 's3://rescan-bot-control/nothing.zip' });
  });

  test('is refused from every bucket but the control bucket, without being read', async () => {
    const bucket = 'timesheetocr-input-dev-016164185850';
    await rig.clients.s3.send(new PutObjectCommand({ Bucket: bucket, Key: 'new.zip', Body: newVersion() }));
    expect(await refusalOf(rig.plan({ given: { kind: 's3', bucket, key: 'new.zip' } }))).toEqual({
      reason: 'other-bucket',
      bucket,
      controlBucket: 'rescan-bot-control',
    });
    expect(await rig.storedKeys()).toEqual([]);
  });

  test.each([
    ['is not a zip', strToU8('x'.repeat(200)), { reason: 'not-a-zip' }],
    [
      'has a path outside the package',
      newVersion({ 'a/../../x.py': '' }),
      { reason: 'path-outside', path: 'a/../../x.py' },
    ],
    [
      'is damaged',
      withText(zipSync({ 'a.py': strToU8('1234') }, { level: 0 }), '1234', '1235'),
      { reason: 'damaged', path: 'a.py' },
    ],
    [
      'is a zip bomb',
      zipSync({ bomb: [new Uint8Array(263_000_000), { level: 9 }] }),
      { reason: 'too-large', path: 'bomb', most: 262_144_000 },
    ],
  ])('is refused by its name when it %s', async (_, bytes, problem) => {
    expect(await refusalOf(rig.plan({ given: zip(bytes) }))).toEqual({
      reason: 'package-unreadable',
      name: 'new.zip',
      problem,
    });
    expect(await rig.storedKeys()).toEqual([]);
  });

  test('is refused when it does not contain the handler of the function', async () => {
    const bytes = zipSync({ 'other.py': strToU8(HANDLER) });
    expect(await refusalOf(rig.plan({ given: zip(bytes) }))).toEqual({
      reason: 'handler-not-found',
      handler: 'lambda_function.lambda_handler',
    });
  });

  test('that is deployed already changes only the logging', async () => {
    const plan = await rig.plan({ given: zip(await rig.deployedBytes()) });
    expect(plan.next.codeSha256).toBe((await rig.plan()).next.codeSha256);
  });
});

describe('the handler of the function', () => {
  test.each([
    ['lambda_function.lambda_handler', { 'lambda_function.py': HANDLER }],
    ['app.main.run', { 'app/main.py': 'async def run(event, context): ...' }],
    ['app/main.run', { 'app/main.py': 'run = make()' }],
    ['app.run', { 'app/__init__.py': 'from .main import run', 'app/main.py': '' }],
    ['app.run', { 'app.py': 'from core import *' }],
    ['app.run', { 'app.py': 'from core import (\n    start as run,\n    stop,\n)' }],
  ])('%s is found in %j', async (Handler, files) => {
    await rig.configureElsewhere({ Handler });
    const bytes = zipSync(Object.fromEntries(Object.entries(files).map(([path, text]) => [path, strToU8(text)])));
    expect((await rig.plan({ given: zip(bytes) })).next.environment.RESCAN_FORMER_HANDLER).toBe(Handler);
  });

  test.each([
    ['missing.lambda_handler', { 'lambda_function.py': HANDLER }],
    ['lambda_function.nobody', { 'lambda_function.py': HANDLER }],
    ['lambda_function.lambda', { 'lambda_function.py': HANDLER }],
    ['lambda_handler', { 'lambda_handler.py': HANDLER }],
    ['.lambda_handler', { '.py': HANDLER }],
    ['lambda_function.', { 'lambda_function.py': HANDLER }],
    ['app.run', { 'app/run.py': 'run = 1' }],
  ])('%s is not found in %j, and nothing is deployed', async (Handler, files) => {
    await rig.configureElsewhere({ Handler });
    const bytes = zipSync(Object.fromEntries(Object.entries(files).map(([path, text]) => [path, strToU8(text)])));
    expect(await refusalOf(rig.plan({ given: zip(bytes) }))).toEqual({ reason: 'handler-not-found', handler: Handler });
  });

  test.each([undefined, MODULE_HANDLER])(
    'cannot be wrapped when it is our own and the former one is %s',
    async (former) => {
      await carryOutDeploy(rig.ports, await rig.plan(), () => {});
      const { RESCAN_FORMER_HANDLER: _, ...others } = (await rig.current()).environment;
      await rig.configureElsewhere({ Variables: { ...others, ...(former ? { RESCAN_FORMER_HANDLER: former } : {}) } });
      expect(await refusalOf(rig.plan())).toEqual({ reason: 'handler-not-found', handler: former ?? '' });
    },
  );
});

describe('a function that cannot be changed by a deploy', () => {
  test.each([
    [{ packageType: 'Image' }, { reason: 'image-package' }],
    [{ runtime: 'nodejs22.x' }, { reason: 'runtime-not-python', runtime: 'nodejs22.x' }],
    [{ packageUrlSeconds: 0 }, { reason: 'package-not-given', status: 403 }],
  ])('%j is refused', async (dials, refusal) => {
    rig.aws.turn(dials);
    expect(await refusalOf(rig.plan())).toEqual(refusal);
    expect(await rig.storedKeys()).toEqual([]);
  });

  test('is refused while it is being updated', async () => {
    rig.aws.turn({ updateMs: 60_000 });
    await rig.configureElsewhere({ Handler: 'lambda_function.lambda_handler' });
    expect(await refusalOf(rig.plan())).toEqual({ reason: 'update-in-progress' });
  });

  test('is refused when its environment would exceed 4 KB', async () => {
    const { environment } = await rig.current();
    await rig.configureElsewhere({ Variables: { ...environment, LONG: 'x'.repeat(3_900) } });
    const refusal = await refusalOf(rig.plan());
    expect(refusal).toMatchObject({ reason: 'environment-too-large', most: 4_096 });
  });

  test.each([
    ['lambda:GetFunction', 'lambda:GetFunction'],
    ['s3:PutObject', 's3:PutObject'],
  ])('is refused without the permission %s, which the fault names', async (denied, named) => {
    rig.aws.turn({ accessDenied: [denied] });
    expect(await refusalOf(rig.plan())).toMatchObject({
      reason: 'access-denied',
      fix: expect.stringContaining(named),
    });
  });

  test('is refused by its name when it does not exist', async () => {
    expect(await refusalOf(rig.plan({ functionName: 'no-such-function' }))).toMatchObject({
      reason: 'function-missing',
      message: expect.stringContaining('no-such-function'),
    });
  });
});

describe('a stored package', () => {
  test('that is missing or was changed is never deployed', async () => {
    const { next } = await rig.plan();
    const key = packageKey(rig.location, next.codeSha256);
    await rig.clients.s3.send(new PutObjectCommand({ Bucket: rig.location.bucket, Key: key, Body: 'other bytes' }));
    expect(await refusalOf(readStored(rig.location, next.codeSha256))).toEqual({ reason: 'stored-package-gone', key });
    const never = sha256(strToU8('never stored'));
    expect(await refusalOf(readStored(rig.location, never))).toEqual({
      reason: 'stored-package-gone',
      key: packageKey(rig.location, never),
    });
  });
});
