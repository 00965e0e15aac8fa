import { WsAdapter } from '@nestjs/platform-ws';
import { SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { afterEach, describe, expect, it } from 'vitest';
import {
  BooleanClaim,
  Session,
  SessionService,
  VerifySession,
  verifyWsClient,
} from '../../lib/index.js';
import { Answers } from '../support/gateway-handlers.js';
import { accessCookie, Scene } from '../support/scene.js';
import { WsTestClient } from '../support/socket-clients.js';

const blocked = new Set<string>();
const activeClaim = new BooleanClaim({
  key: 'active',
  fetchValue: ({ userId }) => !blocked.has(userId),
});
const verifyClient = verifyWsClient();

@WebSocketGateway({ path: '/shared', verifyClient })
@VerifySession()
class RequiringGateway extends Answers {}

@WebSocketGateway({ path: '/shared', verifyClient })
@VerifySession({ sessionRequired: false })
class OptionalGateway {
  @SubscribeMessage('ping')
  ping(): object {
    return { event: 'pong', data: 'everybody' };
  }
}

@WebSocketGateway({ path: '/shared', verifyClient })
@VerifySession({ checkDatabase: true })
class StrictGateway extends Answers {}

@WebSocketGateway({ path: '/shared', verifyClient })
@VerifySession({ overrideGlobalClaimValidators: () => [] })
class LenientGateway {}

type Gateway = new () => object;
const inBothOrders = (...gateways: Gateway[]): [string, Gateway[]][] => [
  ['in one order', gateways],
  ['in the other', gateways.toReversed()],
];

describe('a place that gateways share', () => {
  let scene: Scene;
  afterEach(async () => {
    blocked.clear();
    await scene.close();
  });
  const open = async (gateways: Gateway[]): Promise<void> => {
    scene = await Scene.open({
      providers: gateways,
      sessions: {
        claims: [activeClaim],
        globalClaimValidators: [activeClaim.validators.isTrue()],
      },
      prepare: (app) => void app.useWebSocketAdapter(new WsAdapter(app)),
    });
  };
  const connect = (headers = {}): Promise<WsTestClient> =>
    WsTestClient.open(scene.booted.url, 'shared', headers);

  it.each(inBothOrders(RequiringGateway, OptionalGateway))(
    'lets a guest in if one of them does, and refuses the messages to the other: %s',
    async (_, gateways) => {
      await open(gateways);
      const client = await connect();
      expect(await client.ask('ping')).toEqual(['pong', 'everybody']);
      expect(await client.ask('who')).toMatchObject(['exception', { code: 'UNAUTHORISED' }]);
      client.close();
    },
  );

  it.each(inBothOrders(RequiringGateway, StrictGateway))(
    'asks the database if one of them does: %s',
    async (_, gateways) => {
      await open(gateways);
      const { access, handle } = await scene.login('bob');
      // By SQL, so that nobody hears of it.
      await scene.booted.dataSource.getRepository(Session).delete({ handle });
      await expect(connect(accessCookie(access))).rejects.toMatchObject({ status: 401 });
    },
  );

  it.each(inBothOrders(RequiringGateway, LenientGateway))(
    'is held by the conditions of all sessions, unless each of them changes these: %s',
    async (_, gateways) => {
      await open(gateways);
      const { access } = await scene.login('bob');
      const client = await connect(accessCookie(access));
      expect(await client.ask('who')).toEqual(['you', 'bob']);
      blocked.add('bob');
      await scene.booted.app.get(SessionService).markClaimsStale('bob');
      expect(await client.closed).toEqual([4403, 'INVALID_CLAIMS']);
    },
  );
});
