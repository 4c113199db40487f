import { existsSync } from 'node:fs';
import { type Browser, chromium } from 'playwright-core';

const PLACES = [process.env.CHROMIUM, '/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];

/** Where the system's Chromium is; undefined where there is none. */
export const chromiumPath = (): string | undefined =>
  PLACES.find((place) => place !== undefined && place !== '' && existsSync(place));

/** Said where the tests of the page are skipped. */
export const NO_CHROMIUM =
  'No Chromium was found (CHROMIUM, /usr/bin/chromium): the tests of the page in a browser are skipped. Debian: apt-get install chromium.';

export async function launchChromium(): Promise<Browser> {
  const executablePath = chromiumPath();
  if (executablePath === undefined) throw new Error(NO_CHROMIUM);
  return chromium.launch({
    executablePath,
    args: [
      // In a container there is neither a sandbox of the kernel's nor much of /dev/shm.
      ...['--no-sandbox', '--disable-dev-shm-usage', '--disable-gpu'],
      // It speaks to the page and to nobody else.
      ...['--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update'],
      '--disable-sync',
    ],
  });
}
