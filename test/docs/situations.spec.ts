import {
  ConflictException,
  Controller,
  Get,
  Post,
  Req,
  Res,
  VERSION_NEUTRAL,
  VersioningType,
  type DynamicModule,
  type ExceptionFilter,
  type Type,
} from '@nestjs/common';
import { afterEach, beforeAll, afterAll, describe, expect, it } from 'vitest';
import {
  CreateSession,
  CurrentSession,
  Session,
  SessionContainer,
  SessionService,
  VerifySession,
} from '../../lib/index.js';
import { bootApp, type BootOptions, type BootedApp } from '../support/boot-app.js';
import { DocFiles } from '../support/doc-files.js';
import { LoginController } from '../support/login.controller.js';

@Controller({ version: ['1', '2'] })
class VersionedController {
  @Get('me')
  @VerifySession()
  me(@CurrentSession() session: SessionContainer): object {
    return { userId: session.getUserId() };
  }

  @Get('strict')
  @VerifySession({ checkDatabase: true })
  strict(): void {}
}

@Controller({ version: VERSION_NEUTRAL })
class NeutralLogin {
  @Post('login')
  @CreateSession()
  login(): string {
    return 'ada';
  }
}

@Controller({ version: VERSION_NEUTRAL })
class LateFailure {
  constructor(private readonly sessions: SessionService) {}

  @Post('late')
  async late(@Req() request: object, @Res({ passthrough: true }) response: object): Promise<void> {
    await this.sessions.createNewSession(request, response, 'public', 'ada');
    throw new ConflictException();
  }
}

describe('what docs/situations.md shows', () => {
  const files = new DocFiles('situations.md');
  let booted: BootedApp | undefined;

  beforeAll(() => files.write());
  afterAll(() => files.remove());
  afterEach(async () => {
    await booted?.close();
    booted = undefined;
  });

  async function boot(options: BootOptions): Promise<BootedApp> {
    booted = await bootApp(options);
    return booted;
  }

  async function load<T>(file: string, name: string): Promise<T> {
    const found = (await files.load<Record<string, T>>(file))[name];
    if (found === undefined) throw new Error(`docs/situations.md has no ${name}`);
    return found;
  }

  it('compiles', { timeout: 120_000 }, () => {
    expect(files.names).toEqual([
      'why.filter.ts',
      'sign-in.controller.ts',
      'orders.controller.ts',
      'guarded.module.ts',
      'join.controller.ts',
      'shop.module.ts',
    ]);
    expect(files.problems()).toBe('');
  });

  it('reads code and reason of a refusal in a filter', async () => {
    const WhyFilter = await load<Type<ExceptionFilter & { reasons: string[] }>>(
      'why.filter.ts',
      'WhyFilter',
    );
    const filter = new WhyFilter();
    const { client } = await boot({
      controllers: [VersionedController],
      prepare: (app) => {
        app.enableVersioning({ type: VersioningType.URI });
        app.useGlobalFilters(filter);
      },
    });
    const answer = await client().get('/v1/me');
    expect([answer.status, answer.json]).toEqual([
      401,
      { statusCode: 401, code: 'UNAUTHORISED', message: 'unauthorised' },
    ]);
    expect(filter.reasons).toEqual(['UNAUTHORISED: no-access-token']);
  });

  it('answers a login with what the client may see', async () => {
    const { client } = await boot({
      controllers: [await load<Type>('sign-in.controller.ts', 'SignInController')],
    });
    const answer = await client().post('/sign-in');
    expect([answer.json, answer.setCookies.length]).toEqual([{ id: 'ada', name: 'Ada' }, 2]);
  });

  it('guards every route of an application but those that are open', async () => {
    const GuardedModule = await load<Type>('guarded.module.ts', 'GuardedModule');
    const { client } = await boot({ imports: [GuardedModule] });
    expect((await client().get('/orders')).status).toBe(401);
    expect((await client().get('/orders/prices')).json).toEqual({ bread: 3 });
  });

  it('logs nobody in where the handler fails', async () => {
    const { client } = await boot({
      controllers: [await load<Type>('join.controller.ts', 'JoinController')],
    });
    const first = await client().post('/join', { name: 'ada' });
    expect([first.status, first.setCookies.length]).toEqual([201, 2]);
    const second = await client().post('/join', { name: 'ada' });
    expect([second.status, second.setCookies]).toEqual([409, []]);
  });

  it('logs a user in all the same where the handler fails after the login', async () => {
    const { client } = await boot({ controllers: [LateFailure, VersionedController], ...versions });
    const visitor = client();
    const answer = await visitor.post('/late');
    expect([answer.status, answer.setCookies.length]).toEqual([409, 2]);
    expect((await visitor.get('/v1/me')).json).toEqual({ userId: 'ada' });
  });

  it('needs the host of the page, or its name, for a browser without Fetch Metadata', async () => {
    const page = { origin: 'https://app.example.com' };
    for (const [sessions, headers, status] of [
      [{}, { ...page, host: 'app.example.com' }, 201],
      [{}, { ...page, host: 'internal:3000' }, 403],
      [{ trustedOrigins: [page.origin] }, { ...page, host: 'internal:3000' }, 201],
      [{}, { ...page, host: 'internal:3000', 'sec-fetch-site': 'same-origin' }, 201],
    ] as const) {
      const { client, close } = await boot({ controllers: [LoginController], sessions });
      const answer = await client().post('/login', { userId: 'ada' }, { headers });
      expect(answer.status).toBe(status);
      await close();
      booted = undefined;
    }
  });

  it('has access tokens go on whose rows were deleted by SQL, and nothing else', async () => {
    const { client, dataSource } = await boot({
      controllers: [LoginController, VersionedController],
      ...versions,
    });
    const visitor = client();
    await visitor.post('/login', { userId: 'ada' });
    await dataSource.getRepository(Session).clear();
    expect((await visitor.get('/v1/me')).status).toBe(200);
    expect((await visitor.get('/v1/strict')).status).toBe(401);
    expect((await visitor.post('/auth/session/refresh')).status).toBe(401);
  });

  it('has Fastify refuse JSON without a body, and nothing changes', async () => {
    const { client } = await boot({ platform: 'fastify', controllers: [LoginController] });
    const visitor = client();
    await visitor.post('/login', { userId: 'ada' });
    const headers = { 'content-type': 'application/json' };
    expect((await visitor.post('/auth/session/refresh', undefined, { headers })).status).toBe(400);
    expect((await visitor.post('/auth/session/refresh')).status).toBe(200);
  });

  const versions: BootOptions = {
    prepare: (app) =>
      void app.enableVersioning({ type: VersioningType.URI, defaultVersion: VERSION_NEUTRAL }),
  };

  it('guards every version of a route, and its own routes have none', async () => {
    const { client } = await boot({
      controllers: [NeutralLogin, VersionedController],
      ...versions,
    });
    const visitor = client();
    expect((await visitor.post('/login')).status).toBe(201);
    for (const path of ['/v1/me', '/v2/me']) {
      expect((await visitor.get(path)).json).toEqual({ userId: 'ada' });
      expect((await client().get(path)).status).toBe(401);
    }
    expect((await visitor.post('/auth/session/refresh')).status).toBe(200);
  });

  it('gives an application cookies by names of its own', async () => {
    const shopSessions = await load<DynamicModule>('shop.module.ts', 'shopSessions');
    const { client } = await boot({ sessionModule: shopSessions, controllers: [LoginController] });
    const { setCookies } = await client().post('/login', { userId: 'ada' });
    const names = setCookies.map((line) => line.split('=', 1)[0]);
    expect(names).toEqual([
      expect.stringMatching(/shopAccess$/),
      expect.stringMatching(/shopRefresh$/),
    ]);
  });
});
