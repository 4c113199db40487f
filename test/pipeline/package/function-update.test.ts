import { DeleteObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { strToU8, zipSync } from 'fflate';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { MODULE_HANDLER } from '../../../src/pipeline/package/failure-module.ts';
import { type DeployPlan, MAX_DIRECT_BYTES } from '../../../src/pipeline/package/function-package.ts';
import { carryOutDeploy, carryOutRollback, type DeployStage } from '../../../src/pipeline/package/function-update.ts';
import { packageKey } from '../../../src/pipeline/package/package-store.ts';
import { type DeployRig, otherModules, refusalOf, startDeployRig } from './deploy-rig.ts';

let rig: DeployRig;
beforeEach(async () => {
  rig = await startDeployRig();
});
afterEach(() => rig.close());

class Crash extends Error {}
const nothing = () => {};
const dyingAt = (stage: DeployStage) => (reached: DeployStage) => {
  if (reached === stage) throw new Crash(stage);
};
const packageOf = (files: Record<string, string | Uint8Array>) =>
  zipSync(
    Object.fromEntries(
      Object.entries(files).map(([path, content]) => [path, typeof content === 'string' ? strToU8(content) : content]),
    ),
    { level: 0 },
  );
const OTHER = packageOf({ 'lambda_function.py': 'def lambda_handler(event, context): return 1\n' });

/** The changes that were requested from Lambda, with their input. */
function watchChanges(): { readonly name: string; readonly input: object }[] {
  const asked: { name: string; input: object }[] = [];
  rig.clients.lambda.middlewareStack.add(
    (next, context) => async (args) => {
      const name = String(context.commandName);
      if (/^(Update|Publish)/.test(name)) asked.push({ name, input: { ...args.input } });
      return next(args);
    },
    { step: 'initialize' },
  );
  return asked;
}

describe('a deploy', () => {
  test('changes the code, the handler and the environment in this order, and publishes a version before and after', async () => {
    const asked = watchChanges();
    const stages: DeployStage[] = [];
    const before = await rig.current();
    const plan = await rig.plan();
    const deployed = await carryOutDeploy(rig.ports, plan, (stage) => stages.push(stage));
    expect(stages).toEqual(['publishing-before', 'code', 'configuration', 'testing', 'publishing-after']);
    expect(asked.map(({ name }) => name)).toEqual([
      'PublishVersionCommand',
      'UpdateFunctionCodeCommand',
      'UpdateFunctionConfigurationCommand',
      'PublishVersionCommand',
    ]);
    expect(deployed).toEqual({ codeSha256: plan.next.codeSha256, versionBefore: '1', versionAfter: '2' });
    expect(await rig.current()).toEqual({
      codeSha256: plan.next.codeSha256,
      handler: MODULE_HANDLER,
      environment: { ...before.environment, ...plan.next.environment },
      versions: 2,
    });
  });

  test('that is carried out again changes nothing', async () => {
    const plan = await rig.plan();
    const first = await carryOutDeploy(rig.ports, plan, nothing);
    const after = await rig.current();
    const asked = watchChanges();
    const second = await carryOutDeploy(rig.ports, plan, nothing);
    expect(second).toEqual({ codeSha256: first.codeSha256, versionAfter: '2' });
    expect(asked.map(({ name }) => name)).toEqual(['PublishVersionCommand']);
    expect(await rig.current()).toEqual(after);
  });

  test('keeps the variables of the function, including those added after the plan', async () => {
    const plan = await rig.plan();
    const { environment } = await rig.current();
    await rig.configureElsewhere({ Variables: { ...environment, ADDED_SINCE: 'yes' } });
    await carryOutDeploy(rig.ports, plan, nothing);
    expect((await rig.current()).environment).toEqual({ ...environment, ADDED_SINCE: 'yes', ...plan.next.environment });
  });

  test('waits for each update before the next one', async () => {
    rig.aws.turn({ updateMs: 40 });
    const plan = await rig.plan();
    await carryOutDeploy(rig.ports, plan, nothing);
    expect(await rig.current()).toMatchObject({
      codeSha256: plan.next.codeSha256,
      handler: MODULE_HANDLER,
      versions: 2,
    });
  });

  test.each(['publishing-before', 'code', 'configuration', 'publishing-after'] as const)(
    'that crashed at "%s" ends in the same state when it is repeated, and the function works in between',
    async (stage) => {
      const before = await rig.current();
      const plan = await rig.plan();
      await expect(carryOutDeploy(rig.ports, plan, dyingAt(stage))).rejects.toThrow(Crash);
      const inBetween = await rig.current();
      // Our handler must never be set without the module in the package.
      if (inBetween.handler === MODULE_HANDLER) expect(inBetween.codeSha256).toBe(plan.next.codeSha256);
      const deployed = await carryOutDeploy(rig.ports, plan, nothing);
      expect(deployed).toMatchObject({ codeSha256: plan.next.codeSha256, versionAfter: '2' });
      expect(await rig.current()).toEqual({
        codeSha256: plan.next.codeSha256,
        handler: MODULE_HANDLER,
        environment: { ...before.environment, ...plan.next.environment },
        versions: 2,
      });
      expect((await rig.plan()).inPlace).toBe(true);
    },
  );

  test.each([
    [MAX_DIRECT_BYTES + 1, 'S3'],
    [MAX_DIRECT_BYTES, 'the request'],
  ])('of a package of %d bytes goes through %s', async (codeBytes, way) => {
    const { former, next, ...plan } = await rig.plan();
    const asked = watchChanges();
    // The plan has the size; a real package of that size would only make the test slow.
    const large = { ...plan, former: { ...former, codeBytes }, next: { ...next, codeBytes } };
    await carryOutDeploy(rig.ports, large, nothing);
    expect(await rig.current()).toMatchObject({ codeSha256: next.codeSha256, handler: MODULE_HANDLER });
    await carryOutRollback(rig.ports, large, nothing);
    expect(await rig.current()).toMatchObject({ codeSha256: former.codeSha256 });
    const sent = asked.filter(({ name }) => name === 'UpdateFunctionCodeCommand').map(({ input }) => input);
    const inS3 = (hash: string) => ({ S3Bucket: rig.location.bucket, S3Key: packageKey(rig.location, hash) });
    const direct = { ZipFile: expect.any(Uint8Array) };
    expect(sent).toMatchObject(way === 'S3' ? [inS3(next.codeSha256), inS3(former.codeSha256)] : [direct, direct]);
  });
});

describe('a deploy is refused, and nothing further is changed,', () => {
  test('when somebody deployed other code since the preview', async () => {
    const plan = await rig.plan();
    await rig.deployElsewhere(OTHER);
    const before = await rig.current();
    expect(await refusalOf(carryOutDeploy(rig.ports, plan, nothing))).toEqual({
      reason: 'changed-since-preview',
      expected: plan.former.codeSha256,
      found: before.codeSha256,
    });
    expect(await rig.current()).toEqual(before);
  });

  test('when somebody set another handler since the preview', async () => {
    const plan = await rig.plan();
    await rig.configureElsewhere({ Handler: 'lambda_function.other' });
    const before = await rig.current();
    expect(await refusalOf(carryOutDeploy(rig.ports, plan, nothing))).toEqual({
      reason: 'changed-since-preview',
      expected: 'lambda_function.lambda_handler',
      found: 'lambda_function.other',
    });
    expect(await rig.current()).toEqual(before);
  });

  test('when somebody deploys while the former version is published', async () => {
    const plan = await rig.plan();
    let other: Promise<void> | undefined;
    const refusal = await refusalOf(
      carryOutDeploy(rig.ports, plan, (stage) => {
        if (stage === 'code') other = rig.deployElsewhere(OTHER);
      }),
    );
    await other;
    expect(refusal).toMatchObject({ reason: 'changed-since-preview' });
    expect((await rig.current()).handler).toBe('lambda_function.lambda_handler');
  });

  test('when the package that was shown is missing or was changed', async () => {
    const plan = await rig.plan();
    const key = packageKey(rig.location, plan.next.codeSha256);
    const before = await rig.current();
    await rig.clients.s3.send(new PutObjectCommand({ Bucket: rig.location.bucket, Key: key, Body: OTHER }));
    expect(await refusalOf(carryOutDeploy(rig.ports, plan, nothing))).toEqual({ reason: 'stored-package-gone', key });
    await rig.clients.s3.send(new DeleteObjectCommand({ Bucket: rig.location.bucket, Key: key }));
    expect(await refusalOf(carryOutDeploy(rig.ports, plan, nothing))).toEqual({ reason: 'stored-package-gone', key });
    expect(await rig.current()).toEqual({ ...before, versions: 1 });
  });

  test('when Lambda cannot carry it out', async () => {
    const plan = await rig.plan();
    rig.aws.turn({ updateFails: true });
    expect(await refusalOf(carryOutDeploy(rig.ports, plan, nothing))).toMatchObject({ reason: 'update-failed' });
    expect((await rig.current()).handler).toBe('lambda_function.lambda_handler');
  });

  test('when an update of somebody else does not finish', async () => {
    const plan = await rig.plan();
    rig.aws.turn({ updateMs: 3_600_000 });
    await rig.configureElsewhere({ Handler: 'lambda_function.lambda_handler' });
    let now = 0;
    const clock = {
      now: () => now,
      async sleep(ms: number) {
        now += ms;
      },
    };
    expect(await refusalOf(carryOutDeploy({ ...rig.ports, clock }, plan, nothing))).toEqual({
      reason: 'update-in-progress',
    });
    expect(now).toBeGreaterThan(180_000);
    expect(now).toBeLessThan(182_000);
  });

  test('when the lease is lost in between', async () => {
    const plan = await rig.plan();
    const before = await rig.current();
    const lost = new AbortController();
    const losing = (stage: DeployStage) => {
      if (stage === 'code') lost.abort(new Crash('lost'));
    };
    const work = carryOutDeploy({ ...rig.ports, signal: lost.signal }, plan, losing);
    await expect(work).rejects.toThrow(Crash);
    expect(await rig.current()).toEqual({ ...before, versions: 1 });
  });

  test.each([
    ['lambda:GetFunctionConfiguration', 0],
    ['lambda:PublishVersion', 0],
    ['lambda:UpdateFunctionCode', 1],
    ['lambda:UpdateFunctionConfiguration', 1],
    ['s3:GetObject', 1],
  ])('without the permission %s, which it names', async (denied, versions) => {
    const plan = await rig.plan();
    rig.aws.turn({ accessDenied: [denied] });
    expect(await refusalOf(carryOutDeploy(rig.ports, plan, nothing))).toMatchObject({
      reason: 'access-denied',
      fix: expect.stringContaining(denied),
    });
    rig.aws.turn({ accessDenied: [] });
    expect(await rig.current()).toMatchObject({ handler: 'lambda_function.lambda_handler', versions });
    // The next attempt is not prevented.
    await carryOutDeploy(rig.ports, plan, nothing);
    expect((await rig.plan()).inPlace).toBe(true);
  });

  test('when the function does not exist', async () => {
    const plan = await rig.plan();
    rig.aws.turn({ functionMissing: true });
    expect(await refusalOf(carryOutDeploy(rig.ports, plan, nothing))).toMatchObject({ reason: 'function-missing' });
  });
});

describe('a rollback', () => {
  test('restores the code, the handler and the environment exactly', async () => {
    const before = await rig.current();
    const bytes = Buffer.from(await rig.deployedBytes());
    const plan = await rig.plan();
    await carryOutDeploy(rig.ports, plan, nothing);
    const stages: DeployStage[] = [];
    const done = await carryOutRollback(rig.ports, plan, (stage) => stages.push(stage));
    expect(stages).toEqual(['configuration', 'code', 'publishing-after']);
    expect(done).toEqual({ codeSha256: before.codeSha256, versionAfter: '3' });
    expect(await rig.current()).toEqual({ ...before, versions: 3 });
    expect(bytes.equals(Buffer.from(await rig.deployedBytes()))).toBe(true);
  });

  test('restores our variables, and keeps what people added since', async () => {
    const { environment } = await rig.current();
    await rig.configureElsewhere({ Variables: { ...environment, RESCAN_TABLE: 'older' } });
    const plan = await rig.plan();
    await carryOutDeploy(rig.ports, plan, nothing);
    await rig.configureElsewhere({ Variables: { ...(await rig.current()).environment, ADDED_SINCE: 'yes' } });
    await carryOutRollback(rig.ports, plan, nothing);
    expect((await rig.current()).environment).toEqual({ ...environment, RESCAN_TABLE: 'older', ADDED_SINCE: 'yes' });
  });

  test('of a newer module restores the older one with its variables', async () => {
    await carryOutDeploy(rig.ports, await rig.plan({ modules: otherModules('older') }), nothing);
    const older = await rig.current();
    const plan = await rig.plan();
    await carryOutDeploy(rig.ports, plan, nothing);
    await carryOutRollback(rig.ports, plan, nothing);
    expect(await rig.current()).toMatchObject({
      codeSha256: older.codeSha256,
      handler: MODULE_HANDLER,
      environment: older.environment,
    });
  });

  test.each(['publishing-before', 'code', 'configuration', 'publishing-after'] as const)(
    'undoes a deploy that crashed at "%s"',
    async (stage) => {
      const before = await rig.current();
      const plan = await rig.plan();
      await expect(carryOutDeploy(rig.ports, plan, dyingAt(stage))).rejects.toThrow(Crash);
      await carryOutRollback(rig.ports, plan, nothing);
      const { versions: _, ...after } = await rig.current();
      const { versions: __, ...former } = before;
      expect(after).toEqual(former);
    },
  );

  test.each(['configuration', 'code', 'publishing-after'] as const)(
    'that crashed at "%s" ends in the same state when it is repeated, and the function works in between',
    async (stage) => {
      const before = await rig.current();
      const plan = await rig.plan();
      await carryOutDeploy(rig.ports, plan, nothing);
      await expect(carryOutRollback(rig.ports, plan, dyingAt(stage))).rejects.toThrow(Crash);
      const inBetween = await rig.current();
      if (inBetween.handler === MODULE_HANDLER) expect(inBetween.codeSha256).toBe(plan.next.codeSha256);
      await carryOutRollback(rig.ports, plan, nothing);
      expect(await rig.current()).toEqual({ ...before, versions: 3 });
      await carryOutRollback(rig.ports, plan, nothing);
      expect(await rig.current()).toEqual({ ...before, versions: 3 });
    },
  );

  test('is refused before anything changes when the former package is missing', async () => {
    const plan = await rig.plan();
    await carryOutDeploy(rig.ports, plan, nothing);
    const before = await rig.current();
    const key = packageKey(rig.location, plan.former.codeSha256);
    await rig.clients.s3.send(new DeleteObjectCommand({ Bucket: rig.location.bucket, Key: key }));
    expect(await refusalOf(carryOutRollback(rig.ports, plan, nothing))).toEqual({ reason: 'stored-package-gone', key });
    expect(await rig.current()).toEqual(before);
  });

  test('is refused when somebody deployed other code since', async () => {
    const plan = await rig.plan();
    await carryOutDeploy(rig.ports, plan, nothing);
    await rig.deployElsewhere(OTHER);
    const before = await rig.current();
    expect(await refusalOf(carryOutRollback(rig.ports, plan, nothing))).toEqual({
      reason: 'changed-since-preview',
      expected: plan.next.codeSha256,
      found: before.codeSha256,
    });
    expect(await rig.current()).toEqual(before);
  });

  test('is refused when somebody set another handler since', async () => {
    const plan = await rig.plan();
    await carryOutDeploy(rig.ports, plan, nothing);
    await rig.configureElsewhere({ Handler: 'lambda_function.other' });
    const before = await rig.current();
    expect(await refusalOf(carryOutRollback(rig.ports, plan, nothing))).toEqual({
      reason: 'changed-since-preview',
      expected: MODULE_HANDLER,
      found: 'lambda_function.other',
    });
    expect(await rig.current()).toEqual(before);
  });
});

describe('the plan of a deploy', () => {
  test('can be stored as JSON', async () => {
    const plan: DeployPlan = JSON.parse(JSON.stringify(await rig.plan()));
    await carryOutDeploy(rig.ports, plan, nothing);
    expect((await rig.plan()).inPlace).toBe(true);
  });
});
