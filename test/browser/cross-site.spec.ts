import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Controller, Post, Res } from '@nestjs/common';
import type { BrowserContext } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import type { SessionModuleOptions } from '../../lib/index.js';
import type { Platform } from '../support/boot-app.js';
import { launchProfile } from '../support/browser.js';
import { describeInChromium } from '../support/components.js';
import { CrossSitePage, WAYS, type Way } from '../support/cross-site-page.js';
import { Frontend } from '../support/frontend.js';
import { Visit } from '../support/visit.js';

const REFRESH = '/auth/session/refresh';
const SIGN_OUT = '/auth/signout';
const PATIENCE = { timeout: 10_000, interval: 5 };
const WAY_LIST: readonly Way[] = Object.values(WAYS);

interface Settable {
  setHeader?(name: string, value: string[]): unknown;
  header?(name: string, value: string[]): unknown;
}

/** Whoever sends a POST to it loses the cookies. */
@Controller()
class CarelessController {
  @Post('careless')
  signOut(@Res({ passthrough: true }) response: Settable): object {
    const lines = ['sAccessToken', 'sRefreshToken'].flatMap((name) => [
      `${name}=; Max-Age=0; Path=/`,
      `__Host-${name}=; Max-Age=0; Path=/; Secure; SameSite=None`,
    ]);
    if (response.setHeader === undefined) response.header?.('set-cookie', lines);
    else response.setHeader('set-cookie', lines);
    return {};
  }
}

interface Setting {
  readonly title: string;
  readonly platform: Platform;
  readonly sessions: SessionModuleOptions;
  /** Whether the browser sends the cookies from another site too. */
  readonly isSentAcross: boolean;
}

const NONE = { sameSite: 'none' } as const;
const SETTINGS: readonly Setting[] = [
  setting('express', {}),
  setting('fastify', {}),
  setting('express', { antiCsrf: 'NONE' }),
  setting('fastify', { cookie: NONE, antiCsrf: 'VIA_FETCH_METADATA' }),
  setting('fastify', { cookie: NONE, antiCsrf: 'VIA_CUSTOM_HEADER' }),
  setting('express', { cookie: NONE, antiCsrf: 'VIA_TOKEN' }),
];

function setting(platform: Platform, sessions: SessionModuleOptions): Setting {
  const { cookie, antiCsrf = 'the default' } = sessions;
  const title = `SameSite=${cookie === undefined ? 'Lax' : 'None'}, ${antiCsrf}`;
  return { title, platform, sessions, isSentAcross: cookie !== undefined };
}

describeInChromium('a page of another site', () => {
  let evil: CrossSitePage;
  let folder: string;
  let browser: BrowserContext;
  let frontend: Frontend | undefined;
  beforeAll(async () => {
    evil = await CrossSitePage.start();
    folder = await mkdtemp(join(tmpdir(), 'cross-site-'));
    browser = await launchProfile(folder);
  });
  afterEach(async () => {
    for (const page of browser.pages()) await page.close();
    await browser.clearCookies();
    await frontend?.stop();
  });
  afterAll(async () => {
    await browser.close();
    await evil.stop();
    await rm(folder, { recursive: true, force: true });
  });

  describe.each(SETTINGS)(
    'that sends a POST, against $title, on $platform,',
    ({ platform, sessions, isSentAcross }) => {
      async function visit(): Promise<Visit> {
        frontend = await Frontend.start({ platform, sessions, controllers: [CarelessController] });
        return Visit.begin(frontend, browser, evil);
      }

      it('CS8: takes no cookie away and ends no session, in whatever way it sends it', async () => {
        const victim = await visit();
        await victim.login();
        await victim.expectNothingToChange(async () => {
          for (const path of [REFRESH, SIGN_OUT]) {
            for (const way of WAY_LIST) {
              const exchange = await victim.isAttacked(way, path);
              expect(exchange.headers['sec-fetch-site']).toBe('cross-site');
              expect('cookie' in exchange.headers).toBe(isSentAcross);
              // A sign-out of nobody is none, and takes nothing away.
              const refusal = path === SIGN_OUT && !isSentAcross ? 200 : 401;
              expect([refusal, 415]).toContain(exchange.status);
              expect(exchange.answerHeaders).not.toHaveProperty('set-cookie');
            }
          }
        });
        await victim.expectSessionToGoOn();
      });

      it('is no danger for want of trying: a careless answer does take the cookies', async () => {
        const victim = await visit();
        for (const way of WAY_LIST.filter((each) => isSentAcross || each.isTopLevel)) {
          await victim.login();
          expect(await victim.jar()).toHaveLength(2);
          const { status } = await victim.isAttacked(way, '/careless');
          // Fastify takes no form with files, whoever sends it.
          if (status === 415) continue;
          await vi.waitFor(async () => expect(await victim.jar()).toEqual([]), PATIENCE);
        }
      });

      it('CS3: reaches no handler by any form, whether or not the cookies come along', async () => {
        const victim = await visit();
        await victim.login();
        await victim.expectNothingToChange(async () => {
          for (const way of WAY_LIST) {
            const { status } = await victim.isAttacked(way, '/me');
            // Fastify takes no form with files, whoever sends it.
            expect([401, 415]).toContain(status);
          }
        });
      });

      // Without a check it is the application's own to look after its login.
      if (sessions.antiCsrf === 'NONE') return;

      it('CS4: logs nobody in, with a session before or without', async () => {
        const victim = await visit();
        for (const isLoggedIn of [false, true]) {
          if (isLoggedIn) await victim.login();
          await victim.expectNothingToChange(async () => {
            for (const way of WAY_LIST) {
              const { status, answerHeaders } = await victim.isAttacked(way, '/login');
              expect([403, 415]).toContain(status);
              expect(answerHeaders).not.toHaveProperty('set-cookie');
            }
          });
        }
      });
    },
  );
});
