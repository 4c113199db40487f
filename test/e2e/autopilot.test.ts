import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { buttonOf, wholeText } from '../support/people.ts';
import { startTestSandbox, type TestSandbox } from '../support/sandbox.ts';

let here: TestSandbox;
beforeEach(async () => {
  here = await startTestSandbox({ images: 60, seedTable: 'full', settings: { PACE: '600' } });
  await here.world.set({
    latencyMs: 5,
    quotas: { novaLiteCrossRegionRequestsPerMinute: 6_000, novaLiteCrossRegionTokensPerMinute: 40_000_000 },
  });
});
afterEach(() => here.close());

async function startAutopilot(): Promise<void> {
  await here.people.command('operator', '/rescan autopilot');
  const plan = await here.people.sees(/The autopilot would do the whole rescan: 60 images/);
  await here.people.click('operator', plan.ts, buttonOf(plan, /autopilot_start/));
}

async function approve(): Promise<void> {
  const asked = await here.people.sees(/Approval needed: flush/, { withinMs: 60_000 });
  await here.people.click('approver', asked.ts, buttonOf(asked, /approve/));
}

describe('the autopilot', () => {
  test('from nothing to the end with one approval', { timeout: 120_000 }, async () => {
    await startAutopilot();
    await approve();
    const receipt = await here.people.sees(/The autopilot is through: Rescan r-0001 did 60 images/, {
      withinMs: 60_000,
    });
    expect(wholeText(receipt)).toMatch(/Head of the audit/);
    await here.people.command('viewer', '/rescan history');
    await here.people.sees(/complete with Rescan r-0001/);
    await here.people.command('viewer', '/rescan audit verify');
    await here.people.sees(/The audit is whole/);
  });
});
