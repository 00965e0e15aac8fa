import { Query, Resolver } from '@nestjs/graphql';
import { WsAdapter } from '@nestjs/platform-ws';
import { WebSocketGateway } from '@nestjs/websockets';
import { createClient } from 'graphql-ws';
import { afterEach, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import {
  sessionSubscriptions,
  SessionService,
  UserRoleClaim,
  VerifySession,
  type LiveEnd,
} from '../../lib/index.js';
import { apolloWithSubscriptions } from '../support/graphql-servers.js';
import { accessCookie, HOST, Scene, type Headers } from '../support/scene.js';
import { WsTestClient } from '../support/socket-clients.js';

const roleClaim = new UserRoleClaim({ fetchValue: () => [] });
// The statuses of requests, the other way round than by default.
const STATUSES = { sessionExpiredStatusCode: 403, invalidClaimStatusCode: 422 };

@WebSocketGateway({ path: '/admin' })
@VerifySession({ roles: ['admin'] })
class AdminGateway {}

@Resolver()
class HelloResolver {
  @Query(() => String)
  hello(): string {
    return 'hello';
  }
}

describe('the code that closes a refused socket', () => {
  let scene: Scene;
  afterEach(() => scene.close());

  it('says whether claims are not enough, whatever their status is', async () => {
    scene = await Scene.open({
      providers: [AdminGateway],
      sessions: { claims: [roleClaim], ...STATUSES },
      prepare: (app) => void app.useWebSocketAdapter(new WsAdapter(app)),
    });
    const { access } = await scene.login('bob');
    const closing = async (headers: Headers) =>
      (await WsTestClient.open(scene.booted.url, 'admin', headers)).closed;
    expect(await closing(accessCookie(access))).toEqual([4403, 'INVALID_CLAIMS']);
    expect(await closing({})).toEqual([4401, 'UNAUTHORISED']);
  });

  it('says so of a socket for subscriptions too', async () => {
    scene = await Scene.open({
      imports: [apolloWithSubscriptions(sessionSubscriptions)],
      providers: [HelloResolver],
      sessions: {
        claims: [roleClaim],
        globalClaimValidators: [roleClaim.validators.includes('admin')],
        ...STATUSES,
      },
    });
    const { access } = await scene.login('bob');
    const closing = (token?: string) =>
      new Promise<unknown[]>((resolve) => {
        createClient({
          url: `${scene.booted.url.replace('http', 'ws')}/graphql`,
          lazy: false,
          retryAttempts: 0,
          onNonLazyError: () => undefined,
          connectionParams: { token },
          webSocketImpl: class extends WebSocket {
            constructor(url: string, protocol: string) {
              super(url, protocol, { headers: { host: HOST } });
            }
          },
          on: {
            closed: (event) => {
              const { code, reason } = event as { code: number; reason: string };
              resolve([code, reason]);
            },
          },
        });
      });
    expect(await closing(access)).toEqual([4403, 'INVALID_CLAIMS']);
    expect(await closing()).toEqual([4401, 'UNAUTHORISED']);
  });
});

describe('the error of a session that ends while it is open', () => {
  it('has the status that the options give to its code', async () => {
    const scene = await Scene.open({ sessions: { claims: [roleClaim], ...STATUSES } });
    const sessions = scene.booted.app.get(SessionService);
    const session = await sessions.createNewSessionWithoutRequestResponse('public', 'bob');
    const ended = new Promise<LiveEnd>((resolve) => {
      sessions.watch(session, resolve);
    });
    await session.revokeSession();
    const { error } = await ended;
    expect([error.code, error.getStatus(), error.extensions['http']]).toEqual([
      'UNAUTHORISED',
      403,
      { status: 403 },
    ]);
    await scene.close();
  });
});
