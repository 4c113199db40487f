import { expect, onTestFinished, test } from 'vitest';
import { startTestSandbox, type TestSandbox } from '../support/rigs/sandbox.ts';
import { describePage, type OpenPage, openPage } from './page-rig.ts';

interface Whole extends OpenPage {
  readonly here: TestSandbox;
}

/** The whole product on the page: local Slack, local AWS, and the bot. */
async function wholePage({ leaseSeconds = 20, pacePerMinute = 3_000 } = {}): Promise<Whole> {
  // A lease that a busy machine does not lose. These tests are about the page.
  const settings = { PACE: String(pacePerMinute), SAMPLE_IMAGES: '1', LEASE_SECONDS: String(leaseSeconds) };
  const here = await startTestSandbox({ images: 60, seedTable: 'full', settings });
  onTestFinished(() => here.close());
  await here.world.set({
    latencyMs: 50,
    quotas: { novaLiteCrossRegionRequestsPerMinute: 6_000, novaLiteCrossRegionTokensPerMinute: 40_000_000 },
    concurrency: { account: 10_000, unreserved: 10_000 },
  });
  return { here, ...(await openPage(here.sandbox.page?.url ?? '')) };
}

describePage('the product on the page', () => {
  test('a run is started by typing, its message changes, its thread opens, and a wrong field of a form shows an error', async () => {
    // Slow enough that the page shows the run while it runs.
    const { page, type, message, axeInBoth } = await wholePage({ pacePerMinute: 600 });
    await page.fill('#composer', '/rescan sta');
    await page.locator('[role="option"]', { hasText: '/rescan start' }).waitFor();
    await page.press('#composer', 'Tab');
    expect(await page.inputValue('#composer')).toBe('/rescan start');
    await type('/rescan start keep');
    await page.click('[data-action="plan_change"]');
    const dialog = page.locator('[role="dialog"]');
    await dialog.getByLabel(/Limit/).fill('many');
    await page.click('[data-submit="yes"]');
    await dialog.locator('.has-error', { hasText: 'is not a whole number' }).waitFor();
    expect(await axeInBoth()).toEqual([]);
    await dialog.getByLabel(/Limit/).fill('30');
    await page.click('[data-submit="yes"]');
    await message(/would invoke the function for 30 images/).waitFor();
    await page.click('[data-action="plan_start"]');
    await message(/is running: [1-9]\d* of 30 done/).waitFor();
    await message(/is complete: 30 of 30 done/).waitFor();
    // The result: a table of numbers, charts, and a thread with the details.
    await page.locator('main .thread-link').first().click();
    await page.locator('aside.thread .message').first().waitFor();
    await page.locator('.chart svg').first().waitFor();
    expect(await axeInBoth()).toEqual([]);
  });

  test('a flush needs a second person, who confirms it after the page becomes the approver, and the plan shows every step', async () => {
    const { page, message, become, axeInBoth } = await wholePage();
    await page.click('.suggestions >> text=/rescan autopilot');
    await page.click('[data-action="autopilot_start"]');
    await message(/Approval needed: flush/).waitFor();
    // The requester cannot approve: nothing is deleted, and only they see the refusal.
    await page.click('[data-action="approval_approve"]');
    await page.click('[data-confirm="yes"]');
    await page.locator('.only-you').first().waitFor();
    await become('approver');
    await page.click('[data-action="approval_approve"]');
    await page.locator('[role="alertdialog"]', { hasText: 'Approve this flush?' }).waitFor();
    expect(await axeInBoth()).toEqual([]);
    await page.click('[data-confirm="yes"]');
    await message(/The flush is done/).waitFor();
    await message(/The autopilot has finished/).waitFor();
    expect(await page.locator('.block-plan .task-complete').count()).toBeGreaterThanOrEqual(5);
    await page.click('[data-place="home"]');
    await page.locator('.home', { hasText: 'Backups' }).waitFor();
    expect(await axeInBoth()).toEqual([]);
  });

  test('two clicks on a new page trip the breaker, and the failed images open as a table', async () => {
    const { page, message, axeInBoth } = await wholePage();
    await page.check('[data-dial="Every image fails (Textract)"]');
    await page.click('[data-run="start"]');
    await message(/stopped itself: 10 images failed in a row/).waitFor();
    await page.locator('main .thread-link').first().click();
    await page.locator('.file-open', { hasText: 'failed-images.csv' }).first().click();
    await page.locator('.csv td', { hasText: 'TEXTRACT_ERROR' }).first().waitFor();
    expect(await page.locator('.csv thead th').first().textContent()).toBe('ImageKey');
    expect(await axeInBoth()).toEqual([]);
  });

  test('the World pane kills and starts the bot during a run, and the run completes', async () => {
    // The new bot process waits until the lease of the killed one has expired.
    const { page, message } = await wholePage({ leaseSeconds: 5, pacePerMinute: 600 });
    await page.click('[data-run="start"]');
    await message(/is running: [1-9]\d* of 60 done/).waitFor();
    await page.click('[data-bot="kill"]');
    await page.locator('.bot.down').waitFor();
    await page.click('[data-bot="start"]');
    await page.locator('.bot.up').waitFor();
    await message(/is complete: 60 of 60 done/).waitFor();
  });

  test('the help, a confirm dialog and the restore form are rendered as the bot sends them', async () => {
    const { page, type, message, axeInBoth } = await wholePage();
    await type('/rescan help');
    await page.locator('.only-you', { hasText: 'rescan-bot runs the OCR function' }).first().waitFor();
    await type('/rescan help run');
    await page.locator('.only-you', { hasText: 'Commands for' }).first().waitFor();
    // The composer now has the description of each command.
    await page.fill('#composer', '/rescan pau');
    await page.locator('[role="option"] .option-note').filter({ hasText: /\w/ }).first().waitFor();
    await page.fill('#composer', '');
    await type('/rescan backup');
    await message(/is done and verified/).waitFor();
    await type('/rescan restore');
    const dialog = page.locator('dialog.modal');
    const backup = dialog.getByLabel('Backup', { exact: true });
    await backup.click();
    await dialog.locator('[role="option"]').first().click();
    expect(await backup.inputValue()).not.toBe('');
    await page.click('[data-submit="yes"]');
    // The same form continues with the changes and asks for the name of the table.
    const name = dialog.locator('input[type="text"]').first();
    await dialog.locator('[data-block]').filter({ hasText: /name/i }).first().waitFor();
    await name.fill('WrongTable');
    await page.click('[data-submit="yes"]');
    await dialog.locator('.has-error', { hasText: 'Type exactly' }).waitFor();
    expect(await axeInBoth()).toEqual([]);
    await page.click('[data-close="yes"]');
    await dialog.waitFor({ state: 'detached' });
  });
});
