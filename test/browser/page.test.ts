import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { startTestSandbox, type TestSandbox } from '../support/sandbox.ts';
import { chromiumPath, launchChromium, NO_CHROMIUM } from './chromium.ts';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const WITHIN_MS = 30_000;
const violationsSchema = z.array(z.object({ id: z.string(), targets: z.array(z.string()) }));

let browser: Browser;
let here: TestSandbox;
let page: Page;
const troubles: string[] = [];

const hasChromium = chromiumPath() !== undefined;
if (!hasChromium) console.warn(NO_CHROMIUM);

describe.skipIf(!hasChromium)(
  'the page in a browser (skipped where no Chromium is found)',
  { timeout: 120_000 },
  () => {
    beforeAll(async () => {
      browser = await launchChromium();
    });
    afterAll(() => browser?.close());
    beforeEach(async () => {
      here = await startTestSandbox({ images: 60, seedTable: 'full', settings: { PACE: '300', SAMPLE_IMAGES: '1' } });
      await here.world.set({
        latencyMs: 50,
        quotas: { novaLiteCrossRegionRequestsPerMinute: 6_000, novaLiteCrossRegionTokensPerMinute: 40_000_000 },
        concurrency: { account: 10_000, unreserved: 10_000 },
      });
      page = await browser.newPage({ viewport: { width: 1400, height: 900 } });
      page.setDefaultTimeout(WITHIN_MS);
      troubles.length = 0;
      page.on('pageerror', (error) => troubles.push(error.message));
      await page.goto(here.sandbox.page?.url ?? '');
      await page.waitForSelector('.composer textarea');
    });
    afterEach(async () => {
      await page?.close();
      await here?.close();
      expect(troubles).toEqual([]);
    });

    const type = async (line: string) => {
      await page.fill('#composer', line);
      await page.press('#composer', 'Enter');
    };
    const message = (text: string | RegExp) => page.locator('.message', { hasText: text }).last();
    const become = (person: string) => page.check(`[data-person="${person}"]`);

    async function axeFinds(): Promise<z.infer<typeof violationsSchema>> {
      // Through the debugger: the page's own policy lets no foreign script in.
      await page.evaluate(AXE);
      const found = await page.evaluate(`axe.run(document, { runOnly: ['wcag2a', 'wcag2aa'] }).then((result) =>
      result.violations.map(({ id, nodes }) => ({ id, targets: nodes.map(({ target }) => String(target)) })))`);
      return violationsSchema.parse(found);
    }

    test('a run is started by typing, its message moves, its thread opens, a bad field of a form is told at the field', async () => {
      await page.fill('#composer', '/rescan sta');
      await page.waitForSelector('[role="option"]');
      await page.press('#composer', 'Tab');
      expect(await page.inputValue('#composer')).toMatch(/^\/rescan sta(rt|tus)/);
      await type('/rescan start keep');
      await page.click('[data-action="plan_change"]');
      const dialog = page.locator('[role="dialog"]');
      await dialog.getByLabel(/Limit/).fill('many');
      await page.click('[data-submit="yes"]');
      await dialog.locator('.has-error', { hasText: 'must be a whole number' }).waitFor();
      expect(await axeFinds()).toEqual([]);
      await dialog.getByLabel(/Limit/).fill('30');
      await page.click('[data-submit="yes"]');
      await message(/would invoke the function for 30 images/).waitFor();
      await page.click('[data-action="plan_start"]');
      await message(/is running: [1-9]\d* of 30 done/).waitFor();
      await message(/is complete: 30 of 30 done/)
        .first()
        .waitFor();
      await page.locator('.thread-link').first().click();
      await page.locator('aside.thread .message').first().waitFor();
    });

    test('a flush needs the second person: the page becomes the approver, who confirms', async () => {
      await page.click('.suggestions >> text=/rescan autopilot');
      await page.click('[data-action="autopilot_start"]');
      await message(/Approval needed: flush/).waitFor();
      await become('approver');
      await page.click('[data-action="approval_approve"]');
      await page.locator('[role="alertdialog"]', { hasText: 'Approve this flush?' }).waitFor();
      expect(await axeFinds()).toEqual([]);
      await page.click('[data-confirm="yes"]');
      await message(/The flush is done/).waitFor();
      await message(/The autopilot is through/).waitFor();
      // The plan as Slack's own block, every task with its state.
      expect(await page.locator('.block-plan .task-complete').count()).toBeGreaterThanOrEqual(5);
    });

    test('the breaker trips in two clicks from the World pane, and the failed images open as a table', async () => {
      await page.check('[data-dial="Every image fails (Textract)"]');
      await type('/rescan start keep');
      await page.click('[data-action="plan_start"]');
      await message(/stopped itself: 10 images failed in a row/)
        .first()
        .waitFor();
      await page.locator('.thread-link').first().click();
      await page.locator('.file button', { hasText: 'failed-images.csv' }).first().click();
      await page.locator('.csv td', { hasText: 'TEXTRACT_ERROR' }).first().waitFor();
      expect(await page.locator('.csv thead th').first().textContent()).toBe('ImageKey');
    });

    test('the bot is killed and started in mid-run from the World pane, and the run comes to its end', async () => {
      await type('/rescan start keep');
      await page.click('[data-action="plan_start"]');
      await message(/is running: [1-9]\d* of 60 done/).waitFor();
      await page.click('[data-bot="kill"]');
      await page.locator('.bot.down').waitFor();
      await page.click('[data-bot="start"]');
      await page.locator('.bot.up').waitFor();
      await message(/is complete: 60 of 60 done/)
        .first()
        .waitFor();
    });

    test('light and dark, the Home tab and another person’s unread marks pass axe', async () => {
      await type('/rescan help');
      await message(/rescan runs the OCR function/).waitFor();
      expect(await axeFinds()).toEqual([]);
      await page.click('button.theme');
      expect(await axeFinds()).toEqual([]);
      await page.click('text=⌂ rescan-bot Home');
      await page.locator('.home', { hasText: 'Backups' }).waitFor();
      expect(await axeFinds()).toEqual([]);
      await here.people.command('operator', '/rescan quotas');
      await page.locator('.channel.unread .badge').waitFor();
    });

    test('what a message holds is text, and a block that is not known shows its JSON', async () => {
      await type('<img src=x onerror="document.title=1"> & *bold* `<b>`');
      await message(/onerror/).waitFor();
      expect(await page.locator('.message img').count()).toBe(0);
      expect(await page.title()).toBe('rescan-bot sandbox');
      await page.route('**/sandbox/state', async (route) => {
        const reply = await route.fetch();
        const state = z.looseObject({ messages: z.array(z.looseObject({})) }).parse(await reply.json());
        const [first] = state.messages;
        const strange = { ...first, ts: '1999999999.000001', blocks: [{ type: 'hologram', depth: 3 }] };
        await route.fulfill({ json: { ...state, messages: [...state.messages, strange] } });
      });
      await here.people.command('operator', '/rescan quotas');
      await page.locator('pre.unknown', { hasText: '"hologram"' }).waitFor();
    });
  },
);
