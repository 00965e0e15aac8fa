import {
  Controller,
  Get,
  Injectable,
  Module,
  Post,
  Scope,
  type DynamicModule,
  type ExecutionContext,
  type INestApplication,
  type NestHybridApplicationOptions,
  type Provider,
} from '@nestjs/common';
import { APP_GUARD, NestFactory, REQUEST } from '@nestjs/core';
import nest from '@nestjs/core/package.json' with { type: 'json' };
import {
  Field,
  GraphQLModule,
  ID,
  ObjectType,
  Query,
  ResolveField,
  Resolver,
} from '@nestjs/graphql';
import { MessagePattern, Transport } from '@nestjs/microservices';
import { WsAdapter } from '@nestjs/platform-ws';
import { MercuriusDriver, type MercuriusDriverConfig } from '@nestjs/mercurius';
import { TypeOrmModule } from '@nestjs/typeorm';
import { SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { DataSourceOptions } from 'typeorm';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  inspectSessions,
  PublicAccess,
  SessionGuard,
  SessionModule,
  UserRoleClaim,
  VerifySession,
  type Finding,
  type SessionModuleOptions,
} from '../../lib/index.js';
import { SessionVerifierModule } from '../../lib/verifier/index.js';
import { bootApp, platforms, type BootedApp, type BootOptions } from '../support/boot-app.js';
import { describeOnEachDatabase } from '../support/components.js';
import { createTestDatabase } from '../support/databases.js';
import { send } from '../support/http-client.js';
import { LogRecorder } from '../support/log-recorder.js';
import { loginAs } from '../support/login.controller.js';
import { QueryCounter } from '../support/query-counter.js';
import { bootVerifier, ISSUER } from '../support/verifier-app.js';

const DOCS = join(import.meta.dirname, '../../docs');
const guardOfAll = { provide: APP_GUARD, useExisting: SessionGuard };

let booted: BootedApp | undefined;
afterEach(async () => {
  await booted?.close();
  booted = undefined;
  delete process.env['NODE_ENV'];
});

async function inspected(options: BootOptions = {}): Promise<readonly Finding[]> {
  booted = await bootApp(options);
  return inspectSessions(booted.app);
}

/** Whether the documents have the page of a link, and its heading. */
function isInDocs(link = ''): boolean {
  const [, page = '', anchor = ''] = /docs\/(.+)#(.+)$/.exec(link) ?? [];
  const headings = readFileSync(join(DOCS, page), 'utf8').match(/^#+ .*$/gm) ?? [];
  const anchors = headings.map((each) =>
    each
      .replace(/^#+ /, '')
      .toLowerCase()
      .replaceAll(/[^\w -]/g, '')
      .replaceAll(' ', '-'),
  );
  return anchors.includes(anchor);
}

const codesOf = (findings: readonly Finding[]) => findings.map(({ code }) => code);

describe('inspectSessions', () => {
  it('finds nothing in the smallest use', async () => {
    expect(await inspected()).toEqual([]);
  });

  it('says of each finding what, why, what to do, and where the documents say more', async () => {
    process.env['NODE_ENV'] = 'production';
    const [finding] = await inspected();
    expect(finding).toMatchObject({
      code: 'encryption-key',
      cause: 'No `encryptionKey`: anyone who can read the database can log in as anybody.',
      cure: 'Set one (openssl rand -base64 32).',
    });
    expect(isInDocs(finding?.link)).toBe(true);
  });

  it.each<[string, SessionModuleOptions]>([
    [
      'cookie-domain',
      { issuer: 'https://api.example.org/auth', cookie: { domain: 'example.com' } },
    ],
    [
      'cookie-same-site',
      { issuer: 'https://api.example.com/auth', trustedOrigins: ['https://shop.example.org'] },
    ],
    ['plain-http', { trustedOrigins: ['http://shop.example.com'] }],
    [
      'encryption-key-migration',
      {
        encryptionKey: 'q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA=',
        encryptionKeyMigration: 'accept-unencrypted',
      },
    ],
  ])('finds %s in the options, and shows no value of them', async (code, sessions) => {
    const findings = await inspected({ sessions });
    expect(codesOf(findings)).toContain(code);
    expect(JSON.stringify(findings)).not.toMatch(/example\.(com|org)|q83v/);
  });

  describe('paths of cookies', () => {
    const api = (app: INestApplication) => void app.setGlobalPrefix('api');
    const withoutAuth = (app: INestApplication) =>
      void app.setGlobalPrefix('api', { exclude: ['auth/{*rest}'] });
    const warningsOf = async (options: BootOptions): Promise<[string[], readonly Finding[]]> => {
      const log = new LogRecorder();
      const prepare = (app: INestApplication) => {
        app.useLogger(log);
        return options.prepare?.(app);
      };
      const findings = await inspected({ ...options, prepare });
      return [log.texts('warn'), findings];
    };

    it.each<[string, BootOptions, string]>([
      [
        'the refresh cookie the global prefix',
        { sessions: { cookie: { refreshPath: '/auth' } }, prepare: api },
        '`cookie.refreshPath` does not cover /api/auth/session/refresh,',
      ],
      [
        'the refresh cookie another base path',
        { sessions: { apiBasePath: '/login', cookie: { refreshPath: '/auth' } } },
        '`cookie.refreshPath` does not cover /login/session/refresh,',
      ],
      [
        'the refresh cookie the name of the route, but for its beginning',
        { sessions: { cookie: { refreshPath: '/auth/session/ref' } } },
        '`cookie.refreshPath` does not cover /auth/session/refresh,',
      ],
      [
        'the access cookie the route that binds sessions',
        { sessions: { deviceBinding: true, cookie: { path: '/shop' } } },
        '`cookie.path` does not cover /auth/session/bind,',
      ],
    ])(
      'are found, and warned of at the start, where they keep from %s',
      async (_, options, text) => {
        const [warnings, findings] = await warningsOf(options);
        expect(findings).toMatchObject([
          { code: 'cookie-path', cause: expect.stringContaining(text) as string },
        ]);
        expect(isInDocs(findings[0]?.link)).toBe(true);
        expect(warnings).toEqual([`${findings[0]?.cause} ${findings[0]?.cure}`]);
      },
    );

    @Controller({ path: 'auth', version: '1' })
    class OwnRefreshController {
      @Post('session/refresh')
      @PublicAccess()
      refresh(): string {
        return 'refreshed';
      }
    }

    it.each<[string, BootOptions]>([
      ['the prefix', { sessions: { cookie: { refreshPath: '/api/auth/' } }, prepare: api }],
      ['the route alone', { sessions: { cookie: { refreshPath: '/auth/session/refresh' } } }],
      [
        'a route that the prefix leaves out',
        { sessions: { cookie: { refreshPath: '/auth' } }, prepare: withoutAuth },
      ],
      [
        'a refresh route of the application',
        {
          sessions: { routes: { refresh: false }, cookie: { refreshPath: '/v1/auth' } },
          controllers: [OwnRefreshController],
          prepare: (app) => void app.enableVersioning(),
        },
      ],
      [
        'a refresh that the application has elsewhere',
        { sessions: { routes: { refresh: false }, cookie: { refreshPath: '/renew' } } },
      ],
      [
        'a route that is excluded, and binds sessions',
        {
          sessions: { deviceBinding: true, cookie: { path: '/auth' } },
          prepare: withoutAuth,
        },
      ],
      [
        'sessions in headers alone',
        { sessions: { tokenTransferMethod: 'header', cookie: { refreshPath: '/x' } } },
      ],
      ['the access cookie on some routes', { sessions: { cookie: { path: '/shop' } } }],
    ])('are right with %s', async (_, options) => {
      expect(await warningsOf(options)).toEqual([[], []]);
    });
  });

  it('finds nothing wrong with a page of the same site, nor with one on localhost', async () => {
    const trustedOrigins = ['https://www.example.com', 'http://localhost:5173'];
    const findings = await inspected({
      sessions: {
        issuer: 'https://api.example.com/auth',
        trustedOrigins,
        cookie: { sameSite: 'none' },
      },
      prepare: (app) => app.enableCors({ origin: trustedOrigins, credentials: true }),
    });
    expect(findings).toEqual([]);
  });

  describe.each(platforms)('CORS on %s', (platform) => {
    const sessions = { trustedOrigins: ['https://www.example.com'] };

    it('is found where it keeps a trusted page out', async () => {
      expect(codesOf(await inspected({ platform, sessions }))).toEqual(['cors']);
    });

    it('is found where it lets no cookies through, or keeps a header back', async () => {
      const origin = [...sessions.trustedOrigins];
      const without = await inspected({
        platform,
        sessions,
        prepare: (app) => app.enableCors({ origin }),
      });
      expect(codesOf(without)).toEqual(['cors']);
      await booted?.close();
      const headers = await inspected({
        platform,
        sessions,
        prepare: (app) =>
          app.enableCors({ origin, credentials: true, allowedHeaders: ['content-type'] }),
      });
      expect(headers[0]?.cause).toContain('anti-csrf, rid, fdi-version');
    });
  });

  it.each<[string, string[], string[]]>([
    ['lacks one whose name is a part of another', ['x-http-method-override'], ['rid']],
    ['names all of them in other letters', ['RID'], []],
    ['has a wildcard, which means nothing with cookies', [], ['rid']],
  ])('looks for whole names where the list of CORS %s', async (_, named, lacking) => {
    const allowedHeaders = ['*', 'Anti-CSRF', 'fdi-version', 'authorization', 'st-auth-mode'];
    const origin = ['https://www.example.com'];
    const findings = await inspected({
      sessions: { trustedOrigins: origin },
      prepare: (app) =>
        app.enableCors({
          origin,
          credentials: true,
          allowedHeaders: [...allowedHeaders, ...named],
        }),
    });
    expect(findings.map(({ cause }) => cause)).toEqual(
      lacking.map((name) => expect.stringMatching(new RegExp(`: ${name}\\.$`)) as string),
    );
  });

  describe('statements in the log', () => {
    type Logged = Pick<DataSourceOptions, 'logging' | 'logger' | 'maxQueryExecutionTime'>;
    const logged = (source: Logged) =>
      inspected({ database: { type: 'better-sqlite3', database: ':memory:', ...source } });
    beforeEach(() => {
      for (const name of ['log', 'info', 'warn'] as const) {
        vi.spyOn(console, name).mockReturnValue();
      }
    });
    afterEach(() => void vi.restoreAllMocks());

    it.each<[string, Logged]>([
      ['`logging`', { logging: true }],
      ['`logging`', { logging: 'all', logger: 'simple-console' }],
      ['`logging`', { logging: ['query'] }],
      ['`logging`', { logging: ['warn', 'error'] }],
      ['`maxQueryExecutionTime`', { maxQueryExecutionTime: 60_000 }],
      ['`maxQueryExecutionTime`', { logging: false, maxQueryExecutionTime: 60_000 }],
      ['`logging` and `maxQueryExecutionTime`', { logging: true, maxQueryExecutionTime: 60_000 }],
    ])('are found with their parameters because of %s: %j', async (options, source) => {
      const [finding, ...others] = await logged(source);
      expect(finding).toMatchObject({
        code: 'statement-logging',
        cause: expect.stringContaining(`TypeORM's ${options} print`) as string,
      });
      expect(isInDocs(finding?.link)).toBe(true);
      expect(others).toEqual([]);
    });

    it.each<[string, Logged]>([
      ['where TypeORM logs what is no statement', { logging: ['warn', 'schema', 'migration'] }],
      ['where no statement is slow', { maxQueryExecutionTime: 0 }],
      ['with a logger of their own', { logging: true, logger: new QueryCounter() }],
      ['where they are shown to a debugger', { logging: true, logger: 'debug' }],
    ])('are no finding %s', async (_, source) => {
      expect(await logged(source)).toEqual([]);
    });
  });

  it('finds what the guard of the application does not reach in a gateway: hooks, and messages before Nest 12', async () => {
    @WebSocketGateway()
    class ChatGateway {
      @SubscribeMessage('say')
      say(): string {
        return 'said';
      }

      @SubscribeMessage('hear')
      @PublicAccess()
      hear(): string {
        return 'heard';
      }

      @VerifySession()
      handleConnection(): void {}
    }
    const app = await NestFactory.create(moduleWith([guardOfAll, ChatGateway]), { logger: false });
    const causes = (await inspectSessions(app)).map(({ cause }) => cause);
    await app.close();
    const hook = 'ChatGateway.handleConnection requires a session, but Nest runs no guards on it.';
    const isReached = Number.parseInt(nest.version) >= 12;
    const message =
      'ChatGateway.say is open: the guard of the application (APP_GUARD) does not apply to gateways.';
    expect(causes).toEqual(isReached ? [hook] : [message, hook]);
  });

  it('finds messages of a microservice that the guard of the application does not reach, or never lets pass', async () => {
    @Injectable()
    class GuardOfMessages extends SessionGuard {
      protected override getRequestResponse(context: ExecutionContext) {
        return { request: context.switchToRpc().getData<object>(), response: undefined };
      }
    }
    @Controller()
    class UsersController {
      @MessagePattern('user.delete')
      remove(): string {
        return 'gone';
      }

      @MessagePattern('user.count')
      @PublicAccess()
      count(): number {
        return 1;
      }
    }
    const causes = async (options: NestHybridApplicationOptions, guard: Provider = guardOfAll) => {
      const module = { ...moduleWith([guard]), controllers: [UsersController] };
      const app = await NestFactory.create(module, { logger: false });
      app.connectMicroservice({ transport: Transport.TCP, options: { port: 0 } }, options);
      const found = (await inspectSessions(app)).map(({ cause }) => cause);
      await app.close();
      return found;
    };
    expect(await causes({})).toEqual([
      'UsersController.remove is open: the guard of the application (APP_GUARD) does not apply to a microservice that is connected without `inheritAppConfig`.',
    ]);
    expect(await causes({ inheritAppConfig: true })).toEqual([
      'UsersController.remove answers no message: the guard of the application (APP_GUARD) looks for the session of a request.',
    ]);
    const ownGuard = { provide: APP_GUARD, useClass: GuardOfMessages };
    expect(await causes({ inheritAppConfig: true }, ownGuard)).toEqual([]);
  });

  it('finds nothing in an application whose own guard is made for each request', async () => {
    const guard = {
      provide: APP_GUARD,
      scope: Scope.REQUEST,
      inject: [REQUEST],
      useFactory: () => ({ canActivate: () => true }),
    };
    const app = await NestFactory.create(moduleWith([guard]), { logger: false });
    expect(await inspectSessions(app)).toEqual([]);
    await app.close();
  });

  it('finds what the start refuses too, in an application that has not started', async () => {
    @ObjectType()
    class Note {
      @Field(() => ID)
      id!: string;
    }
    @Resolver(() => Note)
    class NoteResolver {
      @Query(() => Note)
      note(): Note {
        return { id: '1' };
      }

      @ResolveField(() => String)
      @VerifySession()
      secret(): string {
        return 'secret';
      }
    }
    const graphQl = GraphQLModule.forRoot<MercuriusDriverConfig>({
      driver: MercuriusDriver,
      autoSchemaFile: true,
    });
    const module = moduleWith([NoteResolver], [graphQl], false);
    const app = await NestFactory.create(module, { logger: false });
    const findings = await inspectSessions(app);
    expect(codesOf(findings)).toEqual(['unguarded-handler', 'tables']);
    expect(findings[1]?.cure).toContain('run the migrations');
    await app.close();
  });

  describe('in an application that does not start', () => {
    class PlanClaim extends UserRoleClaim {}

    class Answers {
      @SubscribeMessage('say')
      say(): string {
        return 'said';
      }
    }
    @WebSocketGateway()
    @VerifySession()
    class GuardedGateway extends Answers {}
    @WebSocketGateway({ connectionStateRecovery: {} })
    @VerifySession()
    class RecoveringGateway extends Answers {}
    @WebSocketGateway({ namespace: 'news', connectionStateRecovery: {} })
    @PublicAccess()
    class OpenNamespace extends Answers {}
    @WebSocketGateway({ path: '/news' })
    @VerifySession()
    class GatewayElsewhere extends Answers {}
    @WebSocketGateway({ namespace: 'late', connectionStateRecovery: {} })
    @VerifySession()
    class LateNamespace extends Answers {}

    @Injectable()
    class Contradicting {
      @VerifySession({ roles: ['admin'] })
      @PublicAccess()
      both(): string {
        return 'both';
      }
    }

    it.each<[string, string, RegExp, InspectedOptions]>([
      ['a claim that no module provides', 'claims', /PlanClaim/, { claims: [PlanClaim] }],
      [
        'a validator that no module provides',
        'claims',
        /PlanValidator/,
        { globalClaimValidators: [Symbol('PlanValidator')] },
      ],
      [
        'decorators that contradict each other',
        'decorators',
        /Contradicting\.both/,
        { providers: [Contradicting] },
      ],
      [
        'two modules with one base path',
        'kinds',
        /staff.* base path/,
        { imports: [SessionModule.forRoot({ kind: 'staff', apiBasePath: '/auth' })] },
      ],
      [
        'gateways that hear of no revocation',
        'gateways',
        /GuardedGateway.*`revocation: false`/,
        { revocation: false, providers: [GuardedGateway] },
      ],
      [
        'gateways whose sockets come back without their session',
        'gateways',
        /RecoveringGateway.*`connectionStateRecovery`/,
        { providers: [RecoveringGateway] },
      ],
      [
        'a namespace on a server that another gateway lets recover',
        'gateways',
        /GuardedGateway.*`connectionStateRecovery`/,
        { providers: [OpenNamespace, GuardedGateway] },
      ],
    ])('finds %s, as the start does', async (_, code, cause, options) => {
      const app = await created(options);
      const findings = await inspectSessions(app);
      expect(findings).toMatchObject([{ code, cause: expect.stringMatching(cause) as string }]);
      const { cause: itsCause, cure, link } = findings[0] as Finding;
      expect(isInDocs(link)).toBe(true);
      await expect(app.init()).rejects.toThrow(`${itsCause} ${cure}`);
      await app.close();
    });

    it.each<[string, InspectedOptions]>([
      ['a server of its own', { providers: [OpenNamespace, GatewayElsewhere] }],
      [
        'a namespace whose server is made by another gateway',
        { providers: [GuardedGateway, LateNamespace] },
      ],
    ])('finds nothing in guarded gateways with %s', async (_, options) => {
      const app = await created(options);
      expect(await inspectSessions(app)).toEqual([]);
      await expect(app.init()).resolves.toBe(app);
      await app.close();
    });

    it('finds nothing in options that an adapter for `ws` never reads', async () => {
      const app = await created({ providers: [RecoveringGateway] });
      app.useWebSocketAdapter(new WsAdapter(app));
      expect(await inspectSessions(app)).toEqual([]);
      await expect(app.init()).resolves.toBe(app);
      await app.close();
    });
  });

  it('changes nothing in an application that starts afterwards', async () => {
    @Controller()
    class AdminController extends loginAs('u1') {
      @Get('admin')
      @VerifySession({ roles: ['admin'] })
      admin(): string {
        return 'admin';
      }
    }
    const roles = new UserRoleClaim({ fetchValue: () => ['admin'] });
    let findings: readonly Finding[] | undefined;
    booted = await bootApp({
      controllers: [AdminController],
      sessions: { claims: [roles] },
      prepare: async (app) => {
        findings = await inspectSessions(app);
      },
    });
    expect(findings).toEqual([]);
    const client = booted.client();
    await client.post('/login');
    expect((await client.get('/admin')).status).toBe(200);
  });

  it('finds what requests have shown since the start', async () => {
    @Controller()
    class LoginController extends loginAs('u1') {
      @Get()
      open(): string {
        return 'open';
      }
    }
    booted = await bootApp({ controllers: [LoginController] });
    await send(`${booted.url}/login`, 'POST', {
      headers: {
        host: 'inner:3000',
        origin: 'https://shop.example.com',
        'sec-fetch-site': 'same-origin',
      },
    });
    expect(codesOf(await inspectSessions(booted.app))).toEqual(['hidden-host']);
  });

  it('names the kind of a set-up', async () => {
    const plainPage = {
      trustedOrigins: ['http://shop.example.com'],
      cookie: { sameSite: 'none' },
    } as const;
    const findings = await inspected({
      imports: [SessionModule.forRoot({ kind: 'staff', ...plainPage })],
      prepare: (app) =>
        app.enableCors({ origin: [...plainPage.trustedOrigins], credentials: true }),
    });
    expect(findings).toMatchObject([{ code: 'plain-http', kind: 'staff' }]);
  });

  it('finds nothing in a service that verifies the sessions of another', async () => {
    const options = { issuer: ISSUER, revocations: false } as const;
    const service = await bootVerifier({ options });
    expect(await inspectSessions(service.app)).toEqual([]);
    await service.close();
    const imports = [SessionVerifierModule.forRoot({ ...options, kind: 'partner' })];
    const plainPage = { trustedOrigins: ['http://shop.example.com'] };
    expect(codesOf(await inspected({ imports, sessions: plainPage }))).toContain('plain-http');
  });

  it('says so of a database that does not answer', async () => {
    booted = await bootApp();
    await booted.dataSource.destroy();
    expect(codesOf(await inspectSessions(booted.app))).toEqual(['database-unreachable']);
  });
});

describeOnEachDatabase('inspectSessions', (engine) => {
  it('finds nothing in tables that are as they should be, and an index that is gone', async () => {
    const database = await createTestDatabase(engine);
    booted = await bootApp({ database: database.options });
    expect(await inspectSessions(booted.app)).toEqual([]);
    const { indices, tablePath } = booted.dataSource.entityMetadatas.find(
      ({ indices: some }) => some.length > 0,
    ) as never as { indices: { name: string }[]; tablePath: string };
    const runner = booted.dataSource.createQueryRunner();
    await runner.dropIndex(tablePath, indices[0]?.name ?? '');
    await runner.release();
    expect(codesOf(await inspectSessions(booted.app))).toEqual(['indexes']);
    await booted.close();
    booted = undefined;
    await database.drop();
  });
});

@Module({})
class AppModule {}

interface InspectedOptions extends SessionModuleOptions {
  providers?: Provider[];
  imports?: DynamicModule[];
}

function created({
  providers = [],
  imports = [],
  ...sessions
}: InspectedOptions): Promise<INestApplication> {
  const module = moduleWith(providers, imports, true, sessions);
  return NestFactory.create(module, { logger: false, abortOnError: false });
}

function moduleWith(
  providers: Provider[],
  imports: DynamicModule[] = [],
  synchronize = true,
  sessions: SessionModuleOptions = {},
): DynamicModule {
  const database = {
    type: 'better-sqlite3',
    database: ':memory:',
    autoLoadEntities: true,
  } as const;
  const dataSource = TypeOrmModule.forRoot({ ...database, synchronize });
  return {
    module: AppModule,
    imports: [dataSource, SessionModule.forRoot(sessions), ...imports],
    providers,
  };
}
