import type { Browser, BrowserContext, Cookie, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { launchBrowser, takePicture } from '../support/browser.js';
import { describeInChromium } from '../support/components.js';
import { HttpClient, send } from '../support/http-client.js';
import { logIn } from '../support/sample-visitors.js';
import { buildSample, startSample, type SampleProcess } from '../support/sample-process.js';

/** What of a page is there last. */
const LAST_SHOWN: Partial<Record<string, string>> = {
  '/session': '#row td',
  '/devices': '#list li',
  '/data': '#export',
  '/admin': '#list li',
};

let sample: SampleProcess;
beforeAll(async () => {
  await buildSample();
  sample = await startSample({ GRACE_PERIOD: '1s' });
});
afterAll(() => sample.stop());

describe('the sample over HTTP', () => {
  const tooLong = 'x'.repeat(2_000);

  it.each([
    ['no body', undefined],
    ['a list', []],
    ['an empty object', {}],
    ['objects for fields', { name: { a: 1 }, email: { $ne: null }, password: ['12345678'] }],
    ['an inherited field', JSON.parse('{"__proto__": {"email": "a@b.example"}}')],
    ['a NUL in the address', { name: 'A', email: 'a\0@b.example', password: '12345678' }],
    [
      'half a surrogate pair in the name',
      { name: '\ud800', email: 'a@b.cd', password: '12345678' },
    ],
    ['a name of spaces', { name: '   ', email: 'a@b.example', password: '12345678' }],
    ['a short password', { name: 'A', email: 'a@b.example', password: '1234567' }],
    ['a password without end', { name: 'A', email: 'a@b.example', password: tooLong }],
    ['no address', { name: 'A', email: 'nowhere', password: '12345678' }],
  ])('refuses a sign-up with %s, and says why', async (_title, form) => {
    const answer = await new HttpClient(sample.url).post('/signup', form);
    expect(answer.status).toBe(400);
    expect(answer.json).toMatchObject({ message: expect.any(String) });
    expect(answer.setCookies).toEqual([]);
  });

  it('refuses a second account with the same address, in whatever case', async () => {
    const form = { name: 'Ada', email: 'ADA@example.com', password: '12345678' };
    const answer = await new HttpClient(sample.url).post('/signup', form);
    expect(answer.status).toBe(409);
    expect(answer.setCookies).toEqual([]);
  });

  it.each([
    ['a wrong password', { email: 'ada@example.com', password: 'nanoseconds' }],
    ['an unknown address', { email: 'nobody@example.com', password: 'nanoseconds' }],
    ['SQL for an address', { email: "' OR 1=1 --", password: 'nanoseconds' }],
  ])('answers a login with %s like any other', async (_title, credentials) => {
    const answer = await new HttpClient(sample.url).post('/login', credentials);
    expect(answer.status).toBe(401);
    expect(answer.json).toEqual({ statusCode: 401, code: 'UNAUTHORISED', message: 'unauthorised' });
    expect(answer.setCookies).toEqual([]);
  });

  it('never tells the value of a cookie in the report for the page', async () => {
    const client = new HttpClient(sample.url);
    const answer = await client.post('/sso');
    expect(answer.json).toEqual({ message: 'User logged in!' });
    const report = String(answer.headers['demo-cookies']);
    expect(report).toContain('"name":"sRefreshToken"');
    for (const name of ['sAccessToken', 'sRefreshToken']) {
      expect(report).not.toContain((await client.cookie(name)) ?? 'no such cookie');
    }
  });

  it.each([
    ['GET', '/profile'],
    ['GET', '/demo/session-row'],
    ['POST', '/demo/theft/refresh-token'],
    ['POST', '/account/password'],
    ['POST', '/account/sign-out-everywhere'],
  ])('answers %s %s with 401 where nobody is logged in', async (method, path) => {
    const answer = await new HttpClient(sample.url).send(method, path);
    expect(answer.status).toBe(401);
    expect(answer.setCookies).toEqual([]);
  });

  it.each([
    ['a wrong current password', { currentPassword: 'x', newPassword: '12345678' }],
    ['a short new password', { currentPassword: 'nanoseconds', newPassword: '1234567' }],
    ['objects for fields', { currentPassword: { a: 1 }, newPassword: ['12345678'] }],
  ])('refuses a password change with %s, and the session goes on', async (_title, form) => {
    const client = new HttpClient(sample.url);
    await client.post('/login', { email: 'grace@example.com', password: 'nanoseconds' });
    const answer = await client.post('/account/password', form);
    expect(answer.status).toBe(400);
    expect(answer.setCookies).toEqual([]);
    expect((await client.get('/profile')).json).toMatchObject({ name: 'Grace Hopper' });
  });

  it.each([
    ['ACCESS_TOKEN_LIFETIME', '90'],
    ['REFRESH_TOKEN_LIFETIME', 'soon'],
    ['GRACE_PERIOD', '-1s'],
  ])('does not start with %s=%s, and names it', async (name, value) => {
    await expect(startSample({ [name]: value })).rejects.toThrow(name);
  });
});

describeInChromium('the sample in Chromium', () => {
  let browser: Browser;
  let context: BrowserContext;
  let page: Page;
  let complaints: string[];

  beforeAll(async () => {
    browser = await launchBrowser();
  });
  afterAll(() => browser.close());
  beforeEach(async () => {
    complaints = [];
    context = await browser.newContext();
    page = await openPage(context, sample.url);
  });
  afterEach(async () => {
    await context.close();
    if (complaints.length > 0) throw new Error(complaints.join('\n'));
  });

  it('logs a demo user in and shows the session from inside', async () => {
    await takePicture(page, 'welcome');
    await page.getByRole('button', { name: 'Fill in Ada Lovelace' }).click();
    await page.getByRole('button', { name: 'Log in', exact: true }).click();
    await page.getByRole('heading', { name: 'Hello, Ada Lovelace.' }).waitFor();
    await page.locator('#row td').first().waitFor();
    await expectRow(page.locator('#claims'), /^plan/, 'team');
    await expectRow(page.locator('#claims'), /^tId/, 'public');
    await expectRow(page.locator('#row'), /^sessionData/, '{"loggedInBy":"password"}');
    expect(await page.locator('#email').textContent()).toBe('ada@example.com');
    await takePicture(page, 'session');
  });

  it('keeps both tokens in cookies that no script can read', async () => {
    await logIn(page, 'grace@example.com', 'nanoseconds');
    await page.locator('#cookies li').first().waitFor();
    const cookies = await tokenCookies(context);
    expect(
      cookies.map(({ name, httpOnly, sameSite, path }) => ({ name, httpOnly, sameSite, path })),
    ).toEqual([
      { name: 'sAccessToken', httpOnly: true, sameSite: 'Lax', path: '/' },
      { name: 'sRefreshToken', httpOnly: true, sameSite: 'Lax', path: '/' },
    ]);
    const visible = String(await page.evaluate('document.cookie + JSON.stringify(localStorage)'));
    const shown = await page.locator('body').textContent();
    for (const { name, value } of cookies) {
      expect(shown).toContain(name);
      expect(shown).not.toContain(value);
      expect(visible).not.toContain(value);
    }
  });

  it('says clearly that a password is wrong, and lets the user try again', async () => {
    await logIn(page, 'ada@example.com', 'difference-engine');
    const problem = page.getByText('That e-mail address and password don’t belong together.');
    await problem.waitFor();
    expect(await page.getByLabel('Password').first().getAttribute('aria-invalid')).toBe('true');
    expect(await tokenCookies(context)).toEqual([]);
    await takePicture(page, 'wrong-password');
    await logIn(page, 'ada@example.com', 'analytical-engine');
    await page.getByRole('heading', { name: 'Hello, Ada Lovelace.' }).waitFor();
  });

  it('signs a new user up, and shows what they entered as text', async () => {
    const name = '<b>Katherine</b> 👩‍🚀';
    await page.getByRole('tab', { name: 'Sign up' }).click();
    const form = page.getByRole('tabpanel', { name: 'Sign up' });
    await form.getByLabel('Name').fill(name);
    await form.getByLabel('E-mail').fill('katherine@example.com');
    await form.getByLabel('Password').fill('short');
    await form.getByRole('button', { name: 'Create my account' }).click();
    await page.getByText('A password has at least 8 characters.').waitFor();
    await form.getByLabel('Password').fill('orbital-mechanics');
    await form.getByRole('button', { name: 'Create my account' }).click();
    await page.getByRole('heading', { name: `Hello, ${name}.` }).waitFor();
    await page.locator('#row td').first().waitFor();
    await expectRow(page.locator('#row'), /^sessionData/, '{"loggedInBy":"sign-up"}');
  });

  it('logs in by single sign-on, with a session created by hand', async () => {
    await page.getByRole('button', { name: 'Continue with Example ID' }).click();
    await page.getByRole('heading', { name: 'Hello, Alan Turing.' }).waitFor();
    expect(await page.locator('#how').textContent()).toBe(
      'Created by sessions.createNewSession() on POST /sso',
    );
  });

  it.each(['/session', '/account'])(
    'leads from %s to the login without a session',
    async (path) => {
      await page.goto(sample.url + path);
      await page.getByRole('tab', { name: 'Log in' }).waitFor();
      expect(new URL(page.url()).pathname).toBe('/');
    },
  );

  it('shows the session again after a reload, and leads to it from the login', async () => {
    await logIn(page, 'ada@example.com', 'analytical-engine');
    await page.getByRole('heading', { name: 'Hello, Ada Lovelace.' }).waitFor();
    await page.reload();
    await page.getByRole('heading', { name: 'Hello, Ada Lovelace.' }).waitFor();
    await page.goto(sample.url);
    await page.locator('#greeting').waitFor();
    expect(page.url()).toBe(`${sample.url}/session`);
  });

  it('signs out: the session ends and its cookies go', async () => {
    await logIn(page, 'ada@example.com', 'analytical-engine');
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByText('You are signed out.').waitFor();
    expect(await tokenCookies(context)).toEqual([]);
    await takePicture(page, 'signed-out');
    await page.goto(`${sample.url}/session`);
    await page.getByRole('tab', { name: 'Log in' }).waitFor();
  });

  it('signs out everywhere: a second browser is out at its next request', async () => {
    await signUp('dorothy@example.com', 'punched-cards');
    await logIn(page, 'dorothy@example.com', 'punched-cards');
    await page.getByRole('button', { name: 'Ask a guarded route' }).waitFor();
    const elsewhere = await browser.newContext();
    const other = await openPage(elsewhere, sample.url);
    await logIn(other, 'dorothy@example.com', 'punched-cards');
    await other.getByRole('link', { name: 'Account' }).click();
    await takePicture(other, 'account');
    await other.getByRole('button', { name: 'Sign out everywhere' }).click();
    // One of them by the sign-up itself.
    await other.getByText('You are signed out everywhere: 3 sessions were ended.').waitFor();
    await page.getByRole('button', { name: 'Ask a guarded route' }).click();
    await page.getByText('Your session is over').waitFor();
    expect(await tokenCookies(context)).toEqual([]);
    await elsewhere.close();
  });

  it('changes the password: other browsers are out, this one has a new session', async () => {
    await signUp('margaret@example.com', 'lunar-module');
    await logIn(page, 'margaret@example.com', 'lunar-module');
    const elsewhere = await browser.newContext();
    const other = await openPage(elsewhere, sample.url);
    await logIn(other, 'margaret@example.com', 'lunar-module');
    await other.getByRole('button', { name: 'Ask a guarded route' }).waitFor();

    await page.getByRole('link', { name: 'Account' }).click();
    await page.getByLabel('Current password').fill('moon');
    await page.getByLabel('New password').fill('apollo-guidance');
    await page.getByRole('button', { name: 'Change password' }).click();
    await page.getByText('That is not your current password.').waitFor();
    await page.getByLabel('Current password').fill('lunar-module');
    await page.getByRole('button', { name: 'Change password' }).click();
    await page.getByText('Your password is changed. 3 sessions were ended').waitFor();
    await takePicture(page, 'password-changed');
    await page.getByRole('link', { name: 'Session', exact: true }).click();
    await page.locator('#row td').first().waitFor();
    await expectRow(page.locator('#row'), /^sessionData/, '{"loggedInBy":"password change"}');

    await other.getByRole('checkbox', { name: 'Ask every 5 seconds' }).check();
    await other.getByText('Your session is over').waitFor();
    await logIn(other, 'margaret@example.com', 'lunar-module');
    await other.getByText('don’t belong together').waitFor();
    await logIn(other, 'margaret@example.com', 'apollo-guidance');
    await other.getByRole('heading', { name: 'Hello, Margaret.' }).waitFor();
    await elsewhere.close();
  });

  it.each([
    ['The thief is first', 6, ['Key A', 'Key B']],
    ['You are first', 6, ['Key B', 'Key A']],
    ['Both at the same moment', 7, ['Key C', 'Key D']],
  ])('plays a theft to its end: %s', async (name, steps, [here = '', there = '']) => {
    await page.getByRole('link', { name: 'A theft, played' }).click();
    await page.getByRole('radio', { name }).check();
    for (let step = 1; step <= steps; step += 1) {
      const current = page.getByRole('listitem').filter({ hasText: `Step ${step} of ${steps}` });
      await current.getByRole('button').click();
      await current.getByRole('button').waitFor({ state: 'detached' });
    }
    await page.getByRole('heading', { name: 'Found out.' }).waitFor();
    expect(await page.getByText('401 · token theft detected').count()).toBe(1);
    expect(await page.locator('#here').textContent()).toContain('Out');
    expect(await page.locator('#here').textContent()).toContain(here);
    expect(await page.locator('#there').textContent()).toContain('Out');
    expect(await page.locator('#there').textContent()).toContain(there);
    expect(await tokenCookies(context)).toEqual([]);
    await takePicture(page, `theft-${name.toLowerCase().replaceAll(' ', '-')}`);
  });

  it('plays the theft of a session that is bound to its device: the copy opens nothing', async () => {
    await page.goto(`${sample.url}/theft`);
    await page.getByRole('radio', { name: 'The session is bound to its device' }).check();
    await page.getByRole('button', { name: 'Play it' }).click();
    await page.getByText('503 · device proof missing').waitFor();
    await page.getByText('401 · unauthorised').waitFor();
    expect(await page.getByText(/200 · “Hello, Alan/).count()).toBe(2);
    expect(await page.locator('#here').textContent()).toContain('Logged in as Alan');
    expect(await page.locator('#there').textContent()).toContain('Out');
    await takePicture(page, 'theft-bound');
  });

  it('says that this browser has bound nothing over plain http', async () => {
    await logIn(page, 'ada@example.com', 'analytical-engine');
    await page.getByRole('link', { name: 'This device' }).click();
    await page.getByText('This page came over plain http').waitFor();
    expect(await page.getByRole('status').first().textContent()).toMatch(/^No\./);
  });

  it('plays a theft again from its beginning', async () => {
    await page.goto(`${sample.url}/theft`);
    await page.getByRole('button', { name: 'Log in as Alan' }).click();
    await page.getByRole('button', { name: 'Copy the key' }).click();
    await page.getByRole('button', { name: 'Be the thief' }).waitFor();
    await page.getByRole('radio', { name: 'You are first' }).check();
    expect(await page.getByRole('listitem').count()).toBe(1);
    await page.getByRole('button', { name: 'Log in as Alan' }).click();
    await page.getByRole('button', { name: 'Copy the key' }).waitFor();
  });

  it.each([
    '/',
    '/session',
    '/devices',
    '/live',
    '/binding',
    '/account',
    '/data',
    '/admin',
    '/theft',
  ])('fits %s on a phone, in the dark', async (path) => {
    await page.emulateMedia({ colorScheme: 'dark' });
    await page.setViewportSize({ width: 360, height: 740 });
    if (path !== '/') await logIn(page, 'ada@example.com', 'analytical-engine');
    if (path !== '/') await page.locator('#row td').first().waitFor();
    await page.goto(sample.url + path);
    await page
      .locator(LAST_SHOWN[path] ?? '#page')
      .first()
      .waitFor();
    await takePicture(page, `phone-dark-${path.slice(1) || 'welcome'}`);
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(360);
  });

  describe('with an access token of two seconds and no grace period', () => {
    let hasty: SampleProcess;
    beforeAll(async () => {
      hasty = await startSample({ ACCESS_TOKEN_LIFETIME: '2s', GRACE_PERIOD: '0s' });
    });
    afterAll(() => hasty.stop());

    it('has the SDK refresh an expired access token by itself', async () => {
      await page.goto(hasty.url);
      await logIn(page, 'ada@example.com', 'analytical-engine');
      await page.getByText('Expired. The next request refreshes it.').waitFor();
      const before = await tokenCookies(context);
      await page.getByRole('button', { name: 'Ask a guarded route' }).click();
      const journal = page.getByRole('log');
      await journal.getByText('REFRESH_SESSION').first().waitFor();
      await page.getByText('until the access token expires').waitFor();
      expect(await journal.textContent()).toContain('GET /profile401 · try refresh token');
      expect(await page.locator('#refreshes').textContent()).not.toBe('0');
      const after = await tokenCookies(context);
      expect(after.map(({ name }) => name)).toEqual(before.map(({ name }) => name));
      expect(after.map(({ value }) => value)).not.toEqual(before.map(({ value }) => value));
      await takePicture(page, 'refreshed');
    });

    it('tells the owner of a copied token why the session is over', async () => {
      await page.goto(hasty.url);
      await logIn(page, 'ada@example.com', 'analytical-engine');
      await page.getByRole('button', { name: 'Refresh now' }).waitFor();
      const copy = (await tokenCookies(context)).find(({ name }) => name === 'sRefreshToken');
      const thief = await send(`${hasty.url}/auth/session/refresh`, 'POST', {
        headers: { authorization: `Bearer ${copy?.value}`, 'st-auth-mode': 'header' },
      });
      expect(thief.status).toBe(200);
      await page.getByRole('button', { name: 'Refresh now' }).click();
      await page.getByText('An old key of your session came back').waitFor();
      expect(await tokenCookies(context)).toEqual([]);
      await takePicture(page, 'told-of-a-theft');
    });
  });

  async function openPage(where: BrowserContext, url: string): Promise<Page> {
    const opened = await where.newPage();
    opened.on('pageerror', (error) => complaints.push(error.message));
    await opened.goto(url);
    await opened.getByRole('tab', { name: 'Log in' }).waitFor();
    return opened;
  }

  async function signUp(email: string, password: string): Promise<void> {
    const name = email.charAt(0).toUpperCase() + email.slice(1, email.indexOf('@'));
    const answer = await new HttpClient(sample.url).post('/signup', { name, email, password });
    expect(answer.status).toBe(201);
  }
});

/** The cookies that the server has set; the SDK keeps its own notes in others. */
async function tokenCookies(context: BrowserContext): Promise<Cookie[]> {
  return (await context.cookies()).filter(({ httpOnly }) => httpOnly);
}

async function expectRow(
  table: ReturnType<Page['locator']>,
  name: RegExp,
  value: string,
): Promise<void> {
  const row = table.getByRole('row').filter({ has: table.page().getByRole('rowheader', { name }) });
  expect(await row.getByRole('cell').textContent()).toBe(value);
}
