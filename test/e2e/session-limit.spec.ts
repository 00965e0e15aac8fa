import { Body, Controller, Get, Post } from '@nestjs/common';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  BooleanClaim,
  CreateSession,
  Session,
  SessionService,
  SessionStoreUnavailableException,
  VerifySession,
  type SessionLimitOptions,
} from '../../lib/index.js';
import { SessionLimit } from '../../lib/session/issue/session-limit.js';
import { SessionStore } from '../../lib/store/session.store.js';
import { bootApp, platforms, type BootedApp } from '../support/boot-app.js';
import { describeOnEachDatabase } from '../support/components.js';
import { createTestDatabase, type TestDatabase } from '../support/databases.js';
import type { HttpClient } from '../support/http-client.js';
import { expectTokensUntouched } from '../support/refusal.js';
import { LoginController } from '../support/login.controller.js';

@Controller()
class AppController extends LoginController {
  static whilePasswordIsChecked = (): unknown => undefined;

  @Post('slow-login')
  @CreateSession<{ userId: string }>({ userId: ({ userId }) => userId })
  async slowLogin(@Body() login: { userId: string }): Promise<object> {
    await AppController.whilePasswordIsChecked();
    return login;
  }

  @Get('me')
  @VerifySession()
  me(): object {
    return {};
  }
}

describe.each(platforms)('the number of sessions of a user on %s', (platform) => {
  let booted: BootedApp;
  afterEach(() => booted.close());

  async function boot(maxSessionsPerUser: number | SessionLimitOptions | undefined): Promise<void> {
    booted = await bootApp({
      platform,
      controllers: [AppController],
      ...(maxSessionsPerUser && { sessions: { maxSessionsPerUser } }),
    });
  }
  async function login(userId: string, client = booted.client()): Promise<HttpClient> {
    booted.clock.advanceMs(1);
    expect((await client.post('/login', { userId })).status).toBe(201);
    return client;
  }
  const isIn = async (client: HttpClient) => (await client.get('/me')).status === 200;
  const countOf = async (userId: string) =>
    (await booted.app.get(SessionService).getAllSessionHandlesForUser(userId)).length;

  it('has no bound', async () => {
    await boot(undefined);
    for (let index = 0; index < 12; index += 1) await login('bob');
    expect(await countOf('bob')).toBe(12);
  });

  it('is bounded by ending the oldest, and each user has an own bound', async () => {
    await boot(2);
    const other = await login('eve');
    const [first, second, third] = [await login('bob'), await login('bob'), await login('bob')];
    expect(await Promise.all([first, second, third, other].map(isIn))).toEqual([
      false,
      true,
      true,
      true,
    ]);
    expect((await first.post('/auth/session/refresh')).status).toBe(401);
  });

  it.each([1, 2])(
    'is bounded by ending the oldest, also after the clock has gone back, for a limit of %i',
    async (max) => {
      await boot(max);
      const before: HttpClient[] = [];
      for (let index = 0; index < max; index += 1) before.push(await login('bob'));
      booted.clock.advanceMs(-3_600_000);
      const after: HttpClient[] = [];
      for (let index = 0; index < max; index += 1) {
        after.push(await login('bob'));
        expect(await Promise.all(after.map(isIn))).not.toContain(false);
      }
      expect(await countOf('bob')).toBe(max);
      const refreshed = before.map((client) => client.post('/auth/session/refresh'));
      for (const { status } of await Promise.all(refreshed)) expect(status).toBe(401);
    },
  );

  it('is bounded by ending the oldest, also where the clock goes back during a login', async () => {
    await boot(1);
    const before = await login('bob');
    booted.clock.advanceMs(3_600_000);
    AppController.whilePasswordIsChecked = () => booted.clock.advanceMs(-3_600_000);
    const client = booted.client();
    expect((await client.post('/slow-login', { userId: 'bob' })).status).toBe(201);
    expect([await isIn(before), await isIn(client)]).toEqual([false, true]);
  });

  it.each([
    [1, 0],
    [2, 1],
  ])(
    'is bounded by ending the oldest: a login whose handler took longer than another’s is the newest, for a limit of %i',
    async (max, others) => {
      await boot(max);
      const before = [await login('bob')];
      const quick: HttpClient[] = [];
      AppController.whilePasswordIsChecked = async () => {
        booted.clock.advanceMs(15_000);
        quick.push(await login('bob'));
        booted.clock.advanceMs(15_000);
      };
      const slow = booted.client();
      expect((await slow.post('/slow-login', { userId: 'bob' })).status).toBe(201);
      expect(await isIn(slow)).toBe(true);
      const left = await Promise.all([...before, ...quick].map(isIn));
      expect(left).toEqual([false, others === 1]);
      expect(await countOf('bob')).toBe(max);
    },
  );

  it('is bounded by ending the oldest: a login whose claims took longer to fetch is the newest', async () => {
    const quick: HttpClient[] = [];
    let fetches = 0;
    const slow = new BooleanClaim({
      key: 'slow',
      fetchValue: async () => {
        fetches += 1;
        if (fetches > 1) return true;
        quick.push(await login('bob'));
        booted.clock.advanceMs(1);
        return true;
      },
    });
    const sessions = { maxSessionsPerUser: 1, claims: [slow] };
    booted = await bootApp({ platform, controllers: [AppController], sessions });
    const client = booted.client();
    expect((await client.post('/login', { userId: 'bob' })).status).toBe(201);
    expect(await Promise.all([...quick, client].map(isIn))).toEqual([false, true]);
  });

  it('counts neither a session that a login replaces nor one that is over', async () => {
    await boot({ max: 2, onLimit: 'refuse' });
    const phone = await login('bob');
    await login('bob');
    await login('bob', phone);
    booted.clock.advanceMs(101 * 24 * 3_600_000);
    await login('bob');
    await login('bob');
    expect(await countOf('bob')).toBe(2);
  });

  it('is bounded by refusing the login, which changes nothing', async () => {
    await boot({ max: 1, onLimit: 'refuse' });
    const bob = await login('bob');
    const eve = await login('eve');
    const rows = () => booted.dataSource.getRepository(Session).find();
    const before = await rows();
    const answer = await eve.post('/login', { userId: 'bob' });
    expect(answer.status).toBe(403);
    expect(answer.json).toEqual({
      statusCode: 403,
      code: 'SESSION_LIMIT',
      message: 'too many sessions',
      maxSessions: 1,
    });
    expectTokensUntouched(answer);
    expect(await rows()).toEqual(before);
    expect(await Promise.all([bob, eve].map(isIn))).toEqual([true, true]);
  });
});

describe('a login whose row is written, and whose other sessions can’t be read after it', () => {
  let booted: BootedApp;
  afterEach(async () => {
    vi.restoreAllMocks();
    await booted.close();
  });

  // Each list from here on fails, but for those of before the row was written.
  function failListsAfterInserts(): void {
    const { insert, pagesOfUser } = SessionStore.prototype;
    let isInserted = false;
    vi.spyOn(SessionStore.prototype, 'insert').mockImplementation(async function (
      this: SessionStore,
      ...row
    ) {
      await insert.apply(this, row);
      isInserted = true;
    });
    vi.spyOn(SessionStore.prototype, 'pagesOfUser').mockImplementation(function (
      this: SessionStore,
      ...whose
    ) {
      if (isInserted) throw new SessionStoreUnavailableException();
      return pagesOfUser.apply(this, whose);
    });
  }

  it.each([
    ['refuse', 0],
    ['evict-oldest', 1],
  ] as const)(
    'succeeds, and the next login makes room: %s, with %i older ones',
    async (onLimit, older) => {
      booted = await bootApp({
        controllers: [AppController],
        sessions: { maxSessionsPerUser: { max: 1, onLimit } },
      });
      const sessions = booted.app.get(SessionService);
      for (let index = 0; index < older; index += 1) {
        await booted.client().post('/login', { userId: 'bob' });
        booted.clock.advanceMs(1);
      }
      failListsAfterInserts();
      const client = booted.client();
      const answer = await client.post('/login', { userId: 'bob' });
      vi.restoreAllMocks();
      expect(answer.status).toBe(201);
      expect((await client.get('/me')).status).toBe(200);
      booted.clock.advanceMs(1);
      expect((await client.post('/login', { userId: 'bob' })).status).toBe(201);
      expect(await sessions.getAllSessionHandlesForUser('bob')).toHaveLength(1);
    },
  );

  it('fails in the transaction of its caller, which undoes the row', async () => {
    booted = await bootApp({ sessions: { maxSessionsPerUser: 1 } });
    const sessions = booted.app.get(SessionService);
    failListsAfterInserts();
    const login = booted.dataSource.transaction((manager) =>
      sessions.withManager(manager).createNewSessionWithoutRequestResponse('public', 'bob'),
    );
    await expect(login).rejects.toBeInstanceOf(SessionStoreUnavailableException);
    vi.restoreAllMocks();
    expect(await sessions.getAllSessionHandlesForUser('bob')).toEqual([]);
  });
});

describeOnEachDatabase('two logins at once that replace the same session', (engine) => {
  let database: TestDatabase;
  let booted: BootedApp;

  beforeEach(async () => {
    database = await createTestDatabase(engine);
    booted = await bootApp({
      database: database.options,
      controllers: [AppController],
      sessions: { maxSessionsPerUser: { max: 1, onLimit: 'refuse' } },
    });
  });
  afterEach(async () => {
    vi.restoreAllMocks();
    await booted.close();
    await database.drop();
  });

  it('leave one of them, where logins are refused', async () => {
    const { refuseIfFull, makeRoomFor } = SessionLimit.prototype;
    const sessions = booted.app.get(SessionService);
    const client = booted.client();
    await client.post('/login', { userId: 'bob' });
    const [replaced] = await sessions.getAllSessionHandlesForUser('bob');
    const cookie = await client.jar.getCookieString(client.baseUrl);
    let judged = 0;
    let wereBothThere = false;
    vi.spyOn(SessionLimit.prototype, 'refuseIfFull').mockImplementation(async function (
      this: SessionLimit,
      ...login
    ) {
      const result = await refuseIfFull.apply(this, login);
      judged += 1;
      await vi.waitUntil(() => judged === 2, 10_000);
      return result;
    });
    vi.spyOn(SessionLimit.prototype, 'makeRoomFor').mockImplementation(async function (
      this: SessionLimit,
      ...login
    ) {
      const see = async (): Promise<boolean> => {
        const handles = await sessions.getAllSessionHandlesForUser('bob');
        wereBothThere ||= handles.length === 2 && !handles.includes(String(replaced));
        return wereBothThere;
      };
      await vi.waitUntil(see, 10_000);
      return makeRoomFor.apply(this, login);
    });
    // Each of them counts before either goes, unless one has been answered.
    const { deleteAll } = SessionStore.prototype;
    let going = 0;
    let answered = 0;
    vi.spyOn(SessionStore.prototype, 'deleteAll').mockImplementation(async function (
      this: SessionStore,
      ...handles
    ) {
      going += 1;
      await vi.waitUntil(() => going === 2 || answered > 0, 10_000);
      return deleteAll.apply(this, handles);
    });
    const login = async () => {
      const answer = await booted
        .client()
        .post('/login', { userId: 'bob' }, { headers: { cookie } });
      answered += 1;
      return answer;
    };
    const answers = await Promise.all([login(), login()]);
    const statuses = answers.map(({ status }) => status);
    expect(statuses.toSorted((a, b) => a - b)).toEqual([201, 403]);
    expect(await sessions.getAllSessionHandlesForUser('bob')).toHaveLength(1);
  });
});

describeOnEachDatabase('200 logins of one user at once, over two instances', (engine) => {
  let database: TestDatabase;
  let booted: BootedApp[] = [];

  beforeEach(async () => {
    database = await createTestDatabase(engine);
  });
  afterEach(async () => {
    await Promise.all(booted.map((each) => each.close()));
    await database.drop();
  });

  async function logins(onLimit: 'evict-oldest' | 'refuse'): Promise<number[]> {
    const boot = () =>
      bootApp({
        database: database.options,
        controllers: [AppController],
        // However slow the machine is, it is the limit that is tested.
        sessions: { maxSessionsPerUser: { max: 5, onLimit }, databaseTimeout: '1m' },
      });
    booted = [await boot(), await boot()];
    await Promise.all(booted.map((each) => each.client().post('/login', { userId: 'other' })));
    const answers = await Promise.all(
      Array.from({ length: 200 }, async (_, index) =>
        booted[index % 2]?.client().post('/login', { userId: 'bob' }),
      ),
    );
    return answers.map((answer) => answer?.status ?? 0);
  }
  const handles = async (userId: string) =>
    booted[0]?.app.get(SessionService).getAllSessionHandlesForUser(userId);

  it('leave exactly five, where the oldest go', async () => {
    const statuses = await logins('evict-oldest');
    expect(new Set(statuses)).toEqual(new Set([201]));
    expect(await handles('bob')).toHaveLength(5);
    expect(await handles('other')).toHaveLength(2);
  });

  it('leave five at most, where logins are refused, each of them as its answer says', async () => {
    const statuses = await logins('refuse');
    const accepted = statuses.filter((status) => status === 201).length;
    expect(statuses.every((status) => status === 201 || status === 403)).toBe(true);
    expect(await handles('bob')).toHaveLength(accepted);
    expect(accepted).toBeLessThanOrEqual(5);
  });
});
