import { chromium, type Browser, type BrowserContext, type Page } from 'playwright-core';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { chromiumPath, pageBrowserPath } from './components.js';

const QUIET = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** Starts Chromium with everything off that calls home. */
export function launchBrowser(): Promise<Browser> {
  return chromium.launch({ executablePath: pageBrowserPath(), args: QUIET });
}

/**
 * The same with one context that lasts, kept in a folder. Unlike all others it does with cookies as a window that is not
 * private may: another site's requests carry those that are meant for them.
 */
export async function launchProfile(folder: string): Promise<BrowserContext> {
  const preferences = { profile: { cookie_controls_mode: 0, block_third_party_cookies: false } };
  await mkdir(join(folder, 'Default'), { recursive: true });
  await writeFile(join(folder, 'Default', 'Preferences'), JSON.stringify(preferences));
  return chromium.launchPersistentContext(folder, { executablePath: chromiumPath(), args: QUIET });
}

/** Keeps a picture of the whole page in `test/artifacts/`, for people to look at. */
export async function takePicture(page: Page, name: string): Promise<void> {
  const path = join(import.meta.dirname, '../artifacts', `${name}.png`);
  await page.screenshot({ path, fullPage: true });
}
