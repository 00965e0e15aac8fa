import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SessionService, type SessionModuleOptions } from '../../lib/index.js';
import { resolveSessionOptions } from '../../lib/options/resolve-options.js';
import { RevokedSessions } from '../../lib/revocation/revoked-sessions.js';
import { newSessionHandle } from '../../lib/tokens/session-handle.js';
import { bootApp, platforms } from '../support/boot-app.js';
import {
  expectAnswer,
  expectRefused,
  expectRefusedAndCleared,
  expectTokensCleared,
  TRY_REFRESH,
  UNAUTHORISED,
} from '../support/refusal.js';
import {
  accessCookie,
  bothCookies,
  holderOf,
  payloadOf,
  refreshCookie,
  Scene,
} from '../support/scene.js';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

describe.each(platforms)('a session on %s', (platform) => {
  let scene: Scene;
  let sessions: SessionService;
  beforeAll(async () => {
    scene = await Scene.open({ platform });
    sessions = scene.booted.app.get(SessionService);
  });
  afterAll(() => scene.close());

  const open = (options: SessionModuleOptions) => Scene.open({ platform, sessions: options });

  it('T1: ends a second after its idle time, and its row with it', async () => {
    const idle = await open({ refreshTokenLifetime: '2h', revocation: false, pruning: false });
    try {
      const { refresh, handle } = await idle.login('u1');
      idle.booted.clock.advanceMs(2 * HOUR + 1_000);
      const answer = await idle.refresh(refreshCookie(refresh));
      expectAnswer(answer, UNAUTHORISED);
      expectTokensCleared(answer);
      expect(await idle.sessionRow(handle)).toBeNull();
    } finally {
      await idle.close();
    }
  });

  it('T2: ends at its absolute limit, however often it is refreshed, and its access token no later', async () => {
    const absolute = await open({
      absoluteTimeout: '3h',
      refreshTokenLifetime: '2h',
      accessTokenLifetime: '1h',
      revocation: false,
    });
    try {
      const begun = absolute.booted.clock.now();
      let holder = await absolute.login('u1');
      for (let turn = 0; turn < 17; turn += 1) {
        absolute.booted.clock.advanceMs(10 * MINUTE);
        holder = holderOf(await absolute.refresh(refreshCookie(holder.refresh)), holder);
        await absolute.get('/me', accessCookie(holder.access));
        await absolute.settle();
        expect(Number(payloadOf(holder.access)['exp']) * 1000).toBeLessThanOrEqual(
          begun + 3 * HOUR,
        );
      }
      absolute.booted.clock.advanceMs(10 * MINUTE);
      expect((await absolute.refresh(refreshCookie(holder.refresh))).status).toBe(401);
    } finally {
      await absolute.close();
    }
  });

  it('T4: that has expired is there for nobody, though no sweep has come by', async () => {
    const unswept = await open({
      refreshTokenLifetime: '2h',
      revocation: false,
      pruning: false,
    });
    try {
      const { refresh, handle } = await unswept.login('u1');
      const service = unswept.booted.app.get(SessionService);
      unswept.booted.clock.advanceMs(2 * HOUR);
      expect(await unswept.sessionRow(handle)).not.toBeNull();
      expect(await service.getSessionInformation(handle)).toBeUndefined();
      expect(await service.getAllSessionHandlesForUser('u1')).toEqual([]);
      expect(await service.listSessions('u1')).toEqual([]);
      expect(await service.mergeIntoAccessTokenPayload(handle, { a: 1 })).toBe(false);
      expect((await unswept.refresh(refreshCookie(refresh))).status).toBe(401);
    } finally {
      await unswept.close();
    }
  });

  it('X1: is signed out by an expired access token or by a refresh token, and again and again', async () => {
    const first = await scene.login('u1');
    const forged = accessCookie(`${first.access.slice(0, -6)}AAAAAA`);
    const rows = await scene.rows();
    expect((await scene.post('/auth/signout', forged)).status).toBe(200);
    expect(await scene.rows()).toEqual(rows);
    await scene.advance(2 * HOUR);
    for (let time = 0; time < 2; time += 1) {
      const answer = await scene.post('/auth/signout', bothCookies(first));
      expect(answer.status).toBe(200);
      expectTokensCleared(answer);
      expect(await scene.sessionRow(first.handle)).toBeNull();
    }
    const second = await scene.login('u1');
    expect((await scene.post('/auth/signout', refreshCookie(second.refresh))).status).toBe(200);
    expect(await scene.sessionRow(second.handle)).toBeNull();
  });

  it('X2: ends at once with all of its user’s, all but one, or everybody’s', async () => {
    const keeper = await scene.login('u2');
    const other = await scene.login('u2');
    const stranger = await scene.login('u3');
    await sessions.revokeOtherSessions('u2', keeper.handle);
    await expectRefused(scene, () => scene.get('/me', accessCookie(other.access)), TRY_REFRESH);
    expect((await scene.get('/me', accessCookie(keeper.access))).status).toBe(200);
    scene.booted.clock.advanceMs(1);
    await sessions.revokeAllSessionsForUser('u2');
    await expectRefused(scene, () => scene.get('/me', accessCookie(keeper.access)), TRY_REFRESH);
    const refresh = () => scene.refresh(refreshCookie(keeper.refresh));
    await expectRefusedAndCleared(scene, refresh, UNAUTHORISED);
    expect((await scene.get('/me', accessCookie(stranger.access))).status).toBe(200);
  });

  it('X2: ends at once with all of its tenant’s, and in no other', async () => {
    const login = async (userId: string, tenantId: string) => {
      const made = await sessions.createNewSessionWithoutRequestResponse(tenantId, userId);
      const { accessToken, refreshToken = '' } = made.getAllSessionTokensDangerously();
      expect((await scene.get('/me', accessCookie(accessToken))).status).toBe(200);
      return { access: accessToken, refresh: refreshToken };
    };
    const ended = [await login('u2', 'shop'), await login('u3', 'shop')];
    const others = [await login('u2', 'Shop'), await login('u2', 'public')];
    expect(await sessions.revokeAllSessionsOfTenant('shop')).toBe(2);
    for (const { access, refresh } of ended) {
      expectAnswer(await scene.get('/me', accessCookie(access)), TRY_REFRESH);
      expectAnswer(await scene.refresh(refreshCookie(refresh)), UNAUTHORISED);
    }
    for (const { access, refresh } of others) {
      expect((await scene.get('/strict', accessCookie(access))).status).toBe(200);
      expect((await scene.refresh(refreshCookie(refresh))).status).toBe(200);
    }
    expect(await sessions.revokeAllSessionsOfTenant('nobody’s')).toBe(0);
    await scene.expectBystanderToStay();
  });

  it('X8: remembered or not, is refused once everything is revoked', async () => {
    const emergency = await open({});
    try {
      const { access, refresh } = await emergency.login('u1');
      expect((await emergency.get('/me', accessCookie(access))).status).toBe(200);
      await emergency.booted.app.get(SessionService).revokeEverything();
      expectAnswer(await emergency.get('/me', accessCookie(access)), TRY_REFRESH);
      expectAnswer(await emergency.refresh(refreshCookie(refresh)), UNAUTHORISED);
    } finally {
      await emergency.close();
    }
  });
});

describe('the feed of revocations', () => {
  it('X6: forgets what no living access token can name any more', () => {
    const revoked = new RevokedSessions();
    const now = 1_000_000;
    for (let index = 0; index < 50_000; index += 1) {
      const handle = newSessionHandle(now);
      revoked.add({ kind: 'session', handle, reason: 'revoked', expiresAtMs: now + HOUR });
    }
    expect(revoked.size).toBe(50_000);
    revoked.forgetExpired(now + HOUR - 1);
    expect(revoked.size).toBe(50_000);
    revoked.forgetExpired(now + HOUR);
    expect(revoked.size).toBe(0);
  });

  it('X6: keeps a revocation for as long as an access token lives, and ten minutes more', async () => {
    const booted = await bootApp({ sessions: { accessTokenLifetime: '10m' } });
    try {
      const sessions = booted.app.get(SessionService);
      const session = await sessions.createNewSessionWithoutRequestResponse('public', 'u1');
      await sessions.revokeSession(session.getHandle());
      const [line] = await booted.dataSource.query<{ expiresAt: number; revokedAt: number }[]>(
        'SELECT "expiresAt", "revokedAt" FROM "auth_session_revocation"',
      );
      expect(Number(line?.expiresAt) - Number(line?.revokedAt)).toBe(20 * MINUTE);
    } finally {
      await booted.close();
    }
  });
});

describe('the limits of time', () => {
  const problemOf = (options: SessionModuleOptions): string => {
    try {
      resolveSessionOptions(options, { production: true });
      return '';
    } catch (error) {
      return String(error);
    }
  };

  it('T3: of a profile are those of NIST, and a longer one stops the start with both numbers', () => {
    const aal2 = resolveSessionOptions({ profile: 'aal2' }, { production: true });
    expect([aal2.refreshTokenLifetimeMs, aal2.absoluteTimeoutMs]).toEqual([HOUR, 24 * HOUR]);
    const problem = problemOf({ profile: 'aal2', refreshTokenLifetime: '100d' });
    expect(problem).toMatch(/8640000 seconds.*3600/);
  });

  it.each([Number.NaN, Number.POSITIVE_INFINITY, -1, 1.5e300, '9999999999y', 'soon', {}, null])(
    'T5: cannot be %s',
    (value) => {
      for (const name of ['accessTokenLifetime', 'refreshTokenLifetime', 'refreshGracePeriod']) {
        expect(problemOf({ [name]: value })).toContain(name);
      }
    },
  );

  it('T5: cannot contradict each other', () => {
    expect(problemOf({ accessTokenLifetime: '2h', refreshTokenLifetime: '1h' })).not.toBe('');
    expect(problemOf({ refreshGracePeriod: '6m' })).toContain('refreshGracePeriod');
  });
});
