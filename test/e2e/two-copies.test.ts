import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { z } from 'zod';
import { buttonOf } from '../../sandbox/people.ts';
import { startTestSandbox, type TestSandbox } from '../support/rigs/sandbox.ts';

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url));

let here: TestSandbox;
let endSecond = async () => {};
beforeEach(async () => {
  here = await startTestSandbox({
    images: 12,
    seedTable: 'full',
    settings: { SAMPLE_IMAGES: '0', LEASE_SECONDS: '20' },
  });
  const second = spawn(process.execPath, [MAIN], { env: here.environment });
  const ended = once(second, 'exit');
  endSecond = async () => {
    second.kill('SIGKILL');
    await ended;
  };
  let log = '';
  second.stdout.on('data', (part) => {
    log += String(part);
  });
  await vi.waitFor(() => expect(log).toContain('the pipeline has started'), { timeout: 60_000 });
  await vi.waitFor(async () => expect(await connections()).toBe(2), { timeout: 60_000 });
});
afterEach(async () => {
  await endSecond();
  await here.close();
});

const slackUrl = () => here.sandbox.slack?.url ?? '';
async function connections(): Promise<number> {
  const state = await (await fetch(`${slackUrl()}/sandbox/state`)).json();
  return z.looseObject({ connections: z.array(z.unknown()) }).parse(state).connections.length;
}
const textsOf = async () =>
  [...(await here.people.messages()), ...(await here.people.ephemerals())].map(({ text }) => text);
const count = async (what: RegExp) => (await textsOf()).filter((text) => what.test(text)).length;

test('a start, a flush request and an approval that Slack delivers to both copies take effect once', {
  timeout: 400_000,
}, async () => {
  const { people } = here;
  await fetch(`${slackUrl()}/sandbox/slack-world`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    // At once to the other copy, and a little later to the next one.
    body: JSON.stringify({ repeatEnvelopesAfterMs: [0, 100, 200] }),
  });
  const withinMs = 90_000;

  await people.command('operator', '/rescan start keep limit=3');
  const plan = await people.sees(/would invoke the function for/, { withinMs });
  await people.click('operator', plan.ts, buttonOf(plan, /plan_start/));
  await people.sees(/r-0001 is complete/, { withinMs });

  await people.command('operator', '/rescan backup');
  await people.sees(/is done and verified/, { withinMs });
  await people.command('approver', '/rescan override test-logging because it is not what is tried here');
  await people.sees(/is skipped in this rescan/, { withinMs });
  await people.command('operator', '/rescan flush');
  const form = await people.openView('operator', /to confirm/, withinMs);
  await people.submit('operator', form, { table_name: 'TimesheetOCR-dev', keep: 'delete' });
  const request = await people.sees(/Approval needed: flush/, { withinMs });
  await people.click('approver', request.ts, buttonOf(request, /approval_approve/));
  await people.sees(/The flush is done/, { withinMs });
  await people.command('viewer', '/rescan status');
  await people.sees(/Whose turn/, { withinMs });

  const texts = (await textsOf()).join('\n');
  expect(texts).not.toMatch(/r-0002/);
  expect(texts).not.toMatch(/Nothing was done|was already|Approval needed|Unexpected error/);
  expect(await count(/is skipped in this rescan/)).toBe(1);
  expect(await count(/Whose turn/)).toBe(1);
  const approvals = (await people.messages()).filter(({ blocks }) => /approval_approve/.test(JSON.stringify(blocks)));
  expect(approvals).toEqual([]);
  expect(Object.values((await here.world.invocations()).byKey)).toEqual([1, 1, 1]);
});
