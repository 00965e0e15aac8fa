import { once } from 'node:events';
import { WsAdapter } from '@nestjs/platform-ws';
import { SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { afterEach, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { Clock, VerifySession, verifyWsClient } from '../../lib/index.js';
import { bootApp, type BootedApp } from '../support/boot-app.js';
import { describeOnEachServer } from '../support/components.js';
import { createTestDatabase, type TestDatabase } from '../support/databases.js';
import { SessionProcess } from '../support/session-process.js';

const POLL_MS = 200;
const BOUND_MS = POLL_MS + 1_000;

@WebSocketGateway()
@VerifySession()
class Gateway {
  @SubscribeMessage('ping')
  ping(): object {
    return { event: 'pong', data: 1 };
  }
}

describeOnEachServer(
  'a process that revokes and is killed as soon as that is committed',
  (engine) => {
    let database: TestDatabase;
    let here: BootedApp | undefined;
    let other: SessionProcess | undefined;
    afterEach(async () => {
      await other?.kill();
      await here?.close();
      await database.drop();
    });

    it.each(['revoke', 'revokeAll', 'revokeTenant', 'revokeEverything'] as const)(
      'leaves no socket open on another one: %s',
      async (how) => {
        database = await createTestDatabase(engine);
        here = await bootApp({
          database: database.options as NonNullable<Parameters<typeof bootApp>[0]>['database'] &
            object,
          clock: new Clock(),
          providers: [Gateway],
          sessions: { revocation: { pollInterval: POLL_MS / 1_000 } },
          prepare: (app) => {
            const adapter = new WsAdapter(app);
            const create = adapter.create.bind(adapter);
            const verifyClient = verifyWsClient(app);
            adapter.create = (port, options) =>
              create(port, { ...options, verifyClient } as never) as never;
            app.useWebSocketAdapter(adapter);
          },
        });
        other = await SessionProcess.start({ database: database.options });
        const { accessToken, handle } = await other.call('logIn', 'bob');
        const url = here.url.replace('http', 'ws');
        const headers = { authorization: `Bearer ${accessToken}` };
        const sockets = Array.from({ length: 3 }, () => new WebSocket(url, { headers }));
        await Promise.all(sockets.map((each) => once(each, 'open')));
        const closed = sockets.map((each) => once(each, 'close'));
        const argument = {
          revoke: handle,
          revokeAll: 'bob',
          revokeTenant: 'public',
          revokeEverything: '',
        };
        void other.call('revokeAndDie', how, argument[how]);
        expect(await other.exited()).toBe('SIGKILL');
        const killedAt = performance.now();
        for (const each of closed) expect((await each)[0]).toBe(4401);
        expect(performance.now() - killedAt).toBeLessThan(BOUND_MS);
      },
    );
  },
);
