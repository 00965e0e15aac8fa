/*
 * Chromium itself, over https with a certificate that it trusts, with keys in software: its flag for machines without a
 * security chip. The cookie of a bound session lives for seconds here, where the option allows no less than five minutes:
 * no test can move a browser's clock.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { chromium, type Browser, type BrowserContext, type Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { Clock, Session, SessionService, type SessionModuleOptions } from '../../lib/index.js';
import {
  RESOLVED_SESSION_OPTIONS,
  type ResolvedSessionOptions,
} from '../../lib/options/resolved-options.js';
import { resolveSessionOptions } from '../../lib/options/resolve-options.js';
import { bootApp, type BootedApp, type BootOptions } from '../support/boot-app.js';
import { ACCESS, BoundController } from '../support/bound-scene.js';
import { chromiumPath, describeInChromium } from '../support/components.js';
import { createTestDatabase, type TestDatabase } from '../support/databases.js';
import { SecureFront } from '../support/secure-front.js';

const LIFE_MS = 4_000;
const FEATURES = 'EnableBoundSessionCredentialsSoftwareKeysForManualTesting';

describeInChromium('Chromium with a session that is bound to its device', () => {
  let front: SecureFront;
  let browser: Browser;
  let context: BrowserContext;
  let database: TestDatabase;
  let booted: BootedApp;
  const opened: BrowserContext[] = [];

  beforeAll(async () => {
    front = await SecureFront.start();
    browser = await launch(front, 'DeviceBoundSessions:RefreshQuota/false');
  });
  beforeEach(async () => {
    database = await createTestDatabase('sqlite');
    booted = await boot(LIFE_MS);
    context = await newContext();
    front.bindRequests.length = 0;
    front.skipped.length = 0;
  });
  afterEach(async () => {
    for (const each of opened.splice(0)) await each.close();
    await booted.close();
    await database.drop();
  });
  afterAll(async () => {
    await browser?.close();
    await front?.stop();
  });

  async function boot(lifeMs: number, sessions: SessionModuleOptions = {}): Promise<BootedApp> {
    const options = { deviceBinding: true, ...sessions };
    const resolved = resolveSessionOptions(options, { production: false });
    const short: ResolvedSessionOptions = {
      ...resolved,
      deviceBinding: { accessTokenLifetimeMs: lifeMs },
    };
    const started = await bootApp({
      controllers: [BoundController],
      clock: new Clock(),
      database: database.options as NonNullable<BootOptions['database']>,
      override: (testing) => testing.overrideProvider(RESOLVED_SESSION_OPTIONS).useValue(short),
    });
    front.forwardTo(started.url);
    return started;
  }

  async function newContext(of = browser): Promise<BrowserContext> {
    const made = await of.newContext();
    opened.push(made);
    return made;
  }

  async function openPage(of = context): Promise<Page> {
    const page = await of.newPage();
    await page.goto(front.origin);
    return page;
  }

  /** A page whose user has logged in, once its browser has bound the session. */
  async function boundPage(of = context): Promise<Page> {
    const page = await openPage(of);
    expect(await call(page, 'POST', '/login', { userId: 'ada' })).toMatchObject({ status: 201 });
    await waitUntil(async () => (await row())?.deviceKey !== null);
    await waitUntil(async () => front.bindRequests.length > 0);
    return page;
  }

  function row(): Promise<Session | null> {
    return booted.dataSource.getRepository(Session).findOneBy({ userId: 'ada' });
  }

  const refreshes = () => front.bindRequests.filter(({ sessionId }) => sessionId !== undefined);
  const afterTheCookie = () => pause(LIFE_MS + 1_500);

  it('registers it beside the login, and refreshes it when its cookie runs out', async () => {
    const page = await boundPage();
    expect(front.bindRequests[0]).toEqual({ sessionId: undefined, hasProof: true, status: 200 });
    await afterTheCookie();
    expect((await context.cookies()).map(({ name }) => name)).not.toContain(ACCESS);
    expect(await call(page, 'GET', '/me')).toEqual({
      status: 200,
      json: { userId: 'ada', isBound: true },
    });
    const { handle = '' } = (await row()) ?? {};
    // The challenge came with the answer before: one request does.
    expect(refreshes()[0]).toEqual({ sessionId: handle, hasProof: true, status: 200 });
    await afterTheCookie();
    expect(await call(page, 'GET', '/me')).toMatchObject({ status: 200 });
    expect(front.bindRequests.every(({ status }) => status === 200)).toBe(true);
  });

  it('lets two tabs go on, each request of them', async () => {
    const tabs = [await boundPage(), await openPage()];
    await afterTheCookie();
    const answers = await Promise.all([...tabs, ...tabs].map((tab) => call(tab, 'GET', '/me')));
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
  });

  it('goes on when the application is started anew', async () => {
    const page = await boundPage();
    await booted.close();
    booted = await boot(LIFE_MS);
    await afterTheCookie();
    expect(await call(page, 'GET', '/me')).toMatchObject({ status: 200 });
  });

  it('learns of changed cookies with its next proof', async () => {
    await booted.close();
    booted = await boot(600_000);
    const page = await boundPage();
    await booted.close();
    booted = await boot(600_000, { cookie: { sameSite: 'strict' } });
    await context.clearCookies({ name: ACCESS });
    for (let count = 0; count < 3; count += 1) {
      expect(await call(page, 'GET', '/me')).toMatchObject({ status: 200 });
    }
    expect(refreshes()).toHaveLength(1);
  });

  it('is left alone by a thief with all of its cookies, for whom they soon open nothing', async () => {
    const page = await boundPage();
    const elsewhere = await newContext();
    await elsewhere.addCookies(await context.cookies());
    const thief = await openPage(elsewhere);
    const stolenAt = performance.now();
    expect(await call(thief, 'GET', '/me')).toMatchObject({ status: 200 });
    await waitUntil(async () => (await call(thief, 'GET', '/me')).status === 401, 50);
    expect(performance.now() - stolenAt).toBeLessThan(LIFE_MS + 1_000);
    expect(await call(thief, 'POST', '/auth/session/refresh')).toMatchObject({ status: 503 });
    await pause(1_000);
    expect(await call(page, 'GET', '/me')).toMatchObject({ status: 200 });
    await elsewhere.addCookies((await context.cookies()).filter(({ name }) => name !== ACCESS));
    expect(await call(thief, 'POST', '/auth/session/refresh')).toMatchObject({ status: 503 });
    expect(await call(thief, 'GET', '/me')).toMatchObject({ status: 401 });
    await afterTheCookie();
    expect(await call(page, 'GET', '/me')).toMatchObject({ status: 200 });
  });

  it('forgets it when the user signs out', async () => {
    const page = await boundPage();
    expect(await call(page, 'POST', '/auth/signout')).toMatchObject({ status: 200 });
    expect(await row()).toBeNull();
    await afterTheCookie();
    expect(await call(page, 'GET', '/me')).toMatchObject({ status: 401 });
    const asked = front.bindRequests.length;
    expect(front.bindRequests.at(-1)).toMatchObject({ status: 401 });
    expect(await call(page, 'GET', '/me')).toMatchObject({ status: 401 });
    expect(front.bindRequests).toHaveLength(asked);
  });

  it('gives it up when it was revoked, and binds the next login', async () => {
    const page = await boundPage();
    const { handle = '' } = (await row()) ?? {};
    await booted.app.get(SessionService).revokeSession(handle);
    await afterTheCookie();
    expect(await call(page, 'GET', '/me')).toMatchObject({ status: 401 });
    expect(front.bindRequests.at(-1)).toMatchObject({ sessionId: handle, status: 401 });
    await call(page, 'POST', '/login', { userId: 'ada' });
    await waitUntil(async () => (await row())?.deviceKey !== null);
    await afterTheCookie();
    expect(await call(page, 'GET', '/me')).toMatchObject({ status: 200 });
  });

  it('keeps it when it has signed six times in a short while, and says so', async () => {
    await booted.close();
    booted = await boot(600_000);
    const sparing = await launch(front, 'DeviceBoundSessions');
    try {
      const its = await newContext(sparing);
      const page = await boundPage(its);
      const answers: number[] = [];
      for (let count = 0; count < 6; count += 1) {
        await its.clearCookies({ name: ACCESS });
        answers.push((await call(page, 'GET', '/me')).status);
      }
      expect(answers).toEqual([200, 200, 200, 200, 200, 401]);
      expect(front.skipped).toEqual([expect.stringContaining('quota_exceeded')]);
      expect(await call(page, 'POST', '/auth/session/refresh')).toMatchObject({ status: 503 });
      expect((await row())?.deviceKey).not.toBeNull();
    } finally {
      await sparing.close();
      opened.length = 0;
    }
  });
});

function launch(front: SecureFront, binding: string): Promise<Browser> {
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
      `--enable-features=${binding},${FEATURES}`,
      `--ignore-certificate-errors-spki-list=${front.fingerprint}`,
      '--host-resolver-rules=MAP *.test 127.0.0.1',
    ],
  });
}

function call(
  page: Page,
  method: string,
  path: string,
  body?: object,
): Promise<{ status: number; json: unknown }> {
  return page.evaluate(
    async ([itsMethod, itsPath, itsBody]) => {
      const headers = { 'content-type': 'application/json' };
      const init = itsBody === undefined ? {} : { headers, body: JSON.stringify(itsBody) };
      const answer = await fetch(itsPath, { method: itsMethod, ...init });
      const text = await answer.text();
      return {
        status: answer.status,
        json: text === '' ? undefined : (JSON.parse(text) as unknown),
      };
    },
    [method, path, body] as const,
  );
}

async function waitUntil(isSo: () => Promise<boolean>, everyMs = 20): Promise<void> {
  const endsAt = performance.now() + 10_000;
  while (!(await isSo())) {
    if (performance.now() > endsAt) throw new Error('it did not come to that');
    await pause(everyMs);
  }
}
