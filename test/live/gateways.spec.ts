import {
  Controller,
  type INestApplication,
  type INestApplicationContext,
  Post,
  Body,
} from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import nest from '@nestjs/core/package.json' with { type: 'json' };
import { IoAdapter } from '@nestjs/platform-socket.io';
import { WsAdapter } from '@nestjs/platform-ws';
import { SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { map, startWith, Subject, type Observable } from 'rxjs';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import {
  allowSocketIo,
  BooleanClaim,
  CurrentSession,
  PublicAccess,
  RequireFresh,
  Session,
  SessionGuard,
  SessionService,
  UserRoleClaim,
  VerifySession,
  verifyWsClient,
  type SessionContainer,
} from '../../lib/index.js';
import { OpenSessions } from '../../lib/live/open-sessions.js';
import { RevocationFeed } from '../../lib/revocation/revocation-feed.js';
import { platforms } from '../support/boot-app.js';
import { accessCookie, Scene, type Headers } from '../support/scene.js';
import { IoTestClient, WsTestClient, type SocketTestClient } from '../support/socket-clients.js';

const HOUR = 3_600_000;
const roles = new Map<string, string[]>();
const fetched: string[] = [];
const roleClaim = new UserRoleClaim({
  fetchValue: ({ userId }) => {
    fetched.push(userId);
    return userId === 'nobody' ? undefined : (roles.get(userId) ?? []);
  },
});

const paidClaim = new BooleanClaim({ key: 'paid', fetchValue: () => undefined });
const paid = () => [paidClaim.validators.isTrue()];

const streamed = new Subject<number>();
const silent = new Subject<number>();
const streamOf = (event: string): Observable<object> =>
  streamed.pipe(
    startWith(1),
    map((data) => ({ event, data })),
  );

class Answers {
  @SubscribeMessage('who')
  who(@CurrentSession() session?: SessionContainer): object {
    return { event: 'you', data: session?.getUserId() ?? null };
  }
}

@WebSocketGateway({ path: '/guarded' })
@VerifySession()
class GuardedGateway extends Answers {
  @SubscribeMessage('fresh')
  @RequireFresh('10m')
  fresh(): object {
    return { event: 'fresh', data: true };
  }

  @SubscribeMessage('strict')
  @VerifySession({ checkDatabase: true })
  strict(): object {
    return { event: 'strict', data: true };
  }

  @SubscribeMessage('paid')
  @VerifySession({ overrideGlobalClaimValidators: paid })
  paid(): object {
    return { event: 'paid', data: true };
  }

  @SubscribeMessage('surely paid')
  @VerifySession({ overrideGlobalClaimValidators: paid, checkDatabase: true })
  surelyPaid(@CurrentSession() session: SessionContainer): object {
    return { event: 'surely paid', data: session.getClaimValue(paidClaim) };
  }
}

/** Streams, each for those whom its message admits. */
class StreamedAnswers {
  @SubscribeMessage('news')
  news(): Observable<object> {
    return streamOf('news');
  }

  @SubscribeMessage('orders')
  @VerifySession()
  orders(): Observable<object> {
    return streamOf('order');
  }

  @SubscribeMessage('secrets')
  @VerifySession({ roles: ['admin'] })
  secrets(): Observable<object> {
    return streamOf('secret');
  }

  @SubscribeMessage('silent orders')
  @VerifySession()
  silentOrders(): Observable<object> {
    return silent.pipe(map((data) => ({ event: 'order', data })));
  }

  @SubscribeMessage('silent secrets')
  @VerifySession({ roles: ['admin'] })
  silentSecrets(): Observable<object> {
    return silent.pipe(map((data) => ({ event: 'secret', data })));
  }

  @SubscribeMessage('paid news')
  @VerifySession({ overrideGlobalClaimValidators: paid })
  paidNews(): Observable<object> {
    return streamOf('paid news');
  }
}

@WebSocketGateway({ path: '/streams' })
@VerifySession()
class StreamGateway extends StreamedAnswers {}

@WebSocketGateway({ path: '/open-streams' })
@PublicAccess()
class OpenStreamGateway extends StreamedAnswers {}

@WebSocketGateway({ namespace: 'streams' })
@VerifySession()
class StreamNamespace extends StreamedAnswers {}

@WebSocketGateway({ namespace: 'open-streams' })
@PublicAccess()
class OpenStreamNamespace extends StreamedAnswers {}

@WebSocketGateway({ path: '/streams' })
class UndecoratedStreamGateway extends StreamedAnswers {}

@WebSocketGateway({ namespace: 'streams' })
class UndecoratedStreamNamespace extends StreamedAnswers {}

class GuardedAnswers {
  @SubscribeMessage('who')
  @VerifySession()
  who(@CurrentSession() session: SessionContainer): object {
    return { event: 'you', data: session.getUserId() };
  }
}

@WebSocketGateway({ path: '/guarded' })
class MessageGateway extends GuardedAnswers {}

@WebSocketGateway({ namespace: 'guarded' })
class MessageNamespace extends GuardedAnswers {}

@WebSocketGateway({ path: '/admin' })
@VerifySession({ roles: ['admin'] })
class AdminGateway extends Answers {}

@WebSocketGateway({ path: '/paid' })
@VerifySession({ overrideGlobalClaimValidators: paid })
class PaidGateway extends Answers {}

@WebSocketGateway({ path: '/open' })
@PublicAccess()
class OpenGateway {
  @SubscribeMessage('ping')
  ping(): object {
    return { event: 'pong', data: 'open' };
  }
}

@WebSocketGateway({ namespace: 'guarded' })
@VerifySession()
class GuardedNamespace extends GuardedGateway {}

@WebSocketGateway({ namespace: 'admin' })
@VerifySession({ roles: ['admin'] })
class AdminNamespace extends Answers {}

@WebSocketGateway({ namespace: 'paid' })
@VerifySession({ overrideGlobalClaimValidators: paid })
class PaidNamespace extends Answers {}

@WebSocketGateway({ namespace: 'open' })
@PublicAccess()
class OpenNamespace extends OpenGateway {}

class EnteredWsAdapter extends WsAdapter {
  constructor(private readonly context: INestApplicationContext) {
    super(context);
  }
  override create(port: number, options: Record<string, unknown> = {}) {
    return super.create(port, {
      ...options,
      verifyClient: verifyWsClient(this.context),
    }) as unknown;
  }
}

class EnteredIoAdapter extends IoAdapter {
  constructor(private readonly context: INestApplicationContext) {
    super(context);
  }
  override createIOServer(port: number, options: object = {}) {
    return super.createIOServer(port, {
      ...options,
      allowRequest: allowSocketIo(this.context),
    } as never);
  }
}

@Controller()
class Nothing {
  @Post('nothing')
  nothing(@Body() body: unknown): unknown {
    return body;
  }
}

function busyFor(ms: number): void {
  const endsAt = performance.now() + ms;
  while (performance.now() < endsAt);
}

const KINDS = {
  ws: {
    open: (base: string, place: string, headers: Headers): Promise<SocketTestClient> =>
      WsTestClient.open(base, place, headers),
    adapter: (app: INestApplication) => new EnteredWsAdapter(app),
    bareAdapter: (app: INestApplication) => new WsAdapter(app),
    gateways: [GuardedGateway, AdminGateway, OpenGateway, PaidGateway],
    ofStreams: [StreamGateway, OpenStreamGateway],
    ofMessages: MessageGateway,
    undecorated: UndecoratedStreamGateway,
    ended: (code: string): unknown => [code === 'INVALID_CLAIMS' ? 4403 : 4401, code],
  },
  'Socket.IO': {
    open: (base: string, place: string, headers: Headers): Promise<SocketTestClient> =>
      IoTestClient.open(base, place, headers),
    adapter: (app: INestApplication) => new EnteredIoAdapter(app),
    bareAdapter: (app: INestApplication) => new IoAdapter(app),
    gateways: [GuardedNamespace, AdminNamespace, OpenNamespace, PaidNamespace],
    ofStreams: [StreamNamespace, OpenStreamNamespace],
    ofMessages: MessageNamespace,
    undecorated: UndecoratedStreamNamespace,
    ended: (code: string): unknown => ['io server disconnect', { code }],
  },
} as const;

const CELLS = (Object.keys(KINDS) as (keyof typeof KINDS)[]).flatMap((kind) =>
  platforms.map((platform) => [kind, platform] as const),
);

describe.each(CELLS)('a socket of %s on %s', (kind, platform) => {
  const { open, adapter, gateways, ofStreams, ended } = KINDS[kind];
  let scene: Scene;
  const clients: SocketTestClient[] = [];
  beforeAll(async () => {
    scene = await Scene.open({
      platform,
      controllers: [Nothing],
      providers: [...gateways, ...ofStreams],
      sessions: { claims: [roleClaim], live: { pending: 3 } },
      prepare: (app) => void app.useWebSocketAdapter(adapter(app)),
    });
  });
  afterEach(() => clients.splice(0).forEach((each) => each.close()));
  afterAll(() => scene.close());

  const connect = async (place: string, headers: Headers): Promise<SocketTestClient> => {
    const client = await open(scene.booted.url, place, headers);
    clients.push(client);
    return client;
  };
  const sessions = (): SessionService => scene.booted.app.get(SessionService);
  const beat = (): Promise<void> =>
    (scene.booted.app.get(RevocationFeed) as { task: { runNow(): Promise<void> } }).task.runNow();

  it('has the session of its handshake, and is closed with a word of the list when that is revoked', async () => {
    const { access, handle } = await scene.login('bob');
    const client = await connect('guarded', accessCookie(access));
    expect(await client.ask('who')).toEqual(['you', 'bob']);
    await sessions().revokeSession(handle);
    expect(await client.closed).toEqual(ended('UNAUTHORISED'));
    expect(scene.booted.app.get(OpenSessions).size).toBe(0);
  });

  it('takes the header in place of a cookie', async () => {
    const { access } = await scene.login('bob');
    const client = await connect('guarded', { authorization: `Bearer ${access}` });
    expect(await client.ask('who')).toEqual(['you', 'bob']);
  });

  it('goes on through refreshes, as long as its session lives, and its messages with it', async () => {
    const { access, refresh } = await scene.login('bob');
    const client = await connect('guarded', accessCookie(access));
    expect(await client.ask('fresh')).toEqual(['fresh', true]);
    await scene.advance(2 * HOUR);
    await beat();
    expect(await client.ask('who')).toEqual(['you', 'bob']);
    expect(await client.ask('fresh')).toMatchObject(['exception', { code: 'INVALID_CLAIMS' }]);
    await scene.refresh({ cookie: `__Host-sRefreshToken=${refresh}` });
    expect(client.isClosed).toBe(false);
    scene.booted.clock.advanceMs(100 * 24 * HOUR);
    await beat();
    expect(await client.closed).toEqual(ended('UNAUTHORISED'));
  });

  it('asks the database for each message whose handler says so, and for no other', async () => {
    const { access, handle } = await scene.login('bob');
    const client = await connect('guarded', accessCookie(access));
    expect(await client.ask('strict')).toEqual(['strict', true]);
    // By SQL, so that nobody hears of it.
    await scene.booted.dataSource.getRepository(Session).delete({ handle });
    expect(await client.ask('who')).toEqual(['you', 'bob']);
    expect(await client.ask('strict')).toMatchObject(['exception', { code: 'UNAUTHORISED' }]);
    expect(await client.ask('who')).toEqual(['you', 'bob']);
  });

  it('has the claims of the row for each message whose handler asks the database', async () => {
    const { access, handle } = await scene.login('bob');
    const client = await connect('guarded', accessCookie(access));
    expect(await client.ask('surely paid')).toMatchObject([
      'exception',
      { code: 'INVALID_CLAIMS' },
    ]);
    await sessions().setClaimValue(handle, paidClaim, true);
    expect(await client.ask('surely paid')).toEqual(['surely paid', true]);
    expect(await client.ask('paid')).toEqual(['paid', true]);
    await sessions().removeClaim(handle, paidClaim);
    expect(await client.ask('surely paid')).toMatchObject([
      'exception',
      { code: 'INVALID_CLAIMS' },
    ]);
    expect(await client.ask('paid')).toMatchObject(['exception', { code: 'INVALID_CLAIMS' }]);
  });

  it('has a claim fetched once for a mark where there is nothing to fetch, also long after its token', async () => {
    const { access } = await scene.login('nobody');
    const client = await connect('guarded', accessCookie(access));
    scene.booted.clock.advanceMs(2 * HOUR);
    await sessions().markClaimsStale('nobody');
    scene.booted.clock.advanceMs(10_000);
    await beat();
    fetched.length = 0;
    for (let message = 0; message < 3; message += 1) {
      expect(await client.ask('who')).toEqual(['you', 'nobody']);
    }
    expect(fetched.length).toBeLessThanOrEqual(1);
  });

  it('has the claims of the row once an access token is over, and is closed where it asked for one that is gone', async () => {
    const { access, handle } = await scene.login('bob');
    await sessions().setClaimValue(handle, paidClaim, true);
    const headers = accessCookie(access);
    const other = await connect('guarded', headers);
    await expect(connect('paid', headers)).rejects.toBeInstanceOf(Error);
    scene.booted.clock.advanceMs(HOUR);
    await beat();
    await expect.poll(() => other.ask('paid')).toEqual(['paid', true]);
    const token = await sessions().createNewSessionWithoutRequestResponse('public', 'bob', {
      ...paidClaim.addToPayload({}, true, scene.booted.clock.now()),
    });
    const client = await connect('paid', accessCookie(token.getAccessToken()));
    await sessions().removeClaim(token.getHandle(), paidClaim);
    await sessions().removeClaim(handle, paidClaim);
    expect(await client.ask('who')).toEqual(['you', 'bob']);
    scene.booted.clock.advanceMs(HOUR);
    await beat();
    expect(await client.closed).toEqual(ended('INVALID_CLAIMS'));
    await expect
      .poll(() => other.ask('paid'))
      .toMatchObject(['exception', { code: 'INVALID_CLAIMS' }]);
    expect(other.isClosed).toBe(false);
  });

  it('is closed where a role is taken that it asked for, and others of the session are not', async () => {
    roles.set('carol', ['admin']);
    const { access } = await scene.login('carol');
    const admins = [
      await connect('admin', accessCookie(access)),
      await connect('admin', accessCookie(access)),
    ];
    const other = await connect('guarded', accessCookie(access));
    expect(await admins[0]?.ask('who')).toEqual(['you', 'carol']);
    roles.set('carol', []);
    fetched.length = 0;
    await sessions().markClaimsStale('carol');
    for (const admin of admins) expect(await admin.closed).toEqual(ended('INVALID_CLAIMS'));
    expect(fetched).toEqual(['carol']);
    expect(other.isClosed).toBe(false);
    expect(await other.ask('who')).toEqual(['you', 'carol']);
  });

  it('stays open where the gateway is, whatever is shown', async () => {
    const { access, handle } = await scene.login('dave');
    const clientless = await connect('open', {});
    const client = await connect('open', accessCookie(access));
    await sessions().revokeSession(handle);
    expect(await clientless.ask('ping')).toEqual(['pong', 'open']);
    const late = await connect('open', accessCookie(access));
    expect(await late.ask('ping')).toEqual(['pong', 'open']);
    expect(client.isClosed).toBe(false);
  });

  it('does not go on by a token of another session: it ends with its own', async () => {
    const [own, other] = [await scene.login('bob'), await scene.login('carol')];
    const client = await connect('guarded', accessCookie(own.access));
    client.send('session-token', other.access);
    expect(await client.ask('who')).toEqual(['you', 'bob']);
    await new Promise(setImmediate);
    expect(await client.ask('who')).toEqual(['you', 'bob']);
    await sessions().revokeSession(own.handle);
    expect(await client.closed).toEqual(ended('UNAUTHORISED'));
  });

  it('ends what a message streams with its session, in an open gateway too, and where a role of the message alone is taken', async () => {
    const { access, handle } = await scene.login('bob');
    const ofOpen = await connect('open-streams', accessCookie(access));
    expect(await ofOpen.ask('orders')).toEqual(['order', 1]);
    const end = ofOpen.next();
    await sessions().revokeSession(handle);
    expect(await end).toMatchObject(['exception', { code: 'UNAUTHORISED' }]);
    expect(streamed.observed).toBe(false);

    roles.set('gina', ['admin']);
    const gina = await scene.login('gina');
    const client = await connect('streams', accessCookie(gina.access));
    expect(await client.ask('secrets')).toEqual(['secret', 1]);
    const taken = client.next();
    roles.set('gina', []);
    await sessions().markClaimsStale('gina');
    expect(await taken).toMatchObject(['exception', { code: 'INVALID_CLAIMS' }]);
    expect(streamed.observed).toBe(false);
    expect(await client.ask('orders')).toEqual(['order', 1]);
    expect(client.isClosed).toBe(false);
  });

  it('gives nothing of a stream to whose role was taken before its first value', async () => {
    roles.set('hanna', ['admin']);
    const { access } = await scene.login('hanna');
    const client = await connect('streams', accessCookie(access));
    const end = client.ask('silent secrets');
    await vi.waitUntil(() => silent.observed);
    await new Promise(setImmediate);
    fetched.length = 0;
    roles.set('hanna', []);
    await sessions().markClaimsStale('hanna');
    await vi.waitUntil(() => fetched.includes('hanna'));
    await beat();
    silent.next(1);
    expect(await end).toMatchObject(['exception', { code: 'INVALID_CLAIMS' }]);
    expect(silent.observed).toBe(false);
    expect(client.isClosed).toBe(false);
  });

  it('gives nothing of a stream whose session was revoked long before its first value', async () => {
    const { access, handle } = await scene.login('ida');
    const client = await connect('open-streams', accessCookie(access));
    const end = client.ask('silent orders');
    await vi.waitUntil(() => silent.observed);
    await new Promise(setImmediate);
    await sessions().revokeSession(handle);
    scene.booted.clock.advanceMs(3 * HOUR);
    await beat();
    silent.next(1);
    expect(await end).toMatchObject(['exception', { code: 'UNAUTHORISED' }]);
    expect(silent.observed).toBe(false);
  });

  it('goes on with what an open handler streams, whatever session an earlier message had', async () => {
    const { access, handle } = await scene.login('bob');
    const client = await connect('open-streams', accessCookie(access));
    expect(await client.ask('orders')).toEqual(['order', 1]);
    expect(await client.ask('news')).toEqual(['news', 1]);
    const end = client.next();
    await sessions().revokeSession(handle);
    expect(await end).toMatchObject(['exception', { code: 'UNAUTHORISED' }]);
    const next = client.next();
    streamed.next(2);
    expect(await next).toEqual(['news', 2]);
  });

  it.each([
    ['no session', () => ({})],
    ['garbage', () => accessCookie('garbage')],
    ['a token of another application', () => ({ authorization: 'Bearer a.b.c' })],
  ])('is refused with %s', async (_, headers) => {
    await expect(connect('guarded', headers())).rejects.toBeInstanceOf(Error);
    expect(scene.booted.app.get(OpenSessions).size).toBe(0);
  });

  it('is refused where another page has opened it with the cookies of its visitor', async () => {
    const { access } = await scene.login('bob');
    const headers = { ...accessCookie(access), origin: 'https://evil.example' };
    await expect(connect('guarded', headers)).rejects.toBeInstanceOf(Error);
  });

  it('is refused by what its gateway asks of claims', async () => {
    roles.set('erin', []);
    const { access } = await scene.login('erin');
    await expect(connect('admin', accessCookie(access))).rejects.toBeInstanceOf(Error);
  });

  it('is refused where its session has ended, and each time that it comes back', async () => {
    const { access, handle } = await scene.login('bob');
    await sessions().revokeSession(handle);
    for (let again = 0; again < 20; again += 1) {
      await expect(connect('guarded', accessCookie(access))).rejects.toBeInstanceOf(Error);
    }
    expect(scene.booted.app.get(OpenSessions).size).toBe(0);
  });

  it('is refused for each message from the end on, also if many others are told before it', async () => {
    let isTold: () => void = () => undefined;
    const first = new Promise<void>((resolve) => {
      isTold = resolve;
    });
    for (let count = 0; count < 100; count += 1) {
      const { access } = await scene.login('frank');
      const session = await sessions().getSessionWithoutRequestResponse(access);
      sessions().watch(session, () => {
        isTold();
        busyFor(10);
      });
    }
    const { access } = await scene.login('frank');
    const client = await connect('guarded', accessCookie(access));
    expect(await client.ask('who')).toEqual(['you', 'frank']);
    const revoked = sessions().revokeAllSessionsForUser('frank');
    await first;
    expect(await client.ask('who')).toMatchObject(['exception', { code: 'UNAUTHORISED' }]);
    await revoked;
    await client.closed;
  });

  it('gets nothing for a flood of messages after the end', async () => {
    const { access, handle } = await scene.login('bob');
    const client = await connect('guarded', accessCookie(access));
    await client.ask('who');
    const revoked = sessions().revokeSession(handle);
    for (let count = 0; count < 2_000; count += 1) client.send('who');
    await revoked;
    expect(await client.closed).toEqual(ended('UNAUTHORISED'));
    const again = await scene.login('bob');
    const next = await connect('guarded', accessCookie(again.access));
    expect(await next.ask('who')).toEqual(['you', 'bob']);
  });
});

describe('what only one kind of socket has', () => {
  let scene: Scene;
  afterEach(() => scene.close());

  it('ws: is refused before the upgrade with status and body of HTTP', async () => {
    scene = await Scene.open({
      providers: [GuardedGateway],
      prepare: (app) => void app.useWebSocketAdapter(new EnteredWsAdapter(app)),
    });
    await expect(WsTestClient.open(scene.booted.url, 'guarded', {})).rejects.toMatchObject({
      status: 401,
      body: JSON.stringify({ statusCode: 401, code: 'UNAUTHORISED', message: 'unauthorised' }),
    });
    await expect(
      WsTestClient.open(scene.booted.url, 'guarded', { cookie: '__Host-sAccessToken=x' }),
    ).rejects.toMatchObject({ status: 401 });
  });

  it('ws: takes a token among the subprotocols, and names none of it', async () => {
    scene = await Scene.open({
      providers: [GuardedGateway],
      prepare: (app) => void app.useWebSocketAdapter(new EnteredWsAdapter(app)),
    });
    const { access } = await scene.login('bob');
    const client = await WsTestClient.open(scene.booted.url, 'guarded', {}, ['chat', access]);
    expect(await client.ask('who')).toEqual(['you', 'bob']);
    client.close();
  });

  it('Socket.IO: takes a token in `auth`, and few wait for it at once', async () => {
    scene = await Scene.open({
      providers: [GuardedNamespace],
      sessions: { live: { pending: 2 } },
      prepare: (app) => void app.useWebSocketAdapter(new EnteredIoAdapter(app)),
    });
    const { access } = await scene.login('bob');
    const client = await IoTestClient.open(scene.booted.url, 'guarded', {}, { token: access });
    expect(await client.ask('who')).toEqual(['you', 'bob']);
    await expect(
      IoTestClient.open(scene.booted.url, 'guarded', {}, { token: 'x' }),
    ).rejects.toMatchObject({
      data: { code: 'UNAUTHORISED', statusCode: 401 },
    });
    await expect(IoTestClient.open(scene.booted.url, 'guarded', {})).rejects.toMatchObject({
      data: { code: 'UNAUTHORISED' },
    });
    client.close();
  });

  it('ws: is closed without `verifyWsClient` too, where its gateway asks for a session', async () => {
    scene = await Scene.open({
      providers: [GuardedGateway, OpenGateway],
      prepare: (app) => void app.useWebSocketAdapter(new WsAdapter(app)),
    });
    const anonymous = await WsTestClient.open(scene.booted.url, 'guarded', {});
    expect(await anonymous.closed).toEqual([4401, 'UNAUTHORISED']);
    const { access, handle } = await scene.login('bob');
    const client = await WsTestClient.open(scene.booted.url, 'guarded', accessCookie(access));
    expect(await client.ask('who')).toEqual(['you', 'bob']);
    await scene.booted.app.get(SessionService).revokeSession(handle);
    expect(await client.closed).toEqual([4401, 'UNAUTHORISED']);
  });

  // Nest 11 calls no guard of the application for a message.
  it.runIf(Number.parseInt(nest.version) >= 12).each(['ws', 'Socket.IO'] as const)(
    '%s: APP_GUARD guards each gateway',
    async (kind) => {
      const { gateways, adapter, open, ended } = KINDS[kind];
      @WebSocketGateway(kind === 'ws' ? { path: '/plain' } : { namespace: 'plain' })
      class PlainGateway extends Answers {}
      scene = await Scene.open({
        providers: [
          ...gateways.slice(2),
          PlainGateway,
          { provide: APP_GUARD, useExisting: SessionGuard },
        ],
        prepare: (app) => void app.useWebSocketAdapter(adapter(app)),
      });
      await expect(open(scene.booted.url, 'plain', {})).rejects.toBeInstanceOf(Error);
      const { access, handle } = await scene.login('bob');
      const client = await open(scene.booted.url, 'plain', accessCookie(access));
      expect(await client.ask('who')).toEqual(['you', 'bob']);
      await scene.booted.app.get(SessionService).revokeSession(handle);
      expect(await client.closed).toEqual(ended('UNAUTHORISED'));
    },
  );

  it.each([
    ['ws', 'the gateway'],
    ['ws', 'messages'],
    ['Socket.IO', 'the gateway'],
    ['Socket.IO', 'messages'],
  ] as const)(
    '%s: with `live.until` a socket ends with its token, unless a newer one is shown, where %s asked for it',
    async (kind, asking) => {
      const { gateways, ofMessages, adapter, bareAdapter, open, ended } = KINDS[kind];
      const isEntered = asking === 'the gateway';
      scene = await Scene.open({
        providers: isEntered ? [...gateways] : [ofMessages],
        sessions: { live: { until: 'token' } },
        prepare: (app) => void app.useWebSocketAdapter(isEntered ? adapter(app) : bareAdapter(app)),
      });
      const feed = scene.booted.app.get(RevocationFeed) as {
        task: { runNow(): Promise<void> };
      };
      const { access, refresh } = await scene.login('bob');
      const left = await open(scene.booted.url, 'guarded', accessCookie(access));
      const kept = await open(scene.booted.url, 'guarded', accessCookie(access));
      expect(await left.ask('who')).toEqual(['you', 'bob']);
      expect(await kept.ask('who')).toEqual(['you', 'bob']);
      await scene.advance(HOUR / 2);
      const answer = await scene.refresh({ cookie: `__Host-sRefreshToken=${refresh}` });
      const cookies = answer.setCookies.map((line) => line.split(';', 1)[0] ?? '');
      const newer = cookies.find((each) => each.includes('sAccessToken='))?.split('=')[1];
      kept.send('session-token', newer);
      expect(await kept.ask('who')).toEqual(['you', 'bob']);
      await new Promise(setImmediate);
      await scene.advance(HOUR / 2);
      await feed.task.runNow();
      expect(await left.closed).toEqual(ended('TRY_REFRESH_TOKEN'));
      expect(await kept.ask('who')).toEqual(['you', 'bob']);
      expect(kept.isClosed).toBe(false);
      kept.close();
    },
  );

  it.each(['ws', 'Socket.IO'] as const)(
    '%s: what a message streams goes on by a newer token that is shown, unless it asked for a claim that this one lacks',
    async (kind) => {
      const { ofStreams, adapter, open } = KINDS[kind];
      scene = await Scene.open({
        providers: [...ofStreams],
        sessions: { live: { until: 'token' } },
        prepare: (app) => void app.useWebSocketAdapter(adapter(app)),
      });
      const { app, clock, url } = scene.booted;
      const sessions = app.get(SessionService);
      const feed = app.get<{ task: { runNow(): Promise<void> } }>(RevocationFeed);
      const claims = paidClaim.addToPayload({}, true, clock.now());
      const session = await sessions.createNewSessionWithoutRequestResponse(
        'public',
        'bob',
        claims,
      );
      const { accessToken, refreshToken = '' } = session.getAllSessionTokensDangerously();
      const client = await open(url, 'streams', accessCookie(accessToken));
      expect(await client.ask('orders')).toEqual(['order', 1]);
      expect(await client.ask('paid news')).toEqual(['paid news', 1]);
      await scene.advance(HOUR / 2);
      await sessions.removeClaim(session.getHandle(), paidClaim);
      const newer = await sessions.refreshSessionWithoutRequestResponse(refreshToken);
      client.send('session-token', newer.getAccessToken());
      await client.ask('news');
      await new Promise(setImmediate);
      const end = client.next();
      await scene.advance(HOUR / 2);
      await feed.task.runNow();
      expect(await end).toMatchObject(['exception', { code: 'INVALID_CLAIMS' }]);
      const next = client.next();
      streamed.next(2);
      expect(await next).toEqual(['order', 2]);
      expect(client.isClosed).toBe(false);
      client.close();
    },
  );

  it.each(['ws', 'Socket.IO'] as const)(
    '%s: goes on with what an undecorated message streams, whatever every route asks of sessions',
    async (kind) => {
      const { undecorated, bareAdapter, open } = KINDS[kind];
      scene = await Scene.open({
        providers: [undecorated],
        sessions: {
          claims: [roleClaim],
          globalClaimValidators: [roleClaim.validators.includes('admin')],
        },
        prepare: (app) => void app.useWebSocketAdapter(bareAdapter(app)),
      });
      roles.set('jane', ['admin']);
      const { access } = await scene.login('jane');
      const client = await open(scene.booted.url, 'streams', accessCookie(access));
      expect(await client.ask('orders')).toEqual(['order', 1]);
      expect(await client.ask('news')).toEqual(['news', 1]);
      const end = client.next();
      roles.set('jane', []);
      await scene.booted.app.get(SessionService).markClaimsStale('jane');
      expect(await end).toMatchObject(['exception', { code: 'INVALID_CLAIMS' }]);
      await new Promise(setImmediate);
      expect(streamed.observed).toBe(true);
      const next = client.next();
      streamed.next(2);
      expect(await next).toEqual(['news', 2]);
      client.close();
    },
  );

  it('a gateway that asks for sessions is refused at the start with `revocation: false`', async () => {
    const start = (gateway: typeof OpenGateway | typeof GuardedGateway) =>
      Scene.open({
        providers: [gateway],
        sessions: { revocation: false },
        prepare: (app) => void app.useWebSocketAdapter(new WsAdapter(app)),
      });
    await expect(start(GuardedGateway)).rejects.toThrow(/GuardedGateway.*revocation: false/s);
    scene = await start(OpenGateway);
  });
});
