import { Controller, Post, Req, Res } from '@nestjs/common';
import { afterEach, describe, expect, it } from 'vitest';
import {
  CurrentSession,
  SessionService,
  VerifySession,
  type SessionContainer,
  type SessionModuleOptions,
} from '../../lib/index.js';
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
