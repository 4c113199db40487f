import { createHash } from 'node:crypto';
import { GetFunctionCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { strToU8, unzipSync, zipSync } from 'fflate';
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { z } from 'zod';
import { wholeText } from '../../sandbox/people.ts';
import { startTestSandbox, type TestSandbox } from '../support/rigs/sandbox.ts';

let here: TestSandbox;
beforeEach(async () => {
  here = await startTestSandbox({ images: 12, seedTable: 'full' });
  await here.world.set({ latencyMs: 1, updateMs: 50 });
});
afterEach(() => here.close());

const functionSchema = z.looseObject({ handler: z.string(), codeSha256: z.string() });
const functionNow = async () =>
  functionSchema.parse(await (await fetch(`${here.sandbox.aws?.url}/sandbox/function`)).json());

async function confirm(command: string, what: RegExp): Promise<string> {
  await here.people.command('operator', command);
  const viewId = await here.people.openView('operator', what);
  await here.people.submit('operator', viewId, {});
  return viewId;
}

describe('failure logging of the original function', () => {
  test('the test of failure logging reports the refused key, passes after a deploy, and a rollback restores the previous code', async () => {
    const before = await functionNow();
    await here.people.command('operator', '/rescan test-logging');
    const refused = await here.people.sees(/DynamoDB refused the record, because it lacks the table’s key/);
    expect(wholeText(refused)).toContain('ValidationException');

    await confirm('/rescan deploy', /Environment added/);
    await here.people.sees(/Failure logging is deployed/);
    expect(await functionNow()).toMatchObject({ handler: 'rescan_failure_logging.handler' });

    await here.people.command('operator', '/rescan test-logging');
    const proven = await here.people.sees(/Failure logging works: a failure left its record/);
    expect(wholeText(proven)).toContain('The record was removed again');
    await here.people.command('viewer', '/rescan checklist');
    await here.people.sees(/Test failure logging\* \(done\)/);

    await here.people.command('operator', '/rescan deploy');
    await here.people.openView('operator', /already installed/);

    await confirm('/rescan deploy rollback', /exactly the code from before the deploy/);
    await here.people.sees(/Rolled back: the function/);
    expect(await functionNow()).toMatchObject({ handler: before.handler, codeSha256: before.codeSha256 });
  });

  test('new code is deployed only after a second person approved its SHA-256, and one that cannot be loaded is rolled back', async () => {
    const before = await functionNow();
    const connection = {
      endpoint: here.sandbox.aws?.url ?? '',
      region: 'us-east-1',
      credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
    };
    const lambda = new LambdaClient(connection);
    const s3 = new S3Client({ ...connection, forcePathStyle: true });
    onTestFinished(() => {
      lambda.destroy();
      s3.destroy();
    });
    const { Code } = await lambda.send(new GetFunctionCommand({ FunctionName: 'TimesheetOCR-ocr-dev' }));
    const files = unzipSync(new Uint8Array(await (await fetch(Code?.Location ?? '')).arrayBuffer()));
    const { 'nova_client.py': _, ...without } = files;
    const good = zipSync({ ...files, 'new.py': strToU8('x = 1\n') });
    const put = (Key: string, Body: Uint8Array) =>
      s3.send(new PutObjectCommand({ Bucket: 'rescan-bot-control', Key, Body }));
    await put('good.zip', good);
    await put('broken.zip', zipSync(without));

    await confirm(
      '/rescan deploy from=s3://rescan-bot-control/good.zip',
      /A second person has to approve exactly this zip/,
    );
    const asked = await here.people.sees(/Approval needed: deploy of new code/);
    expect(wholeText(asked)).toContain(createHash('sha256').update(good).digest('hex'));
    expect(wholeText(asked)).toContain('new.py');
    await here.people.click('operator', asked.ts, 'approval_approve');
    await here.people.sees(/cannot approve/);
    expect(await functionNow()).toMatchObject({ codeSha256: before.codeSha256 });
    await here.people.click('approver', asked.ts, 'approval_approve');
    await here.people.sees(/Failure logging is deployed/);
    const deployed = await functionNow();
    expect(deployed).toMatchObject({ handler: 'rescan_failure_logging.handler' });

    await confirm('/rescan deploy from=s3://rescan-bot-control/broken.zip', /Files missing[\s\S]*nova_client\.py/);
    const again = await here.people.sees(/Approval needed: deploy of new code[\s\S]*broken\.zip/);
    await here.people.click('approver', again.ts, 'approval_approve');
    const failed = await here.people.sees(/failed and was rolled back/);
    expect(wholeText(failed)).toContain('No module named');
    expect(await functionNow()).toMatchObject({ handler: deployed.handler, codeSha256: deployed.codeSha256 });

    await here.people.command('operator', '/rescan deploy from=s3://timesheetocr-input-dev-016164185850/good.zip');
    await here.people.openView('operator', /only from the control bucket/);
  });
});
