import { mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Page } from 'playwright-core';
import { startTestSandbox, type TestSandbox } from '../support/rigs/sandbox.ts';
import { launchChromium } from './chromium.ts';

/** `npm run pictures`: takes four pictures of the sandbox in both colour schemes, into docs/pictures. */
const FOLDER = fileURLToPath(new URL('../../docs/pictures/', import.meta.url));
const THEMES = ['light', 'dark'] as const;

async function take(page: Page, name: string): Promise<void> {
  await settled(page);
  for (const theme of THEMES) {
    await page.evaluate(`document.documentElement.dataset.theme = '${theme}'`);
    await page.screenshot({ path: `${FOLDER}${name}-${theme}.png` });
    console.log(`docs/pictures/${name}-${theme}.png`);
  }
}

const message = (page: Page, text: RegExp) => page.locator('main .message', { hasText: text }).last();
/** Scrolls to the newest message and moves the pointer away. */
async function settled(page: Page): Promise<void> {
  await page.mouse.move(4, 300);
  await page.evaluate("document.querySelector('main .messages').scrollTop = 1e9");
}

async function moments(here: TestSandbox, page: Page): Promise<void> {
  await page.click('.suggestions >> text=/rescan autopilot');
  await page.click('[data-action="autopilot_start"]');
  await message(page, /Approval needed: flush/).waitFor();
  await page.check('[data-person="approver"]');
  await take(page, 'approval');

  await page.click('[data-action="approval_approve"]');
  await page.click('[data-confirm="yes"]');
  await message(page, /is running: [2-4]\d of 60 done/).waitFor();
  await take(page, 'running');
  await message(page, /The autopilot has finished/).waitFor();

  await page.check('[data-person="operator"]');
  await page.check('[data-dial="Every image fails (Textract)"]');
  await page.click('[data-run="start"]');
  await message(page, /stopped itself: 10 images failed in a row/).waitFor();
  await message(page, /Diagnosis|Last error/).waitFor();
  await take(page, 'trip');

  await here.people.command('operator', '/rescan failures');
  await message(page, /images failed:/).waitFor();
  await page.locator('main .thread-link', { hasText: 'replies' }).last().click();
  await page.locator('aside.thread .file-open', { hasText: 'failed-images.csv' }).click();
  await page.locator('aside.thread .csv').waitFor();
  await page.evaluate("document.querySelector('aside.thread .messages').scrollTop = 1e9");
  await take(page, 'failures');
}

mkdirSync(FOLDER, { recursive: true });
const here = await startTestSandbox({
  images: 60,
  seedTable: 'full',
  settings: { PACE: '300', SAMPLE_IMAGES: '1', LEASE_SECONDS: '20' },
});
const browser = await launchChromium();
try {
  await here.world.set({
    latencyMs: 50,
    quotas: { novaLiteCrossRegionRequestsPerMinute: 6_000, novaLiteCrossRegionTokensPerMinute: 40_000_000 },
  });
  const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
  page.setDefaultTimeout(180_000);
  await page.goto(here.sandbox.page?.url ?? '');
  await page.waitForSelector('.composer textarea');
  await moments(here, page);
} finally {
  await browser.close();
  await here.close();
}
