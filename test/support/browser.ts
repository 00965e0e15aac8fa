import { chromium, type Browser, type Page } from 'playwright-core';
import { join } from 'node:path';
import { chromiumPath } from './components.js';

/** Starts Chromium with everything off that calls home. */
export function launchBrowser(): Promise<Browser> {
  return chromium.launch({
    executablePath: chromiumPath(),
    args: [
      '--headless',
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
}

/** Keeps a picture of the whole page in `test/artifacts/`, for people to look at. */
export async function takePicture(page: Page, name: string): Promise<void> {
  const path = join(import.meta.dirname, '../artifacts', `${name}.png`);
  await page.screenshot({ path, fullPage: true });
}
