import { Body, Controller, Get, Post } from '@nestjs/common';
import {
  CreateSession,
  CurrentSession,
  VerifySession,
  type SessionContainer,
  type SessionModuleOptions,
} from '../../lib/index.js';
import { FakeClock } from '../../lib/testing/index.js';
import { bootApp, type BootedApp } from './boot-app.js';
import { createTestDatabase, type DatabaseEngine, type TestDatabase } from './databases.js';
import { send, type Answer } from './http-client.js';

@Controller()
class AppController {
  @Post('login')
  @CreateSession()
  login(@Body() body: { userId: string }): string {
    return body.userId;
  }

  @Get('me')
  @VerifySession()
  me(@CurrentSession() session: SessionContainer): object {
    return { userId: session.getUserId() };
  }

  @Get('strict-me')
  @VerifySession({ checkDatabase: true })
  strictMe(@CurrentSession() session: SessionContainer): object {
    return { userId: session.getUserId() };
  }
}

/** The tokens of a login or a refresh. */
export interface Tokens {
  accessToken: string;
  refreshToken: string;
}

/** One of several instances of an application. */
export class Instance {
  constructor(readonly booted: BootedApp) {}

  async login(userId: string): Promise<Tokens> {
    return tokensOf(await this.tryLogin(userId));
  }

  /** A login that may be refused. */
  tryLogin(userId: string): Promise<Answer> {
    return send(`${this.booted.url}/login`, 'POST', { body: { userId } });
  }

  me({ accessToken }: Tokens): Promise<Answer> {
    const headers = { cookie: `sAccessToken=${accessToken}` };
    return send(`${this.booted.url}/me`, 'GET', { headers });
  }

  /** The same by a route that asks the database each time. */
  strictMe({ accessToken }: Tokens): Promise<Answer> {
    const headers = { cookie: `sAccessToken=${accessToken}` };
    return send(`${this.booted.url}/strict-me`, 'GET', { headers });
  }

  signOut({ accessToken, refreshToken }: Tokens): Promise<Answer> {
    const headers = { cookie: `sAccessToken=${accessToken}; sRefreshToken=${refreshToken}` };
    return send(`${this.booted.url}/auth/signout`, 'POST', { headers });
  }

  refresh({ refreshToken }: Tokens): Promise<Answer> {
    const headers = { cookie: `sRefreshToken=${refreshToken}` };
    return send(`${this.booted.url}/auth/session/refresh`, 'POST', { headers });
  }
}

/** Instances of one application, on one database and by one clock. */
export class Deployment {
  readonly clock = new FakeClock();
  private readonly running: BootedApp[] = [];

  private constructor(
    readonly database: TestDatabase,
    private readonly reach: (address: string) => string,
  ) {}

  /** @param reach how the instances address the database, where that is not its own address */
  static async on(
    engine: DatabaseEngine,
    reach: (address: string) => string = (address) => address,
  ): Promise<Deployment> {
    return Deployment.onDatabase(await createTestDatabase(engine), reach);
  }

  /** The same on a database that is there already; it is dropped at the end. */
  static onDatabase(
    database: TestDatabase,
    reach: (address: string) => string = (address) => address,
  ): Deployment {
    return new Deployment(database, reach);
  }

  /**
   * Starts one more instance.
   *
   * @param driver more options of the driver
   */
  async start(sessions: SessionModuleOptions = {}, driver: object = {}): Promise<Instance> {
    const { options } = this.database;
    const booted = await bootApp({
      database: {
        ...options,
        ...(options.type === 'better-sqlite3' ? {} : { url: this.reach(options.url ?? '') }),
        ...driver,
      } as NonNullable<Parameters<typeof bootApp>[0]>['database'] & object,
      clock: this.clock,
      controllers: [AppController],
      sessions,
    });
    this.running.push(booted);
    return new Instance(booted);
  }

  /** Stops all instances; the database stays. */
  async stop(): Promise<void> {
    for (const booted of this.running.splice(0)) await booted.close();
  }

  async end(): Promise<void> {
    await this.stop();
    await this.database.drop();
  }
}

/** @param former what the client has had until then; a repeated refresh brings no refresh token */
export function tokensOf(answer: Answer, former?: Tokens): Tokens {
  const accessToken = cookieOf(answer, 'sAccessToken');
  const refreshToken = cookieOf(answer, 'sRefreshToken') ?? former?.refreshToken;
  if (accessToken === undefined || refreshToken === undefined) {
    throw new Error(`no tokens in the answer ${answer.status} ${answer.text}`);
  }
  return { accessToken, refreshToken };
}

function cookieOf({ setCookies }: Answer, name: string): string | undefined {
  const line = setCookies.find((each) => each.startsWith(`${name}=`));
  return line?.slice(name.length + 1).split(';', 1)[0];
}
