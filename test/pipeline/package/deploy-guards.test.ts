import { PutObjectCommand } from '@aws-sdk/client-s3';
import { strToU8, zipSync } from 'fflate';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { MODULE_HANDLER } from '../../../src/pipeline/package/failure-module.ts';
import { previewRollback } from '../../../src/pipeline/package/function-package.ts';
import { carryOutDeploy, carryOutRollback, type DeployStage } from '../../../src/pipeline/package/function-update.ts';
import { type DeployRig, FUNCTION, refusalOf, startDeployRig } from './deploy-rig.ts';

let rig: DeployRig;
beforeEach(async () => {
  rig = await startDeployRig();
});
afterEach(() => rig.close());

const nothing = () => {};
const HANDLER = 'def lambda_handler(event, context): return 1\n';
const TEAMS = zipSync({ 'lambda_function.py': strToU8(HANDLER), 'OCR_VERSION.txt': strToU8('VERSION=3.0.0\n') });

type Answer = { output: Record<string, unknown> };
/** Intercepts these commands before they are sent. A returned value replaces the answer of Lambda. */
function intercept(
  commands: RegExp,
  act: (name: string, send: () => Promise<Answer>, input: object) => Promise<Answer>,
): void {
  rig.clients.lambda.middlewareStack.add(
    (next, context) => async (args) => {
      const name = String(context.commandName);
      if (!commands.test(name)) return next(args);
      let answer: Awaited<ReturnType<typeof next>> | undefined;
      const changed = await act(
        name,
        async () => {
          answer = await next(args);
          return { output: { ...answer.output } };
        },
        args.input,
      );
      if (!answer) throw new Error('It was not sent.');
      return { ...answer, output: Object.assign(answer.output, changed.output) };
    },
    { step: 'initialize', name: `intercept ${commands}` },
  );
}

describe('the environment of a function', () => {
  /** Lambda's answer when the caller cannot decrypt: no variables, and an error instead. */
  const hide = () =>
    intercept(/^GetFunction/, async (name, send) => {
      const { output } = await send();
      const hidden = {
        Environment: {
          Variables: undefined,
          Error: { ErrorCode: 'AccessDeniedException', Message: 'not authorized to perform: kms:Decrypt' },
        },
      };
      return {
        output: name.includes('Configuration')
          ? { ...output, ...hidden }
          : { ...output, Configuration: { ...Object(output.Configuration), ...hidden } },
      };
    });
  const refused = {
    reason: 'environment-unreadable',
    why: 'AccessDeniedException: not authorized to perform: kms:Decrypt',
  };

  test('that cannot be read is never written, because that would delete it', async () => {
    const plan = await rig.plan();
    const before = await rig.current();
    hide();
    expect(await refusalOf(rig.plan())).toEqual(refused);
    expect(await refusalOf(carryOutDeploy(rig.ports, plan, nothing))).toEqual(refused);
    expect(await refusalOf(carryOutRollback(rig.ports, plan, nothing))).toEqual(refused);
    expect(await rig.current()).toEqual(before);
  });

  test('that grew too large since the preview is refused before anything is changed, without its content', async () => {
    const plan = await rig.plan();
    const { environment } = await rig.current();
    await rig.configureElsewhere({ Variables: { ...environment, TOKEN: `hush${'x'.repeat(3_850)}` } });
    const before = await rig.current();
    const refusal = await refusalOf(carryOutDeploy(rig.ports, plan, nothing));
    expect(refusal).toMatchObject({ reason: 'environment-too-large', most: 4_096 });
    expect(await rig.current()).toEqual(before);
  });

  test('is not quoted when Lambda refuses it, although Lambda quotes it', async () => {
    const plan = await rig.plan();
    intercept(/^UpdateFunctionConfiguration/, async (_, send, input) => {
      // Lambda refuses this name, and prints the size and the content of the variables.
      Object.assign(input, { Environment: { Variables: { TOKEN: `hush${'x'.repeat(5_000)}` } } });
      return send();
    });
    const refusal = await refusalOf(carryOutDeploy(rig.ports, plan, nothing));
    expect(refusal).toMatchObject({ reason: 'not-taken', action: 'lambda:UpdateFunctionConfiguration' });
    expect(JSON.stringify(refusal)).toContain('exceeded the 4KB limit');
    expect(JSON.stringify(refusal)).not.toContain('hush');
  });
});

describe('a deploy', () => {
  test('never sets its handler on code that somebody deployed in between, because that code may not contain it', async () => {
    const plan = await rig.plan();
    let other: Promise<void> | undefined;
    intercept(/^GetFunctionConfiguration/, async (_, send) => {
      await other;
      return send();
    });
    const refusal = await refusalOf(
      carryOutDeploy(rig.ports, plan, (stage: DeployStage) => {
        if (stage === 'configuration') other = rig.deployElsewhere(TEAMS);
      }),
    );
    expect(refusal).toMatchObject({ reason: 'changed-since-preview', expected: plan.next.codeSha256 });
    expect((await rig.current()).handler).toBe('lambda_function.lambda_handler');
  });

  test('that is in place already publishes nothing, even when the memory was changed since', async () => {
    await carryOutDeploy(rig.ports, await rig.plan(), nothing);
    const plan = await rig.plan();
    const { environment } = await rig.current();
    await rig.configureElsewhere({ Variables: { ...environment, ADDED_SINCE: 'yes' } });
    const before = await rig.current();
    const stages: DeployStage[] = [];
    const done = await carryOutDeploy(rig.ports, plan, (stage) => stages.push(stage));
    expect(done).toEqual({ codeSha256: plan.next.codeSha256, unchanged: true });
    expect(stages).toEqual([]);
    expect(await rig.current()).toEqual(before);
  });

  test.each(['UpdateFunctionCodeCommand', 'UpdateFunctionConfigurationCommand'])(
    'continues when the answer to %s was lost and its repetition is refused',
    async (command) => {
      const plan = await rig.plan();
      intercept(new RegExp(`^${command}$`), async (_, send) => {
        await send();
        return send();
      });
      expect(await carryOutDeploy(rig.ports, plan, nothing)).toMatchObject({ codeSha256: plan.next.codeSha256 });
      expect(await rig.current()).toMatchObject({ codeSha256: plan.next.codeSha256, handler: MODULE_HANDLER });
    },
  );

  test('names the architecture and the key of the code, which an update could otherwise reset', async () => {
    const asked: object[] = [];
    intercept(/^(GetFunction|UpdateFunctionCode)Command$/, async (name, send, input) => {
      if (name === 'UpdateFunctionCodeCommand') {
        asked.push({ ...input });
        return send();
      }
      const { output } = await send();
      return { output: { ...output, Code: { ...Object(output.Code), SourceKMSKeyArn: 'arn:aws:kms:k' } } };
    });
    const plan = await rig.plan();
    expect(plan.codeKeyArn).toBe('arn:aws:kms:k');
    await carryOutDeploy(rig.ports, plan, nothing);
    await carryOutRollback(rig.ports, plan, nothing);
    const same = { SourceKMSKeyArn: 'arn:aws:kms:k', Architectures: ['x86_64'] };
    expect(asked).toMatchObject([same, same]);
  });
});

describe('a deploy is not planned', () => {
  test.each([
    ['TimesheetOCR-ocr-dev:prod', 'prod'],
    ['TimesheetOCR-ocr-dev:7', '7'],
    ['arn:aws:lambda:us-east-1:016164185850:function:TimesheetOCR-ocr-dev:prod', 'prod'],
    ['016164185850:function:TimesheetOCR-ocr-dev:prod', 'prod'],
  ])('for %s, because a deploy cannot change a version', async (functionName, qualifier) => {
    expect(await refusalOf(rig.plan({ functionName }))).toEqual({ reason: 'qualified', functionName, qualifier });
  });

  test.each(['arn:aws:lambda:us-east-1:016164185850:function:TimesheetOCR-ocr-dev', FUNCTION])(
    'unless the name is unqualified: %s is planned',
    async (functionName) => {
      expect(await rig.plan({ functionName })).toMatchObject({ functionName });
    },
  );

  test('for a table whose key has the name of an attribute of the failure records', async () => {
    for (const attribute of ['ImageKey', 'FailureTimestamp', 'RecordType'])
      expect(await refusalOf(rig.plan({ tableKeys: [{ role: 'HASH', name: attribute, type: 'S' }] }))).toEqual({
        reason: 'key-clash',
        attribute,
      });
  });

  test('with an S3 object that is larger than any package, and the object is not downloaded', async () => {
    await rig.clients.s3.send(new PutObjectCommand({ Bucket: rig.location.bucket, Key: 'huge.zip', Body: 'x' }));
    const asked: string[] = [];
    rig.clients.s3.middlewareStack.add(
      (next, context) => async (args) => {
        asked.push(String(context.commandName));
        const answer = await next(args);
        return { ...answer, output: Object.assign(answer.output, { ContentLength: 5_000_000_000 }) };
      },
      { step: 'initialize' },
    );
    const given = { kind: 's3', bucket: rig.location.bucket, key: 'huge.zip' } as const;
    expect(await refusalOf(rig.plan({ given }))).toEqual({
      reason: 'too-large',
      bytes: 5_000_000_000,
      most: 262_144_000,
    });
    expect(asked).toEqual(['HeadObjectCommand']);
  });
});

describe('a rollback after the team deployed new code', () => {
  const look = async () =>
    previewRollback({ lambda: rig.clients.lambda, versionFile: 'OCR_VERSION.txt' }, await rig.plan());

  test('keeps that code and restores the handler and the environment', async () => {
    const before = await rig.current();
    const plan = await rig.plan();
    await carryOutDeploy(rig.ports, plan, nothing);
    expect(await previewRollback({ lambda: rig.clients.lambda, versionFile: 'OCR_VERSION.txt' }, plan)).toEqual({});
    await rig.deployElsewhere(TEAMS);
    const { codeSha256: teams } = await rig.current();
    const found = await previewRollback({ lambda: rig.clients.lambda, versionFile: 'OCR_VERSION.txt' }, plan);
    expect(found).toEqual({ keeps: teams, ocrVersion: '3.0.0' });
    const done = await carryOutRollback(rig.ports, plan, nothing, found.keeps);
    expect(done).toMatchObject({ codeSha256: teams, keptCode: true });
    expect(await rig.current()).toMatchObject({
      codeSha256: teams,
      handler: before.handler,
      environment: before.environment,
    });
  });

  test('is refused when that code is not what was shown', async () => {
    const plan = await rig.plan();
    await carryOutDeploy(rig.ports, plan, nothing);
    const before = await rig.current();
    expect(await refusalOf(carryOutRollback(rig.ports, plan, nothing, 'the hash that was shown'))).toEqual({
      reason: 'changed-since-preview',
      expected: 'the hash that was shown',
      found: plan.next.codeSha256,
    });
    expect(await rig.current()).toEqual(before);
  });

  test('is refused when that code does not contain the former handler', async () => {
    const plan = await rig.plan();
    await carryOutDeploy(rig.ports, plan, nothing);
    await rig.deployElsewhere(zipSync({ 'other.py': strToU8(HANDLER) }));
    expect(
      await refusalOf(previewRollback({ lambda: rig.clients.lambda, versionFile: 'OCR_VERSION.txt' }, plan)),
    ).toEqual({
      reason: 'handler-not-found',
      handler: 'lambda_function.lambda_handler',
    });
  });

  test('can be replaced by a deploy, which adds the module to that code', async () => {
    await carryOutDeploy(rig.ports, await rig.plan(), nothing);
    await rig.deployElsewhere(TEAMS);
    const plan = await rig.plan();
    expect(plan).toMatchObject({ inPlace: false, ocrVersion: { after: '3.0.0' }, former: { handler: MODULE_HANDLER } });
    await carryOutDeploy(rig.ports, plan, nothing);
    expect(await look()).toEqual({});
    expect((await rig.plan()).inPlace).toBe(true);
  });
});
