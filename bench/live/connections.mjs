/*
 * What live connections cost: 10,000 sockets of 5,000 sessions on one instance, their clients in processes of their own.
 *
 *   npm run build && node --expose-gc bench/live/connections.mjs
 *
 * SESSIONS, PER_SESSION and CLIENTS change the numbers. `ulimit -n` has to allow the sockets.
 */
import { fork } from 'node:child_process';
import { createRequire } from 'node:module';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as pause } from 'node:timers/promises';

// From here, imports would find the benchmark's own Nest, and our build has another one.
const require = createRequire(new URL('../../package.json', import.meta.url));
require('reflect-metadata');
const { Module } = require('@nestjs/common');
const { NestFactory } = require('@nestjs/core');
const { WsAdapter } = require('@nestjs/platform-ws');
const { TypeOrmModule } = require('@nestjs/typeorm');
const { WebSocketGateway } = require('@nestjs/websockets');
const { SessionModule, SessionService, VerifySession, verifyWsClient } = require('./dist/index.js');
const { RevocationFeed } = require('./dist/revocation/revocation-feed.js');

const SESSIONS = Number(process.env.SESSIONS ?? 5_000);
const PER_SESSION = Number(process.env.PER_SESSION ?? 2);
const CLIENTS = Number(process.env.CLIENTS ?? 2);
const SOCKETS = SESSIONS * PER_SESSION;
const POLLS = 200;

class Gateway {}
VerifySession()(Gateway);
WebSocketGateway()(Gateway);

class SocketsAdapter extends WsAdapter {
  constructor(app) {
    super(app);
    this.app = app;
  }

  create(port, options) {
    return super.create(port, { ...options, verifyClient: verifyWsClient(this.app) });
  }
}

class AppModule {}
Reflect.decorate(
  [
    Module({
      imports: [
        TypeOrmModule.forRoot({
          type: 'better-sqlite3',
          database: ':memory:',
          synchronize: true,
          autoLoadEntities: true,
        }),
        SessionModule.forRoot({ verifiedTokenCache: { max: SESSIONS } }),
      ],
      providers: [Gateway],
    }),
  ],
  AppModule,
);

const app = await NestFactory.create(AppModule, { logger: ['error'] });
app.useWebSocketAdapter(new SocketsAdapter(app));
await app.listen(0, '127.0.0.1');
const url = (await app.getUrl()).replace('http', 'ws');
const sessions = app.get(SessionService);

const tokens = [];
for (let index = 0; index < SESSIONS; index += 1) {
  // The first user has a hundred sessions, every other one.
  const userId = index < 100 ? 'user-0' : `user-${index}`;
  tokens.push(
    (await sessions.createNewSessionWithoutRequestResponse('public', userId)).getAccessToken(),
  );
}

const share = Math.ceil(SESSIONS / CLIENTS);
const clients = Array.from({ length: CLIENTS }, () =>
  fork(new URL('clients.mjs', import.meta.url)),
);
const closedBy = clients.map(() => 0);
clients.forEach((client, index) => {
  client.on('message', ({ closed }) => {
    if (closed !== undefined) closedBy[index] = closed;
  });
});
const closed = () => closedBy.reduce((sum, each) => sum + each, 0);

globalThis.gc?.();
const before = process.memoryUsage();
await Promise.all(
  clients.map(
    (client, index) =>
      new Promise((resolve, reject) => {
        client.on('message', ({ opened, failed }) => {
          if (failed !== undefined) reject(new Error(failed));
          if (opened !== undefined) resolve(opened);
        });
        const own = tokens.slice(index * share, (index + 1) * share);
        client.send({ url, tokens: own, perToken: PER_SESSION });
      }),
  ),
);
await pause(2_000);
globalThis.gc?.();
const after = process.memoryUsage();
const bytes = (name) => Math.round((after[name] - before[name]) / SOCKETS);
console.log(`${SOCKETS} sockets of ${SESSIONS} sessions`);
console.log(
  `bytes for each: heap ${bytes('heapUsed')}, external ${bytes('external')}, in all ${bytes('rss')}`,
);

const feed = app.get(RevocationFeed);
const cpu = process.cpuUsage();
for (let poll = 0; poll < POLLS; poll += 1) await feed.task.runNow();
const used = process.cpuUsage(cpu);
console.log(`CPU of a poll with nothing new: ${Math.round((used.user + used.system) / POLLS)} µs`);

const stalls = monitorEventLoopDelay({ resolution: 1 });
async function timeToClose(what, end, count) {
  const from = closed();
  stalls.reset();
  stalls.enable();
  const begunAt = performance.now();
  await end();
  const answeredMs = performance.now() - begunAt;
  while (closed() < from + count) await pause(1);
  stalls.disable();
  console.log(
    `${what}: answered in ${answeredMs.toFixed(0)} ms, the last of ${count} sockets closed after ` +
      `${(performance.now() - begunAt).toFixed(0)} ms, longest stall ${(stalls.max / 1e6).toFixed(1)} ms`,
  );
}
const ofOne = 100 * PER_SESSION;
await timeToClose('one user', () => sessions.revokeAllSessionsForUser('user-0'), ofOne);
await timeToClose('everyone', () => sessions.revokeEverything(), SOCKETS - ofOne);

for (const client of clients) client.send('end');
await app.close();
