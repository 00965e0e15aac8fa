import {
  Catch,
  Controller,
  Get,
  HttpException,
  Injectable,
  Logger,
  Module,
  Post,
  Req,
  Res,
  Scope,
  UseFilters,
  UseGuards,
  UseInterceptors,
  type ArgumentsHost,
  type CallHandler,
  type CanActivate,
  type ExceptionFilter,
  type ExecutionContext,
  type INestApplication,
  type ModuleMetadata,
  type NestInterceptor,
  type OnModuleInit,
} from '@nestjs/common';
import { APP_FILTER, HttpAdapterHost } from '@nestjs/core';
import { Field, ObjectType, Query, ResolveField, Resolver } from '@nestjs/graphql';
import type { Observable } from 'rxjs';
import { afterEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import {
  CreateSession,
  CurrentSession,
  Session,
  SessionEventBus,
  SessionException,
  SessionModule,
  SessionService,
  SessionStoreUnavailableException,
  TryRefreshTokenException,
  UnauthorizedSessionException,
  VerifySession,
  type SessionContainer,
} from '../../lib/index.js';
import { platforms } from '../support/boot-app.js';
import { graphQlServers, type GraphQlAnswer } from '../support/graphql-servers.js';
import { CLEARED_COOKIES } from '../support/refusal.js';
import { accessCookie, bothCookies, Scene } from '../support/scene.js';

@Catch()
class Envelope implements ExceptionFilter {
  constructor(private readonly host: HttpAdapterHost) {}

  catch(exception: unknown, host: ArgumentsHost): void {
    const status = exception instanceof SessionException ? exception.getStatus() : 500;
    const body = { envelope: status, code: (exception as { code?: string }).code };
    this.host.httpAdapter.reply(host.switchToHttp().getResponse(), body, status);
  }
}

@Catch(UnauthorizedSessionException)
class UnauthorizedEnvelope extends Envelope {}

@Catch(HttpException)
class HttpEnvelope extends Envelope {}

@Module({ providers: [{ provide: APP_FILTER, useClass: Envelope }] })
class EnvelopeModule {}

@Controller()
class ThrowingController {
  constructor(protected readonly sessions: SessionService) {}

  @Get('thrown')
  thrown(): never {
    throw new UnauthorizedSessionException();
  }

  @Get('thrown-refresh')
  thrownRefresh(): never {
    throw new TryRefreshTokenException();
  }

  @Get('unavailable')
  unavailable(): never {
    throw new SessionStoreUnavailableException();
  }

  @Get('gone')
  @VerifySession()
  async gone(@CurrentSession() session: SessionContainer): Promise<object> {
    await this.sessions.revokeSession(session.getHandle());
    return session.getSessionDataFromDatabase();
  }

  @Get('by-hand')
  async byHand(@Req() request: object, @Res({ passthrough: true }) response: object) {
    await this.sessions.getSession(request, response);
    return {};
  }
}

type Options = Parameters<typeof Scene.open>[0] & object;
const sessions = { sessionExpiredStatusCode: 440 };
const useGlobal = (app: INestApplication): void => {
  app.useGlobalFilters(new Envelope(app.get(HttpAdapterHost)));
};
const providers: NonNullable<ModuleMetadata['providers']> = [
  { provide: APP_FILTER, useClass: Envelope },
];
const WAYS: [string, Options][] = [
  ['as APP_FILTER', { providers }],
  ['as APP_FILTER of a module that is imported later', { imports: [EnvelopeModule] }],
  [
    'as APP_FILTER of a module that is imported before',
    {
      sessionModule: EnvelopeModule,
      imports: [SessionModule.forRoot(sessions)],
    },
  ],
  ['by useGlobalFilters', { prepare: useGlobal }],
  [
    'for one kind of error',
    { providers: [{ provide: APP_FILTER, useClass: UnauthorizedEnvelope }] },
  ],
];

describe.each(
  platforms.flatMap((platform) => WAYS.map(([way, options]) => [way, platform, options] as const)),
)("an application's filter, registered %s on %s", (way, platform, options) => {
  let scene: Scene;
  afterEach(() => scene.close());
  const open = async () =>
    (scene = await Scene.open({
      platform,
      sessions,
      controllers: [ThrowingController],
      ...options,
    }));

  it('gets what the guard, the routes and the handlers refuse, with the status of the options', async () => {
    await open();
    const expected = { envelope: 440, code: 'UNAUTHORISED' };
    for (const path of ['/me', '/thrown', '/by-hand']) {
      const answer = await scene.get(path);
      expect([path, answer.status, answer.json]).toEqual([path, 440, expected]);
      expect(answer.headers['cache-control']).toBe('no-store');
    }
    const refreshed = await scene.refresh();
    expect([refreshed.status, refreshed.json]).toEqual([440, expected]);
    const other = await scene.get('/thrown-refresh');
    const whole = { statusCode: 440, code: 'TRY_REFRESH_TOKEN' };
    const enveloped = { envelope: 440, code: 'TRY_REFRESH_TOKEN' };
    expect(other.status).toBe(440);
    expect(other.json).toMatchObject(way === 'for one kind of error' ? whole : enveloped);
  });

  it('takes nothing from the answer: cookies go, Retry-After comes, no cache keeps it', async () => {
    await open();
    const holder = await scene.login('u1');
    const gone = await scene.get('/gone', accessCookie(holder.access));
    expect(gone.json).toEqual({ envelope: 440, code: 'UNAUTHORISED' });
    expect(gone.setCookies).toEqual(CLEARED_COOKIES);
    expect(gone.headers['cache-control']).toBe('no-store');
    const thrown = await scene.get('/thrown', bothCookies(holder));
    expect(thrown.setCookies).toEqual(CLEARED_COOKIES);
    const unavailable = await scene.get('/unavailable', bothCookies(holder));
    expect(unavailable.status).toBe(503);
    expect(unavailable.headers['retry-after']).toBe('5');
    expect(unavailable.headers['access-control-expose-headers']).toBe('retry-after');
    expect(unavailable.setCookies).toEqual([]);
  });

  it('leaves it to the event to tell of each refusal once', async () => {
    await open();
    Logger.overrideLogger(false);
    const refused: string[] = [];
    scene.booted.app.get(SessionEventBus).on('refused', ({ at }) => void refused.push(at));
    await scene.get('/thrown');
    await scene.get('/me');
    await new Promise(setImmediate);
    expect(refused).toEqual(['handler', 'verify']);
  });
});

@Controller()
@UseFilters(HttpEnvelope)
class FilteredController extends ThrowingController {}

@Controller()
class FilteredHandlersController extends ThrowingController {
  @Get('thrown')
  @UseFilters(HttpEnvelope)
  override thrown(): never {
    return super.thrown();
  }

  @Get('unavailable')
  @UseFilters(HttpEnvelope)
  override unavailable(): never {
    return super.unavailable();
  }

  @Get('gone')
  @VerifySession()
  @UseFilters(HttpEnvelope)
  override gone(@CurrentSession() session: SessionContainer): Promise<object> {
    return super.gone(session);
  }

  @Get('replaced')
  @UseFilters(HttpEnvelope)
  async replaced(@Req() request: object, @Res({ passthrough: true }) response: object) {
    const session = await this.sessions.createNewSession(request, response, 'public', 'u2');
    await this.sessions.revokeSession(session.getHandle());
    return session.getSessionDataFromDatabase();
  }
}

const NEARER: [string, Options][] = [
  ['on a controller', { controllers: [FilteredController] }],
  ['on handlers', { controllers: [FilteredHandlersController] }],
  [
    'as APP_FILTER of each request',
    {
      controllers: [ThrowingController],
      providers: [{ provide: APP_FILTER, useClass: HttpEnvelope, scope: Scope.REQUEST }],
    },
  ],
];

describe.each(
  platforms.flatMap((platform) =>
    NEARER.map(([way, options]) => [way, platform, options] as const),
  ),
)('a filter that Nest asks before all others, %s on %s', (_way, platform, options) => {
  let scene: Scene;
  afterEach(() => scene.close());

  it('gets errors of handlers with the status of the options, and a complete answer', async () => {
    scene = await Scene.open({ platform, sessions, ...options });
    const holder = await scene.login('u1');
    const thrown = await scene.get('/thrown', bothCookies(holder));
    expect([thrown.status, thrown.json]).toEqual([440, { envelope: 440, code: 'UNAUTHORISED' }]);
    expect(thrown.setCookies).toEqual(CLEARED_COOKIES);
    expect(thrown.headers['cache-control']).toBe('no-store');
    const gone = await scene.get('/gone', accessCookie(holder.access));
    expect([gone.status, gone.json]).toEqual([440, { envelope: 440, code: 'UNAUTHORISED' }]);
    expect(gone.setCookies).toEqual(CLEARED_COOKIES);
    const unavailable = await scene.get('/unavailable', bothCookies(holder));
    expect([unavailable.status, unavailable.headers['retry-after']]).toEqual([503, '5']);
    expect(unavailable.setCookies).toEqual([]);
  });

  it('leaves each refusal to be told of once', async () => {
    scene = await Scene.open({ platform, sessions, ...options });
    Logger.overrideLogger(false);
    const refused: string[] = [];
    scene.booted.app.get(SessionEventBus).on('refused', ({ at }) => void refused.push(at));
    await scene.get('/thrown');
    await scene.get('/gone');
    await new Promise(setImmediate);
    expect(refused).toEqual(['handler', 'verify']);
  });
});

/** An application's guard, which verifies by hand. */
@Injectable()
class GuardByHand implements CanActivate {
  constructor(private readonly service: SessionService) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const http = context.switchToHttp();
    const request = http.getRequest<{ url: string }>();
    if (request.url === '/away') throw new SessionStoreUnavailableException();
    await this.service.getSession(request, http.getResponse(), { checkDatabase: true });
    return true;
  }
}

/** An interceptor around those of the handlers. */
@Injectable()
class ThrowingInterceptor implements NestInterceptor {
  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const { url } = context.switchToHttp().getRequest<{ url: string }>();
    if (url === '/intercepted') throw new UnauthorizedSessionException();
    return next.handle();
  }
}

@Catch(HttpException)
class PlainEnvelope implements ExceptionFilter {
  readonly #name = 'envelope';

  catch(exception: HttpException, host: ArgumentsHost): void {
    const response = host.switchToHttp().getResponse<{ code?: unknown; status?: unknown }>();
    const setStatus = (response.code ?? response.status) as (status: number) => {
      send(body: object): void;
    };
    setStatus.call(response, exception.getStatus()).send({ [this.#name]: exception.getStatus() });
  }
}

@Injectable({ scope: Scope.REQUEST })
@Catch(HttpException)
class EnvelopeOfRequest extends PlainEnvelope {
  // A property, as some applications write it.
  override catch = (exception: HttpException, host: ArgumentsHost): void =>
    super.catch(exception, host);
}

@UseGuards(GuardByHand)
@UseInterceptors(ThrowingInterceptor)
class GuardedController {
  @Get('guarded')
  guarded(): object {
    return {};
  }

  @Get('away')
  away(): object {
    return {};
  }

  @Get('intercepted')
  intercepted(): object {
    return {};
  }
}

@Controller()
@UseFilters(HttpEnvelope)
class FilteredByClass extends GuardedController {}

@Controller()
@UseFilters(new PlainEnvelope())
class FilteredByInstance extends GuardedController {}

@Controller()
@UseFilters(EnvelopeOfRequest)
class FilteredByRequest extends GuardedController {}

@Controller()
class FilteredHandlers extends GuardedController {
  @Get('guarded')
  @UseFilters(HttpEnvelope)
  override guarded(): object {
    return {};
  }

  @Get('away')
  @UseFilters(new PlainEnvelope())
  override away(): object {
    return {};
  }

  @Get('intercepted')
  @UseFilters(EnvelopeOfRequest)
  override intercepted(): object {
    return {};
  }
}

@Controller()
class UnfilteredController extends GuardedController {}

const AROUND_GUARDS: [string, Options][] = [
  ['on a controller', { controllers: [FilteredByClass] }],
  ['made by the application, on a controller', { controllers: [FilteredByInstance] }],
  ['made for each request, on a controller', { controllers: [FilteredByRequest] }],
  ['on handlers', { controllers: [FilteredHandlers] }],
  [
    'as APP_FILTER of each request',
    {
      controllers: [UnfilteredController],
      providers: [{ provide: APP_FILTER, useClass: EnvelopeOfRequest }],
    },
  ],
  [
    'as APP_FILTER that a factory makes for each request',
    {
      controllers: [UnfilteredController],
      providers: [
        { provide: APP_FILTER, useFactory: () => new PlainEnvelope(), scope: Scope.REQUEST },
      ],
    },
  ],
];

describe.each(
  platforms.flatMap((platform) =>
    AROUND_GUARDS.map(([way, options]) => [way, platform, options] as const),
  ),
)("a filter of errors of an application's guard, %s on %s", (_way, platform, options) => {
  it('gets them with a complete answer, and those of interceptors too', async () => {
    const scene = await Scene.open({ platform, sessions, ...options });
    onTestFinished(() => scene.close());
    const holder = await scene.login('u1');
    expect((await scene.get('/guarded', bothCookies(holder))).status).toBe(200);
    const intercepted = await scene.get('/intercepted', bothCookies(holder));
    expect([intercepted.status, intercepted.json]).toMatchObject([440, { envelope: 440 }]);
    expect(intercepted.setCookies).toEqual(CLEARED_COOKIES);
    const unavailable = await scene.get('/away', bothCookies(holder));
    expect([unavailable.status, unavailable.json]).toMatchObject([503, { envelope: 503 }]);
    expect(unavailable.headers['retry-after']).toBe('5');
    expect(unavailable.headers['cache-control']).toBe('no-store');
    expect(unavailable.setCookies).toEqual([]);
    await scene.booted.dataSource.getRepository(Session).delete({ handle: holder.handle });
    const gone = await scene.get('/guarded', bothCookies(holder));
    expect([gone.status, gone.json]).toMatchObject([440, { envelope: 440 }]);
    expect(gone.setCookies).toEqual(CLEARED_COOKIES);
    expect(gone.headers['cache-control']).toBe('no-store');
  });
});

@Controller()
@UseFilters(new PlainEnvelope())
class FilteredThrowing extends ThrowingController {}

describe('two applications in one process, with one filter on one controller', () => {
  it.each([FilteredController, FilteredThrowing])(
    'answer with the options of each: %o',
    async (type) => {
      const scenes = [];
      for (const sessionExpiredStatusCode of [440, 441]) {
        const scene = await Scene.open({
          sessions: { sessionExpiredStatusCode },
          controllers: [type],
        });
        onTestFinished(() => scene.close());
        scenes.push(scene);
      }
      const statuses = [];
      for (const scene of scenes) statuses.push((await scene.get('/thrown')).status);
      expect(statuses).toEqual([440, 441]);
    },
  );
});

@Injectable()
@Catch()
class PreparedFilter implements ExceptionFilter, OnModuleInit {
  #word = '';
  heard = 0;

  onModuleInit(): void {
    this.#word = 'prepared';
  }

  catch(_: unknown, host: ArgumentsHost): void {
    this.heard += 1;
    const http = host.switchToHttp();
    const response = http.getResponse<{ status(code: number): { send(body: object): void } }>();
    response.status(418).send({ word: this.#word, heard: this.heard });
  }
}

@Controller()
@UseFilters(PreparedFilter)
class PreparedController {
  @Get('broken')
  broken(): never {
    throw new HttpException('broken', 400);
  }
}

describe('a filter that prepares itself', () => {
  it('answers with what it has prepared', async () => {
    const scene = await Scene.open({ platform: 'express', controllers: [PreparedController] });
    onTestFinished(() => scene.close());
    expect((await scene.get('/broken')).json).toEqual({ word: 'prepared', heard: 1 });
    expect((await scene.get('/broken')).json).toEqual({ word: 'prepared', heard: 2 });
  });
});

describe('a filter that a test has overridden', () => {
  it('stays the object that it is, and answers with the options of each application', async () => {
    const fake = {
      catch: vi.fn<ExceptionFilter<HttpException>['catch']>((exception, host) => {
        const http = host.switchToHttp();
        const response = http.getResponse<{ status(code: number): { json(body: object): void } }>();
        response.status(exception.getStatus()).json({});
      }),
    };
    const own = fake.catch;
    const statuses = [];
    for (const sessionExpiredStatusCode of [440, 441]) {
      const scene = await Scene.open({
        platform: 'express',
        sessions: { sessionExpiredStatusCode },
        controllers: [FilteredThrowing, FilteredByClass],
        override: (builder) => builder.overrideFilter(HttpEnvelope).useValue(fake),
      });
      onTestFinished(() => scene.close());
      statuses.push((await scene.get('/guarded')).status);
    }
    expect(statuses).toEqual([440, 441]);
    expect(own).toHaveBeenCalledTimes(2);
    expect(fake.catch).toBe(own);
  });
});

@Controller()
@UseFilters(HttpEnvelope)
class FilteredLogins {
  @Post('filtered-login')
  @CreateSession()
  login(): string {
    return 'u1';
  }

  @Post('filtered-staff-login')
  @CreateSession({ kind: 'staff' })
  staffLogin(): string {
    return 'u1';
  }
}

describe.each(platforms)('a filter on a controller with logins on %s', (platform) => {
  it.each(['/filtered-login', '/filtered-staff-login'])(
    'gets refusals before the guards with a complete answer, on %s',
    async (path) => {
      const rateLimit = { logins: { max: 1, per: '10m' } } as const;
      const scene = await Scene.open({
        platform,
        sessions: { rateLimit },
        imports: [SessionModule.forRoot({ kind: 'staff', rateLimit })],
        controllers: [FilteredLogins],
      });
      onTestFinished(() => scene.close());
      const evil = { 'sec-fetch-site': 'cross-site', origin: 'https://evil.example' };
      const crossSite = await scene.post(path, evil);
      expect(crossSite.json).toEqual({ envelope: 403, code: 'CROSS_SITE_REQUEST' });
      expect(crossSite.headers['cache-control']).toBe('no-store');
      await scene.post(path);
      const limited = await scene.post(path);
      expect(limited.json).toEqual({ envelope: 429, code: 'TOO_MANY_REQUESTS' });
      expect(limited.headers['cache-control']).toBe('no-store');
      expect(limited.headers['retry-after']).toBe('600');
      expect(limited.headers['access-control-expose-headers']).toBe('retry-after');
    },
  );
});

/** Filters of GraphQL return an error, which the server then reports. */
@Catch(HttpException)
class GraphQlEnvelope implements ExceptionFilter {
  catch({ message }: HttpException): Error {
    return new Error(`enveloped: ${message}`);
  }
}

@Resolver()
class ThrowingResolver {
  @Query(() => String, { nullable: true })
  thrown(): never {
    throw new UnauthorizedSessionException();
  }
}

@Resolver()
@UseFilters(GraphQlEnvelope)
class FilteredResolver {
  @Query(() => String, { nullable: true })
  thrown(): never {
    throw new UnauthorizedSessionException();
  }
}

@Resolver()
class FilteredMethodsResolver {
  @Query(() => String, { nullable: true })
  @UseFilters(GraphQlEnvelope)
  thrown(): never {
    throw new UnauthorizedSessionException();
  }
}

@Resolver()
@UseFilters(new GraphQlEnvelope())
class FactoryMadeResolver {
  @Query(() => String, { nullable: true })
  thrown(): never {
    throw new UnauthorizedSessionException();
  }
}

const NEARER_TO_RESOLVERS: [string, Options['providers'] & object][] = [
  ['on a resolver', [FilteredResolver]],
  ['on its methods', [FilteredMethodsResolver]],
  [
    'on one that a factory makes',
    [{ provide: 'resolver', useFactory: () => new FactoryMadeResolver() }],
  ],
  [
    'as APP_FILTER of each request',
    [ThrowingResolver, { provide: APP_FILTER, useClass: GraphQlEnvelope, scope: Scope.REQUEST }],
  ],
];

describe.each(
  graphQlServers.flatMap((each) =>
    NEARER_TO_RESOLVERS.map(([way, resolvers]) => ({ ...each, way, resolvers })),
  ),
)(
  'a filter that Nest asks before all others, $way of $server on $platform',
  ({ platform, graphQl, resolvers }) => {
    it('gets errors of resolvers with a complete answer, and each is told of once', async () => {
      const scene = await Scene.open({ platform, imports: [graphQl()], providers: resolvers });
      onTestFinished(() => scene.close());
      Logger.overrideLogger(false);
      const refused: string[] = [];
      scene.booted.app.get(SessionEventBus).on('refused', ({ at }) => void refused.push(at));
      const holder = await scene.login('u1');
      const answer = await scene.post('/graphql', bothCookies(holder), { query: '{ thrown }' });
      const { errors = [] } = answer.json as GraphQlAnswer;
      expect(errors.map(({ message }) => message)).toEqual(['enveloped: unauthorised']);
      expect(answer.status).toBe(401);
      expect(answer.setCookies).toEqual(CLEARED_COOKIES);
      expect(answer.headers['cache-control']).toContain('no-store');
      await new Promise(setImmediate);
      expect(refused).toEqual(['handler']);
    });
  },
);

@ObjectType()
class Shop {
  @Field()
  name!: string;
}

@Resolver(() => Shop)
class FilteredFieldResolver {
  @Query(() => Shop)
  shop(): Shop {
    return { name: 'corner' };
  }

  @ResolveField(() => String, { nullable: true })
  @UseFilters(GraphQlEnvelope)
  thrown(): never {
    throw new UnauthorizedSessionException();
  }
}

describe.each(graphQlServers)(
  'a filter on a field of $server on $platform',
  ({ platform, graphQl }) => {
    it('gets its errors with a complete answer, where the server runs filters on fields', async () => {
      const scene = await Scene.open({
        platform,
        imports: [graphQl({ fieldResolverEnhancers: ['filters'] })],
        providers: [FilteredFieldResolver],
      });
      onTestFinished(() => scene.close());
      const holder = await scene.login('u1');
      const query = '{ shop { name thrown } }';
      const answer = await scene.post('/graphql', bothCookies(holder), { query });
      const { errors = [] } = answer.json as GraphQlAnswer;
      expect(errors.map(({ message }) => message)).toEqual(['enveloped: unauthorised']);
      expect(answer.setCookies).toEqual(CLEARED_COOKIES);
    });
  },
);

describe.each(platforms)('tokens that an answer already carries on %s', (platform) => {
  it('go when the handler then fails, though a filter of the handler answers', async () => {
    const scene = await Scene.open({
      platform,
      sessions,
      controllers: [FilteredHandlersController],
    });
    const { setCookies } = await scene.get('/replaced');
    await scene.close();
    expect(setCookies).toEqual(CLEARED_COOKIES);
  });
});
