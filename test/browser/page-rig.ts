import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Browser, Locator, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, onTestFinished } from 'vitest';
import { z } from 'zod';
import { HANGS_MS } from '../support/eventually.ts';
import { chromiumPath, launchChromium, NO_CHROMIUM } from './chromium.ts';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const AXE_TAGS = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'best-practice'];
const violationsSchema = z.array(z.object({ id: z.string(), targets: z.array(z.string()) }));
export type Violations = z.infer<typeof violationsSchema>;

export interface OpenPage {
  readonly page: Page;
  /** Types a line into the composer and sends it. */
  type(line: string): Promise<void>;
  /** The newest message with this text. */
  message(text: string | RegExp): Locator;
  become(person: string): Promise<void>;
  /** The violations that axe finds on the current page. */
  axe(): Promise<Violations>;
  /** The violations in both colour schemes. The page is light afterwards. */
  axeInBoth(): Promise<Violations>;
}

let browser: Browser | undefined;

/** A group of tests of the page in a real Chromium. Skipped with a message when there is none. */
export function describePage(name: string, body: () => void): void {
  const hasChromium = chromiumPath() !== undefined;
  if (!hasChromium) console.warn(NO_CHROMIUM);
  describe.skipIf(!hasChromium)(`${name} (skipped without Chromium)`, () => {
    beforeAll(async () => {
      browser = await launchChromium();
    });
    afterAll(() => browser?.close());
    body();
  });
}

/** Opens the page until the end of the test, which fails when the page had an error. */
export async function openPage(
  url: string,
  options: { width?: number; height?: number; colorScheme?: 'light' | 'dark' } = {},
): Promise<OpenPage> {
  if (!browser) throw new Error('Open pages inside describePage.');
  const { width = 1400, height = 900, colorScheme = 'light' } = options;
  const context = await browser.newContext({ viewport: { width, height }, colorScheme, reducedMotion: 'reduce' });
  const page = await context.newPage();
  page.setDefaultTimeout(HANGS_MS);
  const pageErrors: string[] = [];
  page.on('pageerror', (error) => pageErrors.push(error.message));
  onTestFinished(async () => {
    await context.close();
    expect(pageErrors).toEqual([]);
  });
  await page.goto(url);
  await page.locator('#composer').waitFor();

  async function axe(): Promise<Violations> {
    // Through the debugger, because the policy of the page does not allow foreign scripts.
    await page.evaluate(AXE);
    const found = await page.evaluate(`axe.run(document, { runOnly: ${JSON.stringify(AXE_TAGS)} }).then((result) =>
      result.violations.map(({ id, nodes }) => ({ id, targets: nodes.map(({ target }) => String(target)) })))`);
    return violationsSchema.parse(found);
  }
  const inTheme = async (theme: string) => {
    await page.evaluate(`document.documentElement.dataset.theme = '${theme}'`);
    return axe();
  };
  return {
    page,
    async type(line) {
      await page.fill('#composer', line);
      await page.press('#composer', 'Enter');
    },
    message: (text) => page.locator('main .message', { hasText: text }).last(),
    become: (person) => page.check(`[data-person="${person}"]`),
    axe,
    async axeInBoth() {
      const dark = await inTheme('dark');
      return [...dark, ...(await inTheme('light'))];
    },
  };
}
