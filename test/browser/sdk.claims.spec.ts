import { Controller, Get, Post, Req, Res } from '@nestjs/common';
import { beforeEach, describe, expect, it } from 'vitest';
import { RequireFresh, SessionService, UserRoleClaim, VerifySession } from '../../lib/index.js';
import { platforms } from '../support/boot-app.js';
import { BrowserTests } from '../support/browser-tests.js';
import { describeInChromium } from '../support/components.js';
import type { Frontend } from '../support/frontend.js';
import type { SdkPage } from '../support/sdk-page.js';

const MINUTE_MS = 60_000;
let roles: string[] = [];
const roleClaim = new UserRoleClaim({ fetchValue: () => roles });

@Controller()
class GuardedApi {
  constructor(private readonly sessions: SessionService) {}

  @Get('admin')
  @VerifySession({ roles: ['admin'] })
  admin(): object {
    return { is: 'admin' };
  }

  @Post('fresh')
  @RequireFresh('10m')
  fresh(): object {
    return { is: 'fresh' };
  }

  @Post('again')
  async again(
    @Req() request: object,
    @Res({ passthrough: true }) response: object,
  ): Promise<object> {
    await this.sessions.reauthenticate(request, response, 'u1');
    return {};
  }
}

describeInChromium('the claims that a page hears of from supertokens-website', () => {
  const tests = BrowserTests.forSuite();
  const ways = platforms.flatMap((platform) =>
    (['cookie', 'header'] as const).map((transferMethod) => ({ platform, transferMethod })),
  );

  describe.each(ways)('by $transferMethod, on $platform', ({ platform, transferMethod }) => {
    let frontend: Frontend;
    let page: SdkPage;
    beforeEach(async () => {
      roles = ['member'];
      frontend = await tests.startFrontend({
        platform,
        controllers: [GuardedApi],
        sessions: { claims: [roleClaim] },
      });
      page = await tests.loggedIn(frontend, { transferMethod });
    });

    async function invalidClaims(): Promise<unknown> {
      const events = await page.eventsInFull();
      expect(events.map(({ action }) => action)).toEqual(['API_INVALID_CLAIM']);
      return events[0]?.['claimValidationErrors'];
    }

    it('are a missing role, and what changes once it is there', async () => {
      expect((await page.call('GET', '/admin')).status).toBe(403);
      expect(await invalidClaims()).toEqual([
        {
          id: 'st-role',
          reason: {
            message: 'wrong value',
            expectedToInclude: ['admin'],
            actualValue: ['member'],
          },
        },
      ]);
      roles = ['admin'];
      await frontend.booted.app.get(SessionService).markClaimsStale('u1');
      expect(await page.call('GET', '/admin')).toMatchObject({ json: { is: 'admin' } });
      expect(await page.events()).toEqual(['ACCESS_TOKEN_PAYLOAD_UPDATED']);
      expect(await page.payload()).toMatchObject({ 'st-role': { v: ['admin'] } });
      expect(frontend.traffic.refreshes).toEqual([]);
    });

    it('are an authentication of long ago, until the user authenticates again', async () => {
      frontend.booted.clock.advanceMs(11 * MINUTE_MS);
      expect((await page.call('POST', '/fresh')).status).toBe(403);
      expect(await invalidClaims()).toEqual([
        {
          id: 'auth_time',
          reason: { message: 'expired', ageInSeconds: 660, maxAgeInSeconds: 600 },
        },
      ]);
      const before = (await page.payload())['sessionHandle'];
      await page.events();
      expect((await page.call('POST', '/again')).status).toBe(201);
      expect(await page.events()).toEqual(['ACCESS_TOKEN_PAYLOAD_UPDATED']);
      expect(await page.call('POST', '/fresh')).toMatchObject({ json: { is: 'fresh' } });
      expect((await page.payload())['sessionHandle']).not.toBe(before);
      expect(await page.refresh()).toBe(true);
      expect(await page.call('POST', '/fresh')).toMatchObject({ json: { is: 'fresh' } });
      await page.signOut();
      expect(await page.doesSessionExist()).toBe(false);
    });
  });
});
