import { EventEmitter } from 'node:events';
import { afterEach, describe, expect, it } from 'vitest';
import {
  UserRoleClaim,
  type LiveEnd,
  type SessionContainer,
  type SessionModuleOptions,
} from '../../lib/index.js';
import { OpenClaims } from '../../lib/live/open-claims.js';
import { OpenSessions } from '../../lib/live/open-sessions.js';
import { RevocationFeed } from '../../lib/revocation/revocation-feed.js';
import type { FakeBrowser } from '../../lib/testing/index.js';
import { ACCESS, BoundScene } from '../support/bound-scene.js';
import { describeOnEachDatabase, describeOnEachServer } from '../support/components.js';
import { logIn, refreshTokenOf, useFleets, type Instance } from '../support/fleet.js';
import { LogRecorder } from '../support/log-recorder.js';
import { StatementLog, type Statement } from '../support/statement-log.js';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
// The feed is read where a test says so, and not in between.
const QUIET = { revocation: { pollInterval: '1h', maxStaleness: '1d' } } as const;

/** What the feed's timer does, in the moment of the test's choice. */
async function beat({ app }: Pick<Instance, 'app'>): Promise<void> {
  const feed = app.get(RevocationFeed) as { task: { runNow(): Promise<void> } };
  await feed.task.runNow();
  const { looking }: { looking?: Promise<void> } = app.get(OpenSessions);
  await looking;
}

function openIn({ app }: Instance): number {
  return app.get(OpenSessions).size;
}

/** A session of another instance, as this one knows it by its token. */
function shownTo({ sessions }: Instance, session: SessionContainer): Promise<SessionContainer> {
  return sessions.getSessionWithoutRequestResponse(session.getAccessToken());
}

function endsOf({ sessions }: Pick<Instance, 'sessions'>, session: SessionContainer): LiveEnd[] {
  const ends: LiveEnd[] = [];
  sessions.watch(session, (end) => ends.push(end));
  return ends;
}

function lastFetched(clock: { now(): number }): object {
  return { 'st-role': { t: clock.now() } };
}

const WAYS: readonly [string, (at: Instance, session: SessionContainer) => unknown, string][] = [
  [
    'is revoked by its handle',
    (at, session) => at.sessions.revokeSession(session.getHandle()),
    'revoked',
  ],
  ['is revoked by its container', (_, session) => session.revokeSession(), 'revoked'],
  ['is one of a user that end', (at) => at.sessions.revokeAllSessionsForUser('bob'), 'revoked-all'],
  ['is not the one that stays', keepAnother, 'revoked-others'],
  [
    'is in a tenant that ends',
    (at) => at.sessions.revokeAllSessionsOfTenant('public'),
    'revoked-tenant',
  ],
  ['ends with those of everyone', (at) => at.sessions.revokeEverything(), 'revoked-everything'],
  ['is a stolen one', presentSpentToken, 'token-theft'],
  ['is forgotten with its user', (at) => at.sessions.forgetUser('bob'), 'user-forgotten'],
];

async function keepAnother(at: Instance): Promise<void> {
  at.clock.advanceMs(10);
  const other = await logIn(at);
  await at.sessions.revokeOtherSessions('bob', other.getHandle());
}

async function presentSpentToken(at: Instance, session: SessionContainer): Promise<void> {
  const spent = refreshTokenOf(session);
  const next = refreshTokenOf(await at.sessions.refreshSessionWithoutRequestResponse(spent));
  await at.sessions.refreshSessionWithoutRequestResponse(next);
  at.clock.advanceMs(DAY);
  const last = await at.sessions.refreshSessionWithoutRequestResponse(next);
  at.clock.advanceMs(DAY);
  await at.sessions.refreshSessionWithoutRequestResponse(refreshTokenOf(last));
  await at.sessions.refreshSessionWithoutRequestResponse(spent).catch(() => undefined);
}

describe('who watches a session', () => {
  const start = useFleets('sqlite');
  let scene: BoundScene | undefined;

  afterEach(async () => {
    await scene?.close();
    scene = undefined;
  });

  async function endsOfBrowser(browser: FakeBrowser): Promise<LiveEnd[]> {
    const at = scene as BoundScene;
    const token = String(browser.cookie(ACCESS));
    return endsOf(at, await at.sessions.getSessionWithoutRequestResponse(token));
  }

  it.each(WAYS)('is told at once, and once, where it %s', async (_, end, reason) => {
    const { first } = await start({ sessions: QUIET });
    const session = await logIn(first);
    const ends = endsOf(first, session);
    await end(first, session);
    expect(ends).toMatchObject([{ reason, sessionHandle: session.getHandle(), userId: 'bob' }]);
    expect(ends[0]?.error).toMatchObject({ code: 'UNAUTHORISED', endReason: reason });
    await beat(first);
    expect(ends).toHaveLength(1);
    expect(openIn(first)).toBe(0);
  });

  it('is told where a limit throws it out, and no other session', async () => {
    const { first, clock } = await start({ sessions: { ...QUIET, maxSessionsPerUser: 1 } });
    const alice = endsOf(first, await logIn(first, 'alice'));
    const ends = endsOf(first, await logIn(first));
    clock.advanceMs(10);
    await logIn(first);
    expect(ends).toMatchObject([{ reason: 'session-limit' }]);
    expect(alice).toEqual([]);
  });

  it('is told at once of a session that has ended before', async () => {
    const { first } = await start({ sessions: QUIET });
    const session = await logIn(first);
    await session.revokeSession();
    expect(endsOf(first, session)).toMatchObject([{ reason: 'revoked' }]);
    expect(openIn(first)).toBe(0);
  });

  it('is told no more once it has let go, and nothing is kept', async () => {
    const { first } = await start({ sessions: QUIET });
    const session = await logIn(first);
    const ends: LiveEnd[] = [];
    const watching = first.sessions.watch(session, (end) => ends.push(end));
    const other = first.sessions.watch(session, () => undefined);
    watching[Symbol.dispose]();
    expect(openIn(first)).toBe(1);
    other[Symbol.dispose]();
    expect(openIn(first)).toBe(0);
    await session.revokeSession();
    expect(ends).toEqual([]);
  });

  it('is told no more once it has let go, also if the session had ended by then', async () => {
    const { first } = await start({ sessions: QUIET });
    const session = await logIn(first);
    const ends: LiveEnd[] = [];
    const others = [
      first.sessions.watch(session, () => others.forEach((each) => each[Symbol.dispose]())),
      first.sessions.watch(session, (end) => ends.push(end)),
    ];
    await session.revokeSession();
    await new Promise((resolve) => setImmediate(resolve));
    expect(ends).toEqual([]);
    expect(openIn(first)).toBe(0);
  });

  it.each<[string, () => unknown]>([
    [
      'throws',
      () => {
        throw new Error('of the application');
      },
    ],
    ['rejects', () => Promise.reject(new Error('of the application'))],
  ])('keeps no other from being told where it %s, and the log says so', async (_, fail) => {
    const log = new LogRecorder();
    const { first } = await start({ sessions: QUIET });
    first.app.useLogger(log);
    const session = await logIn(first);
    first.sessions.watch(session, fail);
    const ends = endsOf(first, session);
    expect(await first.sessions.revokeSession(session.getHandle())).toBe(true);
    await expect.poll(() => ends).toHaveLength(1);
    await expect
      .poll(() => log.texts('error'))
      .toEqual(['A listener for the end of a session failed']);
  });

  it('is told that its time is over: idle, or in all', async () => {
    const idle = await start({ sessions: { ...QUIET, refreshTokenLifetime: '2d' } });
    const ofIdle = endsOf(idle.first, await logIn(idle.first));
    idle.clock.advanceMs(2 * DAY - 1);
    await beat(idle.first);
    expect(ofIdle).toEqual([]);
    idle.clock.advanceMs(1);
    await beat(idle.first);
    expect(ofIdle).toMatchObject([{ reason: 'expired-idle', error: { code: 'UNAUTHORISED' } }]);

    const all = await start({ sessions: { ...QUIET, absoluteTimeout: '3d' } });
    const ofAll = endsOf(all.first, await logIn(all.first));
    all.clock.advanceMs(3 * DAY);
    await beat(all.first);
    expect(ofAll).toMatchObject([{ reason: 'expired-absolute' }]);
  });

  it('is told that the key of its token was revoked, and that the session lives', async () => {
    const { first } = await start({ sessions: QUIET });
    const session = await logIn(first);
    const ends = endsOf(first, session);
    const [key] = first.sessions.getJWKS().keys;
    await first.sessions.revokeKey(String(key?.kid));
    await beat(first);
    expect(ends).toMatchObject([
      { reason: 'signing-key-revoked', error: { code: 'TRY_REFRESH_TOKEN' } },
    ]);
    const next = await first.sessions.refreshSessionWithoutRequestResponse(refreshTokenOf(session));
    expect(endsOf(first, next)).toEqual([]);
  });

  it('is told with the access token where `live.until` says so, and with nothing that is refreshed elsewhere', async () => {
    const { first, clock } = await start({ sessions: { ...QUIET, live: { until: 'token' } } });
    const ends = endsOf(first, await logIn(first));
    clock.advanceMs(HOUR);
    await beat(first);
    expect(ends).toMatchObject([{ reason: 'token-expired', error: { code: 'TRY_REFRESH_TOKEN' } }]);
  });

  it('is told with the access token of a session that is bound to a device', async () => {
    const { first, clock } = await start({ sessions: QUIET });
    const { held } = (await logIn(first)).live;
    const ends: LiveEnd[] = [];
    const bound = { ...held, claims: { ...held.claims, cnf: { kid: 'x' } } };
    first.app.get(OpenSessions).watch(bound, (end) => ends.push(end));
    clock.advanceMs(HOUR);
    await beat(first);
    expect(ends).toMatchObject([{ reason: 'token-expired' }]);
  });

  it('is told with the access token of who acts as the user', async () => {
    const { first, clock } = await start({ sessions: QUIET });
    const actor = (await logIn(first, 'admin')).live.held.claims;
    const { held } = (await logIn(first)).live;
    const ends: LiveEnd[] = [];
    const act = { sub: actor.sub, tId: actor.tId, sid: actor.sessionHandle };
    const acted = { ...held, claims: { ...held.claims, act } };
    first.app.get(OpenSessions).watch(acted, (end) => ends.push(end));
    clock.advanceMs(HOUR - 1);
    await beat(first);
    expect(ends).toEqual([]);
    clock.advanceMs(1);
    await beat(first);
    expect(ends).toMatchObject([{ reason: 'token-expired' }]);
  });

  it('is told at once where the access token of a bound session has ended before', async () => {
    const { first, clock } = await start({ sessions: QUIET });
    const { held } = (await logIn(first)).live;
    const ends: LiveEnd[] = [];
    const bound = { ...held, claims: { ...held.claims, cnf: { kid: 'x' } } };
    clock.advanceMs(HOUR);
    first.app.get(OpenSessions).watch(bound, (end) => ends.push(end));
    expect(ends).toMatchObject([{ reason: 'token-expired' }]);
    expect(openIn(first)).toBe(0);
  });

  it('is told with the access token that is older than the key of its session’s device', async () => {
    scene = await BoundScene.open('express', 'sqlite', QUIET);
    const early = await scene.loggedIn({ registersAtOnce: false });
    const other = await scene.loggedIn({ canBind: false }, { userId: 'bob' });
    const [ends = [], endsOfOther] = await Promise.all([early, other].map(endsOfBrowser));
    await early.settle();
    scene.passMinutes(9);
    await beat(scene.booted);
    expect(ends).toEqual([]);
    scene.passMinutes(2);
    await beat(scene.booted);
    await beat(scene.booted);
    expect(ends).toMatchObject([{ reason: 'token-expired', error: { code: 'TRY_REFRESH_TOKEN' } }]);
    expect(endsOfOther).toEqual([]);
  });

  it('is told by the row, before the next beat, where a revocation is forgotten already', async () => {
    const { first, clock } = await start({ sessions: QUIET });
    const session = await logIn(first);
    await first.sessions.revokeSession(session.getHandle());
    clock.advanceMs(HOUR + 10 * 60_000);
    await beat(first);
    const ends = endsOf(first, session);
    await expect.poll(() => ends).toMatchObject([{ reason: 'revoked' }]);
  });

  it.each([
    [
      'its handle',
      (at: Instance, actor: SessionContainer) => at.sessions.revokeSession(actor.getHandle()),
    ],
    ['everyone of the user', (at: Instance) => at.sessions.revokeAllSessionsForUser('admin')],
  ])('is told where the session of who acts in it is revoked, by %s', async (_, end) => {
    const { first } = await start({ sessions: QUIET });
    const actor = await logIn(first, 'admin');
    const { held } = (await logIn(first)).live;
    const act = { sub: 'admin', sid: actor.getHandle(), tId: 'public' };
    const acted = { ...held, claims: { ...held.claims, act } };
    const ends: LiveEnd[] = [];
    const open = first.app.get(OpenSessions);
    open.watch(acted, (each) => ends.push(each));
    open.watch(acted, () => undefined)[Symbol.dispose]();
    await end(first, actor);
    expect(ends).toMatchObject([{ reason: 'actor-ended', userId: 'bob' }]);
    expect(open.size).toBe(0);
    open.watch(acted, (each) => ends.push(each));
    expect(ends).toHaveLength(2);
    expect(open.size).toBe(0);
  });
});

describe('the signal of a session', () => {
  const start = useFleets('sqlite');

  it('is aborted at the end, with the error of it', async () => {
    const { first } = await start({ sessions: QUIET });
    const session = await logIn(first);
    const { ended } = session;
    expect(session.ended).toBe(ended);
    expect(ended.aborted).toBe(false);
    await session.revokeSession();
    expect(ended.aborted).toBe(true);
    expect(ended.reason).toMatchObject({ code: 'UNAUTHORISED', endReason: 'revoked' });
    expect((await logIn(first)).ended.aborted).toBe(false);
  });

  it.each([
    ['is revoked', (_: Instance, session: SessionContainer) => session.revokeSession()],
    [
      'outlives its token',
      (at: Instance) => {
        at.clock.advanceMs(HOUR);
        return beat(at);
      },
    ],
  ])('is aborted also where a session %s and its socket hears of it first', async (_, end) => {
    const { first } = await start({ sessions: { ...QUIET, live: { until: 'token' } } });
    const session = await logIn(first);
    const socket = new EventEmitter();
    session.bindTo(socket);
    first.sessions.watch(session, () => socket.emit('close'));
    const { ended } = session;
    await end(first, session);
    await expect.poll(() => ended.aborted).toBe(true);
  });

  it('is released where its socket closes by itself', async () => {
    const { first } = await start({ sessions: QUIET });
    const session = await logIn(first);
    const socket = new EventEmitter();
    session.bindTo(socket);
    const { ended } = session;
    socket.emit('close');
    expect(openIn(first)).toBe(0);
    await session.revokeSession();
    expect(ended.aborted).toBe(false);
  });
});

describeOnEachDatabase('what is held open', (engine) => {
  const start = useFleets(engine);
  const sessions: SessionModuleOptions = { ...QUIET, refreshTokenLifetime: '2d' };

  it('costs one statement for two hundred sessions when their tokens end, and none before', async () => {
    const log = new StatementLog();
    const { first, clock } = await start({ sessions, driver: { logging: true, logger: log } });
    let from = 0;
    const ends: LiveEnd[] = [];
    for (let count = 0; count < 200; count += 1) {
      const session = await logIn(first, `user-${count}`);
      for (let more = 0; more < 3; more += 1)
        first.sessions.watch(session, (end) => ends.push(end));
    }
    await beat(first);
    from = log.length;
    await beat(first);
    expect(log.since(from).filter(namesSessions)).toEqual([]);
    clock.advanceMs(HOUR);
    await beat(first);
    expect(log.since(from).filter(namesSessions)).toHaveLength(1);
    from = log.length;
    await beat(first);
    expect(log.since(from).filter(namesSessions)).toEqual([]);
    expect(ends).toEqual([]);
    clock.advanceMs(2 * DAY);
    await beat(first);
    await expect.poll(() => ends.length).toBe(600);
    expect(openIn(first)).toBe(0);
  });
});

function namesSessions({ sql }: Statement): boolean {
  return /FROM \W?auth_session\W?\s/i.test(sql);
}

describeOnEachServer('a session that is watched on another instance', (engine) => {
  const start = useFleets(engine);

  it.each(WAYS)('is told of with the next look at the feed where it %s', async (_, end, reason) => {
    const { instances } = await start({ instances: 2, sessions: QUIET });
    const [here, there] = instances as [Instance, Instance];
    const session = await logIn(there);
    const ends = endsOf(here, await shownTo(here, session));
    await end(there, session);
    expect(ends).toEqual([]);
    await beat(here);
    expect(ends).toMatchObject([{ reason }]);
  });

  it.each(WAYS)(
    'is told of, if late, where the feed could not be read for as long as it says so: %s',
    async (_, end) => {
      const { instances, clock } = await start({ instances: 2, sessions: QUIET });
      const [here, there] = instances as [Instance, Instance];
      const session = await logIn(there);
      const ends = endsOf(here, await shownTo(here, session));
      clock.advanceMs(HOUR);
      await beat(here);
      await end(there, session);
      clock.advanceMs(3 * HOUR);
      await beat(here);
      await beat(here);
      expect(ends).toMatchObject([{ sessionHandle: session.getHandle() }]);
      expect(openIn(here)).toBe(0);
    },
  );

  it('has no role that was taken, however long ago, also where its connection asked for none', async () => {
    const roles = new Map([['bob', ['admin']]]);
    let fetches = 0;
    const role = new UserRoleClaim({
      fetchValue: ({ userId }) => {
        fetches += 1;
        return roles.get(userId) ?? [];
      },
    });
    const { instances, clock } = await start({
      instances: 2,
      sessions: { ...QUIET, claims: [role] },
    });
    const [here, there] = instances as [Instance, Instance];
    const session = await logIn(there);
    const token = refreshTokenOf(session);
    const newer = await there.sessions.refreshSessionWithoutRequestResponse(token);
    const shown = [session, newer, newer].map((each) => shownTo(here, each));
    const connections = await Promise.all(shown);
    const rolesOf = (each: SessionContainer) => each.getClaimValue(role);
    expect(connections.map(rolesOf)).toEqual([['admin'], ['admin'], ['admin']]);
    for (const each of connections) OpenClaims.watch(each, undefined, () => undefined);
    fetches = 0;
    roles.clear();
    clock.advanceMs(1);
    await there.sessions.markClaimsStale('bob');
    await beat(here);
    await expect.poll(() => connections.map(rolesOf)).toEqual([[], [], []]);
    // Each token is renewed for itself.
    expect(fetches).toBe(2);
  });

  it('ends where a role was taken while the feed could not be read', async () => {
    const roles = new Map([['bob', ['admin']]]);
    const role = new UserRoleClaim({ fetchValue: ({ userId }) => roles.get(userId) ?? [] });
    const sessions = { ...QUIET, claims: [role] };
    const { instances, clock } = await start({ instances: 2, sessions });
    const [here, there] = instances as [Instance, Instance];
    const session = await logIn(there);
    const ends: unknown[] = [];
    const asked = { overrideGlobalClaimValidators: () => [role.validators.includes('admin')] };
    OpenClaims.watch(await shownTo(here, session), asked, (end) => ends.push(end));
    clock.advanceMs(HOUR);
    await beat(here);
    roles.clear();
    await there.sessions.markClaimsStale(session.getUserId());
    clock.advanceMs(3 * HOUR);
    await beat(here);
    await expect.poll(() => ends).toMatchObject([{ reason: 'claims' }]);
  });

  it('keeps a role through any number of fetches, until it is taken', async () => {
    let fetches = 0;
    let roles = ['admin'];
    const role = new UserRoleClaim({
      defaultMaxAgeInSeconds: 60,
      fetchValue: () => {
        fetches += 1;
        return roles;
      },
    });
    const { first, clock } = await start({ sessions: { ...QUIET, claims: [role] } });
    const session = await shownTo(first, await logIn(first));
    // As for the messages of a GraphQL socket.
    session.renewal.limit();
    const ends: unknown[] = [];
    const asked = { overrideGlobalClaimValidators: () => [role.validators.includes('admin')] };
    OpenClaims.watch(session, asked, (end) => ends.push(end));
    const lookAgain = async (): Promise<void> => {
      fetches = 0;
      clock.advanceMs(HOUR);
      await beat(first);
      await expect.poll(() => fetches).toBe(1);
      await expect.poll(() => session.getAccessTokenPayload()).toMatchObject(lastFetched(clock));
    };
    for (let looks = 0; looks < 51; looks += 1) await lookAgain();
    expect(ends).toEqual([]);
    // The token has no room for these.
    roles = Array.from({ length: 500 }, (_, index) => `reader of book ${index}`);
    clock.advanceMs(HOUR);
    await beat(first);
    await expect.poll(() => ends).toMatchObject([{ reason: 'claims' }]);
  });

  it('goes on as long as it is refreshed there, and ends by the timeout after that', async () => {
    const sessions = { ...QUIET, refreshTokenLifetime: '2d' } as const;
    const { instances, clock } = await start({ instances: 2, sessions });
    const [here, there] = instances as [Instance, Instance];
    const session = await logIn(there);
    const ends = endsOf(here, await shownTo(here, session));
    let token = refreshTokenOf(session);
    for (let day = 0; day < 4; day += 1) {
      clock.advanceMs(DAY);
      await beat(here);
      token = refreshTokenOf(await there.sessions.refreshSessionWithoutRequestResponse(token));
    }
    expect(ends).toEqual([]);
    clock.advanceMs(2 * DAY);
    await beat(here);
    await beat(here);
    expect(ends).toMatchObject([{ reason: 'expired-idle' }]);
  });
});
