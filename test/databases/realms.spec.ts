import { Controller, Get, Post, Req, Res } from '@nestjs/common';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import {
  BooleanClaim,
  CurrentSession,
  Session,
  SessionEventBus,
  SessionRevocation,
  SessionService,
  VerifySession,
  type SessionContainer,
  type SessionEventName,
} from '../../lib/index.js';
import { RevocationFeed } from '../../lib/revocation/revocation-feed.js';
import { SessionPruner } from '../../lib/session/end/session-pruner.js';
import { ArrivalQueue } from '../../lib/session/verify/arrival-queue.js';
import { FakeClock } from '../../lib/testing/index.js';
import { bootApp, type BootedApp } from '../support/boot-app.js';
import { describeOnEachDatabase } from '../support/components.js';
import { createTestDatabase, type TestDatabase } from '../support/databases.js';
import { logIn, refreshTokenOf } from '../support/fleet.js';
import { LoginController } from '../support/login.controller.js';
import { payloadOf } from '../support/scene.js';
import { StatementLog, type Statement } from '../support/statement-log.js';
import { asksForNoRow } from '../support/table-scans.js';

const DAY_MS = 86_400_000;
const YEAR_MS = 365 * DAY_MS;
const EVENTS = ['created', 'refreshed', 'repeated', 'revoked', 'theftDetected'] as const;
const adult = new BooleanClaim({ key: 'adult', fetchValue: () => true });

@Controller()
class AppController extends LoginController {
  constructor(private readonly sessions: SessionService) {
    super();
  }

  @Post('again')
  async again(@Req() request: object, @Res({ passthrough: true }) response: object): Promise<void> {
    await this.sessions.reauthenticate(request, response, '1');
  }

  @Post('as')
  @VerifySession()
  async actAs(
    @CurrentSession() actor: SessionContainer,
    @Req() request: object,
    @Res({ passthrough: true }) response: object,
  ): Promise<void> {
    await this.sessions.impersonate(request, response, { actor, userId: '2', reason: 'a test' });
  }

  @Post('back')
  async back(@Req() request: object, @Res({ passthrough: true }) response: object): Promise<void> {
    await this.sessions.endImpersonation(request, response);
  }

  @Get('me')
  @VerifySession({ checkDatabase: true })
  me(): object {
    return {};
  }
}

/** One of two applications, in which the user has logged in. */
class Application {
  readonly events: SessionEventName[] = [];

  constructor(
    readonly booted: BootedApp,
    readonly clock: FakeClock,
  ) {
    const bus = booted.app.get(SessionEventBus);
    for (const name of EVENTS) bus.on(name, () => void this.events.push(name));
  }

  get sessions(): SessionService {
    return this.booted.app.get(SessionService);
  }
  get feed(): RevocationFeed {
    return this.booted.app.get(RevocationFeed);
  }

  /** Of logins at the same millisecond any could be taken for the oldest. */
  logIn(userId = '1'): Promise<SessionContainer> {
    this.clock.advanceMs(1);
    return logIn(this, userId);
  }
  refresh(token: string): Promise<SessionContainer> {
    return this.sessions.refreshSessionWithoutRequestResponse(token);
  }
  prune(): Promise<number> {
    return this.booted.app.get(SessionPruner).prune();
  }
  /** Asks for something as a client that has logged in. */
  async ask(method: string, ...paths: string[]): Promise<void> {
    this.clock.advanceMs(1);
    const client = this.booted.client();
    await client.post('/login', { userId: '1' });
    for (const path of paths) {
      const { status } = await client.send(method, path);
      if (status >= 300) throw new Error(`${method} ${path} was answered with ${status}`);
    }
  }
  async verify(session: SessionContainer): Promise<void> {
    const token = session.getAccessToken();
    await this.sessions.getSessionWithoutRequestResponse(token, undefined, { checkDatabase: true });
    await this.booted.app.get(ArrivalQueue).flush();
  }
}

type Deed = (application: Application, session: SessionContainer) => unknown;

/** Every function of the service. One that is added has no place here, so that this file does not compile. */
const FUNCTIONS: Readonly<Record<keyof SessionService, Deed>> = {
  watch: ({ sessions }, session) => sessions.watch(session, () => undefined)[Symbol.dispose](),
  addRefreshTokenSecret: ({ sessions }) => sessions.addRefreshTokenSecret(),
  countFailedLogin: () => undefined,
  createJWT: ({ sessions }) => sessions.createJWT({ name: 'x' }),
  createNewSession: ({ booted }) => booted.client().post('/login', { userId: '1' }),
  createNewSessionWithoutRequestResponse: (application) => application.logIn(),
  explain: ({ sessions }, session) => sessions.explain(session.getHandle()),
  fetchAndSetClaim: ({ sessions }, session) =>
    sessions.fetchAndSetClaim(session.getHandle(), adult),
  forgetUser: ({ sessions }) => sessions.forgetUser('1'),
  getAllCORSHeaders: ({ sessions }) => sessions.getAllCORSHeaders(),
  getAllSessionHandlesForUser: ({ sessions }) => sessions.getAllSessionHandlesForUser('1'),
  getClaimValue: ({ sessions }, session) => sessions.getClaimValue(session.getHandle(), adult),
  getJWKS: ({ sessions }) => sessions.getJWKS(),
  getOpenIdDiscoveryConfiguration: () => undefined,
  getSession: (application) => application.ask('GET', '/me'),
  getSessionInformation: ({ sessions }, session) =>
    sessions.getSessionInformation(session.getHandle()),
  getSessionOfHandshake: () => undefined,
  getSessionWithoutRequestResponse: (application, session) => application.verify(session),
  limitLogin: () => undefined,
  listSessions: ({ sessions }) => sessions.listSessions('1'),
  markClaimsStale: ({ sessions }) => sessions.markClaimsStale('1'),
  mergeIntoAccessTokenPayload: ({ sessions }, session) =>
    sessions.mergeIntoAccessTokenPayload(session.getHandle(), { plan: 'gold' }),
  impersonate: (application) => application.ask('POST', '/as'),
  endImpersonation: (application) => application.ask('POST', '/as', '/back'),
  reauthenticate: (application) => application.ask('POST', '/again'),
  refreshSession: (application) => application.ask('POST', '/auth/session/refresh'),
  refreshSessionWithoutRequestResponse: async (application, session) => {
    const others = [await application.logIn(), await application.logIn('2')];
    const all = await Promise.all(
      [session, ...others].map((each) => application.refresh(refreshTokenOf(each))),
    );
    await application.verify(all[0] ?? session);
    await expect(application.refresh('forged')).rejects.toThrow('unauthorised');
    await application.refresh(refreshTokenOf(session)).catch(() => undefined);
  },
  removeClaim: ({ sessions }, session) => sessions.removeClaim(session.getHandle(), adult),
  revokeAllSessionsForUser: ({ sessions }) => sessions.revokeAllSessionsForUser('1'),
  revokeAllSessionsOfTenant: ({ sessions }) => sessions.revokeAllSessionsOfTenant('public'),
  revokeEverything: ({ sessions }) => sessions.revokeEverything(),
  revokeKey: ({ sessions }) => sessions.revokeKey(sessions.getJWKS().keys[0]?.kid ?? ''),
  revokeMultipleSessions: ({ sessions }, session) =>
    sessions.revokeMultipleSessions([session.getHandle()]),
  revokeOtherSessions: ({ sessions }, session) =>
    sessions.revokeOtherSessions('1', session.getHandle()),
  revokeSession: ({ sessions }, session) => sessions.revokeSession(session.getHandle()),
  setClaimValue: ({ sessions }, session) =>
    sessions.setClaimValue(session.getHandle(), adult, true),
  updateSessionDataInDatabase: ({ sessions }, session) =>
    sessions.updateSessionDataInDatabase(session.getHandle(), { theme: 'dark' }),
  validateClaimsForSessionHandle: ({ sessions }, session) =>
    sessions.validateClaimsForSessionHandle(session.getHandle()),
  withManager: ({ booted, sessions }, session) =>
    booted.dataSource.transaction(async (manager) => {
      const own = sessions.withManager(manager);
      await own.createNewSessionWithoutRequestResponse('public', '1');
      await own.revokeSession(session.getHandle());
    }),
};

/** What is done behind the requests. */
const BEHIND: readonly (readonly [string, Deed])[] = [
  [
    'a poll of the feed that reads back as far as it goes',
    async ({ feed, clock }) => {
      clock.advanceMs(DAY_MS / 24);
      await feed.poll();
    },
  ],
  [
    'pruning of sessions, of lines of the feed and of what is known of clients',
    async (application, session) => {
      await application.sessions.revokeSession(session.getHandle());
      application.clock.advanceMs(31 * DAY_MS);
      await application.prune();
    },
  ],
];
const DEEDS = [...Object.entries(FUNCTIONS), ...BEHIND];

describeOnEachDatabase('two applications with an audience each on one database', (engine) => {
  const clock = new FakeClock();
  const log = new StatementLog();
  let database: TestDatabase;
  let shop: Application;
  let office: Application;
  let realm: string;

  beforeAll(async () => {
    database = await createTestDatabase(engine);
    office = await boot('office', {});
    shop = await boot('shop', { synchronize: false, logging: true, logger: log });
    realm = await realmOf(await office.logIn());
  });
  afterAll(async () => {
    await shop.booted.close();
    await office.booted.close();
    await database.drop();
  });
  beforeEach(async () => {
    await office.sessions.revokeAllSessionsForUser('1');
    await shop.sessions.revokeAllSessionsForUser('1');
    clock.advanceMs(1);
  });

  async function boot(audience: string, more: object): Promise<Application> {
    const booted = await bootApp({
      clock,
      database: { ...database.options, ...more } as typeof database.options,
      controllers: [AppController],
      sessions: {
        audience,
        claims: [adult],
        refreshGracePeriod: 0,
        pruning: false,
        endedSessionRetention: '60d',
        device: { ip: true, userAgent: true, retention: '30d' },
        maxSessionsPerUser: 3,
      },
    });
    return new Application(booted, clock);
  }

  async function realmOf(session: SessionContainer): Promise<string> {
    const rows = office.booted.dataSource.getRepository(Session);
    return (await rows.findOneByOrFail({ handle: session.getHandle() })).realm;
  }

  /** All that the database holds of the office. */
  async function officeRows(): Promise<unknown> {
    const { dataSource } = office.booted;
    const where = { realm };
    const sessions = await dataSource.getRepository(Session).find({ where });
    const lines = await dataSource.getRepository(SessionRevocation).find({ where });
    return {
      sessions: sessions.toSorted((a, b) => (a.handle < b.handle ? -1 : 1)),
      lines: lines.toSorted((a, b) => (a.id < b.id ? -1 : 1)),
    };
  }

  it.each(DEEDS)('change nothing of each other by %s', async (_, deed) => {
    const theirs = await office.logIn();
    const ended = await office.logIn();
    await office.sessions.revokeSession(ended.getHandle());
    const before = await officeRows();
    office.events.length = 0;
    await deed(shop, await shop.logIn());
    expect(await officeRows()).toEqual(before);
    expect(office.events).toEqual([]);
    await office.feed.poll();
    const listed = await office.sessions.listSessions('1');
    expect(listed.map((each) => each.sessionHandle)).toEqual([theirs.getHandle()]);
    expect(await office.sessions.explain(ended.getHandle())).toMatchObject({ status: 'ended' });
    await office.refresh(refreshTokenOf(theirs));
  });

  it('M5: say in every statement whose rows are meant', async () => {
    const own = await realmOf(await shop.logIn());
    expect(own).toMatch(/^[0-9a-f]{32}$/);
    expect(own).not.toBe(realm);
    const ours = log.since(0).filter(isOnOurTables);
    const verbs = new Set(
      ours.map(({ sql }) => /(SELECT|INSERT|UPDATE|DELETE|WITH)/.exec(sql)?.[0]),
    );
    expect(verbs.size).toBeGreaterThanOrEqual(4);
    const without = ours.filter(({ sql }) => timesIn(sql, `'${own}'`) < tablesIn(sql));
    expect([...new Set(without.map(({ sql }) => sql))]).toEqual([]);
  });

  it('know nothing of the sessions of each other, by handle or by user', async () => {
    const theirs = await office.logIn();
    const own = await shop.logIn();
    const handle = theirs.getHandle();
    const { sessions } = shop;
    expect(await sessions.getAllSessionHandlesForUser('1')).toEqual([own.getHandle()]);
    expect(await sessions.listSessions('1')).toMatchObject([{ sessionHandle: own.getHandle() }]);
    expect(await sessions.getSessionInformation(handle)).toBeUndefined();
    expect(await sessions.explain(handle)).toEqual({ status: 'unknown' });
    expect(await sessions.revokeSession(handle)).toBe(false);
    expect(await sessions.revokeMultipleSessions([handle])).toEqual([]);
    expect(await sessions.updateSessionDataInDatabase(handle, {})).toBe(false);
    expect(await sessions.mergeIntoAccessTokenPayload(handle, { plan: 'gold' })).toBe(false);
    expect(await sessions.setClaimValue(handle, adult, false)).toBe(false);
    expect(await sessions.fetchAndSetClaim(handle, adult)).toBe(false);
    expect(await sessions.removeClaim(handle, adult)).toBe(false);
    const missing = { status: 'SESSION_DOES_NOT_EXIST_ERROR' };
    expect(await sessions.getClaimValue(handle, adult)).toEqual(missing);
    expect(await sessions.validateClaimsForSessionHandle(handle)).toEqual(missing);
    await office.sessions.revokeSession(handle);
    expect(await sessions.explain(handle)).toEqual({ status: 'unknown' });
    await office.logIn();
    expect(await sessions.revokeAllSessionsForUser('1')).toEqual([own.getHandle()]);
    await sessions.revokeEverything();
    expect(await sessions.revokeAllSessionsOfTenant('public')).toBe(0);
    expect(await sessions.revokeEverything()).toBe(0);
  });

  it('let a user see and end the own sessions alone, by the built-in routes', async () => {
    const [here, there] = [shop.booted.client(), office.booted.client()];
    for (const client of [here, there]) await client.post('/login', { userId: '1' });
    const handleAt = async (client: typeof here) =>
      String(payloadOf(String(await client.cookie('sAccessToken')))['sessionHandle']);
    const [own, foreign] = [await handleAt(here), await handleAt(there)];
    const { json } = await here.get('/auth/sessions');
    expect(json).toMatchObject({ sessions: [{ sessionHandle: own }] });
    expect((await here.send('DELETE', `/auth/sessions/${foreign}`)).status).toBe(404);
    const others = await here.send('DELETE', '/auth/sessions');
    expect(others.json).toEqual({ status: 'OK', revoked: 0 });
    expect((await here.send('DELETE', `/auth/sessions/${own}`)).status).toBe(200);
    await office.feed.poll();
    expect((await there.get('/me')).status).toBe(200);
  });

  it('count a user’s sessions each for itself', async () => {
    for (const each of [office, shop, office, shop, office, shop, shop]) await each.logIn();
    for (const each of [office, shop]) {
      expect(await each.sessions.getAllSessionHandlesForUser('1')).toHaveLength(3);
    }
  });

  it('prune what has expired each for itself', async () => {
    await office.prune();
    await shop.prune();
    await office.logIn();
    await shop.logIn();
    clock.advanceMs(YEAR_MS);
    expect(await shop.prune()).toBeGreaterThan(0);
    expect(await shop.prune()).toBe(0);
    expect(await office.prune()).toBeGreaterThan(0);
  });
});

function isOnOurTables(statement: Statement): boolean {
  const { sql } = statement;
  const isOfRows = /^\s*(SET STATEMENT \S+ = \d FOR )?(SELECT|INSERT|UPDATE|DELETE|WITH)\b/.test(
    sql,
  );
  return isOfRows && tablesIn(sql) > 0 && !asksForNoRow(statement);
}

function tablesIn(sql: string): number {
  return [...sql.matchAll(/["`]auth_session(_key|_revocation)?["`]/g)].length;
}

function timesIn(sql: string, part: string): number {
  return sql.split(part).length - 1;
}
