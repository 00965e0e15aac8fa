import { once } from 'node:events';
import type { INestApplication, ModuleMetadata, Type } from '@nestjs/common';
import { Query, Resolver } from '@nestjs/graphql';
import { IoAdapter } from '@nestjs/platform-socket.io';
import { WsAdapter } from '@nestjs/platform-ws';
import { WebSocketGateway, WebSocketServer } from '@nestjs/websockets';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  allowSocketIo,
  SessionEventBus,
  SessionService,
  sessionSubscriptions,
  SessionStoreUnavailableException,
  UserRoleClaim,
  VerifySession,
  verifyWsClient,
} from '../../lib/index.js';
import { PendingConnections } from '../../lib/live/pending-connections.js';
import { SessionDatabase } from '../../lib/store/session-database.js';
import { Answers, Pongs } from '../support/gateway-handlers.js';
import { apolloWithSubscriptions } from '../support/graphql-servers.js';
import { LogRecorder } from '../support/log-recorder.js';
import { WebSocket } from 'ws';
import { accessCookie, HOST, Scene, type Headers } from '../support/scene.js';
import { IoTestClient, WsTestClient } from '../support/socket-clients.js';

const roles = new Map<string, string[] | Promise<string[]>>();
const roleClaim = new UserRoleClaim({ fetchValue: ({ userId }) => roles.get(userId) ?? [] });

@WebSocketGateway({ allowRequest: allowSocketIo() })
@VerifySession()
class IoGateway extends Answers {}

@WebSocketGateway()
class PlainIoGateway extends Pongs {}

const waiting = {
  path: '/guarded',
  verifyClient: verifyWsClient(undefined, { firstMessage: true }),
};

@WebSocketGateway(waiting)
@VerifySession()
class WsGateway extends Answers {
  @WebSocketServer()
  readonly server!: { readonly clients: Set<WebSocket> };
  connections = 0;

  handleConnection(): void {
    this.connections += 1;
  }
}

@WebSocketGateway(waiting)
@VerifySession()
class WsGatewayBeside extends Pongs {
  connections = 0;

  handleConnection(): void {
    this.connections += 1;
  }
}

/** Without an entrance: a socket is open before anybody has looked. */
@WebSocketGateway({ path: '/late' })
@VerifySession({ roles: ['admin'] })
class LateGateway extends Answers {
  @WebSocketServer()
  readonly server!: { readonly clients: Set<WebSocket> };
  connections = 0;

  handleConnection(): void {
    this.connections += 1;
  }
}

@WebSocketGateway({ path: '/late-strict' })
@VerifySession({ checkDatabase: true })
class LateStrictGateway extends Pongs {}

@WebSocketGateway({ ...waiting, path: '/strict' })
@VerifySession({ checkDatabase: true })
class StrictGateway extends Pongs {}

@WebSocketGateway({ path: '/late-guests' })
@VerifySession({ sessionRequired: false })
class LateGuestsGateway extends Pongs {}

@WebSocketGateway({ path: '/admin', verifyClient: verifyWsClient() })
@VerifySession({ roles: ['admin'] })
class AdminGateway extends Answers {}

@WebSocketGateway({ path: '/plain', verifyClient: verifyWsClient(undefined, { required: false }) })
class PlainWsGateway extends Pongs {}

@Resolver()
class HelloResolver {
  @Query(() => String)
  hello(): string {
    return 'hello';
  }
}

const TRY_AGAIN = [1013, 'SESSION_STORE_UNAVAILABLE'];

describe('a socket is told of as refused', () => {
  let scene: Scene;
  const refused: string[] = [];
  const log = new LogRecorder();
  afterEach(async () => {
    vi.useRealTimers();
    await scene.close();
  });

  const start = async (
    adapter: (app: INestApplication) => IoAdapter | WsAdapter,
    gateways: Type[],
  ) => {
    scene = await Scene.open({
      providers: gateways,
      sessions: { claims: [roleClaim], live: { pending: 1 } },
      prepare: (app) => {
        log.record(app);
        app.useWebSocketAdapter(adapter(app));
      },
    });
    log.clear();
    refused.length = 0;
    scene.booted.app
      .get(SessionEventBus)
      .on('refused', ({ at, reason }) => void refused.push(`${at} ${reason}`));
  };
  const withIo = (...gateways: Type[]) => start((app) => new IoAdapter(app), gateways);
  const withWs = (...gateways: Type[]) => start((app) => new WsAdapter(app), gateways);
  const openWs = (place: string, headers: Headers = {}) =>
    WsTestClient.open(scene.booted.url, place, headers);
  const openIo = (auth: object) => IoTestClient.open(scene.booted.url, '', {}, auth);

  it('not where its token comes in `auth`', async () => {
    await withIo(IoGateway);
    const { access } = await scene.login('bob');
    const client = await openIo({ token: access });
    expect(await client.ask('who')).toEqual(['you', 'bob']);
    expect(refused).toEqual([]);
    client.close();
  });

  it('not where a token in `auth` is over, and none is asked for', async () => {
    await withIo(PlainIoGateway);
    const { access } = await scene.login('bob');
    await scene.advance(3_601_000);
    const client = await openIo({ token: access });
    expect(await client.ask('ping')).toEqual(['pong', 'open']);
    expect(refused).toEqual([]);
    client.close();
  });

  it('not where its token comes in its first message, and a bad one comes later', async () => {
    await withWs(WsGateway);
    const { access } = await scene.login('bob');
    const client = await openWs('guarded');
    client.send('session-token', access);
    await expect.poll(() => client.ask('who')).toEqual(['you', 'bob']);
    refused.length = 0;
    client.send('session-token', `${access.slice(0, -6)}AAAAAA`);
    expect(await client.ask('who')).toEqual(['you', 'bob']);
    expect(refused).toEqual([]);
    client.close();
  });

  it('not where nothing is required, and the token in its cookie is over', async () => {
    await withWs(PlainWsGateway);
    const { access } = await scene.login('bob');
    await scene.advance(3_601_000);
    const client = await openWs('plain', accessCookie(access));
    expect(await client.ask('ping')).toEqual(['pong', 'open']);
    expect(refused).toEqual([]);
    client.close();
  });

  it('not where it ends for its claims, which is no request', async () => {
    await withWs(AdminGateway);
    roles.set('carol', ['admin']);
    const { access } = await scene.login('carol');
    const clients = [
      await openWs('admin', accessCookie(access)),
      await openWs('admin', accessCookie(access)),
    ];
    roles.set('carol', []);
    await scene.booted.app.get(SessionService).markClaimsStale('carol');
    for (const client of clients) expect(await client.closed).toEqual([4403, 'INVALID_CLAIMS']);
    expect(refused).toEqual([]);
  });

  it('once where it shows no token, and where its claims are not enough', async () => {
    await withWs(AdminGateway);
    await expect(openWs('admin')).rejects.toMatchObject({ status: 401 });
    expect(refused).toEqual(['handshake no-access-token']);
    const { access } = await scene.login('erin');
    await expect(openWs('admin', accessCookie(access))).rejects.toMatchObject({ status: 403 });
    expect(refused.slice(1)).toEqual(['handshake claims']);
  });

  it('once where its first message brings a bad token', async () => {
    await withWs(WsGateway);
    const { access } = await scene.login('bob');
    const client = await openWs('guarded');
    client.send('session-token', `${access.slice(0, -6)}AAAAAA`);
    expect(await client.closed).toEqual([4401, 'TRY_REFRESH_TOKEN']);
    expect(refused).toEqual(['handshake access-token-invalid']);
  });

  it('once where its token does not come, or too many wait for theirs', async () => {
    await withWs(WsGateway);
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const client = await openWs('guarded');
    expect(refused).toEqual([]);
    await expect(openWs('guarded')).rejects.toMatchObject({ status: 503 });
    await expect(openWs('guarded')).rejects.toMatchObject({ status: 503 });
    expect(refused).toEqual(['handshake pending-limit', 'handshake pending-limit']);
    const warnings = log.texts('warn');
    expect(warnings.filter((text) => text.includes('`live.pending`'))).toHaveLength(1);
    vi.advanceTimersByTime(5_000);
    expect(await client.closed).toEqual([4401, 'UNAUTHORISED']);
    expect(refused.slice(2)).toEqual(['handshake no-access-token']);
    expect(scene.booted.app.get(PendingConnections).size).toBe(0);
  });

  it('once where the fetch of its claims hangs', async () => {
    await withWs(LateGateway);
    roles.set('dora', ['admin']);
    const { access } = await scene.login('dora');
    roles.set('dora', new Promise(() => undefined));
    await scene.advance(1_000);
    await scene.booted.app.get(SessionService).markClaimsStale('dora');
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const client = await openWs('late', accessCookie(access));
    vi.advanceTimersByTime(60_000);
    expect(await client.closed).toEqual(TRY_AGAIN);
    expect(refused).toEqual(['handshake verification-timeout']);
    expect(log.texts('warn').join('\n')).toContain('`fetchValue`');
    expect(log.texts('error')).toEqual([]);
  });
});

describe('a socket of `ws` that waits for its token', () => {
  let scene: Scene;
  let gateway: WsGateway;
  beforeEach(async () => {
    scene = await Scene.open({
      providers: [WsGateway, WsGatewayBeside],
      prepare: (app) => void app.useWebSocketAdapter(new WsAdapter(app)),
    });
    gateway = scene.booted.app.get(WsGateway);
  });
  afterEach(() => scene.close());
  const open = () => WsTestClient.open(scene.booted.url, 'guarded', {});

  it('is unknown to its gateways, and hears no broadcast, until its token has been judged', async () => {
    const { access } = await scene.login('bob');
    const client = await open();
    const told = client.ask('who');
    for (const each of gateway.server.clients) each.send('{"event":"secret"}');
    expect(gateway.server.clients.size).toBe(0);
    expect(gateway.connections).toBe(0);
    client.send('session-token', access);
    expect(await told).toEqual(['you', 'bob']);
    expect(gateway.server.clients.size).toBe(1);
    expect(gateway.connections + scene.booted.app.get(WsGatewayBeside).connections).toBe(2);
    expect(await client.ask('ping')).toEqual(['pong', 'open']);
    client.close();
  });

  it('loses nothing that it sends right behind its token', async () => {
    const { access, handle } = await scene.login('bob');
    const client = await open();
    client.send('session-token', access);
    const answers = client.hear(200);
    for (let count = 0; count < 200; count += 1) client.send('who');
    expect(await answers).toEqual(
      Array.from({ length: 200 }, () => ({ event: 'you', data: 'bob' })),
    );
    await scene.booted.app.get(SessionService).revokeSession(handle);
    expect(await client.closed).toEqual([4401, 'UNAUTHORISED']);
    await expect.poll(() => gateway.server.clients.size).toBe(0);
  });

  it('is closed by a bad token, by too much before it, and with its application', async () => {
    const bad = await open();
    bad.send('session-token', 'x');
    expect(await bad.closed).toEqual([4401, 'UNAUTHORISED']);
    const loud = await open();
    loud.send('who', 'x'.repeat(70_000));
    expect(await loud.closed).toEqual([4401, 'UNAUTHORISED']);
    const broken = await open();
    broken.sendNoText();
    await broken.closed;
    const late = await open();
    await scene.booted.app.close();
    expect(await late.closed).toEqual(TRY_AGAIN);
    expect(gateway.connections).toBe(0);
  });
});

describe('a socket of `ws` that is judged after it has opened', () => {
  let scene: Scene;
  let gateway: LateGateway;
  let answer: (roles: string[]) => void = () => undefined;
  beforeEach(async () => {
    scene = await Scene.open({
      providers: [LateGateway, LateGuestsGateway, LateStrictGateway, StrictGateway],
      sessions: { claims: [roleClaim] },
      prepare: (app) => void app.useWebSocketAdapter(new WsAdapter(app)),
    });
    gateway = scene.booted.app.get(LateGateway);
  });
  afterEach(async () => {
    vi.useRealTimers();
    answer([]);
    await scene.close();
  });

  /** Opens a socket whose role is still to be fetched. */
  async function open(): Promise<WsTestClient> {
    roles.set('dora', ['admin']);
    const { access } = await scene.login('dora');
    roles.set('dora', new Promise((resolve) => (answer = resolve)));
    await scene.advance(1_000);
    await scene.booted.app.get(SessionService).markClaimsStale('dora');
    return WsTestClient.open(scene.booted.url, 'late', accessCookie(access));
  }
  const broadcast = (): void => {
    for (const each of gateway.server.clients) each.send('{"event":"secret"}');
  };

  it('hears no broadcast and is unknown to its gateways before, and loses nothing that it sends', async () => {
    const client = await open();
    const told = client.ask('who');
    broadcast();
    expect([gateway.server.clients.size, gateway.connections]).toEqual([0, 0]);
    answer(['admin']);
    expect(await told).toEqual(['you', 'dora']);
    expect([gateway.server.clients.size, gateway.connections]).toEqual([1, 1]);
    const heard = client.hear(1);
    broadcast();
    expect(await heard).toEqual([{ event: 'secret' }]);
    client.close();
  });

  it('never hears one if it is refused', async () => {
    const client = await open();
    const told = client.ask('who');
    broadcast();
    answer([]);
    expect(await told).toEqual([4403, 'INVALID_CLAIMS']);
    expect(gateway.connections).toBe(0);
    expect(scene.booted.app.get(PendingConnections).size).toBe(0);
  });

  it('may try again later where a claim hangs for a minute, and where its application closes', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const slow = await open();
    vi.advanceTimersByTime(60_000);
    expect(await slow.closed).toEqual(TRY_AGAIN);
    vi.useRealTimers();
    answer([]);
    const late = await open();
    await scene.booted.app.close();
    expect(await late.closed).toEqual(TRY_AGAIN);
    expect(gateway.connections).toBe(0);
  });

  it.each<
    [string, string, (access: string) => Headers, (client: WsTestClient, access: string) => void]
  >([
    ['handshake', 'late-strict', accessCookie, () => undefined],
    [
      'first message',
      'strict',
      () => ({}),
      (client, access) => client.send('session-token', access),
    ],
  ])(
    'may try again later where the database hangs, with a token in its %s',
    async (_, path, headersOf, show) => {
      const { access } = await scene.login('dora');
      await scene.settle();
      vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
      const database = hangingDatabase();
      const client = await WsTestClient.open(scene.booted.url, path, headersOf(access));
      show(client, access);
      await database.asked;
      vi.advanceTimersByTime(5_000);
      expect(await client.closed).toEqual(TRY_AGAIN);
      database.recover();
    },
  );

  it('is admitted as a guest where no session is required', async () => {
    const client = await WsTestClient.open(scene.booted.url, 'late-guests', {});
    expect(await client.ask('ping')).toEqual(['pong', 'open']);
    client.close();
  });
});

describe('a socket that fails by an error of the application', () => {
  let scene: Scene;
  let isAway = false;
  let minutes = 0;
  const log = new LogRecorder();
  const claim = new UserRoleClaim({
    fetchValue: () => {
      if (isAway) throw new Error('roles away');
      return ['admin'];
    },
  });
  afterEach(async () => {
    vi.useRealTimers();
    isAway = false;
    await scene.close();
  });

  async function start(
    adapter: (app: INestApplication) => IoAdapter | WsAdapter,
    provider: Type,
    imports: ModuleMetadata['imports'] = [],
  ): Promise<Headers> {
    // One kind of error is told once in a minute.
    minutes += 1;
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + minutes * 61_000 });
    log.clear();
    scene = await Scene.open({
      imports,
      providers: [provider],
      sessions: { claims: [claim] },
      prepare: (app) => {
        log.record(app);
        app.useWebSocketAdapter(adapter(app));
      },
    });
    const { access } = await scene.login('dora');
    await scene.advance(1_000);
    await scene.booted.app.get(SessionService).markClaimsStale('dora');
    isAway = true;
    return accessCookie(access);
  }
  const told = () => log.texts('error').filter((text) => text.includes('Error: roles away'));

  it('by `ws` is told of in the log, once in a minute', async () => {
    const cookie = await start((app) => new WsAdapter(app), AdminGateway);
    const open = () => WsTestClient.open(scene.booted.url, 'admin', cookie);
    await expect(open()).rejects.toMatchObject({ status: 500 });
    await expect(open()).rejects.toMatchObject({ status: 500 });
    expect(told()).toHaveLength(1);
    vi.setSystemTime(Date.now() + 60_000);
    minutes += 1;
    await expect(open()).rejects.toMatchObject({ status: 500 });
    expect(told()).toHaveLength(2);
  });

  it('by `ws` without an entrance is told of too', async () => {
    const cookie = await start((app) => new WsAdapter(app), LateGateway);
    const client = await WsTestClient.open(scene.booted.url, 'late', cookie);
    expect(await client.closed).toEqual([4401, 'UNAUTHORISED']);
    expect(told()).toHaveLength(1);
  });

  it('by a subscription is told of too', async () => {
    vi.spyOn(console, 'error').mockReturnValueOnce();
    const cookie = await start((app) => new WsAdapter(app), HelloResolver, [
      apolloWithSubscriptions(sessionSubscriptions),
    ]);
    const url = `${scene.booted.url.replace('http', 'ws')}/graphql`;
    const socket = new WebSocket(url, 'graphql-transport-ws', {
      headers: { host: HOST, ...cookie },
    });
    await once(socket, 'open');
    socket.send('{"type":"connection_init"}');
    expect((await once(socket, 'close'))[0]).toBe(4500);
    expect(told()).toHaveLength(1);
  });

  it('by Socket.IO is told of too', async () => {
    const cookie = await start((app) => new IoAdapter(app), IoGateway);
    const answer = await scene.get('/socket.io/?EIO=4&transport=polling', cookie);
    expect(answer.json).toEqual({ code: 4, message: 'INTERNAL' });
    expect(told()).toHaveLength(1);
  });
});

/** Lets each statement go without an answer until its time limit. */
function hangingDatabase(): { asked: Promise<void>; recover: () => void } {
  const run = vi.spyOn(SessionDatabase.prototype, 'run');
  const asked = new Promise<void>((resolve) => {
    run.mockImplementation((sql) => {
      if (sql.includes('FROM "auth_session" ')) resolve();
      return new Promise((_, reject) => {
        setTimeout(() => reject(new SessionStoreUnavailableException()), 5_000);
      });
    });
  });
  return { asked, recover: () => run.mockRestore() };
}
