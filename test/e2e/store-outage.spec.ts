import { Controller, Post, Req, Res } from '@nestjs/common';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SessionService, SessionStoreUnavailableException } from '../../lib/index.js';
import { RevocationFeed } from '../../lib/revocation/revocation-feed.js';
import { platforms } from '../support/boot-app.js';
import { withClosedConnection } from '../support/closed-connection.js';
import type { Answer } from '../support/http-client.js';
import {
  expectAnswer,
  expectTokensUntouched,
  TRY_REFRESH,
  UNAUTHORISED,
} from '../support/refusal.js';
import {
  accessCookie,
  bearer,
  bothCookies,
  refreshCookie,
  Scene,
  type Holder,
} from '../support/scene.js';

const UNAVAILABLE = {
  status: 503,
  body: {
    statusCode: 503,
    code: 'SESSION_STORE_UNAVAILABLE',
    message: 'session store unavailable',
  },
};

@Controller()
class ManualController {
  constructor(private readonly sessions: SessionService) {}

  @Post('manual-login')
  async login(@Req() request: object, @Res({ passthrough: true }) response: object): Promise<void> {
    await this.sessions.createNewSession(request, response, 'public', 'u9');
  }
}

describe.each(platforms)('without its database, on %s,', (platform) => {
  let scene: Scene;
  let holder: Holder;
  beforeAll(async () => {
    scene = await Scene.open({ platform, controllers: [ManualController] });
    holder = await scene.login('u1');
  });
  afterAll(() => scene.close());

  /** Takes the database away for a while; every row is the same afterwards. */
  async function withoutDatabase(act: () => Promise<void>): Promise<void> {
    const before = await scene.rows();
    await withClosedConnection(scene.booted.dataSource, act);
    expect(await scene.rows()).toEqual(before);
  }

  /** Takes a table away for a while; every row is the same afterwards. */
  async function withoutTable(table: string, act: () => Promise<void>): Promise<void> {
    const { dataSource } = scene.booted;
    const before = await scene.rows();
    await dataSource.query(`ALTER TABLE "${table}" RENAME TO "gone"`);
    try {
      await act();
    } finally {
      await dataSource.query(`ALTER TABLE "gone" RENAME TO "${table}"`);
    }
    expect(await scene.rows()).toEqual(before);
  }

  function expectUnavailable(answer: Answer): void {
    expectAnswer(answer, UNAVAILABLE);
    expectTokensUntouched(answer);
    expect(answer.headers['retry-after']).toBe('5');
  }

  it('what needs no row is served, and refused, as ever', async () => {
    await withoutDatabase(async () => {
      expect((await scene.get('/me', accessCookie(holder.access))).status).toBe(200);
      expectAnswer(await scene.get('/me'), UNAUTHORISED);
      expectAnswer(await scene.get('/me', accessCookie('x')), TRY_REFRESH);
      expectAnswer(await scene.refresh(), UNAUTHORISED);
      expectAnswer(await scene.refresh(bearer('garbage')), UNAUTHORISED);
      expect((await scene.post('/auth/signout')).status).toBe(200);
      expect((await scene.get('/auth/jwt/jwks.json')).status).toBe(200);
    });
  });

  it('N2: what needs one is 503 with Retry-After, no cookie goes, and nobody is logged out', async () => {
    await withoutDatabase(async () => {
      expectUnavailable(await scene.get('/strict', accessCookie(holder.access)));
      expectUnavailable(await scene.refresh(bothCookies(holder)));
      expectUnavailable(await scene.refresh(bearer(holder.refresh)));
      expectUnavailable(await scene.post('/auth/signout', bothCookies(holder)));
      expectUnavailable(await scene.post('/login', {}, { userId: 'u2' }));
      expectUnavailable(await scene.post('/manual-login'));
    });
    expect((await scene.get('/strict', accessCookie(holder.access))).status).toBe(200);
    expect((await scene.refresh(refreshCookie(holder.refresh))).status).toBe(200);
  });

  it('the functions throw SessionStoreUnavailableException, without a word of SQL', async () => {
    const sessions = scene.booted.app.get(SessionService);
    await withoutDatabase(async () => {
      const error: unknown = await sessions
        .getSessionInformation(holder.handle)
        .catch((each: unknown) => each);
      expect(error).toBeInstanceOf(SessionStoreUnavailableException);
      expect(error).toMatchObject({ code: 'SESSION_STORE_UNAVAILABLE', retryAfterSeconds: 5 });
      expect(String((error as Error).cause)).not.toMatch(/select|auth_session/i);
    });
  });

  it('news of revocations that are too old are asked for, and 503 while nobody can tell', async () => {
    const { access } = await scene.login('u3');
    const feed = scene.booted.app.get(RevocationFeed);
    await withoutDatabase(async () => {
      scene.booted.clock.advanceMs(60_000);
      expect((await scene.get('/me', accessCookie(access))).status).toBe(200);
      scene.booted.clock.advanceMs(1);
      expectUnavailable(await scene.get('/me', accessCookie(access)));
    });
    await feed.poll();
    expect((await scene.get('/me', accessCookie(access))).status).toBe(200);
  });

  it('what a table that is missing undoes is 500 and no outage, and the tokens stay', async () => {
    await withoutTable('auth_session', async () => {
      for (const answer of [
        await scene.get('/strict', accessCookie(holder.access)),
        await scene.refresh(bothCookies(holder)),
        await scene.post('/auth/signout', bothCookies(holder)),
        await scene.post('/login', {}, { userId: 'u2' }),
      ]) {
        expectAnswer(answer, {
          status: 500,
          body: { statusCode: 500, code: 'SESSION_STORE_FAILED', message: 'session store failed' },
        });
        expectTokensUntouched(answer);
        expect(answer.headers).not.toHaveProperty('retry-after');
      }
    });
    expect((await scene.get('/strict', accessCookie(holder.access))).status).toBe(200);
  });

  it('a connection that is closed is 503 too', async () => {
    const closed = await Scene.open({ platform });
    const own = await closed.login('u4');
    await closed.booted.dataSource.destroy();
    expect((await closed.get('/me', accessCookie(own.access))).status).toBe(200);
    expectUnavailable(await closed.get('/strict', accessCookie(own.access)));
    expectUnavailable(await closed.refresh(bothCookies(own)));
    expectUnavailable(await closed.post('/auth/signout', bothCookies(own)));
    expectUnavailable(await closed.post('/login', {}, { userId: 'u5' }));
    await closed.close();
  });
});
