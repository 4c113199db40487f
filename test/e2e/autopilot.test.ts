import { afterEach, describe, expect, test } from 'vitest';
import { buttonOf, wholeText } from '../../sandbox/people.ts';
import { startTestSandbox, type TestSandbox } from '../support/rigs/sandbox.ts';

let here: TestSandbox;
async function start(pacePerMinute: number, latencyMs: number): Promise<void> {
  here = await startTestSandbox({ images: 60, seedTable: 'full', settings: { PACE: String(pacePerMinute) } });
  await here.world.set({
    latencyMs,
    quotas: { novaLiteCrossRegionRequestsPerMinute: 6_000, novaLiteCrossRegionTokensPerMinute: 40_000_000 },
  });
}
afterEach(() => here.close());

async function startAutopilot(): Promise<void> {
  await here.people.command('operator', '/rescan autopilot');
  const plan = await here.people.sees(/The autopilot would do the whole rescan: 60 images/);
  await here.people.click('operator', plan.ts, buttonOf(plan, /autopilot_start/));
}

async function approve(): Promise<void> {
  const asked = await here.people.sees(/Approval needed: flush/);
  await here.people.click('approver', asked.ts, buttonOf(asked, /approve/));
}

describe('the autopilot', () => {
  test('the autopilot completes the checklist with one approval', async () => {
    await start(3_000, 5);
    await startAutopilot();
    await approve();
    const receipt = await here.people.sees(/The autopilot has finished\. Rescan r-0001: 60 of 60 done/);
    expect(wholeText(receipt)).toMatch(/Last hash of the audit/);
    expect(wholeText(receipt)).toMatch(/every image is accounted for|should be checked|fewer entr/);
    await here.people.sees(/Validation of r-0001/);
    await here.people.command('viewer', '/rescan history');
    await here.people.sees(/was completed by Rescan r-0001/);
    await here.people.command('viewer', '/rescan audit verify');
    await here.people.sees(/The audit is intact/);
  });

  test('the autopilot survives a kill during the approval and another one during the run, and does nothing twice', async () => {
    // Slow enough that the second kill meets a running run.
    await start(600, 100);
    await startAutopilot();
    await here.people.sees(/Approval needed: flush/);
    await here.people.bot('kill');
    await here.people.bot('start');
    await approve();
    // On a very busy machine the run may be over before anybody looks.
    await here.people.sees(/Rescan r-0001 is (?:running: [1-9]\d* of 60|complete)/);
    await here.people.bot('kill');
    await here.people.bot('start');
    await here.people.sees(/The autopilot has finished\. Rescan r-0001: 60 of 60 done/);
    const texts = (await here.people.messages()).map(({ text }) => text);
    expect(texts.filter((text) => /Approval needed: flush|^Flush of /.test(text))).toHaveLength(1);
    expect(texts.filter((text) => /^The flush is done/.test(text))).toHaveLength(1);
    // The live message of the autopilot says that it has finished, too. The receipt names the run.
    expect(texts.filter((text) => /^The autopilot has finished\. Rescan r-/.test(text))).toHaveLength(1);
    // The images of the sample run a second time; of the other images only those in flight at the kill.
    const counts = Object.values((await here.world.invocations()).byKey);
    expect(counts.filter((times) => times > 1).length).toBeLessThanOrEqual(23);
  });

  test('a stop of the autopilot withdraws its request, and nobody can approve it afterwards', async () => {
    await start(3_000, 5);
    await startAutopilot();
    const asked = await here.people.sees(/Approval needed: flush/);
    await here.people.command('operator', '/rescan autopilot stop');
    await here.people.sees(/Flush of .*: withdrawn/);
    await here.people.click('approver', asked.ts, 'approval_approve').catch(() => undefined);
    expect((await here.people.messages()).some(({ text }) => /The flush is done/.test(text))).toBe(false);
  });
});
