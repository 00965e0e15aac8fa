import { once } from 'node:events';
import type { Socket as NetSocket } from 'node:net';
import { Readable } from 'node:stream';
import { setTimeout as pause } from 'node:timers/promises';
import type { Provider } from '@nestjs/common';
import { APP_GUARD, ModuleRef } from '@nestjs/core';
import { ApolloDriver, type ApolloDriverConfig } from '@nestjs/apollo';
import { Context, GraphQLModule, Query, Resolver, Subscription } from '@nestjs/graphql';
import { MercuriusDriver, type MercuriusDriverConfig } from '@nestjs/mercurius';
import type { PubSub } from 'mercurius';
import { createClient, type Client } from 'graphql-ws';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { WebSocket } from 'ws';
import {
  CurrentSession,
  SessionGuard,
  sessionSubscriptions,
  SessionService,
  UserRoleClaim,
  VerifySession,
  type SessionContainer,
} from '../../lib/index.js';
import { iteratorEndedWithSession } from '../../lib/live/ended-iterator.js';
import { OpenSessions } from '../../lib/live/open-sessions.js';
import { PendingConnections } from '../../lib/live/pending-connections.js';
import { ACCESS, BoundScene } from '../support/bound-scene.js';
import { apolloWithSubscriptions } from '../support/graphql-servers.js';
import { heapInUse } from '../support/heap.js';
import { accessCookie, bothCookies, HOST, Scene, type Headers } from '../support/scene.js';

const UNAUTHENTICATED = { code: 'UNAUTHENTICATED' };

const roles = new Map<string, string[]>();
const roleClaim = new UserRoleClaim({ fetchValue: ({ userId }) => roles.get(userId) ?? [] });

const streams: Readable[] = [];
let topics = 0;

async function* count(name: string) {
  for (let value = 0; ; value += 1) {
    yield { [name]: value };
    await pause(5);
  }
}

@Resolver()
class NewsResolver {
  @Query(() => String)
  hello(): string {
    return 'hello';
  }

  @Query(() => String)
  @VerifySession()
  me(@CurrentSession() session: SessionContainer): string {
    return session.getUserId();
  }

  @Subscription(() => Number)
  @VerifySession()
  news() {
    return count('news');
  }

  @Subscription(() => Number, { resolve: (event: { chosen: number }) => event.chosen })
  @VerifySession()
  chosen() {
    return count('chosen');
  }

  @Subscription(() => Number)
  @VerifySession({ roles: ['admin'] })
  secrets() {
    return count('secrets');
  }

  @Subscription(() => Number)
  @VerifySession({ roles: ['editor'] })
  drafts() {
    return count('drafts');
  }

  @Subscription(() => Number)
  @VerifySession({ roles: ['admin'] })
  streamed(): Readable {
    const stream = Readable.from(count('streamed'));
    streams.push(stream);
    return stream;
  }

  @Subscription(() => Number)
  @VerifySession({ roles: ['admin'] })
  iterable(): AsyncIterable<object> {
    return { [Symbol.asyncIterator]: () => count('iterable') };
  }

  @Subscription(() => Number)
  @VerifySession({ roles: ['admin'] })
  async published(@Context('pubsub') pubSub: PubSub): Promise<Readable> {
    const topic = `published ${(topics += 1)}`;
    const events = (await pubSub.subscribe(topic)) as Readable;
    const timer = setInterval(() => {
      pubSub.publish({ topic, payload: { published: topics } });
    }, 5);
    events.once('close', () => clearInterval(timer));
    return events;
  }
}

@Resolver()
class TicksResolver {
  @Query(() => String)
  hello(): string {
    return 'hello';
  }

  @Subscription(() => Number)
  ticks() {
    return count('ticks');
  }
}

const mercurius = () =>
  GraphQLModule.forRootAsync<MercuriusDriverConfig>({
    driver: MercuriusDriver,
    inject: [ModuleRef],
    useFactory: (modules: ModuleRef) => ({
      autoSchemaFile: true,
      subscription: {
        ...sessionSubscriptions(modules, { server: 'mercurius' }),
        fullWsTransport: true,
      },
    }),
  });

const SERVERS = {
  'Apollo on Express': {
    platform: 'express',
    module: () => apolloWithSubscriptions(sessionSubscriptions),
  },
  'Apollo on Fastify': {
    platform: 'fastify',
    module: () => apolloWithSubscriptions(sessionSubscriptions),
  },
  'Mercurius on Fastify': {
    platform: 'fastify',
    module: mercurius,
  },
} as const;

const PLAIN_SERVERS = {
  'Apollo on Express': {
    platform: 'express',
    module: () =>
      GraphQLModule.forRoot<ApolloDriverConfig>({
        driver: ApolloDriver,
        autoSchemaFile: true,
        subscriptions: { 'graphql-ws': true },
      }),
  },
  'Mercurius on Fastify': {
    platform: 'fastify',
    module: () =>
      GraphQLModule.forRoot<MercuriusDriverConfig>({
        driver: MercuriusDriver,
        autoSchemaFile: true,
        subscription: true,
      }),
  },
} as const;

/** Subscriptions whose handlers return no iterator, but what makes one. */
function iterables(server: string): string[] {
  const ofMercurius = server.startsWith('Mercurius') ? ['published'] : [];
  return ['streamed', 'iterable', ...ofMercurius];
}

interface Got {
  readonly values: unknown[];
  readonly errors: unknown[];
  readonly end: Promise<'complete' | 'error'>;
}

const clients: Client[] = [];
afterEach(async () => {
  for (const client of clients.splice(0)) await client.dispose();
});

function connectTo(scene: Scene, headers: Headers, connectionParams?: Record<string, unknown>) {
  let upgraded: (connection: NetSocket) => void = () => undefined;
  const opened = new Promise<NetSocket>((resolve) => (upgraded = resolve));
  class Socket extends WebSocket {
    constructor(url: string, protocols: string) {
      super(url, protocols, { headers: { host: HOST, ...headers } });
      this.once('upgrade', ({ socket }) => upgraded(socket));
    }
  }
  let told: (close: unknown[]) => void = () => undefined;
  const closed = new Promise<unknown[]>((resolve) => (told = resolve));
  const client = createClient({
    url: `${scene.booted.url.replace('http', 'ws')}/graphql`,
    webSocketImpl: Socket,
    retryAttempts: 0,
    lazy: false,
    onNonLazyError: () => undefined,
    ...(connectionParams && { connectionParams }),
    on: {
      closed: (event) => {
        const { code, reason } = event as { code: number; reason: string };
        told([code, reason]);
      },
    },
  });
  clients.push(client);
  return { client, closed, opened };
}

function subscribe(client: Client, query: string): Got {
  const values: unknown[] = [];
  const errors: unknown[] = [];
  const end = new Promise<'complete' | 'error'>((resolve) => {
    client.subscribe(
      { query },
      {
        next: ({ data, errors: found }) => {
          if (found === undefined || found === null) values.push(data);
          else errors.push(...found);
        },
        error: (error) => {
          errors.push(...(Array.isArray(error) ? (error as unknown[]) : [error]));
          resolve('error');
        },
        complete: () => resolve('complete'),
      },
    );
  });
  return { values, errors, end };
}

describe.each(Object.entries(SERVERS))('a subscription by %s', (server, { platform, module }) => {
  let scene: Scene;
  beforeAll(async () => {
    scene = await Scene.open({
      platform,
      imports: [module()],
      providers: [NewsResolver],
      sessions: { claims: [roleClaim] },
    });
  });
  afterAll(() => scene.close());
  const sessions = (): SessionService => scene.booted.app.get(SessionService);

  const connect = (headers: Headers, connectionParams?: Record<string, unknown>) =>
    connectTo(scene, headers, connectionParams);

  it('gets an error and `complete` at the end of its session, and its socket is closed', async () => {
    const { access, handle } = await scene.login('bob');
    const { client, closed } = connect(accessCookie(access));
    const [one, two] = [
      subscribe(client, 'subscription { news }'),
      subscribe(client, 'subscription { news }'),
    ];
    await expect.poll(() => Math.min(one.values.length, two.values.length)).toBeGreaterThan(1);
    await sessions().revokeSession(handle);
    for (const got of [one, two]) {
      expect(await got.end).toBe('complete');
      expect(got.errors).toMatchObject([{ message: 'unauthorised', extensions: UNAUTHENTICATED }]);
    }
    expect(await closed).toEqual([4401, 'UNAUTHORISED']);
    expect(scene.booted.app.get(OpenSessions).size).toBe(0);
  });

  it('of an application’s own `resolve` gets an error', async () => {
    const { access, handle } = await scene.login('bob');
    const { client } = connect(accessCookie(access));
    const got = subscribe(client, 'subscription { chosen }');
    await expect.poll(() => got.values.length).toBeGreaterThan(1);
    await sessions().revokeSession(handle);
    await got.end;
    expect(got.errors).toMatchObject([{ message: 'unauthorised' }]);
  });

  it('takes the token of `connectionParams`', async () => {
    const { access, handle } = await scene.login('bob');
    const { client, closed } = connect({}, { authorization: `Bearer ${access}` });
    const got = subscribe(client, 'subscription { news }');
    await expect.poll(() => got.values.length).toBeGreaterThan(1);
    await sessions().revokeSession(handle);
    expect(await got.end).toBe('complete');
    expect(await closed).toEqual([4401, 'UNAUTHORISED']);
    expect(scene.booted.app.get(OpenSessions).size).toBe(0);
  });

  it('ends where a role is taken that it asked for, and another of its socket goes on', async () => {
    roles.set('carol', ['admin']);
    const { access } = await scene.login('carol');
    const { client } = connect(accessCookie(access));
    const secrets = subscribe(client, 'subscription { secrets }');
    const news = subscribe(client, 'subscription { news }');
    await expect.poll(() => Math.min(secrets.values.length, news.values.length)).toBeGreaterThan(1);
    roles.set('carol', []);
    await sessions().markClaimsStale('carol');
    expect(await secrets.end).toBe('complete');
    expect(secrets.errors).toMatchObject([{ message: 'invalid claim' }]);
    const before = news.values.length;
    await expect.poll(() => news.values.length).toBeGreaterThan(before);
  });

  it.each(iterables(server))(
    'of what is no iterator itself ends where a role is taken that it asked for: %s',
    async (name) => {
      roles.set(name, ['admin']);
      const { access } = await scene.login(name);
      const { client } = connect(accessCookie(access));
      const got = subscribe(client, `subscription { ${name} }`);
      await expect.poll(() => got.values.length).toBeGreaterThan(1);
      roles.set(name, []);
      await sessions().markClaimsStale(name);
      expect(await got.end).toBe('complete');
      expect(got.errors).toMatchObject([{ message: 'invalid claim' }]);
      await expect.poll(() => streams.every(({ destroyed }) => destroyed)).toBe(true);
    },
  );

  it.each([
    ['secrets', 'drafts', 'news'],
    ['news', 'drafts', 'secrets'],
  ])(
    'keeps what it asked for, where others open in the same moment: %s, %s, %s',
    async (...names) => {
      const userId = `first ${names[0]}`;
      roles.set(userId, ['admin', 'editor']);
      const { access } = await scene.login(userId);
      const { client, opened } = connect(accessCookie(access));
      await subscribe(client, 'query { me }').end;
      // All of them go out as one.
      const connection = await opened;
      connection.cork();
      const got = names.map(
        (name) => [name, subscribe(client, `subscription { ${name} }`)] as const,
      );
      await new Promise(setImmediate);
      connection.uncork();
      const fewest = () => Math.min(...got.map(([, { values }]) => values.length));
      await expect.poll(fewest).toBeGreaterThan(1);
      roles.set(userId, ['editor']);
      await sessions().markClaimsStale(userId);
      const { secrets, ...others } = Object.fromEntries(got);
      expect(await secrets?.end).toBe('complete');
      for (const { values, errors } of Object.values(others)) {
        const before = values.length;
        await expect.poll(() => values.length).toBeGreaterThan(before + 1);
        expect(errors).toEqual([]);
      }
    },
  );

  it('is refused without a session, or to the page of another origin', async () => {
    const { access } = await scene.login('bob');
    const evil = connect({ ...accessCookie(access), origin: 'https://evil.example' });
    for (const { client } of [connect({}), connect({}, { authorization: 'Bearer x' }), evil]) {
      const got = subscribe(client, 'subscription { news }');
      expect(await got.end).toBe('error');
      expect(got.values).toEqual([]);
    }
    expect(scene.booted.app.get(OpenSessions).size).toBe(0);
  });

  it('is asked for by a socket that is closed at once where it shows no session', async () => {
    expect(await connect({}).closed).toEqual([4401, 'UNAUTHORISED']);
    const forged = (await scene.login('bob')).access.replace(/.{9}$/, 'AAAAAAAAA');
    expect(await connect({}, { token: forged }).closed).toEqual([4401, 'TRY_REFRESH_TOKEN']);
    expect(scene.booted.app.get(PendingConnections).size).toBe(0);
  });

  it('has the session of its own socket, of many that open at once', async () => {
    const people = await Promise.all(['eve', 'fay', 'gil', 'hal'].map((each) => scene.login(each)));
    const asked = people.flatMap((person) =>
      [0, 1, 2].map(async () => {
        const { client } = connect({}, { authorization: `Bearer ${person.access}` });
        const me = subscribe(client, 'query { me }');
        await me.end;
        return [person.userId, me.values];
      }),
    );
    const nobody = connect({});
    for (const [userId, values] of await Promise.all(asked)) {
      expect(values).toEqual([{ me: userId }]);
    }
    expect((await nobody.closed)[0]).toBe(4401);
  });

  it('is held once, however often its client opens it', async () => {
    const { access } = await scene.login('bob');
    const url = `${scene.booted.url.replace('http', 'ws')}/graphql`;
    const headers = { host: HOST, ...accessCookie(access) };
    const socket = new WebSocket(url, 'graphql-transport-ws', { headers });
    await once(socket, 'open');
    for (let times = 0; times < 20; times += 1) {
      socket.send(JSON.stringify({ type: 'connection_init' }));
    }
    // graphql-ws closes it by itself.
    await Promise.race([once(socket, 'message'), once(socket, 'close')]);
    socket.close();
    await expect.poll(() => scene.booted.app.get(OpenSessions).size).toBe(0);
  });

  it('is refused by its claims, and its socket stays open for others', async () => {
    roles.set('ida', []);
    const { access } = await scene.login('ida');
    const { client } = connect({}, { authorization: `Bearer ${access}` });
    const secrets = subscribe(client, 'subscription { secrets }');
    await secrets.end;
    expect(secrets.values).toEqual([]);
    expect(secrets.errors).toMatchObject([
      { message: 'invalid claim', extensions: { code: 'FORBIDDEN' } },
    ]);
    const news = subscribe(client, 'subscription { news }');
    await expect.poll(() => news.values.length).toBeGreaterThan(1);
  });

  it('goes on after its access token, with what is asked on its socket', async () => {
    const { access } = await scene.login('dora');
    const { client } = connect(accessCookie(access));
    const got = subscribe(client, 'subscription { news }');
    await expect.poll(() => got.values.length).toBeGreaterThan(1);
    await scene.advance(3_600_000);
    const me = subscribe(client, 'query { me }');
    expect(await me.end).toBe('complete');
    expect(me.values).toEqual([{ me: 'dora' }]);
    const before = got.values.length;
    await expect.poll(() => got.values.length).toBeGreaterThan(before);
  });
});

describe('a socket of Mercurius that opens with a session and says nothing', () => {
  let scene: Scene | undefined;
  let bound: BoundScene | undefined;
  afterEach(async () => {
    vi.useRealTimers();
    await scene?.close();
    await bound?.close();
    scene = bound = undefined;
  });

  async function openSilently(url: string, headers: Headers) {
    const socket = new WebSocket(`${url.replace('http', 'ws')}/graphql`, 'graphql-transport-ws', {
      headers: { host: HOST, ...headers },
    });
    const messages: unknown[] = [];
    socket.on('message', (data: Buffer) => messages.push(JSON.parse(data.toString())));
    const closed = once(socket, 'close').then(([code]: unknown[]) => code);
    await once(socket, 'open');
    return { socket, messages, closed };
  }

  function begin(socket: WebSocket): void {
    socket.send(JSON.stringify({ type: 'connection_init' }));
    socket.send(JSON.stringify({ id: '1', type: 'subscribe', payload: { query: '{ me }' } }));
  }

  it('has none once its user has signed out, however long ago', async () => {
    scene = await Scene.open({
      platform: 'fastify',
      imports: [mercurius()],
      providers: [NewsResolver],
    });
    const person = await scene.login('bob');
    const { socket, messages, closed } = await openSilently(
      scene.booted.url,
      accessCookie(person.access),
    );
    expect((await scene.post('/auth/signout', bothCookies(person))).status).toBe(200);
    await scene.advance(71 * 60_000);
    begin(socket);
    expect(await closed).toBe(4401);
    expect(JSON.stringify(messages)).not.toContain('bob');
    expect(scene.booted.app.get(OpenSessions).size).toBe(0);
  });

  it('has none once the access token of a bound session is over', async () => {
    bound = await BoundScene.open(
      'fastify',
      'sqlite',
      {},
      { imports: [mercurius()], providers: [NewsResolver] },
    );
    const browser = await bound.loggedIn();
    const access = String(browser.cookie(ACCESS));
    const { socket, messages, closed } = await openSilently(bound.booted.url, accessCookie(access));
    bound.passMinutes(11);
    begin(socket);
    expect(await closed).toBe(4401);
    expect(JSON.stringify(messages)).not.toContain('ada');
  });

  it('is closed after five seconds', async () => {
    scene = await Scene.open({
      platform: 'fastify',
      imports: [mercurius()],
      providers: [NewsResolver],
    });
    const { access } = await scene.login('bob');
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const silent = await openSilently(scene.booted.url, accessCookie(access));
    const speaking = await openSilently(scene.booted.url, accessCookie(access));
    begin(speaking.socket);
    await once(speaking.socket, 'message');
    vi.advanceTimersByTime(5_000);
    expect(await silent.closed).toBe(1006);
    expect(speaking.socket.readyState).toBe(WebSocket.OPEN);
    speaking.socket.close();
  });
});

describe.each(Object.entries(PLAIN_SERVERS))(
  'a subscription by %s, without our options',
  (server, { platform, module }) => {
    let scene: Scene;
    beforeAll(async () => {
      scene = await Scene.open({
        platform,
        imports: [module()],
        providers: [NewsResolver],
        sessions: { claims: [roleClaim] },
      });
    });
    afterAll(() => scene.close());

    it.each(['secrets', ...iterables(server)])('ends with its session: %s', async (name) => {
      roles.set('bob', ['admin']);
      const { access, handle } = await scene.login('bob');
      const { client } = connectTo(scene, accessCookie(access));
      const got = subscribe(client, `subscription { ${name} }`);
      await expect.poll(() => got.values.length).toBeGreaterThan(1);
      await scene.booted.app.get(SessionService).revokeSession(handle);
      expect(await got.end).toBe('complete');
      expect(got.errors).toMatchObject([{ message: 'unauthorised' }]);
      expect(scene.booted.app.get(OpenSessions).size).toBe(0);
    });
  },
);

describe('a subscription of a resolver that the module does not name', () => {
  let scene: Scene;
  afterEach(() => scene.close());

  it.each<[string, Provider]>([
    ['useFactory', { provide: 'ticks', useFactory: () => new TicksResolver() }],
    ['useValue', { provide: 'ticks', useValue: new TicksResolver() }],
  ])('ends with its session under the guard of the application: %s', async (_, provider) => {
    scene = await Scene.open({
      imports: [apolloWithSubscriptions(sessionSubscriptions)],
      providers: [provider, { provide: APP_GUARD, useExisting: SessionGuard }],
    });
    const { access, handle } = await scene.login('bob');
    const { client, closed } = connectTo(scene, accessCookie(access));
    const got = subscribe(client, 'subscription { ticks }');
    await expect.poll(() => got.values.length).toBeGreaterThan(1);
    await scene.booted.app.get(SessionService).revokeSession(handle);
    expect(await got.end).toBe('complete');
    expect(got.errors).toMatchObject([{ message: 'unauthorised', extensions: UNAUTHENTICATED }]);
    expect(await closed).toEqual([4401, 'UNAUTHORISED']);
  });
});

describe('the events of a subscription', () => {
  let scene: Scene;
  beforeAll(async () => {
    scene = await Scene.open();
  });
  afterAll(() => scene.close());
  const logIn = (): Promise<SessionContainer> =>
    scene.booted.app.get(SessionService).createNewSessionWithoutRequestResponse('public', 'bob');
  const size = (): number => scene.booted.app.get(OpenSessions).size;

  async function* numbers(): AsyncGenerator<object> {
    for (let value = 0; ; value += 1) yield { value };
  }

  it('are kept by nothing once they are delivered, however many there are', async () => {
    const events = iteratorEndedWithSession(numbers(), await logIn(), undefined, true);
    for (let done = 0; done < 1_000; done += 1) await events.next();
    const before = heapInUse();
    for (let done = 0; done < 50_000; done += 1) await events.next();
    expect(heapInUse() - before).toBeLessThan(1_000_000);
    await events.return?.();
    expect(size()).toBe(0);
  });

  it('end for each reader that waits, and for each that comes later', async () => {
    const session = await logIn();
    const silent = { next: () => new Promise<never>(() => undefined) };
    const events = iteratorEndedWithSession(silent, session, undefined, false);
    const waiting = [events.next(), events.next()].map((each) => each.catch(errorCode));
    await session.revokeSession();
    expect(await Promise.all(waiting)).toEqual(['UNAUTHORISED', { done: true, value: undefined }]);
    expect(await events.next()).toEqual({ done: true, value: undefined });
  });

  it('that fail keep their session open no longer', async () => {
    const failing = { next: () => Promise.reject(new Error('of the application')) };
    const events = iteratorEndedWithSession(failing, await logIn(), undefined, true);
    await expect(events.next()).rejects.toThrow('of the application');
    expect(size()).toBe(0);
    expect(await events.next()).toEqual({ done: true, value: undefined });
  });
});

function errorCode(error: unknown): unknown {
  return (error as { code?: unknown }).code;
}
