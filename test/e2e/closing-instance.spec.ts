/*
 * Nest answers requests while an application closes: before its server is closed, if something else takes its time to
 * stop, and afterwards on connections that are in use.
 */
import { Controller, Get, Module, type BeforeApplicationShutdown } from '@nestjs/common';
import { Agent, request, type Server } from 'node:http';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  CurrentSession,
  SessionModule,
  SessionService,
  VerifySession,
  type ReadonlySession,
} from '../../lib/index.js';
import { RevocationFeed } from '../../lib/revocation/revocation-feed.js';
import { bootApp, platforms, type BootedApp } from '../support/boot-app.js';
import { createTestDatabase, type TestDatabase } from '../support/databases.js';
import { send } from '../support/http-client.js';
import { LogRecorder } from '../support/log-recorder.js';
import { bootVerifier, FEED_SECRET, ISSUER } from '../support/verifier-app.js';

const SOON = { timeout: 5_000, interval: 20 };
// Keys are read again every five seconds.
const AFTER_A_READING_OF_KEYS = { timeout: 12_000, interval: 100 };

let isClosing = false;
let isAsked = false;
let goOn: () => void = () => undefined;
let held: Promise<void>;

/** Stops after the others, and takes its time. */
@Module({})
class SlowModule implements BeforeApplicationShutdown {
  beforeApplicationShutdown(): Promise<void> {
    isClosing = true;
    return held;
  }
}

@Module({})
class Application {}

@Controller()
class MeController {
  @Get('me')
  @VerifySession()
  me(@CurrentSession() session: ReadonlySession): string {
    return session.getUserId();
  }

  @Get('slow')
  async slow(): Promise<string> {
    isAsked = true;
    await held;
    return 'at last';
  }
}

// Nest stops modules in the reverse order of their imports.
const SLOW = { module: SlowModule, global: true };
const SESSIONS = SessionModule.forRoot({
  issuer: ISSUER,
  revocation: { pollInterval: '20ms', maxStaleness: false },
  routes: { revocations: { secrets: [FEED_SECRET] } },
});

describe.each(platforms)('an instance that closes, on %s,', (platform) => {
  let database: TestDatabase;
  let here: BootedApp;
  let there: BootedApp;
  let sessions: SessionService;

  beforeEach(async () => {
    isClosing = isAsked = false;
    held = new Promise((resolve) => (goOn = resolve));
    database = await createTestDatabase('sqlite');
    there = await bootApp({ database: database.options, sessionModule: SESSIONS });
    sessions = there.app.get(SessionService);
  });
  afterEach(async () => {
    goOn();
    await Promise.all([here.close(), there.close()]);
    await database.drop();
  });

  async function boot(imports: (typeof SESSIONS)[], logs = new LogRecorder()): Promise<void> {
    here = await bootApp({
      platform,
      clock: there.clock,
      database: database.options,
      controllers: [MeController],
      sessionModule: { module: Application, imports },
      prepare: logs.record,
    });
    logs.clear();
  }

  /** Begins to close it, until only the slow module is left. */
  async function beginToClose(): Promise<{ end: () => Promise<void> }> {
    const closing = here.close();
    await expect.poll(() => isClosing, SOON).toBe(true);
    const end = (): Promise<void> => {
      goOn();
      return closing;
    };
    return { end };
  }

  function logIn() {
    return sessions.createNewSessionWithoutRequestResponse('public', 'bob');
  }

  async function statusAt(url: string, accessToken: string): Promise<number> {
    const headers = { authorization: `Bearer ${accessToken}` };
    return (await send(`${url}/me`, 'GET', { headers })).status;
  }

  it('learns which sessions are revoked elsewhere for as long as it answers', async () => {
    await boot([SLOW, SESSIONS]);
    const session = await logIn();
    const { end } = await beginToClose();
    expect(await statusAt(here.url, session.getAccessToken())).toBe(200);
    await sessions.revokeSession(session.getHandle());
    await expect.poll(() => statusAt(here.url, session.getAccessToken()), SOON).toBe(401);
    await end();
  });

  it('ends the open connections of such sessions', async () => {
    await boot([SLOW, SESSIONS]);
    const session = await logIn();
    const open = await here.app
      .get(SessionService)
      .getSessionWithoutRequestResponse(session.getAccessToken());
    const { ended } = open ?? session;
    const { end } = await beginToClose();
    await sessions.revokeSession(session.getHandle());
    await expect.poll(() => ended.aborted, SOON).toBe(true);
    await end();
  });

  it('learns which keys are revoked elsewhere', { timeout: 20_000 }, async () => {
    await boot([SLOW, SESSIONS]);
    const session = await logIn();
    const { end } = await beginToClose();
    expect(await statusAt(here.url, session.getAccessToken())).toBe(200);
    await sessions.revokeKey(String(sessions.getJWKS().keys[0]?.kid));
    await expect
      .poll(() => statusAt(here.url, session.getAccessToken()), AFTER_A_READING_OF_KEYS)
      .toBe(401);
    await end();
  });

  it('says nothing in the log, though TypeORM closes the database first', async () => {
    const logs = new LogRecorder();
    await boot([SLOW, SESSIONS], logs);
    let polls = 0;
    here.app.get(RevocationFeed).onNews(() => (polls += 1));
    const { end } = await beginToClose();
    await here.dataSource.destroy();
    polls = 0;
    await expect.poll(() => polls, SOON).toBeGreaterThan(2);
    await end();
    expect(logs.texts('warn')).toEqual([]);
    expect(logs.texts('error')).toEqual([]);
  });
});

describe('a connection that is in use while its server closes', () => {
  let issuer: BootedApp;
  let sessions: SessionService;
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });

  beforeEach(async () => {
    isAsked = false;
    held = new Promise((resolve) => (goOn = resolve));
    issuer = await bootApp({ sessionModule: SESSIONS, controllers: [MeController] });
    sessions = issuer.app.get(SessionService);
  });
  afterEach(() => issuer.close());

  /** Asks by the one connection that the agent keeps. */
  function statusAt(url: string, path: string, accessToken: string): Promise<number | undefined> {
    const headers = { authorization: `Bearer ${accessToken}` };
    return new Promise((resolve, reject) => {
      const asking = request(`${url}${path}`, { agent, headers }, (answer) => {
        answer.resume().on('end', () => resolve(answer.statusCode));
      });
      asking.on('error', reject).end();
    });
  }

  /** Closes an application on Express while it answers, and asks it again about a session that was revoked then. */
  async function expectItToLearn({ app, url }: Pick<BootedApp, 'app' | 'url'>): Promise<void> {
    const session = await sessions.createNewSessionWithoutRequestResponse('public', 'bob');
    const token = session.getAccessToken();
    const slow = statusAt(url, '/slow', token);
    await expect.poll(() => isAsked, SOON).toBe(true);
    const closing = app.close();
    const server = app.getHttpServer() as Server;
    await expect.poll(() => server.listening, SOON).toBe(false);
    goOn();
    expect(await slow).toBe(200);
    expect(await statusAt(url, '/me', token)).toBe(200);
    await sessions.revokeSession(session.getHandle());
    await expect.poll(() => statusAt(url, '/me', token), SOON).toBe(401);
    agent.destroy();
    await closing;
  }

  it('learns of revocations at an instance with a database', async () => {
    const database = await createTestDatabase('sqlite');
    const boot = () =>
      bootApp({
        database: database.options,
        sessionModule: SESSIONS,
        controllers: [MeController],
        clock: issuer.clock,
      });
    const here = await boot();
    const there = await boot();
    sessions = there.app.get(SessionService);
    await expectItToLearn(here);
    await there.close();
    await database.drop();
  });

  it('learns of revocations at a service without a database', async () => {
    const service = await bootVerifier({
      options: {
        issuer: ISSUER,
        url: `${issuer.url}/auth`,
        revocations: { secret: FEED_SECRET, pollInterval: '1s' },
      },
      clock: issuer.clock,
      controllers: [MeController],
    });
    await expectItToLearn(service);
  });
});
