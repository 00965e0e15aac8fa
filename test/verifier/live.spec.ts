import { Readable } from 'node:stream';
import { setTimeout as pause } from 'node:timers/promises';
import {
  Controller,
  Get,
  Sse,
  StreamableFile,
  type INestApplication,
  type INestApplicationContext,
  type MessageEvent,
} from '@nestjs/common';
import { Query, Resolver, Subscription } from '@nestjs/graphql';
import { IoAdapter } from '@nestjs/platform-socket.io';
import { WsAdapter } from '@nestjs/platform-ws';
import { SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { EventSource } from 'eventsource';
import { createClient } from 'graphql-ws';
import { NEVER, startWith, Subject, type Observable } from 'rxjs';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { WebSocket } from 'ws';
import { SessionService, UserRoleClaim } from '../../lib/index.js';
import { OpenClaims } from '../../lib/live/open-claims.js';
import { OpenSessions } from '../../lib/live/open-sessions.js';
import { FakeClock } from '../../lib/testing/index.js';
import { IssuerFeed } from '../../lib/verifier/issuer-feed.js';
import {
  allowSocketIo,
  CurrentSession,
  PublicAccess,
  SessionEndedException,
  sessionSubscriptions,
  SessionVerification,
  VerifySession,
  verifyWsClient,
  type LiveEnd,
  type ReadonlySession,
  type SessionClaimValidator,
  type SessionVerifierOptions,
} from '../../lib/verifier/index.js';
import { bootApp, platforms, type BootedApp } from '../support/boot-app.js';
import { apolloWithSubscriptions } from '../support/graphql-servers.js';
import { accessCookie, bearer, type Headers } from '../support/scene.js';
import { IoTestClient, WsTestClient, type SocketTestClient } from '../support/socket-clients.js';
import { readAnswer } from '../support/streamed-answer.js';
import { bootVerifier, FEED_SECRET, ISSUER, type BootedVerifier } from '../support/verifier-app.js';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const roles = new Map<string, string[] | undefined>();
const roleClaim = new UserRoleClaim({
  fetchValue: ({ userId }) => (roles.has(userId) ? roles.get(userId) : []),
});
const isAdmin = roleClaim.validators.includes('admin');
const isNotBanned: SessionClaimValidator = {
  id: 'not-banned',
  claim: roleClaim,
  validate: (payload) => ({
    isValid: roleClaim.getValueFromPayload(payload)?.includes('banned') !== true,
  }),
};
const signals: AbortSignal[] = [];

const streamed = new Subject<object>();

class Answers {
  @SubscribeMessage('orders')
  @VerifySession()
  orders(): Observable<object> {
    return streamed.pipe(startWith({ event: 'order', data: 1 }));
  }

  @SubscribeMessage('secrets')
  @VerifySession({ roles: ['admin'] })
  secrets(): Observable<object> {
    return streamed.pipe(startWith({ event: 'secret', data: 1 }));
  }

  @SubscribeMessage('who')
  who(@CurrentSession() session?: ReadonlySession): object {
    return { event: 'you', data: session?.getUserId() ?? null };
  }

  @SubscribeMessage('rule')
  @VerifySession({ roles: ['admin'] })
  rule(): object {
    return { event: 'ruled' };
  }
}

@WebSocketGateway({ path: '/guarded' })
@VerifySession()
class GuardedGateway extends Answers {}

@WebSocketGateway({ path: '/admin' })
@VerifySession({ roles: ['admin'] })
class AdminGateway extends Answers {}

@WebSocketGateway({ path: '/open' })
@PublicAccess()
class OpenGateway extends Answers {}

@WebSocketGateway({ namespace: 'guarded' })
@VerifySession()
class GuardedNamespace extends Answers {}

@WebSocketGateway({ namespace: 'admin' })
@VerifySession({ roles: ['admin'] })
class AdminNamespace extends Answers {}

@WebSocketGateway({ namespace: 'open' })
@PublicAccess()
class OpenNamespace extends Answers {}

class EnteredWsAdapter extends WsAdapter {
  constructor(private readonly context: INestApplicationContext) {
    super(context);
  }
  override create(port: number, options: Record<string, unknown> = {}) {
    const verifyClient = verifyWsClient(this.context);
    return super.create(port, { ...options, verifyClient }) as unknown;
  }
}

class EnteredIoAdapter extends IoAdapter {
  constructor(private readonly context: INestApplicationContext) {
    super(context);
  }
  override createIOServer(port: number, options: object = {}) {
    const allowRequest = allowSocketIo(this.context);
    return super.createIOServer(port, { ...options, allowRequest } as never);
  }
}

@Controller()
@VerifySession()
class StreamController {
  @Sse('events')
  events(@CurrentSession() session: ReadonlySession): Observable<MessageEvent> {
    return NEVER.pipe(startWith({ data: session.getUserId() }));
  }

  @Sse('admins')
  @VerifySession({ roles: ['admin'] })
  admins(): Observable<MessageEvent> {
    return NEVER.pipe(startWith({ data: 'secret' }));
  }

  @Get('file')
  file(): StreamableFile {
    const chunks = async function* () {
      for (;;) {
        yield 'chunk ';
        await pause(5);
      }
    };
    return new StreamableFile(Readable.from(chunks()));
  }

  @Get('signal')
  signal(@CurrentSession() session: ReadonlySession): object {
    signals.push(session.ended);
    return { aborted: session.ended.aborted };
  }
}

@Resolver()
class NewsResolver {
  @Query(() => String)
  hello(): string {
    return 'hello';
  }

  @Subscription(() => Number)
  @VerifySession()
  async *news() {
    for (let news = 0; ; news += 1) {
      yield { news };
      await pause(5);
    }
  }
}

const SOCKETS = {
  ws: {
    open: (base: string, place: string, headers: Headers): Promise<SocketTestClient> =>
      WsTestClient.open(base, place, headers),
    adapter: (app: INestApplication) => new EnteredWsAdapter(app),
    gateways: [GuardedGateway, AdminGateway, OpenGateway],
    ended: (code: string): unknown => [4401, code],
  },
  'Socket.IO': {
    open: (base: string, place: string, headers: Headers): Promise<SocketTestClient> =>
      IoTestClient.open(base, place, headers),
    adapter: (app: INestApplication) => new EnteredIoAdapter(app),
    gateways: [GuardedNamespace, AdminNamespace, OpenNamespace],
    ended: (code: string): unknown => ['io server disconnect', { code }],
  },
} as const;

/** An issuer with its people, and a service that verifies their sessions. */
class Pair {
  service!: BootedVerifier;
  private constructor(
    readonly clock: FakeClock,
    readonly issuer: BootedApp,
  ) {}

  static async boot(
    options: Partial<SessionVerifierOptions>,
    more: Partial<Parameters<typeof bootVerifier>[0]>,
  ): Promise<Pair> {
    const clock = new FakeClock();
    const issuer = await bootApp({
      clock,
      sessions: {
        issuer: ISSUER,
        revocation: { pollInterval: '1h', maxStaleness: '1d' },
        claims: [roleClaim],
        routes: { revocations: { secrets: [FEED_SECRET] } },
      },
    });
    const pair = new Pair(clock, issuer);
    pair.service = await bootVerifier({
      clock,
      options: {
        issuer: ISSUER,
        url: `${issuer.url}/auth`,
        revocations: { secret: FEED_SECRET, pollInterval: '50ms', maxStaleness: '1d' },
        ...options,
      },
      ...more,
    });
    return pair;
  }

  get sessions(): SessionService {
    return this.issuer.app.get(SessionService);
  }

  /** How many sessions the service holds open. */
  get held(): number {
    return this.service.app.get(OpenSessions).size;
  }

  async logIn(userId = 'bob') {
    // Not in the millisecond of a cut-off before it, or after it.
    this.clock.advanceMs(2);
    const session = await this.sessions.createNewSessionWithoutRequestResponse('public', userId);
    this.clock.advanceMs(2);
    const { refreshToken = '' } = session.getAllSessionTokensDangerously();
    return { access: session.getAccessToken(), handle: session.getHandle(), refresh: refreshToken };
  }

  async close(): Promise<void> {
    await this.service.close();
    await this.issuer.close();
  }
}

const CELLS = (Object.keys(SOCKETS) as (keyof typeof SOCKETS)[]).flatMap((kind) =>
  platforms.map((platform) => [kind, platform] as const),
);

describe.each(CELLS)('a socket of %s of a service without a database on %s', (kind, platform) => {
  const { open, adapter, gateways, ended } = SOCKETS[kind];
  let pair: Pair;
  const clients: SocketTestClient[] = [];
  beforeAll(async () => {
    const prepare = (app: INestApplication): void => void app.useWebSocketAdapter(adapter(app));
    pair = await Pair.boot({ cookies: true }, { platform, providers: [...gateways], prepare });
  });
  afterEach(async () => {
    clients.splice(0).forEach((each) => each.close());
    await vi.waitUntil(() => pair.held === 0);
  });
  afterAll(() => pair.close());

  const connect = async (place: string, headers: Headers): Promise<SocketTestClient> => {
    const client = await open(pair.service.url, place, headers);
    clients.push(client);
    return client;
  };

  it.each([
    ['its session', (handle: string) => pair.sessions.revokeSession(handle)],
    ['its user', () => pair.sessions.revokeAllSessionsForUser('bob')],
    ['everybody', () => pair.sessions.revokeEverything()],
  ])('VF13: is closed with the next poll once the issuer has revoked %s', async (_, revoke) => {
    const { access, handle } = await pair.logIn();
    const client = await connect('guarded', bearer(access));
    expect(await client.ask('who')).toEqual(['you', 'bob']);
    await revoke(handle);
    expect(await client.closed).toEqual(ended('UNAUTHORISED'));
    expect(pair.held).toBe(0);
  });

  it('stays open where somebody else is revoked, and where its gateway is open', async () => {
    const [one, two] = [await pair.logIn(), await pair.logIn('carol')];
    const client = await connect('guarded', bearer(one.access));
    const other = await connect('guarded', bearer(two.access));
    const stranger = await connect('open', bearer(two.access));
    await pair.sessions.revokeAllSessionsForUser('carol');
    expect(await other.closed).toEqual(ended('UNAUTHORISED'));
    expect(await client.ask('who')).toEqual(['you', 'bob']);
    expect(stranger.isClosed).toBe(false);
  });

  it('ends with the access token that it was opened by, unless a newer one is shown', async () => {
    const { access, refresh } = await pair.logIn();
    const [kept, left] = [
      await connect('guarded', bearer(access)),
      await connect('guarded', bearer(access)),
    ];
    pair.clock.advanceMs(30 * MINUTE);
    const renewed = await pair.sessions.refreshSessionWithoutRequestResponse(refresh);
    kept.send('session-token', renewed.getAccessToken());
    await kept.ask('who');
    pair.clock.advanceMs(31 * MINUTE);
    expect(await left.closed).toEqual(ended('TRY_REFRESH_TOKEN'));
    expect(await kept.ask('who')).toEqual(['you', 'bob']);
    pair.clock.advanceMs(30 * MINUTE);
    expect(await kept.closed).toEqual(ended('TRY_REFRESH_TOKEN'));
  });

  it('ends where its key is revoked, and comes back by a token of the next', async () => {
    const { access, refresh } = await pair.logIn();
    const client = await connect('guarded', bearer(access));
    const [kid = ''] = pair.sessions.getJWKS().keys.map((key) => key.kid);
    pair.clock.advanceMs(1_000);
    await pair.sessions.revokeKey(kid);
    expect(await client.closed).toEqual(ended('TRY_REFRESH_TOKEN'));
    pair.clock.advanceMs(10_000);
    const renewed = await pair.sessions.refreshSessionWithoutRequestResponse(refresh);
    const again = await connect('guarded', bearer(renewed.getAccessToken()));
    expect(await again.ask('who')).toEqual(['you', 'bob']);
  });

  it('VF14: ends where a claim is stale that it asked for, and others of the session go on', async () => {
    roles.set('carol', ['admin']);
    const { access, refresh } = await pair.logIn('carol');
    const admin = await connect('admin', bearer(access));
    const other = await connect('guarded', bearer(access));
    expect(await admin.ask('who')).toEqual(['you', 'carol']);
    roles.set('carol', []);
    pair.clock.advanceMs(1_000);
    await pair.sessions.markClaimsStale('carol');
    expect(await admin.closed).toEqual(ended('TRY_REFRESH_TOKEN'));
    expect(await other.ask('who')).toEqual(['you', 'carol']);
    await expect(connect('admin', bearer(access))).rejects.toBeInstanceOf(Error);
    const renewed = await pair.sessions.refreshSessionWithoutRequestResponse(refresh);
    await expect(connect('admin', bearer(renewed.getAccessToken()))).rejects.toBeInstanceOf(Error);
  });

  it('ends what a message streams with its session, in an open gateway too, and where a role of the message alone is taken', async () => {
    const bob = await pair.logIn();
    const ofOpen = await connect('open', bearer(bob.access));
    expect(await ofOpen.ask('orders')).toEqual(['order', 1]);
    const end = ofOpen.next();
    await pair.sessions.revokeSession(bob.handle);
    expect(await end).toMatchObject(['exception', { code: 'UNAUTHORISED' }]);
    expect(streamed.observed).toBe(false);

    roles.set('gina', ['admin']);
    const gina = await pair.logIn('gina');
    const client = await connect('guarded', bearer(gina.access));
    expect(await client.ask('secrets')).toEqual(['secret', 1]);
    const taken = client.next();
    pair.clock.advanceMs(1_000);
    await pair.sessions.markClaimsStale('gina');
    expect(await taken).toMatchObject(['exception', { code: 'TRY_REFRESH_TOKEN' }]);
    expect(streamed.observed).toBe(false);
    expect(await client.ask('who')).toEqual(['you', 'gina']);
  });

  it('goes on with what a message streams by a newer token that is shown, unless that lacks its role', async () => {
    roles.set('hugo', ['admin']);
    const { access, handle, refresh } = await pair.logIn('hugo');
    const client = await connect('guarded', bearer(access));
    expect(await client.ask('orders')).toEqual(['order', 1]);
    expect(await client.ask('secrets')).toEqual(['secret', 1]);
    pair.clock.advanceMs(30 * MINUTE);
    roles.set('hugo', []);
    await pair.sessions.fetchAndSetClaim(handle, roleClaim);
    const renewed = await pair.sessions.refreshSessionWithoutRequestResponse(refresh);
    client.send('session-token', renewed.getAccessToken());
    await client.ask('who');
    const end = client.next();
    pair.clock.advanceMs(31 * MINUTE);
    expect(await end).toMatchObject(['exception', { code: 'INVALID_CLAIMS' }]);
    const next = client.next();
    streamed.next({ event: 'order', data: 2 });
    expect(await next).toEqual(['order', 2]);
    expect(client.isClosed).toBe(false);
  });

  it('is told to refresh where a message asks for a claim without a value that has been marked stale', async () => {
    roles.set('erin', undefined);
    const { access } = await pair.logIn('erin');
    const client = await connect('guarded', bearer(access));
    const refused = (code: string) => ['exception', expect.objectContaining({ code }) as unknown];
    expect(await client.ask('rule')).toEqual(refused('INVALID_CLAIMS'));
    pair.clock.advanceMs(2_000);
    await pair.sessions.markClaimsStale('erin');
    await pair.service.app.get(IssuerFeed).poll();
    expect(await client.ask('rule')).toEqual(refused('TRY_REFRESH_TOKEN'));
    expect(await client.ask('who')).toEqual(['you', 'erin']);
  });

  it.each([
    ['no session', () => ({})],
    ['garbage', () => bearer('garbage')],
    ['a forged token', (access: string) => bearer(access.replace(/.{9}$/, 'AAAAAAAAA'))],
    [
      'the cookies of a visitor of another page',
      (access: string) => ({ ...accessCookie(access), origin: 'https://evil.example' }),
    ],
  ])('is refused with %s', async (_, headers) => {
    const { access } = await pair.logIn();
    await expect(connect('guarded', headers(access))).rejects.toBeInstanceOf(Error);
    expect(pair.held).toBe(0);
  });

  it('is refused with a revoked session', async () => {
    const { access, handle } = await pair.logIn();
    await pair.sessions.revokeSession(handle);
    await pair.service.app.get(IssuerFeed).poll();
    await expect(connect('guarded', bearer(access))).rejects.toBeInstanceOf(Error);
  });

  it('is kept for nobody once its client has left', async () => {
    const { access } = await pair.logIn();
    const client = await connect('guarded', bearer(access));
    expect(pair.held).toBe(1);
    client.close();
    await expect.poll(() => pair.held).toBe(0);
  });
});

describe('a socket of a service whose news are too old', () => {
  let pair: Pair;
  afterEach(() => pair.close());

  it('VF15: is refused with 503; one that is open gets no answer, and ends with its token or the news', async () => {
    pair = await Pair.boot(
      { revocations: { secret: FEED_SECRET, pollInterval: '30m', maxStaleness: '45m' } },
      {
        providers: [GuardedGateway],
        prepare: (app) => void app.useWebSocketAdapter(new EnteredWsAdapter(app)),
      },
    );
    const [one, two, three] = [await pair.logIn(), await pair.logIn(), await pair.logIn('carol')];
    const connect = (access: string) =>
      WsTestClient.open(pair.service.url, 'guarded', bearer(access));
    const [revoked, left] = [await connect(one.access), await connect(two.access)];
    pair.clock.advanceMs(46 * MINUTE);
    await expect(connect(three.access)).rejects.toMatchObject({
      status: 503,
      body: JSON.stringify({
        statusCode: 503,
        code: 'SESSION_ISSUER_UNAVAILABLE',
        message: 'session issuer unavailable',
      }),
    });
    expect(await revoked.ask('who')).toMatchObject([
      'exception',
      { code: 'SESSION_ISSUER_UNAVAILABLE' },
    ]);
    await pair.sessions.revokeSession(one.handle);
    await pair.service.app.get(IssuerFeed).poll();
    expect(await revoked.closed).toEqual([4401, 'UNAUTHORISED']);
    pair.clock.advanceMs(20 * MINUTE);
    expect(await left.closed).toEqual([4401, 'TRY_REFRESH_TOKEN']);
    expect(pair.held).toBe(0);
  });

  it('ends with its token where the service learns of no revocations', async () => {
    pair = await Pair.boot(
      { revocations: false },
      {
        providers: [GuardedGateway],
        prepare: (app) => void app.useWebSocketAdapter(new EnteredWsAdapter(app)),
      },
    );
    const { access } = await pair.logIn();
    const client = await WsTestClient.open(pair.service.url, 'guarded', bearer(access));
    pair.clock.advanceMs(HOUR);
    expect(await client.closed).toEqual([4401, 'TRY_REFRESH_TOKEN']);
  });

  it('waits for a token with few others, as `live.pending` says', async () => {
    pair = await Pair.boot(
      { live: { pending: 0 } },
      {
        providers: [GuardedNamespace],
        prepare: (app) => void app.useWebSocketAdapter(new EnteredIoAdapter(app)),
      },
    );
    const { access } = await pair.logIn();
    const shown = IoTestClient.open(pair.service.url, 'guarded', {}, { token: access });
    await expect(shown).rejects.toBeInstanceOf(Error);
    const client = await IoTestClient.open(pair.service.url, 'guarded', bearer(access));
    expect(await client.ask('who')).toEqual(['you', 'bob']);
    client.close();
  });
});

describe.each(platforms)('a stream of a service without a database on %s', (platform) => {
  let pair: Pair;
  beforeAll(async () => {
    pair = await Pair.boot({}, { platform, controllers: [StreamController] });
  });
  afterEach(async () => {
    await vi.waitUntil(() => pair.held === 0);
  });
  afterAll(() => pair.close());

  function read(path: string, access: string) {
    return readAnswer(`${pair.service.url}/${path}`, bearer(access));
  }

  const endedBy = (code: string): RegExp =>
    new RegExp(`event: session-ended\\nid: 2\\ndata: {"code":"${code}"}\\n\\n$`);

  it('of events gets an event, and its end: by the feed, by the token, by a claim', async () => {
    roles.set('carol', ['admin']);
    const [bob, carol] = [await pair.logIn(), await pair.logIn('carol')];
    const [events, admins, other] = [
      read('events', bob.access),
      read('admins', carol.access),
      read('events', carol.access),
    ];
    await Promise.all([events.begun, admins.begun, other.begun]);
    await expect.poll(() => pair.held).toBe(2);
    await pair.sessions.revokeSession(bob.handle);
    expect((await events.text)[0]).toMatch(endedBy('UNAUTHORISED'));
    pair.clock.advanceMs(1_000);
    await pair.sessions.markClaimsStale('carol');
    expect((await admins.text)[0]).toMatch(endedBy('TRY_REFRESH_TOKEN'));
    expect(pair.held).toBe(1);
    pair.clock.advanceMs(HOUR);
    expect((await other.text)[0]).toMatch(endedBy('TRY_REFRESH_TOKEN'));
  });

  it('is told of by a browser’s EventSource, which comes back in vain', async () => {
    const { access, handle } = await pair.logIn();
    const statuses: number[] = [];
    const source = new EventSource(`${pair.service.url}/events`, {
      fetch: async (url, init) => {
        const answer = await fetch(url, {
          ...init,
          headers: { ...init.headers, ...bearer(access) },
        });
        statuses.push(answer.status);
        return answer;
      },
    });
    const ended = new Promise<unknown>((resolve) => {
      source.addEventListener('session-ended', ({ data }) => resolve(data));
    });
    await new Promise((resolve) => source.addEventListener('message', resolve));
    await pair.sessions.revokeSession(handle);
    expect(await ended).toBe('{"code":"UNAUTHORISED"}');
    await expect.poll(() => statuses, { timeout: 10_000 }).toEqual([200, 401]);
    source.close();
  });

  it('of an answer is cut off', async () => {
    const { access, handle } = await pair.logIn();
    const { begun, text } = read('file', access);
    await begun;
    await pair.sessions.revokeSession(handle);
    expect((await text)[1]).toBe('cut');
  });

  it('`session.ended` is released with the answer, so that nothing is kept', async () => {
    const { access, handle } = await pair.logIn();
    expect((await read('signal', access).text)[0]).toBe('{"aborted":false}');
    await expect.poll(() => pair.held).toBe(0);
    await pair.sessions.revokeSession(handle);
    await pair.service.app.get(IssuerFeed).poll();
    expect(signals.at(-1)?.aborted).toBe(false);
  });

  it('ends where a claim has become stale between the verification and the beginning', async () => {
    roles.set('dora', ['admin']);
    const { access } = await pair.logIn('dora');
    const session = await pair.service.app.get(SessionVerification).verify(access);
    pair.clock.advanceMs(1_000);
    await pair.sessions.markClaimsStale('dora');
    await pair.service.app.get(IssuerFeed).poll();
    const admins = { overrideGlobalClaimValidators: () => [isAdmin] };
    const ends: LiveEnd[] = [];
    const others: LiveEnd[] = [];
    OpenClaims.watch(session, admins, (end) => ends.push(end));
    const other = OpenClaims.watch(session, undefined, (end) => others.push(end));
    await expect.poll(() => ends).toMatchObject([{ reason: 'claims-stale' }]);
    expect(others).toEqual([]);
    other[Symbol.dispose]();
    expect(ends[0]?.error).toMatchObject({ code: 'TRY_REFRESH_TOKEN', reason: 'claims-stale' });
  });

  it('ends where a claim without a value has become stale that it asked for', async () => {
    roles.set('erin', undefined);
    const { access } = await pair.logIn('erin');
    const session = await pair.service.app.get(SessionVerification).verify(access);
    const ends: LiveEnd[] = [];
    const asked = { overrideGlobalClaimValidators: () => [isNotBanned] };
    OpenClaims.watch(session, asked, (end) => ends.push(end));
    pair.clock.advanceMs(2_000);
    await pair.sessions.markClaimsStale('erin');
    await expect.poll(() => ends).toMatchObject([{ reason: 'claims-stale' }]);
  });

  it('has its end told by a signal and by `watch`, where a session is verified by hand', async () => {
    const verification = pair.service.app.get(SessionVerification);
    const { access, handle } = await pair.logIn();
    const session = await verification.verify(access);
    const { ended } = session;
    const ends: LiveEnd[] = [];
    verification.watch(session, (end) => ends.push(end));
    verification.watch(session, (end) => ends.push(end))[Symbol.dispose]();
    await pair.sessions.revokeSession(handle);
    await expect.poll(() => ended.aborted).toBe(true);
    expect(ended.reason).toBeInstanceOf(SessionEndedException);
    expect(ends).toMatchObject([{ reason: 'revoked', sessionHandle: handle, userId: 'bob' }]);
    expect(() => verification.watch({} as never, () => undefined)).toThrow('session');
  });
});

describe('a subscription of a service without a database', () => {
  let pair: Pair;
  beforeAll(async () => {
    const imports = [apolloWithSubscriptions(sessionSubscriptions)];
    pair = await Pair.boot({}, { imports, providers: [NewsResolver] });
  });
  afterAll(() => pair.close());

  function subscribe(connectionParams: Record<string, unknown>) {
    let told: (close: unknown[]) => void = () => undefined;
    const closed = new Promise<unknown[]>((resolve) => (told = resolve));
    const client = createClient({
      url: `${pair.service.url.replace('http', 'ws')}/graphql`,
      webSocketImpl: WebSocket,
      retryAttempts: 0,
      lazy: false,
      onNonLazyError: () => undefined,
      connectionParams,
      on: {
        closed: (event) => {
          const { code, reason } = event as { code: number; reason: string };
          told([code, reason]);
        },
      },
    });
    const values: unknown[] = [];
    const errors: unknown[] = [];
    client.subscribe(
      { query: 'subscription { news }' },
      {
        next: ({ data, errors: found }) =>
          found === undefined ? values.push(data) : errors.push(...found),
        error: () => undefined,
        complete: () => undefined,
      },
    );
    return { values, errors, closed };
  }

  it('gets an error at the end of its session, and its socket is closed', async () => {
    const { access, handle } = await pair.logIn();
    const { values, errors, closed } = subscribe({ authorization: `Bearer ${access}` });
    await expect.poll(() => values.length).toBeGreaterThan(1);
    await pair.sessions.revokeSession(handle);
    expect(await closed).toEqual([4401, 'UNAUTHORISED']);
    expect(errors).toMatchObject([{ message: 'unauthorised' }]);
    expect(pair.held).toBe(0);
  });

  it('is refused without a session, and with garbage', async () => {
    for (const params of [{}, { authorization: 'Bearer garbage' }]) {
      const { values, closed } = subscribe(params);
      expect((await closed)[0]).toBe(4401);
      expect(values).toEqual([]);
    }
  });
});
