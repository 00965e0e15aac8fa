import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { takePicture } from '../support/browser.js';
import { describeInChromium } from '../support/components.js';
import { HttpClient } from '../support/http-client.js';
import { buildSample, startSample, type SampleProcess } from '../support/sample-process.js';
import { logIn, SampleVisitors } from '../support/sample-visitors.js';

const ADA = ['ada@example.com', 'analytical-engine'] as const;
const GRACE = ['grace@example.com', 'nanoseconds'] as const;
const ALAN = ['alan@example.com', 'universal-machine'] as const;
const IPHONE =
  'Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1';
const FIREFOX = 'Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:145.0) Gecko/20100101 Firefox/145.0';

let sample: SampleProcess;
beforeAll(async () => {
  await buildSample();
  sample = await startSample();
});
afterAll(() => sample.stop());

describe('the people of the sample over HTTP', () => {
  const loggedIn = async ([email, password]: readonly [string, string]) => {
    const client = new HttpClient(sample.url);
    await client.post('/login', { email, password });
    return client;
  };

  it('let no member change a role, and no admin their own', async () => {
    const ada = await loggedIn(ADA);
    const users = (await ada.get('/admin/users')).json as { id: string; email: string }[];
    const [alan, self] = [ALAN, ADA].map(([email]) => users.find((user) => user.email === email));
    const member = await loggedIn(GRACE);
    const refused = await member.post(`/admin/users/${alan?.id}/role`, { role: 'admin' });
    expect(refused.status).toBe(403);
    expect(refused.json).toMatchObject({ claimValidationErrors: [{ id: 'st-role' }] });
    expect((await ada.post(`/admin/users/${self?.id}/role`, { role: 'member' })).status).toBe(400);
    expect((await ada.post(`/admin/users/${alan?.id}/role`, { role: 'owner' })).status).toBe(400);
    expect((await ada.post('/admin/users/nobody/role', { role: 'admin' })).status).toBe(400);
  });

  it('let an admin log in as a member, who is asked for no password', async () => {
    const ada = await loggedIn(ADA);
    const users = (await ada.get('/admin/users')).json as { id: string; email: string }[];
    const alan = users.find(({ email }) => email === ALAN[0]);
    expect((await ada.post(`/admin/users/${alan?.id}/act-as`, { reason: '' })).status).toBe(400);
    expect((await ada.post(`/admin/users/${alan?.id}/act-as`, { reason: 'a test' })).status).toBe(
      200,
    );
    const change = { currentPassword: ALAN[1], newPassword: 'turing-complete' };
    expect((await ada.post('/account/password', change)).status).toBe(403);
    expect((await ada.get('/admin/users')).status).toBe(403);
    expect((await ada.post('/admin/act-as-myself')).status).toBe(200);
    expect((await ada.get('/admin/users')).status).toBe(200);
    expect((await (await loggedIn(GRACE)).post('/admin/act-as-myself')).status).toBe(401);
  });

  it('confirm nothing without the password', async () => {
    const client = await loggedIn(GRACE);
    const before = await client.cookie('sAccessToken');
    const answer = await client.post('/account/confirm-password', {
      password: 'analytical-engine',
    });
    expect(answer.status).toBe(400);
    expect(await client.cookie('sAccessToken')).toBe(before);
  });
});

describeInChromium('the people of the sample in Chromium', () => {
  const visitors = SampleVisitors.forSuite();

  it('see where they are logged in, and sign out one device, then all others', async () => {
    const laptop = await visitors.enter(sample.url, GRACE);
    const phone = await visitors.enter(sample.url, GRACE, { userAgent: IPHONE });
    const office = await visitors.enter(sample.url, GRACE, { userAgent: FIREFOX });
    await laptop.getByRole('link', { name: 'Devices' }).click();
    const lines = laptop.getByRole('listitem');
    await lines.filter({ hasText: 'Safari on iOS' }).waitFor();
    const current = lines.filter({ hasText: 'this device' });
    expect(await current.count()).toBe(1);
    expect(await current.textContent()).toMatch(/^Chrome.* on Linux/);
    await takePicture(laptop, 'devices');

    await laptop.getByRole('button', { name: 'Sign out Safari on iOS' }).click();
    await laptop.getByText('Safari on iOS is out.').waitFor();
    await expectSignedOut(phone);
    expect(await lines.filter({ hasText: 'Safari on iOS' }).count()).toBe(0);

    await visitors.enter(sample.url, GRACE, { userAgent: IPHONE });
    await laptop.getByRole('button', { name: 'Sign out all others' }).click();
    // The office, the phone again, and the two logins without a browser.
    await laptop.getByText(/^\d other devices are out\.$/).waitFor();
    expect(await lines.count()).toBe(1);
    expect(await laptop.getByRole('button', { name: 'Sign out all others' }).isVisible()).toBe(
      false,
    );
    await expectSignedOut(office);
    await takePicture(laptop, 'devices-one-left');
  });

  it('see a page that is live end before their eyes, when its session is ended on another device', async () => {
    const phone = await visitors.enter(sample.url, GRACE, { userAgent: IPHONE });
    await phone.getByRole('link', { name: 'Live' }).click();
    await phone.getByText('The stream is open.').waitFor();
    const laptop = await visitors.enter(sample.url, GRACE);
    await laptop.getByRole('link', { name: 'Devices' }).click();
    await laptop.getByRole('button', { name: 'Sign out Safari on iOS' }).first().click();
    const told = phone.getByText('The server has ended the stream: your session is over.');
    await told.waitFor();
    expect(await told.isVisible()).toBe(true);
    await takePicture(phone, 'live-ended');
  });

  it('can sign out the device that they are at', async () => {
    const page = await visitors.enter(sample.url, GRACE);
    await page.getByRole('link', { name: 'Devices' }).click();
    const current = page.getByRole('listitem').filter({ hasText: 'this device' });
    await current.getByRole('button').click();
    await page.getByText('You are signed out on this device.').waitFor();
    const cookies = await page.context().cookies();
    expect(cookies.filter(({ httpOnly }) => httpOnly)).toEqual([]);
  });

  it('get a role that an admin gives them, and lose it, without logging in again', async () => {
    const alan = await visitors.enter(sample.url, ALAN);
    await alan.getByRole('link', { name: 'Admin' }).click();
    await alan.getByRole('heading', { name: 'You are no admin yet' }).waitFor();
    const reason = alan.getByText('"expectedToInclude":["admin"],"actualValue":["member"]');
    await reason.waitFor();
    await takePicture(alan, 'admin-refused');

    const ada = await visitors.enter(sample.url, ADA);
    await ada.getByRole('link', { name: 'Admin' }).click();
    await ada.getByRole('button', { name: 'Make Alan Turing an admin' }).click();
    await ada.getByText('Alan Turing is an admin from their next request on.').waitFor();
    await takePicture(ada, 'admin');

    await alan.getByRole('button', { name: 'Try again' }).click();
    await alan.getByRole('heading', { name: 'Users and their roles' }).waitFor();
    expect(await alan.getByRole('button', { name: 'Make Alan Turing' }).isDisabled()).toBe(true);
    await alan.getByRole('link', { name: 'Session', exact: true }).click();
    await alan.getByRole('cell', { name: '"v":["admin"]' }).first().waitFor();

    await ada.getByRole('button', { name: 'Make Alan Turing a member' }).click();
    await ada.getByText('Alan Turing is a member from their next request on.').waitFor();
    await alan.getByRole('link', { name: 'Admin' }).click();
    await alan.getByRole('heading', { name: 'You are no admin yet' }).waitFor();
    await alan.getByRole('link', { name: 'Session', exact: true }).click();
    await alan.getByRole('heading', { name: 'Hello, Alan Turing.' }).waitFor();
  });

  it('are acted as by an admin, whom a banner on every page leads back', async () => {
    const page = await visitors.enter(sample.url, ADA);
    await page.getByRole('link', { name: 'Admin' }).click();
    await page.getByRole('button', { name: 'Log in as Grace Hopper' }).click();
    const banner = page.getByText('You are logged in as Grace Hopper');
    await banner.waitFor();
    await page.getByRole('heading', { name: 'Hello, Grace Hopper.' }).waitFor();
    await takePicture(page, 'acting-as');
    await page.getByRole('link', { name: 'Devices' }).click();
    await banner.waitFor();
    await page.getByRole('button', { name: 'Back to my own session' }).click();
    await page.getByRole('heading', { name: 'Users and their roles' }).waitFor();
    expect(await banner.count()).toBe(0);
  });

  describe('whose password was asked for a while ago', () => {
    let strict: SampleProcess;
    beforeAll(async () => {
      strict = await startSample({ FRESH_FOR: '5s' });
    });
    afterAll(() => strict.stop());

    it('are asked for it again where it matters, and go on as they were', async () => {
      const page = await visitors.enter(strict.url, ADA);
      const handle = await page.locator('#handle').textContent();
      await page.getByRole('link', { name: 'Your data' }).click();
      const again = page.getByRole('heading', { name: 'Please enter your password again' });
      const shown = page.locator(':is(#export, #confirm):not([hidden])');
      for (await shown.waitFor(); !(await again.isVisible());) {
        await page.reload();
        await shown.waitFor();
      }
      await takePicture(page, 'password-again');
      await page.getByLabel('Password', { exact: true }).fill('difference-engine');
      await page.getByRole('button', { name: 'Confirm' }).click();
      await page.getByText('That is not your password.').waitFor();
      await page.getByLabel('Password', { exact: true }).fill('analytical-engine');
      await page.getByRole('button', { name: 'Confirm' }).click();
      await page.getByText('Your session was renewed').waitFor();
      await page.getByText('"email": "ada@example.com"').waitFor();
      expect(await again.isVisible()).toBe(false);
      await takePicture(page, 'your-data');
      await page.getByRole('link', { name: 'Session', exact: true }).click();
      await page.getByRole('cell', { name: '{"loggedInBy":"password"}' }).waitFor();
      expect(await page.locator('#handle').textContent()).not.toBe(handle);
    });
  });

  async function expectSignedOut(page: Page): Promise<void> {
    await page.getByRole('button', { name: 'Ask a guarded route' }).click();
    await page.getByText('Your session is over').waitFor();
    await logIn(page, 'grace@example.com', 'wrong');
    await page.getByText('don’t belong together').waitFor();
  }
});
