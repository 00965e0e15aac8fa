import type { Browser, BrowserContext } from 'playwright-core';
import { afterAll, afterEach, beforeAll } from 'vitest';
import { launchBrowser } from './browser.js';
import { Frontend, type FrontendOptions } from './frontend.js';
import { SdkPage, type SdkPageOptions } from './sdk-page.js';

interface LoginOptions extends SdkPageOptions {
  /** Claims of the session. */
  payload?: object;
}

/** A suite's browser. What a test opens is closed after it. */
export class BrowserTests {
  private browser: Browser | undefined;
  private readonly contexts: BrowserContext[] = [];
  private readonly frontends: Frontend[] = [];

  /** To be called in a suite. */
  static forSuite(): BrowserTests {
    const tests = new BrowserTests();
    beforeAll(async () => {
      tests.browser = await launchBrowser();
    });
    afterEach(() => tests.closeContextsAndFrontends());
    afterAll(() => tests.browser?.close());
    return tests;
  }

  /** A browser with no cookies yet: whose tabs share what one of them is given. */
  async newContext(): Promise<BrowserContext> {
    if (this.browser === undefined) throw new Error('no browser before the tests begin');
    const context = await this.browser.newContext();
    this.contexts.push(context);
    return context;
  }

  async startFrontend(options: FrontendOptions = {}): Promise<Frontend> {
    const frontend = await Frontend.start(options);
    this.frontends.push(frontend);
    return frontend;
  }

  /** A page with a session of the user `u1`, in a browser of its own. The traffic so far is forgotten. */
  async loggedIn(frontend: Frontend, options: LoginOptions = {}): Promise<SdkPage> {
    const page = await SdkPage.open(await this.newContext(), frontend, options);
    await page.login('u1', options.payload);
    await page.events();
    frontend.traffic.forget();
    return page;
  }

  private async closeContextsAndFrontends(): Promise<void> {
    for (const context of this.contexts.splice(0)) await context.close();
    for (const frontend of this.frontends.splice(0)) await frontend.stop();
  }
}
