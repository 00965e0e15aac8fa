import { inspect } from 'node:util';
import {
  Body,
  Controller,
  Get,
  Post,
  PreconditionFailedException,
  Put,
  Req,
  Res,
  type INestApplication,
} from '@nestjs/common';
import type { FastifyInstance } from 'fastify';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Logger } from 'typeorm';
import {
  CurrentSession,
  SessionEventBus,
  SessionService,
  VerifySession,
  type SessionContainer,
  type SessionEventName,
} from '../../lib/index.js';
import { platforms } from '../support/boot-app.js';
import type { Answer } from '../support/http-client.js';
import { LogRecorder } from '../support/log-recorder.js';
import { expectNothingChanged, expectTokensCleared } from '../support/refusal.js';
import {
  accessCookie,
  bearer,
  bothCookies,
  holderOf,
  refreshCookie,
  REFRESH_COOKIE,
  Scene,
} from '../support/scene.js';

const EVENTS: readonly SessionEventName[] = [
  'created',
  'refreshed',
  'repeated',
  'theftDetected',
  'revoked',
  'antiCsrfFailed',
  'clientChanged',
  'keyMade',
  'keyRevoked',
];

interface Reply {
  header?(name: string, value: string): unknown;
  setHeader?(name: string, value: string): unknown;
  send?(body: string): unknown;
  write?(body: string): unknown;
  end?(body: string): unknown;
}

function put(response: Reply, name: string, value: string): void {
  if (response.header === undefined) response.setHeader?.(name, value);
  else response.header(name, value);
}

@Controller()
class AnswersController {
  constructor(private readonly sessions: SessionService) {}

  @Get('cacheable')
  @VerifySession()
  async cacheable(
    @CurrentSession() session: SessionContainer,
    @Res({ passthrough: true }) response: Reply,
  ): Promise<void> {
    put(response, 'Cache-Control', 'public, max-age=600');
    put(response, 'Vary', 'Accept');
    await session.mergeIntoAccessTokenPayload({ plan: 'pro' });
  }

  @Get('cacheable-afterwards')
  @VerifySession()
  async cacheableAfterwards(
    @CurrentSession() session: SessionContainer,
    @Res({ passthrough: true }) response: Reply,
  ): Promise<string> {
    await session.mergeIntoAccessTokenPayload({ plan: 'pro' });
    put(response, 'Cache-Control', 'public, max-age=600');
    put(response, 'Last-Modified', new Date(0).toUTCString());
    return 'body';
  }

  @Put('create-only')
  @VerifySession()
  async createOnly(
    @CurrentSession() session: SessionContainer,
    @Req() request: { headers: Record<string, string | undefined> },
  ): Promise<void> {
    await session.mergeIntoAccessTokenPayload({ plan: 'pro' });
    if (request.headers['if-none-match'] === '*') throw new PreconditionFailedException();
  }

  @Post('cacheable-login')
  async cacheableLogin(
    @Req() request: object,
    @Res({ passthrough: true }) response: Reply,
  ): Promise<object> {
    await this.sessions.createNewSession(request, response, 'public', 'u1');
    put(response, 'Cache-Control', 'public, max-age=600');
    return { note: 'body' };
  }

  @Get('streamed')
  @VerifySession()
  async streamed(
    @CurrentSession() session: SessionContainer,
    @Req() request: object,
    @Res() response: Reply & { raw?: Reply },
  ): Promise<void> {
    const stream = response.raw ?? response;
    stream.write?.('a');
    await session.mergeIntoAccessTokenPayload({ plan: 'pro' });
    await this.sessions
      .createNewSession(request, response, 'public', 'streamed')
      .catch((error: unknown) => error);
    await session.revokeSession();
    stream.end?.('b');
  }

  @Get('too-late')
  @VerifySession()
  async tooLate(
    @CurrentSession() session: SessionContainer,
    @Req() request: object,
    @Res() response: Reply,
  ): Promise<void> {
    response.send?.('sent');
    await this.sessions
      .createNewSession(request, response, 'public', 'late')
      .catch((error: unknown) => error);
    await session.getSessionDataFromDatabase();
  }

  @Post('odd-login')
  async odd(
    @Body() { userId, tenantId }: { userId: string; tenantId: string },
    @Req() request: object,
    @Res({ passthrough: true }) response: object,
  ): Promise<void> {
    await this.sessions.createNewSession(request, response, tenantId, userId);
  }
}

/** Everything that is printed, logged by the database or told as an event. */
class Witness implements Logger {
  readonly logs = new LogRecorder();
  private readonly seen: string[] = [];

  listen(events: SessionEventBus): void {
    for (const name of EVENTS) events.on(name, (event) => void this.seen.push(inspect(event)));
  }

  get text(): string {
    return [...this.seen, ...this.logs.lines.map(({ text }) => text)].join('\n');
  }

  logQuery(sql: string, parameters?: unknown[]): void {
    this.seen.push(`${sql} ${inspect(parameters)}`);
  }

  logQueryError(error: string | Error, sql: string, parameters?: unknown[]): void {
    this.seen.push(`${inspect(error)} ${sql} ${inspect(parameters)}`);
  }

  logQuerySlow(): void {}
  logSchemaBuild(): void {}
  logMigration(): void {}
  log(): void {}
}

describe.each(platforms)('an answer on %s', (platform) => {
  const witness = new Witness();
  let scene: Scene;
  beforeAll(async () => {
    scene = await Scene.open({
      platform,
      controllers: [AnswersController],
      prepare: witness.logs.record,
      database: { type: 'better-sqlite3', database: ':memory:', logging: true, logger: witness },
    });
    witness.listen(scene.booted.app.get(SessionEventBus));
  });
  afterAll(() => scene.close());
  // Every application that starts takes Nest's one logger for itself.
  beforeEach(() => witness.logs.record(scene.booted.app));

  it('O1: allows no other origin by itself, and names the headers that clients really send', async () => {
    const headers = { origin: 'https://evil.example', 'access-control-request-method': 'POST' };
    for (const path of ['/auth/session/refresh', '/me', '/auth/signout']) {
      const { headers: answered } = await scene.send('OPTIONS', path, headers);
      expect(answered).not.toHaveProperty('access-control-allow-origin');
      expect(answered).not.toHaveProperty('access-control-allow-credentials');
    }
    expect(scene.booted.app.get(SessionService).getAllCORSHeaders()).toEqual([
      'anti-csrf',
      'rid',
      'fdi-version',
      'authorization',
      'st-auth-mode',
    ]);
  });

  it('H1: with a token in it, or a refusal, is kept by no cache, whatever the handler says', async () => {
    const { access } = await scene.login('u1');
    const { headers } = await scene.get('/cacheable', accessCookie(access));
    expect(headers['cache-control']).toBe('no-store');
    expect(headers.vary?.split(', ')).toEqual(
      expect.arrayContaining(['Accept', 'Cookie', 'Authorization', 'Origin']),
    );
    for (const answer of [
      await scene.get('/cacheable-afterwards', accessCookie(access)),
      await scene.post('/cacheable-login'),
    ]) {
      expect(answer.text).toContain('body');
      expect(answer.setCookies.length).toBeGreaterThan(0);
      expect(answer.headers['cache-control']).toBe('no-store');
    }
    for (const refused of [await scene.get('/me'), await scene.refresh()]) {
      expect([refused.status, refused.headers['cache-control']]).toEqual([401, 'no-store']);
    }
  });

  it('H1: with a token in it is no 304, whatever the client knows already', async () => {
    const { access } = await scene.login('u1');
    for (const condition of [
      { 'if-none-match': '*' },
      { 'if-modified-since': new Date(Date.UTC(2100, 0)).toUTCString() },
    ]) {
      const headers = { ...accessCookie(access), ...condition };
      const answer = await scene.get('/cacheable-afterwards', headers);
      expect([answer.status, answer.text]).toEqual([200, 'body']);
      expect(answer.setCookies.length).toBeGreaterThan(0);
    }
  });

  it.each(platform === 'fastify' ? ['"any"'] : [])(
    'H1: with a token in it is no 304, also where a hook compares %s',
    async (etag) => {
      const prepare = (app: INestApplication): void => {
        const fastify = app.getHttpAdapter().getInstance() as FastifyInstance;
        // As `@fastify/etag` does.
        fastify.addHook('onSend', async (request, reply, payload) => {
          if (request.headers['if-none-match'] !== etag) return payload;
          void reply.code(304);
          return '';
        });
      };
      const tagged = await Scene.open({ platform, controllers: [AnswersController], prepare });
      const { access } = await tagged.login('u1');
      const headers = { ...accessCookie(access), 'if-none-match': etag };
      expect((await tagged.get('/me', headers)).status).toBe(304);
      const answer = await tagged.get('/cacheable-afterwards', headers);
      expect([answer.status, answer.text]).toEqual([200, 'body']);
      await tagged.close();
    },
  );

  it('H1: with a token in it leaves a write its condition, that nothing may be there yet', async () => {
    const { access } = await scene.login('u1');
    const headers = { ...accessCookie(access), 'if-none-match': '*' };
    const answer = await scene.send('PUT', '/create-only', headers);
    expect(answer.status).toBe(412);
    expect(answer.setCookies.length).toBeGreaterThan(0);
  });

  it('H2: with the public keys may be cached, sets nothing and holds nothing private', async () => {
    const answer = await scene.get('/auth/jwt/jwks.json');
    expect(answer.headers['cache-control']).toMatch(/^public, max-age=\d+/);
    expect(answer.setCookies).toEqual([]);
    const { keys } = answer.json as { keys: object[] };
    expect(keys.map((key) => Object.keys(key).toSorted())).toEqual([
      ['alg', 'crv', 'kid', 'kty', 'use', 'x', 'y'],
    ]);
  });

  it.each([
    ['a\r\nSet-Cookie: x=1', 400],
    ['a\u0000b', 400],
    ['\ud800', 400],
    ['日本', 201],
    ['"; Path=/evil; x="', 201],
  ])('H3: has no more headers for the user id %j', async (userId, status) => {
    const answer = await scene.post('/odd-login', {}, { userId, tenantId: 'public' });
    expect(answer.status).toBe(status);
    const cookies = answer.setCookies.map((line) => line.split(';').slice(1).join(';'));
    expect(new Set(cookies).size).toBe(status === 201 ? 1 : 0);
    expect(answer.setCookies.join()).not.toContain('evil');
    expect(answer.headers).not.toHaveProperty('x');
    const holder = status === 201 ? holderOf(answer).userId : userId;
    expect(holder).toBe(userId);
  });

  it('H4: to a bad bearer token says so by RFC 6750, and not what was bad', async () => {
    const { access } = await scene.login('u4');
    const bad = ['x', `${access.slice(0, -6)}AAAAAA`, 'a.b.c', access.slice(1)];
    for (const token of bad) {
      const answer = await scene.get('/me', bearer(token));
      expect(answer.headers['www-authenticate']).toBe('Bearer error="invalid_token"');
      expect(answer.text).not.toMatch(/signature|expired|kid|jwt/i);
    }
  });

  it('H5: to a sign-out takes every copy that a client has', async () => {
    const holder = await scene.login('u5');
    expectTokensCleared(await scene.post('/auth/signout', bothCookies(holder)));
  });

  it('H6: that is under way already takes no new session, and nothing breaks', async () => {
    const { access } = await scene.login('u6');
    const answer = await scene.get('/too-late', accessCookie(access));
    expect([answer.status, answer.text]).toEqual([200, 'sent']);
    const sessions = scene.booted.app.get(SessionService);
    expect(await sessions.getAllSessionHandlesForUser('late')).toEqual([]);
  });

  it('H6: that is under way already loses new tokens alone: nothing breaks, and the log says so', async () => {
    witness.logs.clear();
    const { access, handle } = await scene.login('u7');
    const answer = await scene.get('/streamed', accessCookie(access));
    expect([answer.status, answer.text]).toEqual([200, 'ab']);
    expect(answer.setCookies).toEqual([]);
    expect(await scene.sessionRow(handle)).toBeNull();
    const sessions = scene.booted.app.get(SessionService);
    expect(await sessions.getAllSessionHandlesForUser('streamed')).toEqual([]);
    expect(witness.logs.texts('error')).toEqual(
      Array.from({ length: 2 }, () => expect.stringContaining('after its answer had begun')),
    );
  });

  it('P1: to a token is the same for a session that is unknown, over, or another secret’s', async () => {
    const over = await scene.login('p1');
    await scene.post('/auth/signout', bothCookies(over));
    const flipped = `${over.refresh.slice(0, 30)}AAAA${over.refresh.slice(34)}`;
    const told = (answer: Answer) => `${answer.status} ${answer.text}`;
    const answers = [over.refresh, flipped, 'x', `nasr_${'A'.repeat(151)}`].map(async (token) =>
      told(await scene.refresh(refreshCookie(token))),
    );
    expect(new Set(await Promise.all(answers)).size).toBe(1);
  });

  it('P2: keeps neither address nor browser, unless it is asked to', async () => {
    const headers = { 'user-agent': 'Firefox', 'x-forwarded-for': '203.0.113.7' };
    const { handle } = await scene.login('p2', headers);
    expect(await scene.sessionRow(handle)).toMatchObject({ ip: null, userAgent: null });
  });

  it('P2: keeps the network alone where the address is not needed', async () => {
    const sessions = { device: { ip: 'truncated' } } as const;
    const kept = await Scene.open({ platform, sessions, trustProxy: true });
    try {
      for (const [sent, stored] of [
        ['203.0.113.7', '203.0.113.0'],
        ['::ffff:203.0.113.7', '203.0.113.0'],
        ['2001:DB8:1:2:3:4:5:6', '2001:db8:1::'],
        ['nonsense', null],
      ] as const) {
        const { handle } = await kept.login('p2', { 'x-forwarded-for': sent });
        expect((await kept.sessionRow(handle))?.ip).toBe(stored);
      }
    } finally {
      await kept.close();
    }
  });

  it('P4: tells of a change of address or browser, as far as they are kept, and logs nobody out', async () => {
    const sessions = { device: { ip: true, userAgent: true } };
    const kept = await Scene.open({ platform, sessions, trustProxy: true });
    try {
      const told: object[] = [];
      const events = kept.booted.app.get(SessionEventBus);
      events.on('clientChanged', ({ userId, changed }) => void told.push({ userId, changed }));
      const home = { 'user-agent': 'Firefox', 'x-forwarded-for': '203.0.113.7' };
      const away = { 'user-agent': 'Safari', 'x-forwarded-for': '198.51.100.1' };
      const { refresh } = await kept.login('p4', home);
      const statuses: number[] = [];
      for (const client of [home, away, { ...home, 'user-agent': 'Safari' }]) {
        statuses.push((await kept.refresh({ ...refreshCookie(refresh), ...client })).status);
      }
      expect(statuses).toEqual([200, 200, 200]);
      await expect
        .poll(() => told)
        .toEqual([
          { userId: 'p4', changed: ['ip', 'userAgent'] },
          { userId: 'p4', changed: ['userAgent'] },
        ]);
    } finally {
      await kept.close();
    }
  });

  it('P3: warns a developer once of a claim that looks like no public text', async () => {
    const sessions = scene.booted.app.get(SessionService);
    const create = (payload: object) =>
      sessions.createNewSessionWithoutRequestResponse('public', 'p3', payload);
    witness.logs.clear();
    await create({ userEmail: 'ada@example.com', plan: 'pro', email_verified: true });
    await create({ userEmail: 'eve@example.com', passport_required: 'yes', compass: 1 });
    const warnings = witness.logs.texts('warn');
    expect(warnings).toEqual([expect.stringContaining('The claim "userEmail" can be read by')]);
    expect(warnings.join()).not.toContain('ada@');
    for (const name of ['password', 'card_number', 'ssn', 'PIN']) await create({ [name]: '1' });
    expect(witness.logs.texts('warn')).toHaveLength(5);
  });

  it('P3: says nothing of that in production', async () => {
    vi.stubEnv('NODE_ENV', 'production');
    const logs = new LogRecorder();
    const live = await Scene.open({ platform, prepare: logs.record });
    try {
      const sessions = live.booted.app.get(SessionService);
      await sessions.createNewSessionWithoutRequestResponse('public', 'p3', { password: 'x' });
      expect(logs.texts('warn').filter((line) => line.includes('claim'))).toEqual([]);
    } finally {
      await live.close();
      vi.unstubAllEnvs();
    }
  });

  it('P4: is the same for a client that roams: no address and no browser logs anybody out', async () => {
    const holder = await scene.login('p4', { 'user-agent': 'Firefox on Linux' });
    const elsewhere = { 'user-agent': 'Safari on iOS', 'x-forwarded-for': '198.51.100.1' };
    const me = await scene.get('/me', { ...accessCookie(holder.access), ...elsewhere });
    expect(me.status).toBe(200);
    const refreshed = await scene.refresh({ ...refreshCookie(holder.refresh), ...elsewhere });
    expect(refreshed.status).toBe(200);
  });

  it('L3: does not let a client write lines of its own into a log or a list', async () => {
    const listed = await Scene.open({ platform, sessions: { device: { userAgent: true } } });
    try {
      const { access } = await listed.login('u1', { 'user-agent': `a\tb${'x'.repeat(400)}` });
      const answer = await listed.get('/auth/sessions', accessCookie(access));
      expect(answer.text).not.toMatch(/\p{Cc}/u);
      expect(answer.text).toContain(`"a b${'x'.repeat(253)}"`);
    } finally {
      await listed.close();
    }
  });

  it('L4: to a thousand bad tokens fills no log', async () => {
    // Each refusal has a debug line, which is off in production.
    const loggedLines = () => witness.logs.lines.filter(({ level }) => level !== 'debug').length;
    const before = loggedLines();
    for (let round = 0; round < 20; round += 1) {
      await Promise.all(
        Array.from({ length: 50 }, (_, index) => scene.get('/me', bearer(`bad.${round}.${index}`))),
      );
    }
    expect(loggedLines() - before).toBeLessThanOrEqual(1);
  });

  // The last: by now the log has seen what all the others did.
  it('L1: leaves no token in a log, an event, a statement or a description of what went wrong', async () => {
    const holder = await scene.login('l1');
    const next = holderOf(await scene.refresh(refreshCookie(holder.refresh)), holder);
    await scene.refresh(refreshCookie(holder.refresh));
    await scene.get('/strict', accessCookie(next.access));
    await expectNothingChanged(scene, async () => {
      await scene.refresh(refreshCookie(`${next.refresh.slice(0, -4)}AAAA`));
    });
    const { dataSource } = scene.booted;
    await dataSource.query('ALTER TABLE "auth_session" RENAME TO "gone"');
    await scene.refresh(refreshCookie(next.refresh));
    await scene.get('/strict', accessCookie(next.access));
    await dataSource.query('ALTER TABLE "gone" RENAME TO "auth_session"');
    const secrets = [holder, next].flatMap(({ access, refresh }) => [access, refresh]);
    const parts = secrets.flatMap((token) => [token, token.slice(-40)]);
    expect(witness.text.length).toBeGreaterThan(10_000);
    expect(parts.filter((part) => witness.text.includes(part))).toEqual([]);
    expect(witness.text).not.toContain(`${REFRESH_COOKIE}=`);
  });

  it('L1: leaves no token in what a program prints of a session', async () => {
    const sessions = scene.booted.app.get(SessionService);
    const session = await sessions.createNewSessionWithoutRequestResponse('public', 'printed');
    const { accessToken, refreshToken } = session.getAllSessionTokensDangerously();
    const printed = [inspect(session, { depth: 10 }), JSON.stringify(session)];
    for (const secret of [accessToken, refreshToken ?? '']) {
      expect(printed.filter((text) => text.includes(secret.slice(-30)))).toEqual([]);
    }
  });
});
