import { Controller, Post, Req, Res } from '@nestjs/common';
import { afterEach, describe, expect, it } from 'vitest';
import {
  CurrentSession,
  SessionRevocation,
  SessionService,
  VerifySession,
  type SessionContainer,
  type SessionModuleOptions,
} from '../../lib/index.js';
import { SessionPruner } from '../../lib/session/end/session-pruner.js';
import { RevocationStore } from '../../lib/store/revocation.store.js';
import { platforms, type Platform } from '../support/boot-app.js';
import { createTestDatabase, type TestDatabase } from '../support/databases.js';
import {
  expectAnswer,
  expectEachRefused,
  expectRefused,
  expectRefusedAndCleared,
  expectTokensCleared,
  expectTokensUntouched,
  REPLACED,
  TRY_REFRESH,
  UNAUTHORISED,
} from '../support/refusal.js';
import {
  bearer,
  bothCookies,
  holderOf,
  Scene,
  type Headers,
  type Holder,
} from '../support/scene.js';

const GRACE_MS = 30_000;
const LEAST_MS = 10_000;
const HOUR_MS = 3_600_000;

let beforeTheMerge = (): Promise<unknown> => Promise.resolve();

@Controller()
class ReplacingController {
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

  @Post('impersonate')
  @VerifySession()
  async impersonate(
    @Req() request: object,
    @Res({ passthrough: true }) response: object,
  ): Promise<void> {
    const how = { userId: 'ada', reason: 'ticket 7', lifetime: '1h' } as const;
    await this.sessions.impersonate(request, response, how);
  }

  @Post('come-back')
  async comeBack(
    @Req() request: object,
    @Res({ passthrough: true }) response: object,
  ): Promise<void> {
    await this.sessions.endImpersonation(request, response);
  }

  @Post('anew')
  @VerifySession()
  async anew(
    @CurrentSession() session: SessionContainer,
    @Req() request: object,
    @Res({ passthrough: true }) response: object,
  ): Promise<void> {
    await session.revokeSession();
    await this.sessions.createNewSession(request, response, 'public', session.getUserId());
  }

  @Post('password')
  @VerifySession()
  async setPassword(
    @CurrentSession('sub') userId: string,
    @Req() request: object,
    @Res({ passthrough: true }) response: object,
  ): Promise<void> {
    await this.sessions.revokeAllSessionsForUser(userId);
    await this.sessions.createNewSession(request, response, 'public', userId);
  }

  @Post('merge')
  @VerifySession()
  async merge(@CurrentSession() session: SessionContainer): Promise<void> {
    await beforeTheMerge();
    await session.mergeIntoAccessTokenPayload({ plan: 'gold' });
  }
}

const ways = {
  cookie: {
    mode: {},
    access: bothCookies,
    refresh: bothCookies,
    cameBack: (acting: Holder, own: Holder) => ({
      cookie: `${bothCookies(acting).cookie}; __Host-sRefreshToken-actor=${own.refresh}`,
    }),
  },
  header: {
    mode: { 'st-auth-mode': 'header' },
    access: (holder: Holder) => bearer(holder.access),
    refresh: (holder: Holder) => bearer(holder.refresh),
    cameBack: (_: Holder, own: Holder) => bearer(own.refresh),
  },
} as const;
type Way = keyof typeof ways;

describe.each(platforms)('a session that another one has replaced at its client, on %s', (on) => {
  let scene: Scene;
  let database: TestDatabase | undefined;
  afterEach(async () => {
    await scene.close();
    await database?.drop();
    database = undefined;
  });

  const open = async (platform: Platform, sessions: SessionModuleOptions = {}) => {
    const controllers = [ReplacingController];
    scene = await Scene.open({ platform, controllers, sessions });
  };
  const post = async (path: string, headers: Headers, body?: unknown): Promise<Holder> => {
    const answer = await scene.post(path, headers, body);
    expect(answer.status).toBe(201);
    return holderOf(answer);
  };
  /** Each gives the tokens of before, and those that came in their place. */
  const replacements = {
    'a step-up': async (way: Way) => {
      const { mode, access } = ways[way];
      const before = await scene.login('u1', mode);
      return { before, after: await post('/step-up', { ...mode, ...access(before) }) };
    },
    'a login over it': async (way: Way) => {
      const { mode, access } = ways[way];
      const before = await scene.login('u1', mode);
      const headers = { ...mode, ...access(before) };
      return { before, after: await post('/login', headers, { userId: 'u2' }) };
    },
    'the end of an impersonation': async (way: Way) => {
      const { mode, access, cameBack } = ways[way];
      const own = await scene.login('u1', mode);
      const before = await post('/impersonate', { ...mode, ...access(own) });
      return { before, after: await post('/come-back', { ...mode, ...cameBack(before, own) }) };
    },
  };
  const cases = (['cookie', 'header'] as const).flatMap((way) =>
    (Object.keys(replacements) as (keyof typeof replacements)[]).map((by) => [by, way] as const),
  );

  it.each(cases)(
    'R11: by %s takes nothing from the client, which its next refresh answers: by %s',
    async (by, way) => {
      await open(on);
      const { before, after } = await replacements[by](way);
      const { mode, refresh } = ways[way];
      const late = () => scene.refresh({ ...mode, ...refresh(before) });
      await expectRefused(scene, late, REPLACED);
      expect((await late()).headers['retry-after']).toBe('1');
      const next = await scene.refresh({ ...mode, ...refresh(after) });
      expect(next.status).toBe(200);
      expect(holderOf(next).handle).toBe(after.handle);
      await scene.advance(GRACE_MS - 1);
      await expectRefused(scene, late, REPLACED);
      scene.booted.clock.advanceMs(1);
      await expectRefusedAndCleared(scene, late, UNAUTHORISED);
    },
  );

  it.each([
    ['without a grace period', { refreshGracePeriod: 0 }],
    ['without the feed', { refreshGracePeriod: 0, revocation: false as const }],
  ])('takes nothing for ten seconds %s', async (_, options) => {
    await open(on, options);
    const { before } = await replacements['a step-up']('cookie');
    const late = () => scene.refresh(bothCookies(before));
    scene.booted.clock.advanceMs(LEAST_MS - 1);
    expectAnswer(await late(), REPLACED);
    scene.booted.clock.advanceMs(1);
    const ended = await late();
    expectAnswer(ended, UNAUTHORISED);
    expectTokensCleared(ended);
  });

  it('is over at once where no line says why it ended', async () => {
    await open(on, { revocation: false, endedSessionRetention: 0 });
    const { before } = await replacements['a step-up']('cookie');
    const answer = await scene.refresh(bothCookies(before));
    expectAnswer(answer, UNAUTHORISED);
    expectTokensCleared(answer);
  });

  it('stays over for a clock that has gone back far', async () => {
    await open(on);
    const { before } = await replacements['a step-up']('cookie');
    scene.booted.clock.advanceMs(-3_600_000);
    expectAnswer(await scene.refresh(bothCookies(before)), UNAUTHORISED);
  });

  it('is signed out as ever, and that takes the tokens', async () => {
    await open(on);
    const { before } = await replacements['a step-up']('cookie');
    const answer = await scene.post('/auth/signout', bothCookies(before));
    expect(answer.status).toBe(200);
    expectTokensCleared(answer);
  });

  it('takes nothing where its access token is checked in the database', async () => {
    database = await createTestDatabase('sqlite');
    const controllers = [ReplacingController];
    const sessions = { revocation: { pollInterval: '1h', maxStaleness: false } } as const;
    const how = { platform: on, controllers, sessions, database: database.options };
    scene = await Scene.open(how);
    const other = await Scene.open(how);
    try {
      const { before } = await replacements['a step-up']('cookie');
      const strict = () => other.get('/strict', bothCookies(before));
      await expectEachRefused(other, [strict], TRY_REFRESH);
      scene.booted.clock.advanceMs(GRACE_MS);
      other.booted.clock.advanceMs(GRACE_MS);
      const ended = await strict();
      expectAnswer(ended, UNAUTHORISED);
      expectTokensCleared(ended);
    } finally {
      await other.close();
    }
  });

  const ends = {
    'by its time': async () => {
      for (const hours of [23, 2]) await scene.advance(hours * HOUR_MS);
      await scene.booted.app.get(SessionPruner).prune();
    },
    'by `revokeSession`': ({ handle }: Holder) => sessions().revokeSession(handle),
    'by `revokeEverything`': async () => {
      await sessions().revokeEverything();
      scene.booted.clock.advanceMs(10);
    },
  };
  const sessions = () => scene.booted.app.get(SessionService);
  const ended = (Object.keys(ends) as (keyof typeof ends)[]).flatMap((by) =>
    (['cookie', 'header'] as const).map((way) => [by, way] as const),
  );

  it.each(ended)(
    'takes nothing where the session was over before the login: %s, by %s',
    async (by, way) => {
      await open(on, { refreshTokenLifetime: '1d' });
      const { mode, access, refresh } = ways[way];
      const before = await scene.login('u1', mode);
      await ends[by](before);
      const end = await sessions().explain(before.handle);
      expect(end).toMatchObject({ status: 'ended' });
      scene.booted.clock.advanceMs(1_000);
      const after = await post('/login', { ...mode, ...access(before) }, { userId: 'u1' });
      const late = () => scene.refresh({ ...mode, ...refresh(before) });
      const crossing = await late();
      expectAnswer(crossing, REPLACED);
      expectTokensUntouched(crossing);
      expect((await scene.refresh({ ...mode, ...refresh(after) })).status).toBe(200);
      expect(await sessions().explain(before.handle)).toEqual(end);
      scene.booted.clock.advanceMs(GRACE_MS);
      const over = await late();
      expectAnswer(over, UNAUTHORISED);
      expectTokensCleared(over);
      const news = await scene.booted.app.get(RevocationStore).pagesSince(0, 0).next();
      expect(JSON.stringify(news.value)).not.toContain('replaced-by-login');
    },
  );

  it('leaves one line, for 70 minutes, where many logins show the tokens of a session that was over', async () => {
    await open(on);
    const before = await scene.login('u1');
    await sessions().revokeSession(before.handle);
    for (let times = 0; times < 3; times += 1) {
      scene.booted.clock.advanceMs(1_000);
      await post('/login', bothCookies(before), { userId: 'u1' });
    }
    const lines = scene.booted.dataSource.getRepository(SessionRevocation);
    const late = { handle: before.handle, reason: 'replaced-by-login' } as const;
    expect(await lines.countBy(late)).toBe(1);
    await expectRefused(scene, () => scene.refresh(bothCookies(before)), REPLACED);
    await scene.advance(2 * HOUR_MS);
    await scene.booted.app.get(SessionPruner).prune();
    expect(await lines.countBy(late)).toBe(0);
    expect(await sessions().explain(before.handle)).toMatchObject({ reason: 'revoked' });
  });

  it('takes nothing where a handler ends the session and then logs its user in', async () => {
    await open(on);
    const before = await scene.login('u1');
    const after = await post('/anew', bothCookies(before));
    await expectRefused(scene, () => scene.refresh(bothCookies(before)), REPLACED);
    expect((await scene.refresh(bothCookies(after))).status).toBe(200);
    expect(await sessions().explain(before.handle)).toMatchObject({ reason: 'revoked' });
  });

  it.each([{}, { revocation: false }] as const)(
    'takes nothing where the login follows `revokeAllSessionsForUser`, and other devices are logged out: %j',
    async (options) => {
      await open(on, options);
      const before = await scene.login('u1');
      const phone = await scene.login('u1');
      const after = await post('/password', bothCookies(before));
      const late = () => scene.refresh(bothCookies(before));
      await expectRefused(scene, late, REPLACED);
      await expectRefusedAndCleared(scene, () => scene.refresh(bothCookies(phone)), UNAUTHORISED);
      expectAnswer(await scene.get('/strict', bothCookies(before)), TRY_REFRESH);
      expect((await scene.refresh(bothCookies(after))).status).toBe(200);
      expect(await sessions().explain(before.handle)).toMatchObject({ reason: 'revoked-all' });
      await scene.advance(GRACE_MS);
      await expectRefusedAndCleared(scene, late, UNAUTHORISED);
    },
  );

  it('takes nothing where a handler goes on for minutes after the step-up in another tab', async () => {
    await open(on);
    const before = await scene.login('u1');
    beforeTheMerge = async () => {
      await post('/step-up', bothCookies(before));
      scene.booted.clock.advanceMs(5 * 60_000);
    };
    const answer = await scene.post('/merge', bothCookies(before));
    expectAnswer(answer, UNAUTHORISED);
    expectTokensUntouched(answer);
  });

  it('takes nothing where a handler of another tab has just begun to work with it', async () => {
    await open(on);
    const before = await scene.login('u1');
    beforeTheMerge = () => post('/step-up', bothCookies(before));
    const answer = await scene.post('/merge', bothCookies(before));
    expectAnswer(answer, UNAUTHORISED);
    expectTokensUntouched(answer);
  });
});
