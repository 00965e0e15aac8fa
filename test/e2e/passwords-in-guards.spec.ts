import { ApolloDriver, type ApolloDriverConfig } from '@nestjs/apollo';
import {
  BadRequestException,
  Controller,
  Headers,
  Injectable,
  Module,
  Post,
  Req,
  Res,
  UnauthorizedException,
  UseGuards,
  type CanActivate,
  type ExecutionContext,
  type MiddlewareConsumer,
  type NestMiddleware,
  type NestModule,
} from '@nestjs/common';
import { Args, GraphQLModule, Mutation, Query, Resolver } from '@nestjs/graphql';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  CreateSession,
  RequireFresh,
  SessionEventBus,
  SessionModule,
  SessionService,
  VerifySession,
  type SessionRateLimitOptions,
} from '../../lib/index.js';
import { requestAndResponseOf } from '../../lib/http/context/execution-context.js';
import { platforms, type BootOptions } from '../support/boot-app.js';
import { graphQlServers, type GraphQlAnswer } from '../support/graphql-servers.js';
import {
  accessCookie,
  holderOf,
  refreshCookie,
  Scene,
  type Headers as SentHeaders,
} from '../support/scene.js';

const EVIL = { 'sec-fetch-site': 'cross-site', origin: 'https://evil.example' };

/** Looks at a password, as a guard of Passport does. */
@Injectable()
class PasswordGuard implements CanActivate {
  static looked = 0;

  async canActivate(context: ExecutionContext): Promise<boolean> {
    PasswordGuard.looked += 1;
    const { request } = requestAndResponseOf(context) as { request: { headers: SentHeaders } };
    const password: unknown =
      context.getType<string>() === 'graphql'
        ? context.getArgByIndex<{ password: string }>(1).password
        : request.headers['x-password'];
    // The others come meanwhile.
    await new Promise((resolve) => setImmediate(resolve));
    if (password === 'wrong') throw new UnauthorizedException();
    if (password === 'malformed') throw new BadRequestException();
    return password !== 'denied';
  }
}

/** A guard of a controller is asked before those of its handlers. */
@Injectable()
class CountingGuard implements CanActivate {
  constructor(private readonly sessions: SessionService) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    await this.sessions.limitLogin(context.switchToHttp().getRequest());
    return new PasswordGuard().canActivate(context);
  }
}

@Controller()
class GuardedLogins {
  @Post('above')
  @UseGuards(PasswordGuard)
  @CreateSession()
  above(): string {
    return 'u1';
  }

  @Post('below')
  @CreateSession()
  @UseGuards(PasswordGuard)
  below(): string {
    return 'u1';
  }
}

/** A step-up: whoever is logged in shows the password again. */
@Controller()
class StepUps {
  @Post('step-up-above')
  @VerifySession()
  @CreateSession()
  @UseGuards(PasswordGuard)
  above(): string {
    return 'u1';
  }

  @Post('step-up-below')
  @CreateSession()
  @UseGuards(PasswordGuard)
  @RequireFresh('1h')
  below(): string {
    return 'u1';
  }
}

@Controller()
class StaffLogins {
  @Post('staff')
  @UseGuards(PasswordGuard)
  @CreateSession({ kind: 'staff' })
  staff(): string {
    return 'u1';
  }
}

@Controller()
class LoginsByHand {
  constructor(private readonly sessions: SessionService) {}

  @Post('by-hand')
  async login(
    @Req() request: object,
    @Res({ passthrough: true }) response: object,
    @Headers('x-password') password: string,
  ): Promise<void> {
    if (password === 'wrong') await this.sessions.countFailedLogin(request);
    else await this.sessions.createNewSession(request, response, 'public', 'u1');
  }
}

@Controller('counted')
@UseGuards(CountingGuard)
class CountedLogins {
  @Post()
  @CreateSession()
  login(): string {
    return 'u1';
  }
}

/** A middleware gets Node's request: on Fastify, not the one that the guards and handlers get. */
@Injectable()
class CountingMiddleware implements NestMiddleware {
  constructor(private readonly sessions: SessionService) {}

  async use(request: object, _response: object, next: () => void): Promise<void> {
    await this.sessions.limitLogin(request);
    next();
  }
}

@Module({ controllers: [GuardedLogins, LoginsByHand] })
class CountedByMiddleware implements NestModule {
  configure(consumer: MiddlewareConsumer): void {
    consumer.apply(CountingMiddleware).forRoutes(GuardedLogins, LoginsByHand);
  }
}

const context = (request: object, reply: object): object => ({ request, reply });

@Resolver()
class GuardedResolver {
  @Query(() => String)
  hello(): string {
    return 'hello';
  }

  @Mutation(() => String, { nullable: true })
  @UseGuards(PasswordGuard)
  @CreateSession()
  login(@Args('password') _password: string): string {
    return 'u1';
  }
}

@Resolver()
class StaffResolver {
  @Query(() => String, { nullable: true })
  @UseGuards(PasswordGuard)
  @CreateSession()
  enter(@Args('password') _password: string): string {
    return 'u1';
  }

  @Mutation(() => String, { nullable: true })
  @CreateSession({ kind: 'staff' })
  @UseGuards(PasswordGuard)
  staff(@Args('password') _password: string): string {
    return 'u1';
  }
}

describe.each(platforms)('a login whose password a guard checks, on %s', (platform) => {
  let scene: Scene;
  afterEach(() => scene.close());

  async function open(rateLimit: SessionRateLimitOptions, options: BootOptions = {}) {
    scene = await Scene.open({
      platform,
      controllers: [GuardedLogins, CountedLogins],
      ...options,
      sessions: { rateLimit: { logins: false, refreshes: false, failures: false, ...rateLimit } },
    });
    PasswordGuard.looked = 0;
  }

  async function guess(
    password: string,
    path = '/above',
    headers: SentHeaders = {},
  ): Promise<number> {
    return (await scene.post(path, { 'x-password': password, ...headers })).status;
  }

  async function guessOften(count: number, password: string, path?: string): Promise<number[]> {
    const statuses: number[] = [];
    for (let turn = 0; turn < count; turn += 1) statuses.push(await guess(password, path));
    return statuses;
  }

  it.each(['/step-up-above', '/step-up-below'])(
    'counts no session that has to be refreshed first, on %s',
    async (path) => {
      await open({ failures: { max: 2, per: '2h' } }, { controllers: [StepUps] });
      const holder = await scene.login('u1');
      await scene.advance(3_600_000);
      const stale = accessCookie(holder.access);
      for (let turn = 0; turn < 3; turn += 1) expect(await guess('right', path, stale)).toBe(401);
      expect(PasswordGuard.looked).toBe(0);
      const fresh = holderOf(await scene.refresh(refreshCookie(holder.refresh)), holder);
      const current = accessCookie(fresh.access);
      const csrf = { ...current, rid: 'session' };
      for (const status of [401, 401, 429]) expect(await guess('wrong', path, csrf)).toBe(status);
    },
  );

  it.each(['/above', '/below', '/counted'])('D8: counts wrong passwords on %s', async (path) => {
    await open({ failures: { max: 3, per: '10m' } });
    expect(await guessOften(4, 'wrong', path)).toEqual([401, 401, 401, 429]);
    expect(await guess('right', path)).toBe(429);
    expect(PasswordGuard.looked).toBe(3);
  });

  it.each(['/above', '/below', '/counted'])('D8: holds for guesses at once on %s', async (path) => {
    await open({ failures: { max: 5, per: '10m' } });
    const guesses = Array.from({ length: 30 }, () => guess('wrong', path));
    const statuses = await Promise.all(guesses);
    expect(statuses.filter((status) => status === 429)).toHaveLength(25);
    expect(PasswordGuard.looked).toBe(5);
  });

  it.each(['/above', '/below', '/counted'])('counts each login once on %s', async (path) => {
    await open({ logins: { max: 3, per: '1m' } });
    // The bystander's login was the first.
    expect(await guessOften(3, 'right', path)).toEqual([201, 201, 429]);
  });

  it.each(['/above', '/below', '/by-hand'])(
    'counts each login once that a middleware counts, on %s',
    async (path) => {
      const options = { controllers: [], imports: [CountedByMiddleware] };
      await open({ logins: { max: 3, per: '1m' } }, options);
      // The bystander's login was the first.
      expect(await guessOften(3, 'right', path)).toEqual([201, 201, 429]);
    },
  );

  it('counts a wrong password once where a middleware counts the login', async () => {
    const options = { controllers: [], imports: [CountedByMiddleware] };
    await open({ failures: { max: 2, per: '10m' } }, options);
    expect(await guessOften(3, 'right')).toEqual([201, 201, 201]);
    expect(await guessOften(1, 'wrong')).toEqual([401]);
    expect(await guessOften(1, 'wrong', '/by-hand')).toEqual([201]);
    expect(await guessOften(1, 'right')).toEqual([429]);
  });

  it('counts what a guard denies, and neither what succeeds nor what is malformed', async () => {
    await open({ failures: { max: 2, per: '10m' } });
    expect(await guessOften(4, 'right')).toEqual([201, 201, 201, 201]);
    expect(await guessOften(4, 'malformed')).toEqual([400, 400, 400, 400]);
    expect(await guessOften(3, 'denied')).toEqual([403, 403, 429]);
  });

  it('counts those of a kind of sessions by its own limit', async () => {
    const rateLimit = { logins: false, failures: { max: 2, per: '10m' } } as const;
    const imports = [SessionModule.forRoot({ kind: 'staff', rateLimit })];
    await open({}, { imports, controllers: [GuardedLogins, StaffLogins] });
    expect(await guessOften(3, 'wrong', '/staff')).toEqual([401, 401, 429]);
    expect(await guessOften(3, 'wrong', '/above')).toEqual([401, 401, 401]);
  });

  it("asks no guard for another site's page, which does not use up the limit", async () => {
    await open({ logins: { max: 3, per: '1m' }, failures: { max: 2, per: '10m' } });
    for (let turn = 0; turn < 5; turn += 1) expect(await guess('wrong', '/above', EVIL)).toBe(403);
    expect(PasswordGuard.looked).toBe(0);
    expect(await guess('right')).toBe(201);
  });

  it('reports a login beyond the limit once', async () => {
    await open({ logins: { max: 1, per: '1m' } });
    const refused: unknown[] = [];
    scene.booted.app.get(SessionEventBus).on('refused', ({ at, reason }) => {
      refused.push([at, reason]);
    });
    expect(await guess('right')).toBe(429);
    expect(refused).toEqual([['login', 'rate-limit']]);
  });

  it('counts the login of a GraphQL request, as a failure where a guard refuses it', async () => {
    const graphQl = GraphQLModule.forRoot<ApolloDriverConfig>({
      driver: ApolloDriver,
      autoSchemaFile: true,
      ...(platform === 'fastify' && { context }),
    });
    const options = { imports: [graphQl], providers: [GuardedResolver] };
    await open({ failures: { max: 3, per: '10m' } }, options);
    const codes = async (query: string): Promise<unknown[]> => {
      const { json } = await scene.post('/graphql', {}, { query });
      const { errors = [] } = json as { errors?: { extensions: { code: string } }[] };
      return errors.map(({ extensions }) => extensions.code);
    };
    const two = 'mutation { a: login(password: "wrong") b: login(password: "wrong") }';
    expect(await codes('mutation { login(password: "right") }')).toEqual([]);
    expect(await codes(two)).toEqual(['UNAUTHENTICATED', 'BAD_REQUEST']);
    expect(PasswordGuard.looked).toBe(2);
    expect(await codes('mutation { login(password: "wrong") }')).toEqual(['UNAUTHENTICATED']);
    expect(await codes('mutation { login(password: "right") }')).toEqual([]);
    expect(await codes('mutation { login(password: "wrong") }')).toEqual(['UNAUTHENTICATED']);
    expect(await codes('mutation { login(password: "right") }')).toEqual(['TOO_MANY_REQUESTS']);
  });
});

describe.each(graphQlServers)(
  'V22: a request to $server on $platform whose passwords a guard checks',
  ({ platform, server, graphQl }) => {
    let scene: Scene;
    const ONCE = 'login may only be used once per request';
    const guesses = (field: string, count: number) =>
      Array.from({ length: count }, (_, i) => `${field}${i}: ${field}(password: "wrong")`);
    beforeEach(async () => {
      const batched = server === 'Apollo' ? 'allowBatchedHttpRequests' : 'allowBatchedQueries';
      scene = await Scene.open({
        platform,
        imports: [graphQl({ [batched]: true }), SessionModule.forRoot({ kind: 'staff' })],
        providers: [GuardedResolver, StaffResolver],
      });
      PasswordGuard.looked = 0;
    });
    afterEach(() => scene.close());

    async function messages(body: unknown): Promise<string[]> {
      const { json } = await scene.post('/graphql', {}, body);
      const answers = [json].flat() as Partial<GraphQlAnswer>[];
      return answers.flatMap(({ errors = [] }) => errors.map(({ message }) => message));
    }

    it.each(['mutation', 'query'])('is one guess by all aliases of a %s', async (operation) => {
      const field = operation === 'query' ? 'enter' : 'login';
      const told = await messages({ query: `${operation} { ${guesses(field, 50).join(' ')} }` });
      expect(told.filter((message) => message === ONCE)).toHaveLength(49);
      expect(PasswordGuard.looked).toBe(1);
    });

    it('is one guess by all operations of a batch', async () => {
      const query = `mutation { ${guesses('login', 5).join(' ')} }`;
      const told = await messages([{ query }, { query }, { query }]);
      expect(told.filter((message) => message === ONCE)).toHaveLength(14);
      expect(PasswordGuard.looked).toBe(1);
    });

    it('is one guess for each kind of sessions', async () => {
      const fields = [...guesses('login', 5), ...guesses('staff', 5)];
      await messages({ query: `mutation { ${fields.join(' ')} }` });
      expect(PasswordGuard.looked).toBe(2);
    });
  },
);
