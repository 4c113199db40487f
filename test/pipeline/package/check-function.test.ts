import { strToU8, unzipSync, zipSync } from 'fflate';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { checkLoads } from '../../../src/pipeline/package/check-function.ts';
import { readWrapperState } from '../../../src/pipeline/package/function-package.ts';
import { carryOutDeploy, carryOutRollback } from '../../../src/pipeline/package/function-update.ts';
import { type DeployRig, FUNCTION, refusalOf, startDeployRig } from './deploy-rig.ts';

let rig: DeployRig;
beforeEach(async () => {
  rig = await startDeployRig();
});
afterEach(() => rig.close());

/** The running package with one file changed or removed. */
async function packageWith(path: string, content: string | undefined): Promise<Uint8Array> {
  const files = unzipSync(await rig.deployedBytes());
  if (content === undefined) delete files[path];
  else files[path] = strToU8(content);
  return zipSync(files);
}
const GOOD = 'def lambda_handler(event, context):\n    return None\n';
const invocations = async () =>
  z
    .object({ byKey: z.record(z.string(), z.number()), byReply: z.record(z.string(), z.number()) })
    .parse(await (await fetch(`${rig.aws.url}/sandbox/invocations`)).json());
const about = { functionName: FUNCTION, timeoutSeconds: 1, codeSha256: 'the code' };

describe('the test invocation after a deploy', () => {
  test.each([
    [
      'a module that it imports is missing',
      'nova_client.py',
      undefined,
      'Runtime.ImportModuleError',
      /No module named 'nova_client'/,
    ],
    [
      'a library is missing',
      'lambda_function.py',
      `import pillow_heif\n${GOOD}`,
      'Runtime.ImportModuleError',
      /No module named 'pillow_heif'/,
    ],
    [
      'its handler is missing',
      'lambda_function.py',
      'from textract_client import *\n',
      'Runtime.HandlerNotFound',
      /Handler 'lambda_handler' missing/,
    ],
    [
      'it has a syntax error',
      'lambda_function.py',
      `def broken()\n    pass\n${GOOD}`,
      'Runtime.UserCodeSyntaxError',
      /Syntax error in module 'lambda_function': expected ':' \(lambda_function\.py, line 1\)/,
    ],
  ])(
    'refuses a package where %s, and a rollback restores the function',
    async (_, path, content, errorType, message) => {
      const before = await rig.current();
      const plan = await rig.plan({
        given: { kind: 'zip', fileName: 'new.zip', bytes: await packageWith(path, content) },
      });
      expect(await refusalOf(carryOutDeploy(rig.ports, plan, () => {}))).toEqual({
        reason: 'not-loadable',
        errorType,
        message: expect.stringMatching(message),
      });
      await carryOutRollback(rig.ports, plan, () => {});
      expect(await rig.current()).toMatchObject({ handler: before.handler, codeSha256: before.codeSha256 });
    },
  );

  test('processes no image and writes no record, whether the package can be loaded or not', async () => {
    const scan = async () =>
      z.object({ total: z.number() }).parse(await (await fetch(`${rig.aws.url}/sandbox/table`)).json());
    const before = await scan();
    await carryOutDeploy(rig.ports, await rig.plan(), () => {});
    const given = { kind: 'zip', fileName: 'new.zip', bytes: await packageWith('nova_client.py', undefined) } as const;
    await refusalOf(carryOutDeploy(rig.ports, await rig.plan({ given }), () => {}));
    expect(await invocations()).toMatchObject({ byKey: { '': 2 }, byReply: { check: 1, 'import-error': 1 } });
    expect(await scan()).toEqual(before);
  });

  test('is answered by our handler alone: another handler does not count as loaded', async () => {
    expect(await checkLoads(rig.ports, about)).toEqual({
      kind: 'broken',
      errorType: 'KeyError',
      message: "'Records'",
    });
    await carryOutDeploy(rig.ports, await rig.plan(), () => {});
    expect(await checkLoads(rig.ports, about)).toEqual({ kind: 'loaded' });
  });

  test('is repeated while the function is throttled; a deploy that could not be tested stays, and says so', async () => {
    const plan = await rig.plan();
    rig.aws.turn({ concurrency: { account: 1_000, unreserved: 0 } });
    expect(await carryOutDeploy(rig.ports, plan, () => {})).toMatchObject({
      codeSha256: plan.next.codeSha256,
      untested: expect.stringContaining('Rate Exceeded'),
    });
    expect(await rig.current()).toMatchObject({ handler: plan.next.handler });
  });

  test('without the permission to invoke, nothing is known', async () => {
    rig.aws.turn({ accessDenied: ['lambda:InvokeFunction'] });
    expect(await checkLoads(rig.ports, about)).toMatchObject({
      kind: 'unknown',
      why: expect.stringContaining('lambda:InvokeFunction'),
    });
  });

  test('ends at once when the lease is lost', async () => {
    const signal = AbortSignal.abort(new Error('lost'));
    await expect(checkLoads({ ...rig.ports, signal }, about)).rejects.toThrow('lost');
  });
});

describe('whether our handler is still in place', () => {
  test('is read from the handler setting and, for code that is not known, from the package', async () => {
    const theirs = await packageWith('new.py', 'x = 1\n');
    const plan = await rig.plan();
    await carryOutDeploy(rig.ports, plan, () => {});
    const state = () => readWrapperState({ lambda: rig.clients.lambda }, plan);
    expect(await state()).toEqual({ kind: 'in-place' });
    // With our files inside, as a package that was downloaded and changed.
    await rig.deployElsewhere(await packageWith('other.py', 'x = 2\n'));
    expect(await state()).toEqual({ kind: 'in-place' });
    await rig.deployElsewhere(theirs);
    expect(await state()).toMatchObject({ kind: 'removed', what: 'code' });
    await rig.configureElsewhere({ Handler: 'lambda_function.lambda_handler' });
    expect(await state()).toMatchObject({
      kind: 'removed',
      what: 'handler',
      handler: 'lambda_function.lambda_handler',
    });
  });
});
