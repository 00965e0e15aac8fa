import { Controller, Post, Req, Res } from '@nestjs/common';
import { expect, it } from 'vitest';
import {
  CurrentSession,
  SessionService,
  VerifySession,
  type SessionContainer,
} from '../../lib/index.js';
import { BrowserTests } from '../support/browser-tests.js';
import { describeInChromium } from '../support/components.js';
import type { Frontend } from '../support/frontend.js';
import { SdkPage } from '../support/sdk-page.js';

const REFRESH = '/auth/session/refresh';
const REPLACED = { status: 503, json: { code: 'SESSION_REPLACED' } };

@Controller()
class StepUp {
  constructor(private readonly sessions: SessionService) {}

  @Post('step-up')
  @VerifySession()
  async stepUp(
    @CurrentSession() session: SessionContainer,
    @Req() request: object,
    @Res({ passthrough: true }) response: object,
  ): Promise<void> {
    await this.sessions.reauthenticate(request, response, session.getUserId());
  }
}

describeInChromium('a refresh that comes after the answer with another session', () => {
  const tests = BrowserTests.forSuite();

  /** A tab's request begins, another tab gets another session, and then the first one's refresh reaches the API. */
  async function crossing<T>(
    frontend: Frontend,
    late: () => Promise<T>,
    replace: () => Promise<{ status: number }>,
  ): Promise<T> {
    const held = frontend.apiFront.holdNextTo(REFRESH);
    const answer = late();
    const letGo = await held;
    expect((await replace()).status).toBe(201);
    letGo();
    return answer;
  }

  it.each(['cookie', 'header'] as const)(
    'logs nobody out with the SDK: a step-up by %s',
    async (transferMethod) => {
      const frontend = await tests.startFrontend({ controllers: [StepUp] });
      const page = await tests.loggedIn(frontend, { transferMethod });
      const other = await SdkPage.open(page.tab.context(), frontend, { transferMethod });
      const late = () => other.refresh().catch(() => 'refused');
      const stepUp = () => page.call('POST', '/step-up');
      expect(await crossing(frontend, late, stepUp)).toBe('refused');
      expect(frontend.traffic.refreshes).toMatchObject([{ status: 503 }]);
      for (const tab of [other, page]) {
        expect(await tab.doesSessionExist()).toBe(true);
        expect((await tab.call('GET', '/checked')).status).toBe(200);
        expect(await tab.events()).not.toContain('UNAUTHORISED');
      }
      frontend.expireAccessTokens();
      expect((await other.call('GET', '/me')).status).toBe(200);
    },
  );

  it('logs nobody out with the SDK: a login over the session', async () => {
    const frontend = await tests.startFrontend();
    const page = await tests.loggedIn(frontend);
    const other = await SdkPage.open(page.tab.context(), frontend);
    frontend.expireAccessTokens();
    const late = () => other.call('GET', '/me');
    const answer = await crossing(frontend, late, () => page.login('u2'));
    expect(answer).toMatchObject(REPLACED);
    expect(await other.call('GET', '/me')).toMatchObject({ status: 200, json: { userId: 'u2' } });
  });

  it('logs nobody out with nestjs-auth-sessions/client', async () => {
    const frontend = await tests.startFrontend();
    const context = await tests.newContext();
    const open = async () => {
      const tab = await context.newPage();
      await tab.goto(`${frontend.pageUrl}/client.html`);
      await tab.evaluate(`start(${JSON.stringify(frontend.apiUrl)}, {})`);
      return (...parameters: unknown[]): Promise<{ status: number }> =>
        tab.evaluate(`call(...${JSON.stringify(parameters)})`);
    };
    const [call, callOfOther] = [await open(), await open()];
    const login = () => call('POST', '/login', { userId: 'u1' });
    await login();
    frontend.expireAccessTokens();
    const answer = await crossing(frontend, () => callOfOther('GET', '/me'), login);
    expect(answer).toMatchObject({ ...REPLACED, retryAfter: '1' });
    expect(await callOfOther('GET', '/me')).toMatchObject({ status: 200 });
  });
});
