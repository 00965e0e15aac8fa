import type { Browser, BrowserContext } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { platforms } from '../support/boot-app.js';
import { launchBrowser } from '../support/browser.js';
import { describeInChromium } from '../support/components.js';
import { Frontend, topologies, type Topology } from '../support/frontend.js';
import { SdkPage } from '../support/sdk-page.js';

const setUps = topologies.flatMap((topology) =>
  platforms.map((platform) => ({ topology, platform })),
);
const ways = (['cookie', 'header'] as const).flatMap((transferMethod) =>
  (['fetch', 'XMLHttpRequest'] as const).map((by) => ({ transferMethod, by })),
);

describeInChromium('the unmodified supertokens-website', () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await launchBrowser();
  });
  afterAll(() => browser.close());

  describe.each(setUps)(
    'with page and API on $topology, on $platform',
    ({ topology, platform }) => {
      let frontend: Frontend;
      let context: BrowserContext;
      beforeAll(async () => {
        frontend = await Frontend.start({ topology, platform });
      });
      afterAll(() => frontend.stop());
      beforeEach(async () => {
        frontend.traffic.forget();
        context = await browser.newContext();
      });
      afterEach(() => context.close());

      it.each(ways)('goes from login to sign-out by $transferMethod over $by', async (way) => {
        const { traffic } = frontend;
        const page = await SdkPage.open(context, frontend, way);

        expect(await page.login('u1', { plan: 'free' })).toMatchObject({ status: 201 });
        expect(await page.events()).toEqual(['SESSION_CREATED']);
        expect(await page.doesSessionExist()).toBe(true);
        expect(await page.run('supertokens.getUserId')).toBe('u1');
        expect(await page.payload()).toMatchObject({ plan: 'free' });
        expect((await page.call('GET', '/me')).json).toEqual({ userId: 'u1' });
        expect((await page.call('POST', '/me')).json).toEqual({ userId: 'u1' });
        expect(await page.cookieNames()).toEqual(cookiesOf(topology, way.transferMethod));

        expect((await page.call('POST', '/merge', { body: { plan: 'gold' } })).status).toBe(201);
        expect(await page.payload()).toMatchObject({ plan: 'gold' });

        traffic.forget();
        frontend.expireAccessTokens();
        const answers = await page.callAtOnce(10, 'POST', '/me');
        expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 10 }, () => 201));
        expect(traffic.refreshes.map(({ status }) => status)).toEqual([200]);

        await page.events();
        expect(await page.call('GET', '/gold')).toMatchObject({
          status: 403,
          json: {
            statusCode: 403,
            code: 'INVALID_CLAIMS',
            message: 'invalid claim',
            claimValidationErrors: [{ id: 'plan-claim' }],
          },
        });
        expect(await page.events()).toContain('API_INVALID_CLAIM');

        await page.signOut();
        expect(await page.events()).toEqual(['SIGN_OUT']);
        expect(await page.doesSessionExist()).toBe(false);
        expect(await page.cookieNames()).toEqual(['st-last-access-token-update']);
        traffic.forget();
        expect(await page.call('GET', '/me')).toMatchObject({
          status: 401,
          json: { statusCode: 401, code: 'UNAUTHORISED', message: 'unauthorised' },
        });
        expect(traffic.refreshes).toEqual([]);
      });
    },
  );
});

/** What a page with a session keeps, in alphabetical order. */
function cookiesOf(topology: Topology, transferMethod: 'cookie' | 'header'): string[] {
  if (transferMethod === 'header') {
    return ['sFrontToken', 'st-access-token', 'st-last-access-token-update', 'st-refresh-token'];
  }
  // Cookies for another site are Secure, so they have a prefix on plain http too.
  const prefix = topology === 'two sites' ? '__Host-' : '';
  const ours = [`${prefix}sAccessToken`, `${prefix}sRefreshToken`];
  return [...ours, 'sFrontToken', 'st-last-access-token-update'].sort();
}
