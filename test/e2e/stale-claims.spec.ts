import { Controller, Get } from '@nestjs/common';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  BooleanClaim,
  CurrentSession,
  PermissionClaim,
  SessionRevocation,
  SessionService,
  UserRoleClaim,
  VerifySession,
  type SessionClaim,
  type SessionContainer,
} from '../../lib/index.js';
import { RevocationFeed } from '../../lib/revocation/revocation-feed.js';
import { SessionPruner } from '../../lib/session/end/session-pruner.js';
import { FakeClock } from '../../lib/testing/index.js';
import { bootApp, platforms, type BootedApp } from '../support/boot-app.js';
import { createTestDatabase, type TestDatabase } from '../support/databases.js';
import { HttpClient, type Answer } from '../support/http-client.js';
import { LoginController } from '../support/login.controller.js';
import { frontTokenOf } from '../support/scene.js';

const HOUR_MS = 3_600_000;

const rolesOf = new Map<string, string[] | undefined>();
let fetches = 0;
let factorFetches = 0;
let asking = 0;
let held: Promise<void> | undefined;
const roleClaim = new UserRoleClaim({
  fetchValue: async ({ userId }) => {
    fetches += 1;
    const roles = rolesOf.get(userId);
    await held;
    return roles;
  },
});
const permissionClaim = new PermissionClaim({
  // The roles that have just been fetched, not those of the token.
  fetchValue: ({ accessTokenPayload }) => {
    const roles = roleClaim.getValueFromPayload(accessTokenPayload) ?? [];
    return roles.map((role) => `act as ${role}`);
  },
});

// Set in a session alone: there is nothing to fetch.
const secondFactor = new BooleanClaim({
  key: '2fa',
  fetchValue: () => {
    factorFetches += 1;
    return undefined;
  },
});

@Controller()
class StaleController extends LoginController {
  @Get('roles')
  @VerifySession()
  roles(@CurrentSession() session: SessionContainer): object {
    return {
      roles: session.getClaimValue(roleClaim),
      permissions: session.getClaimValue(permissionClaim),
    };
  }

  @Get('admin')
  @VerifySession({ roles: ['admin'] })
  admin(): string {
    return 'yes';
  }

  @Get('second-factor')
  @VerifySession()
  secondFactor(@CurrentSession() session: SessionContainer): object {
    return { value: session.getClaimValue(secondFactor) ?? null };
  }

  @Get('strict')
  @VerifySession({ checkDatabase: true })
  strict(@CurrentSession() session: SessionContainer): object {
    return this.roles(session);
  }
}

/** Leaves no room in a session's token. */
async function fillToken(session: SessionContainer): Promise<void> {
  const fill = (length: number) =>
    session.mergeIntoAccessTokenPayload({ filling: 'x'.repeat(length) }).then(
      () => true,
      () => false,
    );
  let length = 4_096;
  while (!(await fill(length))) length -= 8;
}

describe.each(platforms)('claims that have been marked stale, on %s', (platform) => {
  const clock = new FakeClock();
  let database: TestDatabase;
  let here: BootedApp;
  let there: BootedApp;
  let claims: SessionClaim<unknown>[];

  beforeEach(async () => {
    database = await createTestDatabase('sqlite');
    claims = [roleClaim, permissionClaim, secondFactor];
    const boot = () =>
      bootApp({
        platform,
        clock,
        database: database.options,
        controllers: [StaleController],
        sessions: { claims, revocation: { pollInterval: '1h' } },
        prepare: (app) =>
          void app.use((_request: object, _response: object, next: () => void) => {
            next();
            setImmediate(() => (asking += 1));
          }),
      });
    here = await boot();
    there = await boot();
    rolesOf.clear();
    rolesOf.set('u1', ['user']);
    rolesOf.set('u2', ['user']);
  });
  afterEach(async () => {
    await Promise.all([here.close(), there.close()]);
    await database.drop();
  });

  async function login(userId: string): Promise<HttpClient> {
    const client = here.client();
    await client.post('/login', { userId });
    return client;
  }
  /** What an instance answers to a client of another one. */
  async function at(instance: BootedApp, client: HttpClient, path = '/roles'): Promise<unknown> {
    const headers = { cookie: await client.jar.getCookieString(client.baseUrl) };
    return (await instance.client().get(path, { headers })).json;
  }
  const poll = async () => {
    await here.app.get(RevocationFeed).poll();
    await there.app.get(RevocationFeed).poll();
  };
  // No instance misses lines meanwhile: it would count all claims as stale.
  const halfHours = async (count: number) => {
    for (let passed = 0; passed < count; passed += 1) {
      clock.advanceMs(HOUR_MS / 2);
      await poll();
    }
  };
  const promote = async (userId: string) => {
    rolesOf.set(userId, ['user', 'admin']);
    clock.advanceMs(1);
    await here.app.get(SessionService).markClaimsStale(userId);
    fetches = 0;
    factorFetches = 0;
  };
  const USER = { roles: ['user'], permissions: ['act as user'] };
  const ADMIN = {
    roles: ['user', 'admin'],
    permissions: ['act as user', 'act as admin'],
  };

  it('are new at the next request on this instance at once, on another within a poll', async () => {
    const client = await login('u1');
    await promote('u1');
    expect(await at(there, client)).toEqual(USER);
    await poll();
    expect(await at(there, client)).toEqual(ADMIN);
    expect(await at(here, client)).toEqual(ADMIN);
  });

  it('are new at once on an instance that reads the row', async () => {
    const client = await login('u1');
    await promote('u1');
    expect(await at(there, client, '/strict')).toEqual(ADMIN);
  });

  it('go out in a new token, and are then not fetched again', async () => {
    const client = await login('u1');
    await promote('u1');
    clock.advanceMs(1_000);
    const answer = await client.get('/roles');
    expect(answer.json).toEqual(ADMIN);
    expect(answer.headers['front-token']).toBeDefined();
    expect(fetches).toBe(1);
    const next = await client.get('/roles');
    expect(next.json).toEqual(ADMIN);
    expect(next.setCookies).toEqual([]);
    expect(fetches).toBe(1);
  });

  it.each(['cookie', 'header'])(
    'go out by %s with the refusal of who has lost a role, and are then not fetched again',
    async (mode) => {
      rolesOf.set('u1', ['user', 'admin']);
      const client = here.client();
      const headers: Record<string, string> = { 'st-auth-mode': mode };
      const keep = ({ headers: { 'st-access-token': token } }: Answer): void => {
        if (typeof token === 'string') headers['authorization'] = `Bearer ${token}`;
      };
      keep(await client.post('/login', { userId: 'u1' }, { headers }));
      expect((await client.get('/admin', { headers })).status).toBe(200);
      await promote('u1');
      rolesOf.set('u1', ['user']);
      clock.advanceMs(1_000);
      const refused = await client.get('/admin', { headers });
      expect(refused.status).toBe(403);
      expect(refused.headers['cache-control']).toBe('no-store');
      expect(frontTokenOf(refused).up).toMatchObject({ 'st-role': { v: ['user'] } });
      keep(refused);
      const next = await client.get('/admin', { headers });
      expect(next.status).toBe(403);
      expect(next.headers['front-token']).toBeUndefined();
      expect(fetches).toBe(1);
    },
  );

  const holdFetches = (): (() => void) => {
    let release = (): void => undefined;
    held = new Promise((resolve) => (release = resolve));
    asking = 0;
    return () => {
      held = undefined;
      release();
    };
  };

  /** A request whose fetch alone is held. */
  const fetchThatIsHeld = async () => {
    const client = await login('u1');
    await promote('u1');
    const release = holdFetches();
    const early = at(here, client);
    await expect.poll(() => fetches).toBeGreaterThan(0);
    held = undefined;
    return { client, early, release };
  };

  it('are fetched once for requests of one token that come together, and go out to each', async () => {
    const client = await login('u1');
    await promote('u1');
    clock.advanceMs(1_000);
    const release = holdFetches();
    const asked = Array.from({ length: 4 }, () => client.get('/roles'));
    await expect.poll(() => asking).toBe(4);
    release();
    for (const { json, headers } of await Promise.all(asked)) {
      expect(json).toEqual(ADMIN);
      expect(headers['front-token']).toBeDefined();
    }
    expect(fetches).toBe(1);
  });

  it('are fetched anew after a later mark, also for a request of before', async () => {
    const client = await login('u1');
    await promote('u1');
    const release = holdFetches();
    const early = client.get('/roles');
    await expect.poll(() => asking).toBe(1);
    rolesOf.set('u1', ['user']);
    clock.advanceMs(1);
    await here.app.get(SessionService).markClaimsStale('u1');
    const late = client.get('/roles');
    await expect.poll(() => asking).toBe(2);
    release();
    expect((await early).json).toEqual(USER);
    expect((await late).json).toEqual(USER);
    expect(fetches).toBe(2);
  });

  it('are fetched anew where a fetch of before does not come to its end', async () => {
    const { client, early, release } = await fetchThatIsHeld();
    clock.advanceMs(2_000);
    expect(await at(here, client)).toEqual(ADMIN);
    release();
    expect(await early).toEqual(ADMIN);
  });

  it('are asked for again where a later mark comes while they are fetched', async () => {
    const { early, release } = await fetchThatIsHeld();
    rolesOf.set('u1', ['user']);
    clock.advanceMs(1);
    await here.app.get(SessionService).markClaimsStale('u1');
    release();
    expect(await early).toEqual(USER);
  });

  it('are what a later fetch has found, also where an earlier one ends after it', async () => {
    const { client, early, release } = await fetchThatIsHeld();
    rolesOf.set('u1', ['user']);
    clock.advanceMs(2_000);
    expect(await at(here, client)).toEqual(USER);
    release();
    await early;
    const sessions = here.app.get(SessionService);
    const [handle = ''] = await sessions.getAllSessionHandlesForUser('u1');
    const row = await sessions.getSessionInformation(handle);
    const payload = row?.customClaimsInAccessTokenPayload ?? {};
    expect(roleClaim.getValueFromPayload(payload)).toEqual(USER.roles);
  });

  it('fail for each of those requests if the fetch fails, and are fetched at the next', async () => {
    const client = await login('u1');
    await promote('u1');
    const release = holdFetches();
    held = held?.then(() => Promise.reject(new Error('away')));
    const asked = [client.get('/roles'), client.get('/roles')];
    await expect.poll(() => asking).toBe(2);
    release();
    expect((await Promise.all(asked)).map(({ status }) => status)).toEqual([500, 500]);
    expect((await client.get('/roles')).json).toEqual(ADMIN);
  });

  it('are fetched again within the second that two clocks may differ by', async () => {
    const client = await login('u1');
    clock.advanceMs(1);
    await here.app.get(SessionService).markClaimsStale('u1');
    clock.advanceMs(998);
    await client.get('/roles');
    rolesOf.set('u1', ['user', 'admin']);
    clock.advanceMs(1);
    expect((await client.get('/roles')).json).toEqual(ADMIN);
  });

  it.each([
    ['right after', 0],
    ['much later, when the feed tells of it no more', 20 * HOUR_MS],
  ])('are new in a session that is refreshed %s', async (_, laterMs) => {
    const client = await login('u1');
    const other = await login('u1');
    await promote('u1');
    clock.advanceMs(laterMs);
    await poll();
    for (const [instance, each] of [
      [here, client],
      [there, other],
    ] as const) {
      expect((await each.post('/auth/session/refresh')).status).toBe(200);
      expect(await at(instance, each)).toEqual(ADMIN);
    }
  });

  it('are new in a session whose login fetched them before, and ended after it', async () => {
    fetches = 0;
    const release = holdFetches();
    const loggingIn = login('u1');
    await expect.poll(() => fetches).toBe(1);
    await promote('u1');
    release();
    const client = await loggingIn;
    await halfHours(6);
    await there.app.get(SessionPruner).prune();
    expect((await client.post('/auth/session/refresh')).status).toBe(200);
    expect(await at(here, client)).toEqual(ADMIN);
    fetches = 0;
    // Those that were fetched since stay.
    await there.app.get(SessionPruner).prune();
    expect((await client.post('/auth/session/refresh')).status).toBe(200);
    expect(fetches).toBe(0);
  });

  it('keep the age of a value that was set right after, also once the feed tells of it no more', async () => {
    const client = await login('u1');
    const sessions = here.app.get(SessionService);
    await sessions.markClaimsStale('u1');
    const [handle = ''] = await sessions.getAllSessionHandlesForUser('u1');
    await sessions.setClaimValue(handle, secondFactor, true);
    const setAtMs = clock.now();
    expect((await client.post('/auth/session/refresh')).status).toBe(200);
    clock.advanceMs(2_000);
    await client.get('/second-factor');
    await halfHours(6);
    await there.app.get(SessionPruner).prune();
    const row = await sessions.getSessionInformation(handle);
    const payload = row?.customClaimsInAccessTokenPayload ?? {};
    expect(secondFactor.getLastFetchedTimeMs(payload)).toBe(setAtMs);
  });

  it('log nobody out, and leave other users alone', async () => {
    const client = await login('u1');
    const other = await login('u2');
    rolesOf.set('u2', ['other']);
    await promote('u1');
    await poll();
    expect(await at(there, other)).toEqual(USER);
    expect(await at(here, other)).toEqual(USER);
    expect(fetches).toBe(0);
    expect((await client.post('/auth/session/refresh')).status).toBe(200);
    const lines = await here.dataSource.getRepository(SessionRevocation).find();
    expect(lines.map(({ kind, userId }) => [kind, userId])).toEqual([['stale-claims', 'u1']]);
  });

  it('stay as they are where there is nothing to fetch, and are asked for again', async () => {
    const client = await login('u1');
    await promote('u1');
    rolesOf.set('u1', undefined);
    expect((await client.get('/roles')).json).toMatchObject({ roles: ['user'] });
    rolesOf.set('u1', ['admin']);
    expect((await client.get('/roles')).json).toMatchObject({ roles: ['admin'] });
  });

  it('keep a value that is only ever set, without its age, and are asked for it once', async () => {
    const client = await login('u1');
    const sessions = here.app.get(SessionService);
    const [handle = ''] = await sessions.getAllSessionHandlesForUser('u1');
    await sessions.setClaimValue(handle, secondFactor, true);
    await client.post('/auth/session/refresh');
    await promote('u1');
    clock.advanceMs(1_000);
    expect((await client.get('/second-factor')).json).toEqual({ value: true });
    expect([fetches, factorFetches]).toEqual([1, 1]);
    const next = await client.get('/second-factor');
    expect(next.json).toEqual({ value: true });
    expect(next.setCookies).toEqual([]);
    expect([fetches, factorFetches]).toEqual([1, 1]);
    const young = secondFactor.validators.isTrue(300);
    expect(await sessions.validateClaimsForSessionHandle(handle, () => [young])).toMatchObject({
      invalidClaims: [{ id: '2fa', reason: { message: 'expired' } }],
    });
  });

  describe('of which a session has no value', () => {
    const withoutRoles = async (): Promise<HttpClient> => {
      rolesOf.set('u1', undefined);
      const client = await login('u1');
      expect((await client.get('/roles')).json).toEqual({ permissions: [] });
      return client;
    };

    it('are new at the next request', async () => {
      const client = await withoutRoles();
      await promote('u1');
      expect((await client.get('/roles')).json).toEqual(ADMIN);
      expect((await client.post('/auth/session/refresh')).status).toBe(200);
      expect((await client.get('/roles')).json).toEqual(ADMIN);
    });

    it('are new in a session that comes back when the feed tells of the mark no more', async () => {
      const client = await withoutRoles();
      await promote('u1');
      for (let hours = 0; hours < 20; hours += 1) {
        clock.advanceMs(HOUR_MS);
        await poll();
      }
      expect((await client.post('/auth/session/refresh')).status).toBe(200);
      expect(await at(there, client)).toEqual(ADMIN);
    });

    it('are asked for once by a token where there is nothing to fetch, and leave nothing behind', async () => {
      const client = await login('u1');
      await promote('u1');
      clock.advanceMs(1_000);
      for (const _ of [1, 2]) {
        expect((await client.get('/second-factor')).json).toEqual({ value: null });
        expect([fetches, factorFetches]).toEqual([1, 1]);
      }
      const sessions = here.app.get(SessionService);
      const [handle = ''] = await sessions.getAllSessionHandlesForUser('u1');
      const row = await sessions.getSessionInformation(handle);
      const claimsOfRow = row?.customClaimsInAccessTokenPayload ?? {};
      expect(Object.keys(claimsOfRow).toSorted()).toEqual(['st-perm', 'st-role']);
    });

    it('are asked for once by a token also where no other claim is fetched', async () => {
      claims.splice(0, 2);
      const other = await bootApp({ clock, database: database.options, sessions: { claims } });
      const sessions = other.app.get(SessionService);
      const session = await sessions.createNewSessionWithoutRequestResponse('public', 'u1');
      clock.advanceMs(1);
      await sessions.markClaimsStale('u1');
      factorFetches = 0;
      clock.advanceMs(1_000);
      let token = session.getAccessToken();
      for (const _ of [1, 2]) {
        token = (await sessions.getSessionWithoutRequestResponse(token)).getAccessToken();
        expect(factorFetches).toBe(1);
      }
      await other.close();
    });

    it('are marked in no session whose token has no room for that, as its values are', async () => {
      const long = new BooleanClaim({ key: 'x'.repeat(99), fetchValue: () => undefined });
      claims.push(long);
      const other = await bootApp({ clock, database: database.options, sessions: { claims } });
      const sessions = other.app.get(SessionService);
      const session = await sessions.createNewSessionWithoutRequestResponse('public', 'u1');
      await fillToken(session);
      await sessions.markClaimsStale('u1');
      const row = await sessions.getSessionInformation(session.getHandle());
      const payload = row?.customClaimsInAccessTokenPayload ?? {};
      expect(payload).toMatchObject({ 'st-role': { v: ['user'], t: 0 } });
      expect(payload).not.toHaveProperty(long.key);
      await other.close();
    });
  });

  it('keep what else the entry of such a value holds', async () => {
    class Signed extends BooleanClaim {
      override addToPayload(payload: object, value: boolean, nowMs: number) {
        return { ...payload, [this.key]: { v: value, t: nowMs, by: 'a card' } };
      }
    }
    const signed = new Signed({ key: 'signed', fetchValue: () => undefined });
    claims.push(signed);
    const other = await bootApp({ clock, database: database.options, sessions: { claims } });
    const sessions = other.app.get(SessionService);
    const session = await sessions.createNewSessionWithoutRequestResponse('public', 'u1');
    await session.setClaimValue(signed, true);
    clock.advanceMs(1);
    await sessions.markClaimsStale('u1');
    await sessions.getSessionWithoutRequestResponse(session.getAccessToken());
    const row = await sessions.getSessionInformation(session.getHandle());
    const entry = row?.customClaimsInAccessTokenPayload['signed'];
    expect(entry).toEqual({ v: true, t: 0, a: clock.now(), by: 'a card' });
    await other.close();
  });

  it('refuse no session whose token has no room for a note of them', async () => {
    const sessions = here.app.get(SessionService);
    const session = await sessions.createNewSessionWithoutRequestResponse('public', 'u1');
    await session.setClaimValue(secondFactor, true);
    await fillToken(session);
    clock.advanceMs(1);
    await sessions.markClaimsStale('u1');
    const token = session.getAccessToken();
    const found = await sessions.getSessionWithoutRequestResponse(token);
    expect(found.getClaimValue(secondFactor)).toBe(true);
    expect(found.getClaimValue(roleClaim)).toEqual(USER.roles);
  });

  it('bring back no value that was taken away meanwhile', async () => {
    const client = await login('u1');
    const sessions = here.app.get(SessionService);
    const [handle = ''] = await sessions.getAllSessionHandlesForUser('u1');
    await sessions.setClaimValue(handle, secondFactor, true);
    await client.post('/auth/session/refresh');
    await sessions.removeClaim(handle, secondFactor);
    await promote('u1');
    expect((await client.get('/second-factor')).json).toEqual({ value: null });
    expect(await sessions.getClaimValue(handle, secondFactor)).toEqual({
      status: 'OK',
      value: undefined,
    });
  });

  it('refuse a session that has ended meanwhile', async () => {
    const client = await login('u1');
    const [handle] = await here.app.get(SessionService).getAllSessionHandlesForUser('u1');
    await promote('u1');
    await here.app.get(SessionService).revokeSession(String(handle));
    await there.app.get(RevocationFeed).poll();
    expect(await at(there, client)).toEqual({
      statusCode: 401,
      code: 'TRY_REFRESH_TOKEN',
      message: 'try refresh token',
    });
  });
});
