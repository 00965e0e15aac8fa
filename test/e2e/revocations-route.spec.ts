import { Controller, Get, Post } from '@nestjs/common';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  CreateSession,
  SessionConfigurationError,
  SessionEventBus,
  SessionModule,
  SessionService,
  UserRoleClaim,
} from '../../lib/index.js';
import { PublishedFeed } from '../../lib/http/feed/published-feed.js';
import type { FeedAnswer } from '../../lib/revocation/feed-answer.js';
import { RevocationFeed } from '../../lib/revocation/revocation-feed.js';
import type { FeedLog } from '../../lib/revocation/feed-log.js';
import { bootApp, platforms, type BootedApp } from '../support/boot-app.js';
import { send, type Answer } from '../support/http-client.js';
import { StatementLog } from '../support/statement-log.js';

const SECRET = 'q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA=';
const NEXT_SECRET = 'ZmVlZCBzZWNyZXQgb2YgdGhlIG5leHQgbW9udGgsIG9rPz8=';

@Controller()
class EmptyController {
  @Get('empty')
  empty(): object {
    return {};
  }

  @Post('login')
  @CreateSession()
  login(): string {
    return 'alice';
  }
}

describe.each(platforms)('the feed of revocations on %s', (platform) => {
  let booted: BootedApp;
  let sessions: SessionService;
  let log: StatementLog;

  async function boot(more: object = {}): Promise<void> {
    log = new StatementLog();
    booted = await bootApp({
      platform,
      database: { type: 'better-sqlite3', database: ':memory:', logging: true, logger: log },
      controllers: [EmptyController],
      sessions: {
        issuer: 'https://api.example.com/auth',
        audience: 'shop',
        revocation: { pollInterval: '1h' },
        routes: { revocations: { secrets: [SECRET, NEXT_SECRET] } },
        ...more,
      },
      prepare: (app) => app.enableCors({ origin: true, credentials: true }),
    });
    sessions = booted.app.get(SessionService);
  }

  beforeEach(() => boot());
  afterEach(() => booted.close());

  function ask(cursor = '', headers: Record<string, string> = {}): Promise<Answer> {
    const query = cursor === '' ? '' : `?cursor=${cursor}`;
    const authorization = `Bearer ${SECRET}`;
    return send(`${booted.url}/auth/revocations${query}`, 'GET', {
      headers: { authorization, ...headers },
    });
  }

  async function read(cursor = ''): Promise<FeedAnswer> {
    const answer = await ask(cursor);
    expect(answer.status).toBe(200);
    return answer.json as FeedAnswer;
  }

  it('tells of revoked sessions, cut-offs and stale claims, with whose they are and never why', async () => {
    const nowMs = booted.clock.now();
    const one = await sessions.createNewSessionWithoutRequestResponse('public', 'alice');
    await sessions.revokeSession(one.getHandle());
    await sessions.revokeAllSessionsForUser('bob');
    await sessions.markClaimsStale('carol');

    const { lines } = await read();

    const until = nowMs + 3_600_000 + 600_000;
    expect(lines).toContainEqual({
      kind: 'session',
      handle: one.getHandle(),
      userId: 'alice',
      tenantId: 'public',
      until,
    });
    expect(lines).toContainEqual({
      kind: 'cut-off',
      userId: 'bob',
      createdBefore: expect.any(Number),
      until,
    });
    expect(lines).toContainEqual({
      kind: 'stale-claims',
      userId: 'carol',
      fetchedBefore: expect.any(Number),
      until,
    });
    expect(lines).toHaveLength(3);
    expect(JSON.stringify(lines)).not.toMatch(/reason|detail|revoked/);
  });

  it('says in each answer whose feed it is, the time, its age, the lifetime of tokens, the keys and the claims', async () => {
    await booted.close();
    await boot({
      claims: [new UserRoleClaim({ fetchValue: () => [] })],
      accessTokenLifetime: '10m',
    });
    const kid = sessions.getJWKS().keys[0]?.kid;
    expect(await read()).toEqual({
      version: 1,
      issuer: 'https://api.example.com/auth',
      audience: 'shop',
      accessTokenLifetime: 600_000,
      claims: ['st-role'],
      time: booted.clock.now(),
      age: 0,
      keys: { at: booted.clock.now(), ids: [kid] },
      cursor: expect.stringMatching(/^[\w-]+$/),
      more: false,
      lines: [],
    });
  });

  it('tells whoever comes back what is new', async () => {
    await sessions.revokeAllSessionsForUser('alice');
    const { cursor } = await read();
    await sessions.revokeAllSessionsForUser('bob');
    expect((await read(cursor)).lines).toMatchObject([{ userId: 'bob' }]);
  });

  it('gives the whole to a cursor that it does not know, a strange one too', async () => {
    await sessions.revokeAllSessionsForUser('alice');
    for (const cursor of ['unknown', '%00', 'a'.repeat(3_000), 'x&cursor=y', '%F0%9F%98%80']) {
      expect((await read(cursor)).lines).toHaveLength(1);
    }
  });

  it('gives many lines in pages of a thousand', async () => {
    for (let i = 0; i < 11; i += 1) {
      const users = Array.from({ length: 100 }, (_, index) => `user-${i}-${index}`);
      await Promise.all(users.map((user) => sessions.revokeAllSessionsForUser(user)));
    }
    const first = await read();
    const second = await read(first.cursor);
    expect([first.lines.length, first.more, second.lines.length, second.more]).toEqual([
      1000,
      true,
      100,
      false,
    ]);
  });

  it('answers 304 with its time and age where nothing is new', async () => {
    const { headers, json } = await ask();
    const { cursor } = json as FeedAnswer;
    booted.clock.advanceMs(1_000);
    const unchanged = await ask(cursor, { 'if-none-match': headers.etag ?? '' });
    expect(unchanged).toMatchObject({ status: 304, text: '' });
    expect(unchanged.headers).toMatchObject({
      'session-feed-time': String(booted.clock.now()),
      'session-feed-age': '1000',
      'cache-control': 'private, no-cache',
    });
    await sessions.revokeAllSessionsForUser('alice');
    const changed = await ask(cursor, { 'if-none-match': headers.etag ?? '' });
    expect(changed).toMatchObject({ status: 200, json: { lines: [{ userId: 'alice' }] } });
  });

  it('answers 304 where lines that are over are still stored when it is read as a whole', async () => {
    const session = await sessions.createNewSessionWithoutRequestResponse('public', 'alice');
    await sessions.revokeSession(session.getHandle());
    await sessions.revokeAllSessionsForUser('bob');
    await sessions.markClaimsStale('carol');
    const published = booted.app.get(PublishedFeed);
    const passes = async (duration: '71m' | '11m') => {
      booted.clock.advance(duration);
      await booted.app.get(RevocationFeed).poll();
    };
    await passes('71m');
    const { headers, json } = await ask();
    const { cursor, lines } = json as FeedAnswer;
    expect(lines).toEqual([]);
    const { version } = published;
    await passes('11m');
    expect(published.version).toBe(version);
    const unchanged = await ask(cursor, { 'if-none-match': headers.etag ?? '' });
    expect(unchanged.status).toBe(304);
  });

  it('is as old where the clock has gone back as where it has gone on', async () => {
    booted.clock.advanceMs(-60_000);
    expect(await read()).toMatchObject({ time: booted.clock.now(), age: 60_000 });
  });

  it('still tells of a revocation after the clock has jumped ahead for a moment', async () => {
    await sessions.revokeAllSessionsForUser('alice');
    booted.clock.advanceMs(2 * 3_600_000);
    await read();
    await sessions.revokeAllSessionsForUser('bob');
    booted.clock.advanceMs(-2 * 3_600_000);
    expect((await read()).lines).toMatchObject([{ userId: 'alice' }, { userId: 'bob' }]);
  });

  it('keeps no line for longer than a token lives, where nobody asks for it either', async () => {
    for (const user of ['alice', 'bob', 'carol']) {
      await sessions.revokeAllSessionsForUser(user);
      booted.clock.advanceMs(2 * 3_600_000);
      await booted.app.get(RevocationFeed).poll();
    }
    await sessions.revokeAllSessionsForUser('dave');
    const published = Reflect.get(booted.app.get(PublishedFeed), 'log') as FeedLog;
    expect(published.size).toBe(1);
    expect((await read()).lines).toMatchObject([{ userId: 'dave' }]);
  });

  it('VF1: is read with one of its secrets in Authorization alone, and with either of two', async () => {
    for (const secret of [SECRET, NEXT_SECRET]) {
      expect((await ask('', { authorization: `bearer ${secret}` })).status).toBe(200);
    }
    const wrong = [
      '',
      SECRET,
      `Basic ${SECRET}`,
      'Bearer',
      'Bearer ',
      `Bearer ${SECRET.slice(0, -1)}`,
      `Bearer ${SECRET}x`,
      `Bearer ${SECRET} ${NEXT_SECRET}`,
    ];
    for (const authorization of wrong) {
      expect(await ask('', { authorization })).toMatchObject({
        status: 401,
        json: { message: 'unauthorised' },
      });
    }
    const path = `${booted.url}/auth/revocations?secret=${encodeURIComponent(SECRET)}&access_token=${encodeURIComponent(SECRET)}`;
    expect((await send(path, 'GET', { headers: { cookie: `secret=${SECRET}` } })).status).toBe(401);
  });

  it('VF2: tells operators of a wrong secret, and its limiter counts it', async () => {
    await booted.close();
    await boot({ rateLimit: { failures: { max: 2, per: '1m' } } });
    const refused: object[] = [];
    booted.app.get(SessionEventBus).on('refused', (event) => void refused.push(event));
    const statuses: number[] = [];
    for (let i = 0; i < 3; i += 1) {
      statuses.push((await ask('', { authorization: 'Bearer wrong' })).status);
    }
    expect(statuses).toEqual([401, 401, 429]);
    expect(refused[0]).toMatchObject({
      at: 'revocations',
      code: 'UNAUTHORISED',
      reason: 'feed-secret',
    });
    expect((await ask()).status).toBe(200);
  });

  it('lets a service with a wrong secret keep nobody at its address from logging in', async () => {
    await booted.close();
    await boot({ rateLimit: {} });
    const poll = async () => (await ask('', { authorization: 'Bearer wrong' })).status;
    const statuses: number[] = [];
    for (let i = 0; i < 61; i += 1) statuses.push(await poll());
    expect(statuses).toEqual([...Array<number>(60).fill(401), 429]);
    const login = await send(`${booted.url}/login`, 'POST');
    expect(login.status).toBe(201);
    const cookie = login.setCookies.map((line) => line.split(';', 1)[0]).join('; ');
    const refresh = `${booted.url}/auth/session/refresh`;
    expect((await send(refresh, 'POST', { headers: { cookie } })).status).toBe(200);
    expect(await poll()).toBe(429);
  });

  it('is for no page and no cache, whatever the application’s CORS policy says', async () => {
    const { headers } = await ask('', { origin: 'https://evil.example' });
    expect(headers['access-control-allow-origin']).toBeUndefined();
    expect(headers['access-control-allow-credentials']).toBeUndefined();
    expect(headers['cache-control']).toBe('private, no-cache');
    expect(headers['content-type']).toContain('application/json');
  });

  it('asks the database nothing', async () => {
    await sessions.revokeAllSessionsForUser('alice');
    const before = log.length;
    await read();
    await ask('', { authorization: 'Bearer wrong' });
    expect(log.since(before)).toEqual([]);
  });

  it('is not there unless it is asked for', async () => {
    await booted.close();
    await boot({ routes: {} });
    expect((await ask()).status).toBe(404);
  });
});

describe('the option `routes.revocations`', () => {
  it.each([
    [{}],
    [{ secrets: [] }],
    [{ secrets: SECRET }],
    [{ secrets: ['short'] }],
    [{ secrets: [process.env['NO_SUCH_SECRET']] }],
    [{ secrets: ['a'.repeat(40)] }],
    [{ secrets: [SECRET, NEXT_SECRET, 'third-secret-of-at-least-32-bytes-0123456789'] }],
    [{ secrets: [`${SECRET}\n`] }],
    [true],
    [{ secrets: [SECRET], secret: SECRET }],
  ])('refuses %j', (revocations) => {
    const options = { routes: { revocations } } as Parameters<typeof SessionModule.forRoot>[0];
    expect(() => SessionModule.forRoot(options)).toThrow(SessionConfigurationError);
    expect(() => SessionModule.forRoot(options)).not.toThrow(SECRET);
  });

  it('refuses to start where there is no feed to tell of', async () => {
    const sessions = { revocation: false, routes: { revocations: { secrets: [SECRET] } } } as const;
    await expect(bootApp({ sessions })).rejects.toThrow(
      '`routes.revocations` needs `revocation`, which is false',
    );
  });
});
