import {
  Body,
  ClassSerializerInterceptor,
  ConflictException,
  Controller,
  Get,
  Header,
  HttpCode,
  Injectable,
  Next,
  Param,
  Post,
  Query,
  Req,
  Res,
  UseInterceptors,
  type CallHandler,
  type ExecutionContext,
  type NestInterceptor,
} from '@nestjs/common';
import { APP_INTERCEPTOR, Reflector } from '@nestjs/core';
import { EMPTY, from, map, of, throwError, type Observable } from 'rxjs';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { CreateSession, Session, SessionService } from '../../lib/index.js';
import { bootApp, platforms, type BootedApp, type Platform } from '../support/boot-app.js';
import type { Answer } from '../support/http-client.js';
import { readFrontToken } from '../support/issued-tokens.js';
import { LogRecorder } from '../support/log-recorder.js';
import { Wrapped } from '../support/wrapped.decorator.js';

// Must be in no log line and in no answer.
const SECRET = 'hunter2-of-u1';

interface User {
  id: string;
  plan: string;
  tenant: string;
}

const ada: User = { id: 'ada', plan: 'pro', tenant: 'acme' };

/** The examples that SuperTokens' documentation begins with, in Nest. */
@Controller('seed')
class SeedController {
  constructor(private readonly sessions: SessionService) {}

  @Post('login')
  async login(
    @Req() request: object,
    @Res({ passthrough: true }) response: object,
  ): Promise<{ message: string }> {
    await this.sessions.createNewSession(request, response, 'public', 'userId');
    return { message: 'User logged in!' };
  }

  @Post('by-hand')
  async loginByHand(
    @Res({ passthrough: true }) response: { header(name: string, value: string): unknown },
  ): Promise<{ message: string }> {
    const session = await this.sessions.createNewSessionWithoutRequestResponse('public', 'userId');
    const tokens = session.getAllSessionTokensDangerously();
    if (tokens.accessAndFrontTokenUpdated) {
      response.header('st-access-token', tokens.accessToken);
      response.header('front-token', tokens.frontToken);
      if (tokens.refreshToken !== undefined)
        response.header('st-refresh-token', tokens.refreshToken);
      if (tokens.antiCsrfToken !== undefined) response.header('anti-csrf', tokens.antiCsrfToken);
    }
    return { message: 'User logged in!' };
  }
}

const odd: Record<string, unknown> = {
  number: 4711,
  boolean: true,
  object: { id: SECRET },
  array: [SECRET],
  date: new Date(0),
  function: () => SECRET,
  bigint: 4711n,
  symbol: Symbol(SECRET),
  boxed: Object(SECRET),
};

@Controller()
class LoginController {
  @Post('text')
  @CreateSession()
  text(@Body() body: { userId: string }): string {
    return body.userId;
  }

  @Post('promise')
  @CreateSession()
  promise(): Promise<string> {
    return Promise.resolve('u1');
  }

  @Post('object')
  @HttpCode(200)
  @CreateSession<User>({ userId: (user) => user.id })
  object(): User {
    return ada;
  }

  @Post('selectors/:id')
  @CreateSession<User>({
    userId: async (user, context) => `${user.id}-${paramOf(context)}`,
    tenantId: async (user, context) => `${user.tenant}-${paramOf(context)}`,
    accessTokenPayload: async (user, context) => ({ plan: user.plan, door: paramOf(context) }),
    sessionDataInDatabase: async (_, context) => ({ handler: context.getHandler().name }),
    persistent: async () => false,
  })
  selectors(): User {
    return ada;
  }

  @Post('constants')
  @CreateSession({ tenantId: 'acme', persistent: false })
  constants(): string {
    return 'u1';
  }

  @Post('nobody/:what')
  @CreateSession<User>({ userId: (user) => user.id })
  nobody(@Param('what') what: string): User | null | undefined {
    return what === 'null' ? null : undefined;
  }

  @Post('nobody-later')
  @CreateSession()
  nobodyLater(): Promise<string | null> {
    return Promise.resolve(null);
  }

  @Post('odd/:what')
  @CreateSession()
  odd(@Param('what') what: string): unknown {
    return odd[what];
  }

  @Post('selected/:what')
  @CreateSession<{ what: string }>({ userId: ({ what }) => odd[what] as string })
  selected(@Param('what') what: string): { what: string } {
    return { what };
  }

  @Post('no-tenant')
  @CreateSession({ tenantId: () => undefined as unknown as string })
  noTenant(): string {
    return 'u1';
  }

  @Post('remember')
  @CreateSession({ persistent: () => 'false' as unknown as boolean })
  remember(): string {
    return 'u1';
  }

  @Post('throws/:where')
  @CreateSession({
    userId: (id, context) => fail('userId', context) ?? id,
    accessTokenPayload: (_, context) => fail('payload', context) ?? {},
    sessionDataInDatabase: async (_, context) => fail('data', context) ?? {},
  })
  throws(@Param('where') where: string): string {
    if (where === 'handler') throw new ConflictException('taken');
    return 'u1';
  }

  @Post('stream/:what')
  @CreateSession()
  stream(@Param('what') what: string): Observable<string | null> {
    if (what === 'empty') return EMPTY;
    if (what === 'fails') return throwError(() => new ConflictException('taken'));
    return what === 'one' ? of('u1') : from(['u1', 'u2']);
  }

  @Post('takes-over')
  @CreateSession()
  takesOver(@Res() response: { send(body: string): unknown }): string {
    response.send('mine');
    return 'u1';
  }

  @Post('takes-over-wrapped')
  @CreateSession()
  @Wrapped
  takesOverWrapped(@Res() response: { send(body: string): unknown }): string {
    return this.takesOver(response);
  }

  @Post('takes-over-next')
  @CreateSession()
  takesOverNext(@Next() _next: unknown): string {
    return 'u1';
  }

  @Post('already-sent')
  @CreateSession()
  alreadySent(@Res({ passthrough: true }) response: { send(body: string): unknown }): string {
    response.send('mine');
    return 'u1';
  }

  @Post('own-cookies')
  @Header('Cache-Control', 'public, max-age=600')
  @Header('Vary', 'Accept')
  @CreateSession()
  ownCookies(
    @Res({ passthrough: true })
    response: {
      header(name: string, value: string | string[]): unknown;
    },
  ): string {
    response.header('Set-Cookie', ['theme=dark; Path=/', 'lang=pl; Path=/']);
    return 'u1';
  }

  @Post('twice')
  @CreateSession()
  async twice(
    @Req() request: object,
    @Res({ passthrough: true }) response: object,
    @Query('of') userId: string,
  ): Promise<string> {
    await this.sessions.createNewSession(request, response, 'public', userId);
    return 'last';
  }

  @Get('login-by-link')
  @CreateSession()
  loginByLink(): string {
    return 'u1';
  }

  constructor(private readonly sessions: SessionService) {}
}

function paramOf(context: ExecutionContext): string {
  return context.switchToHttp().getRequest<{ params: { id: string } }>().params.id;
}

function fail(where: string, context: ExecutionContext): undefined {
  const { params } = context.switchToHttp().getRequest<{ params: { where: string } }>();
  if (params.where === where) throw new Error(SECRET);
  return undefined;
}

describe.each(platforms)('on %s', (platform) => {
  let booted: BootedApp;
  const logs = new LogRecorder();

  beforeAll(async () => {
    const controllers = [SeedController, LoginController];
    booted = await bootApp({ platform, controllers, prepare: logs.record });
  });
  afterEach(async () => {
    logs.clear();
    await booted.dataSource.getRepository(Session).clear();
  });
  afterAll(() => booted.close());

  const rows = (): Promise<Session[]> => booted.dataSource.getRepository(Session).find();

  /** Nothing has happened: no row, no cookie, no token. */
  async function expectNoSession(answer: Answer): Promise<void> {
    expect(await rows()).toEqual([]);
    expect(answer.setCookies).toEqual([]);
    expect(answer.headers).not.toHaveProperty('front-token');
    expect(answer.headers).not.toHaveProperty('st-access-token');
    expect(answer.headers).not.toHaveProperty('st-refresh-token');
  }

  describe('the login of the documentation', () => {
    it('creates a session from request and response: cookies, a front token and a row', async () => {
      const client = booted.client();
      const answer = await client.post('/seed/login');
      expect(answer.status).toBe(201);
      expect(answer.json).toEqual({ message: 'User logged in!' });
      expect(await client.cookie('sAccessToken')).toMatch(/^eyJ/);
      expect(await client.cookie('sRefreshToken')).toMatch(/^nasr_/);
      expect(readFrontToken(answer.headers['front-token']).uid).toBe('userId');
      expect(await rows()).toMatchObject([{ userId: 'userId', tenantId: 'public' }]);
    });

    it('creates a session without them, and the handler sends the tokens', async () => {
      const answer = await booted.client().post('/seed/by-hand');
      expect(answer.json).toEqual({ message: 'User logged in!' });
      expect(answer.setCookies).toEqual([]);
      expect(answer.headers['st-access-token']).toMatch(/^eyJ/);
      expect(answer.headers['st-refresh-token']).toMatch(/^nasr_/);
      expect(answer.headers).not.toHaveProperty('anti-csrf');
      expect(readFrontToken(answer.headers['front-token']).uid).toBe('userId');
      expect(await rows()).toMatchObject([{ userId: 'userId', tenantId: 'public' }]);
    });
  });

  describe('@CreateSession()', () => {
    it('logs in whom the handler returns as a text, and leaves body and status to it', async () => {
      const client = booted.client();
      const answer = await client.post('/text', { userId: 'u1' });
      expect(answer.status).toBe(201);
      expect(answer.text).toBe('u1');
      expect(await client.cookie('sAccessToken')).toBeDefined();
      expect(await rows()).toMatchObject([
        { userId: 'u1', tenantId: 'public', accessTokenPayload: '{}', sessionData: '{}' },
      ]);
    });

    it('waits for a promise', async () => {
      const answer = await booted.client().post('/promise');
      expect(answer.text).toBe('u1');
      expect(await rows()).toMatchObject([{ userId: 'u1' }]);
    });

    it('takes the user id out of an object, whose body and status stay what they were', async () => {
      const answer = await booted.client().post('/object');
      expect(answer.status).toBe(200);
      expect(answer.json).toEqual(ada);
      expect(await rows()).toMatchObject([{ userId: 'ada', accessTokenPayload: '{}' }]);
    });

    it('asks every selector with the result and the execution context, and waits for it', async () => {
      const answer = await booted.client().post('/selectors/7');
      expect(answer.json).toEqual(ada);
      expect(await rows()).toMatchObject([
        {
          userId: 'ada-7',
          tenantId: 'acme-7',
          accessTokenPayload: '{"plan":"pro","door":"7"}',
          sessionData: '{"handler":"selectors"}',
          persistent: false,
        },
      ]);
    });

    it('takes a tenant and the kind of cookies as constants', async () => {
      const answer = await booted.client().post('/constants');
      expect(answer.setCookies.join()).not.toMatch(/Max-Age|Expires/);
      expect(await rows()).toMatchObject([{ userId: 'u1', tenantId: 'acme', persistent: false }]);
    });

    it.each([
      '/nobody/null',
      '/nobody/undefined',
      '/nobody-later',
      '/odd/undefined',
      '/stream/empty',
    ])('answers 401 to %s, whose handler finds nobody', async (path) => {
      const answer = await booted.client().post(path);
      expect(answer.status).toBe(401);
      expect(answer.text).toBe('{"statusCode":401,"code":"UNAUTHORISED","message":"unauthorised"}');
      await expectNoSession(answer);
    });

    it('leaves an old session alone where the handler finds nobody', async () => {
      const client = booted.client();
      await client.post('/text', { userId: 'u1' });
      const answer = await client.post('/nobody/null');
      expect(answer.status).toBe(401);
      expect(answer.setCookies).toEqual([]);
      expect(await rows()).toMatchObject([{ userId: 'u1' }]);
      expect(await client.cookie('sRefreshToken')).toBeDefined();
    });

    it.each([
      ['number', 'a number'],
      ['boolean', 'a boolean'],
      ['object', 'an object'],
      ['array', 'an array'],
      ['date', 'an object'],
      ['function', 'a function'],
      ['bigint', 'a bigint'],
      ['symbol', 'a symbol'],
      ['boxed', 'an object'],
    ])(
      'answers 500 where the handler returns a %s, and tells the log what but not which',
      async (what, kind) => {
        const answer = await booted.client().post(`/odd/${what}`);
        expect(answer.status).toBe(500);
        expect(answer.json).toEqual({ message: 'Internal Server Error', statusCode: 500 });
        await expectNoSession(answer);
        expect(logs.texts('error')).toEqual([
          `@CreateSession() on LoginController.odd: the handler returned ${kind}; expected a user id, a string`,
        ]);
        expect(JSON.stringify(logs.lines)).not.toMatch(new RegExp(`${SECRET}|4711`));
      },
    );

    it.each([
      ['number', 'a number'],
      ['object', 'an object'],
      ['nothing', 'undefined'],
    ])('answers 500 where `userId` selects a %s, and tells the log', async (what, kind) => {
      const answer = await booted.client().post(`/selected/${what}`);
      expect(answer.status).toBe(500);
      await expectNoSession(answer);
      expect(logs.texts('error')).toEqual([
        '@CreateSession() on LoginController.selected: the handler has a `userId` that selected ' +
          `${kind}; expected a user id, a string`,
      ]);
    });

    it('lets nobody into the public tenant for want of another', async () => {
      const answer = await booted.client().post('/no-tenant');
      expect(answer.status).toBe(400);
      expect(answer.json).toEqual({
        statusCode: 400,
        code: 'SESSION_INPUT',
        message: 'tenantId must be a string, not undefined',
      });
      await expectNoSession(answer);
    });

    it('takes no text for yes: a form says "false"', async () => {
      const answer = await booted.client().post('/remember');
      expect(answer.status).toBe(400);
      expect(answer.json).toEqual({
        statusCode: 400,
        code: 'SESSION_INPUT',
        message: 'persistent must be true or false, not a string',
      });
      await expectNoSession(answer);
    });

    it('creates nothing where the handler throws, and the answer is the one of its error', async () => {
      const answer = await booted.client().post('/throws/handler');
      expect(answer.status).toBe(409);
      expect(answer.json).toMatchObject({ message: 'taken' });
      await expectNoSession(answer);
    });

    it.each(['userId', 'payload', 'data'])(
      'creates nothing where a selector throws: %s',
      async (where) => {
        const answer = await booted.client().post(`/throws/${where}`);
        expect(answer.status).toBe(500);
        expect(answer.text).not.toContain(SECRET);
        await expectNoSession(answer);
      },
    );

    it('takes an observable, and of several values the last', async () => {
      expect((await booted.client().post('/stream/one')).text).toBe('u1');
      expect((await booted.client().post('/stream/two')).text).toBe('u2');
      expect((await rows()).map(({ userId }) => userId).toSorted()).toEqual(['u1', 'u2']);
    });

    it('creates nothing where an observable fails', async () => {
      const answer = await booted.client().post('/stream/fails');
      expect(answer.status).toBe(409);
      await expectNoSession(answer);
    });

    it.each(['takes-over', 'takes-over-next', 'takes-over-wrapped'])(
      'refuses a handler that answers by itself: %s',
      async (path) => {
        const answer = await booted.client().post(`/${path}`);
        expect(answer.status).toBe(500);
        expect(answer.text).not.toBe('mine');
        await expectNoSession(answer);
        expect(logs.texts('error')).toEqual([
          expect.stringMatching(
            /^@CreateSession\(\) on LoginController\.takesOver(Next|Wrapped)?: the handler takes over the response, .* use @Res\(\{ passthrough: true \}\)$/,
          ),
        ]);
      },
    );

    it('creates nothing where the handler has sent the answer all the same', async () => {
      const answer = await booted.client().post('/already-sent');
      expect(answer.text).toBe('mine');
      await expectNoSession(answer);
    });

    it("leaves the application's own cookies on the answer", async () => {
      const client = booted.client();
      const answer = await client.post('/own-cookies');
      expect(answer.setCookies.map((line) => line.split('=')[0])).toEqual([
        'theme',
        'lang',
        'sAccessToken',
        'sRefreshToken',
      ]);
      expect(await client.cookie('theme')).toBe('dark');
      expect(await client.cookie('lang')).toBe('pl');
    });

    it('keeps the answer out of caches, whatever the handler says, and adds to its Vary', async () => {
      const { headers } = await booted.client().post('/own-cookies');
      expect(headers['cache-control']).toBe('no-store');
      expect(headers.vary).toBe('Accept, Cookie, Authorization, Origin');
    });

    it('writes each cookie once where a handler creates two sessions: the last one counts', async () => {
      const client = booted.client();
      const answer = await client.post('/twice?of=first');
      expect(answer.setCookies.map((line) => line.split('=')[0])).toEqual([
        'sAccessToken',
        'sRefreshToken',
      ]);
      expect(readFrontToken(answer.headers['front-token']).uid).toBe('last');
    });

    it('works on a link, as a provider that sends the user back needs it', async () => {
      const client = booted.client();
      expect((await client.get('/login-by-link')).status).toBe(200);
      expect(await client.cookie('sAccessToken')).toBeDefined();
    });
  });
});

class Profile {
  constructor(
    readonly id: string,
    readonly name: string,
  ) {}
}

// In the place of class-transformer with @Exclude() on the id.
function withoutId(value: unknown): Record<string, unknown> {
  const hidden = (key: string, each: unknown): unknown => (key === 'id' ? undefined : each);
  return JSON.parse(JSON.stringify(value, hidden)) as Record<string, unknown>;
}

@Injectable()
class Envelope implements NestInterceptor {
  intercept(_: ExecutionContext, next: CallHandler<unknown>): Observable<unknown> {
    return next.handle().pipe(map((data) => ({ data })));
  }
}

@UseInterceptors(Envelope)
@Controller()
class WrappedController {
  @Post('profile')
  @CreateSession<Profile>({ userId: (profile) => profile.id })
  profile(): Profile {
    return new Profile('ada', 'Ada');
  }
}

async function bootWrapped(platform: Platform): Promise<BootedApp> {
  return bootApp({
    platform,
    controllers: [WrappedController],
    providers: [
      {
        provide: APP_INTERCEPTOR,
        inject: [Reflector],
        useFactory: (reflector: Reflector) =>
          new ClassSerializerInterceptor(reflector, {
            transformerPackage: { plainToInstance: () => [], classToPlain: withoutId },
          }),
      },
    ],
    prepare: (app) => {
      app.useGlobalInterceptors(new Envelope());
      // As Express-style middleware sets cookies: on Fastify that is Node's own response behind the reply.
      app.use(
        (
          _: unknown,
          response: { setHeader(name: string, value: string): void },
          next: () => void,
        ) => {
          response.setHeader('Set-Cookie', 'visit=1; Path=/');
          next();
        },
      );
    },
  });
}

describe.each(platforms)('in an application with interceptors and middleware on %s', (platform) => {
  let booted: BootedApp;
  beforeAll(async () => {
    booted = await bootWrapped(platform);
  });
  afterAll(() => booted.close());

  it('the user id is seen before a serializer or an envelope hides it', async () => {
    const answer = await booted.client().post('/profile');
    expect(answer.status).toBe(201);
    expect(answer.json).toEqual({ data: { data: { name: 'Ada' } } });
    expect(await booted.dataSource.getRepository(Session).findOneByOrFail({})).toMatchObject({
      userId: 'ada',
    });
  });

  it("the cookies of the middleware are on the answer beside the session's", async () => {
    const { setCookies } = await booted.client().post('/profile');
    expect(setCookies.map((line) => line.split('=')[0])).toEqual([
      'visit',
      'sAccessToken',
      'sRefreshToken',
    ]);
  });
});
