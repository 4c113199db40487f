import { existsSync } from 'node:fs';
import { type Browser, chromium } from 'playwright-core';

const PLACES = [process.env.CHROMIUM, '/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];

/** The path of the system's Chromium, or undefined. */
export const chromiumPath = (): string | undefined =>
  PLACES.find((place) => place !== undefined && place !== '' && existsSync(place));

/** Printed when the browser tests are skipped. */
export const NO_CHROMIUM =
  'No Chromium was found (CHROMIUM, /usr/bin/chromium): the tests of the page in a browser are skipped. Debian: apt-get install chromium.';

export async function launchChromium(): Promise<Browser> {
  const executablePath = chromiumPath();
  if (executablePath === undefined) throw new Error(NO_CHROMIUM);
  return chromium.launch({
    executablePath,
    args: [
      // A container has no kernel sandbox and a small /dev/shm.
      ...['--no-sandbox', '--disable-dev-shm-usage', '--disable-gpu'],
      // Chromium connects only to the page.
      ...['--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update'],
      '--disable-sync',
    ],
  });
}
