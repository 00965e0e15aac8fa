/*
 * One instance of an application, as a process of its own with the built package. `session-process.ts` starts it with its
 * settings as JSON, and calls the functions below by messages.
 */
import 'reflect-metadata';
import { Test } from '@nestjs/testing';
import { TypeOrmModule } from '@nestjs/typeorm';
import { Clock, SessionEventBus, SessionModule, SessionService } from '../../dist/index.js';
import { SessionPruner } from '../../dist/session/end/session-pruner.js';
import { FakeClock } from '../../dist/testing/index.js';

const { database, sessions: options, nowMs, skewMs = 0 } = JSON.parse(process.argv[2]);

/** The clock of a machine that is wrong. */
class SkewedClock extends Clock {
  skewMs = skewMs;

  now() {
    return super.now() + this.skewMs;
  }
}

const clock = nowMs === undefined ? new SkewedClock() : new FakeClock(nowMs);
const module = await Test.createTestingModule({
  imports: [
    TypeOrmModule.forRoot({ ...database, autoLoadEntities: true, retryAttempts: 0 }),
    SessionModule.forRoot(options),
  ],
})
  .overrideProvider(Clock)
  .useValue(clock)
  .compile();
const app = module.createNestApplication({ logger: ['error', 'warn'] });
app.enableShutdownHooks();
await app.listen(0, '127.0.0.1');

const sessions = app.get(SessionService);
const bus = app.get(SessionEventBus);
const events = [];
let rotationsToDeath = Number.POSITIVE_INFINITY;
for (const name of ['created', 'refreshed', 'repeated', 'revoked', 'theftDetected']) {
  bus.on(name, () => {
    events.push(name);
    if (name === 'refreshed' && (rotationsToDeath -= 1) <= 0) process.kill(process.pid, 'SIGKILL');
  });
}

const functions = {
  async logIn(userId) {
    const session = await sessions.createNewSessionWithoutRequestResponse('public', userId);
    return { ...session.getAllSessionTokensDangerously(), handle: session.getHandle() };
  },
  isAccepted: (accessToken) =>
    sessions.getSessionWithoutRequestResponse(accessToken).then(
      () => true,
      () => false,
    ),
  /** Verifies a token and is told to end in the same moment. */
  async acceptAndTerminate(accessToken) {
    await sessions.getSessionWithoutRequestResponse(accessToken);
    process.kill(process.pid, 'SIGTERM');
  },
  revoke: (handle) => sessions.revokeSession(handle),
  /** Dies without a word as soon as a revocation is committed: what it would have told nobody hears. */
  async revokeAndDie(how, argument) {
    await functions[how](argument);
    process.kill(process.pid, 'SIGKILL');
  },
  handlesOf: (userId) => sessions.getAllSessionHandlesForUser(userId),
  prune: () => app.get(SessionPruner).prune(),
  kids: () => sessions.getJWKS().keys.map((key) => key.kid),
  revokeKey: (kid) => sessions.revokeKey(kid),
  events: () => events,
  advance: (milliseconds) => clock.advanceMs(milliseconds),
  now: () => clock.now(),
  jump(milliseconds) {
    clock.skewMs += milliseconds;
  },
  revokeAll: (userId) => sessions.revokeAllSessionsForUser(userId),
  revokeTenant: (tenantId) => sessions.revokeAllSessionsOfTenant(tenantId),
  revokeEverything: () => sessions.revokeEverything(),
  /** Dies without a word after so many rotations: the last one's answer has not been sent. */
  dieAfterRotations(count) {
    rotationsToDeath = count;
  },
  /** Closes the application; nothing shall keep the process alive after it. */
  async close() {
    process.disconnect();
    await app.close();
  },
};

process.on('message', ({ id, name, parameters }) => {
  Promise.resolve()
    .then(() => functions[name](...parameters))
    .then(
      (result) => process.connected && process.send({ id, result }),
      (error) => process.send({ id, error: String(error) }),
    );
});
process.send({ url: await app.getUrl() });
