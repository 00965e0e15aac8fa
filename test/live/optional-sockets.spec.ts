import { IoAdapter } from '@nestjs/platform-socket.io';
import { SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  allowSocketIo,
  CurrentSession,
  PublicAccess,
  SessionService,
  sessionSubscriptions,
  VerifySession,
  verifyWsClient,
  type SessionContainer,
} from '../../lib/index.js';
import { withClosedConnection } from '../support/closed-connection.js';
import { accessCookie, Scene } from '../support/scene.js';
import { IoTestClient } from '../support/socket-clients.js';

const allowRequest = allowSocketIo(undefined, { required: false });

@WebSocketGateway({ namespace: 'guarded', allowRequest })
@VerifySession()
class GuardedGateway {
  @SubscribeMessage('ping')
  @PublicAccess()
  ping(): object {
    return { event: 'pong', data: 'guarded' };
  }

  @SubscribeMessage('who')
  who(@CurrentSession() session: SessionContainer): object {
    return { event: 'you', data: session.getUserId() };
  }
}

@WebSocketGateway({ namespace: 'plain', allowRequest })
class PlainGateway {
  @SubscribeMessage('ping')
  ping(): object {
    return { event: 'pong', data: 'plain' };
  }

  @SubscribeMessage('who')
  @VerifySession()
  who(@CurrentSession() session: SessionContainer): object {
    return { event: 'you', data: session.getUserId() };
  }
}

@WebSocketGateway({ namespace: 'open', allowRequest })
@PublicAccess()
class OpenGateway {
  @SubscribeMessage('ping')
  ping(): object {
    return { event: 'pong', data: 'open' };
  }
}

const SHOWN = [
  ['guarded', 'a cookie', (access: string) => [accessCookie(access), {}]],
  ['guarded', '`auth`', (token: string) => [{}, { token }]],
  ['plain', 'a cookie', (access: string) => [accessCookie(access), {}]],
  ['plain', '`auth`', (token: string) => [{}, { token }]],
] as const;

describe.each([
  ['beside gateways that ask', [GuardedGateway, PlainGateway]],
  ['beside an open gateway', [GuardedGateway, PlainGateway, OpenGateway]],
])('`allowSocketIo` with `required: false`, %s', (_, gateways) => {
  let scene: Scene;
  beforeAll(async () => {
    scene = await Scene.open({
      providers: gateways,
      prepare: (app) => void app.useWebSocketAdapter(new IoAdapter(app)),
    });
  });
  afterAll(() => scene.close());

  it.each(['guarded', 'plain'])(
    'lets a socket without a session in, and refuses its guarded messages: /%s',
    async (place) => {
      const client = await IoTestClient.open(scene.booted.url, place, {});
      expect(await client.ask('who')).toMatchObject(['exception', { code: 'UNAUTHORISED' }]);
      expect(await client.ask('ping')).toEqual(['pong', place]);
      expect(client.isClosed).toBe(false);
      client.close();
    },
  );

  it.each(SHOWN)(
    'ends a socket with its session, also before its first message: /%s by %s',
    async (place, __, shownBy) => {
      const { access, handle } = await scene.login('bob');
      const [headers, auth] = shownBy(access);
      const client = await IoTestClient.open(scene.booted.url, place, { ...headers }, auth);
      await scene.booted.app.get(SessionService).revokeSession(handle);
      expect(await client.closed).toEqual(['io server disconnect', { code: 'UNAUTHORISED' }]);
    },
  );

  it.each(SHOWN)(
    'makes nobody a guest while the database is away: /%s by %s',
    async (place, __, shownBy) => {
      const { access } = await scene.login('bob');
      const [headers, auth] = shownBy(access);
      // By then the news of revocations is too old to rely on.
      scene.booted.clock.advanceMs(120_000);
      await withClosedConnection(scene.booted.dataSource, async () => {
        const opening = IoTestClient.open(scene.booted.url, place, { ...headers }, auth);
        await expect(opening).rejects.toBeInstanceOf(Error);
      });
      await scene.advance(1);
      const client = await IoTestClient.open(scene.booted.url, place, { ...headers }, auth);
      expect(await client.ask('who')).toEqual(['you', 'bob']);
      client.close();
    },
  );

  it('lets a socket in whose token is over', async () => {
    const { access } = await scene.login('bob');
    await scene.advance(3_601_000);
    const client = await IoTestClient.open(scene.booted.url, 'guarded', accessCookie(access));
    expect(await client.ask('who')).toMatchObject(['exception', { code: 'TRY_REFRESH_TOKEN' }]);
    client.close();
  });
});

describe('the options of an entrance', () => {
  const entrances: readonly ((application: undefined, options: object) => unknown)[] = [
    verifyWsClient,
    allowSocketIo,
    sessionSubscriptions,
  ];

  it.each([null, '', 0, 'false'])(
    'a `required` that is neither true nor false is refused when the gateway is declared: %j',
    (value) => {
      for (const declare of entrances) {
        expect(() => declare(undefined, { required: value })).toThrow(
          'required must be true or false',
        );
      }
    },
  );

  it.each<[object, string]>([
    [{ requierd: true }, 'options must not have "requierd"'],
    [{ kind: undefined }, 'kind is undefined'],
  ])('a slip of the pen is refused there too: %o', (options, problem) => {
    for (const declare of entrances) {
      expect(() => declare(undefined, options)).toThrow(problem);
    }
  });
});

describe('an open gateway with `allowSocketIo` and `required: false`', () => {
  it('holds nobody', async () => {
    const scene = await Scene.open({
      providers: [OpenGateway],
      prepare: (app) => void app.useWebSocketAdapter(new IoAdapter(app)),
    });
    const { access, handle } = await scene.login('bob');
    const client = await IoTestClient.open(scene.booted.url, 'open', accessCookie(access));
    await scene.booted.app.get(SessionService).revokeSession(handle);
    expect(await client.ask('ping')).toEqual(['pong', 'open']);
    client.close();
    await scene.close();
  });
});
