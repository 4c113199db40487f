import { afterEach, beforeEach, describe, expect, test } from 'vitest';
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
    const refused = await here.people.sees(/DynamoDB refused the record, because it lacks the table’s key/, {
      withinMs: 25_000,
    });
    expect(wholeText(refused)).toContain('ValidationException');

    await confirm('/rescan deploy', /Environment added/);
    await here.people.sees(/Failure logging is deployed/);
    expect(await functionNow()).toMatchObject({ handler: 'rescan_failure_logging.handler' });

    await here.people.command('operator', '/rescan test-logging');
    const proven = await here.people.sees(/Failure logging works: a failure left its record/, { withinMs: 25_000 });
    expect(wholeText(proven)).toContain('The record was removed again');
    await here.people.command('viewer', '/rescan checklist');
    await here.people.sees(/Test failure logging\* \(done\)/);

    await here.people.command('operator', '/rescan deploy');
    await here.people.openView('operator', /already installed/);

    await confirm('/rescan deploy rollback', /exactly the code from before the deploy/);
    await here.people.sees(/Rolled back: the function/);
    expect(await functionNow()).toMatchObject({ handler: before.handler, codeSha256: before.codeSha256 });
  }, 90_000);
});
