import { Controller, Delete, Get, Post, Body, Req, Res } from '@nestjs/common';
import {
  CreateSession,
  CurrentSession,
  PublicAccess,
  Session,
  SessionEventBus,
  SessionService,
  VerifySession,
  type SessionContainer,
  type SessionEventName,
  type SessionModuleExtras,
  type SessionModuleOptions,
} from '../../lib/index.js';
import {
  FakeBrowser,
  type FakeBrowserAnswer,
  type FakeBrowserOptions,
} from '../../lib/testing/index.js';
import { bootApp, type BootedApp, type BootOptions } from './boot-app.js';
import { createTestDatabase, type DatabaseEngine } from './databases.js';
import { send, type Answer } from './http-client.js';

export const MINUTE_MS = 60_000;
export const BIND = '/auth/session/bind';
export const ACCESS = '__Host-sAccessToken';
export const REFRESH = '__Host-sRefreshToken';
const ORIGIN = 'https://app.example.com';

@Controller()
export class BoundController {
  constructor(private readonly sessions: SessionService) {}

  @Post('login')
  @CreateSession<{ userId: string; persistent?: boolean }>({
    userId: ({ userId }) => userId,
    persistent: ({ persistent }) => persistent ?? true,
  })
  login(@Body() body: { userId: string }): object {
    return body;
  }

  @Post('back')
  @PublicAccess()
  async back(
    @Req() request: object,
    @Res({ passthrough: true }) response: object,
  ): Promise<object> {
    return this.me(await this.sessions.endImpersonation(request, response));
  }

  @Get('me')
  @VerifySession()
  me(@CurrentSession() session: SessionContainer): object {
    return { userId: session.getUserId(), isBound: session.isBound() };
  }

  @Get('strict')
  @VerifySession({ checkDatabase: true })
  strict(@CurrentSession() session: SessionContainer): object {
    return this.me(session);
  }

  @Delete('account')
  @VerifySession({ bound: true })
  remove(@CurrentSession() session: SessionContainer): object {
    return this.me(session);
  }

  @Post('step-up')
  @VerifySession()
  async stepUp(
    @CurrentSession() session: SessionContainer,
    @Req() request: object,
    @Res({ passthrough: true }) response: object,
  ): Promise<object> {
    const userId = session.getUserId();
    return this.me(await this.sessions.reauthenticate(request, response, userId));
  }

  @Post('act-as-bob')
  @VerifySession()
  async actAsBob(
    @Req() request: object,
    @Res({ passthrough: true }) response: object,
  ): Promise<object> {
    const how = { userId: 'bob', reason: 'ticket 7' };
    return this.me(await this.sessions.impersonate(request, response, how));
  }

  @Post('in-and-out')
  @PublicAccess()
  async logInAndOut(
    @Req() request: object,
    @Res({ passthrough: true }) response: object,
  ): Promise<void> {
    const session = await this.sessions.createNewSession(request, response, 'public', 'ada');
    await session.revokeSession();
  }

  @Post('plan')
  @VerifySession()
  async plan(@CurrentSession() session: SessionContainer): Promise<object> {
    await session.mergeIntoAccessTokenPayload({ plan: 'gold' });
    return this.me(session);
  }
}

/** An application that binds sessions, the browsers that visit it, and what it tells of them. */
export class BoundScene {
  readonly told: { name: SessionEventName; event: object }[] = [];
  private readonly logins = new Map<FakeBrowser, FakeBrowserAnswer>();

  private constructor(
    readonly booted: BootedApp,
    private readonly drop: () => Promise<void>,
  ) {
    for (const name of ['bound', 'proofFailed', 'theftDetected', 'refreshed', 'revoked'] as const) {
      booted.app.get(SessionEventBus).on(name, (event) => void this.told.push({ name, event }));
    }
  }

  static async open(
    platform: BootOptions['platform'],
    engine: DatabaseEngine = 'sqlite',
    sessions: SessionModuleOptions & SessionModuleExtras = {},
    more: Omit<BootOptions, 'platform' | 'sessions'> = {},
  ): Promise<BoundScene> {
    const database = await createTestDatabase(engine);
    const booted = await bootApp({
      ...(platform && { platform }),
      sessions: { deviceBinding: true, ...sessions },
      controllers: [BoundController],
      database: database.options as NonNullable<BootOptions['database']>,
      ...more,
    });
    return new BoundScene(booted, () => database.drop());
  }

  async close(): Promise<void> {
    await this.booted.close();
    await this.drop();
  }

  /** Takes away what a test has left: all sessions, and what was told. */
  async forget(): Promise<void> {
    await this.names();
    await this.booted.dataSource.getRepository(Session).clear();
    this.told.length = 0;
  }

  get sessions(): SessionService {
    return this.booted.app.get(SessionService);
  }

  browser(options: Partial<FakeBrowserOptions> = {}): FakeBrowser {
    const { url, clock } = this.booted;
    return new FakeBrowser({ url, clock, origin: ORIGIN, ...options });
  }

  /** A browser whose user has logged in. */
  async loggedIn(
    options: Partial<FakeBrowserOptions> = {},
    body: object = {},
  ): Promise<FakeBrowser> {
    const browser = this.browser(options);
    const answer = await browser.send('POST', '/login', { body: { userId: 'ada', ...body } });
    this.logins.set(browser, answer);
    if (answer.status !== 201) throw new Error(`login: ${answer.status} ${answer.text}`);
    return browser;
  }

  /** What the login of a browser was answered. */
  loginAnswer(browser: FakeBrowser): FakeBrowserAnswer {
    const answer = this.logins.get(browser);
    if (answer === undefined) throw new Error('this browser has not logged in');
    return answer;
  }

  /** One request with nothing but these headers, as a hand-made client sends it. */
  send(method: string, path: string, headers: Record<string, string> = {}): Promise<Answer> {
    const host = new URL(ORIGIN).host;
    return send(this.booted.url + path, method, { headers: { host, ...headers } });
  }

  passMinutes(minutes: number): void {
    this.booted.clock.advanceMs(minutes * MINUTE_MS);
  }

  rows(): Promise<Session[]> {
    return this.booted.dataSource.getRepository(Session).find();
  }

  async row(): Promise<Session> {
    const [row] = await this.rows();
    if (row === undefined) throw new Error('no session is left');
    return row;
  }

  /** The names of what was told, once the listeners have run. */
  async names(): Promise<string[]> {
    await new Promise((resolve) => {
      setImmediate(() => setImmediate(resolve));
    });
    return this.told.map(({ name }) => name);
  }
}

/** The cookies of a browser, for a request by hand. */
export function cookiesOf(browser: FakeBrowser, names: readonly string[] = [ACCESS, REFRESH]) {
  const pairs = names.flatMap((name) => {
    const value = browser.cookie(name);
    return value === undefined ? [] : [`${name}=${value}`];
  });
  return pairs.length === 0 ? undefined : { cookie: pairs.join('; ') };
}
