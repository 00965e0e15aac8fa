import type { Browser, BrowserContextOptions, BrowserContext, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll } from 'vitest';
import { launchBrowser } from './browser.js';

/** People who visit the sample, each with a browser of their own. What a script on a page throws fails the test. */
export class SampleVisitors {
  private browser: Browser | undefined;
  private readonly contexts: BrowserContext[] = [];
  private readonly complaints: string[] = [];

  /** To be called in a suite. */
  static forSuite(): SampleVisitors {
    const visitors = new SampleVisitors();
    beforeAll(async () => {
      visitors.browser = await launchBrowser();
    });
    afterEach(() => visitors.leave());
    afterAll(() => visitors.browser?.close());
    return visitors;
  }

  /** Opens the sample's first page in a browser without cookies. */
  async open(url: string, options: BrowserContextOptions = {}): Promise<Page> {
    if (this.browser === undefined) throw new Error('no browser before the tests begin');
    const context = await this.browser.newContext(options);
    this.contexts.push(context);
    const page = await context.newPage();
    page.on('pageerror', (error) => this.complaints.push(error.message));
    await page.goto(url);
    return page;
  }

  /** The same, logged in. */
  async enter(
    url: string,
    credentials: readonly [email: string, password: string],
    options?: BrowserContextOptions,
  ): Promise<Page> {
    const page = await this.open(url, options);
    await logIn(page, ...credentials);
    await page.getByRole('button', { name: 'Ask a guarded route' }).waitFor();
    return page;
  }

  private async leave(): Promise<void> {
    for (const context of this.contexts.splice(0)) await context.close();
    const complaints = this.complaints.splice(0);
    if (complaints.length > 0) throw new Error(complaints.join('\n'));
  }
}

/** Fills in the login form and waits for its answer. */
export async function logIn(page: Page, email: string, password: string): Promise<void> {
  const form = page.getByRole('tabpanel', { name: 'Log in' });
  await form.getByLabel('E-mail').fill(email);
  await form.getByLabel('Password').fill(password);
  const answered = page.waitForResponse((response) => response.url().endsWith('/login'));
  await form.getByRole('button', { name: 'Log in', exact: true }).click();
  await answered;
}
