import { Controller, Injectable, Module, type DynamicModule } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { getDataSourceToken, TypeOrmModule } from '@nestjs/typeorm';
import { DataSource } from 'typeorm';
import { afterEach, describe, expect, it, vi } from 'vitest';
import {
  Clock,
  Session,
  sessionEntities,
  SessionModule,
  SessionService,
  type SessionModuleOptions,
  type SessionOptionsFactory,
} from '../lib/index.js';
import { bootApp, platforms, type BootedApp, type BootOptions } from './support/boot-app.js';
import { withClosedConnection } from './support/closed-connection.js';
import { createTestDatabase } from './support/databases.js';
import { LogRecorder } from './support/log-recorder.js';
import { loginAs } from './support/login.controller.js';

const IN_MEMORY = { type: 'better-sqlite3', database: ':memory:' } as const;
const SECRET = 'Tr0ub4dor&3-in-the-wrong-place';

@Controller()
class LoginController extends loginAs('ada') {}

@Injectable()
class Settings {
  readonly lifetime = '10m';
}

@Module({ providers: [Settings], exports: [Settings] })
class SettingsModule {}

@Injectable()
class OptionsFactory implements SessionOptionsFactory {
  createSessionOptions(): SessionModuleOptions {
    return { accessTokenLifetime: '20m' };
  }
}

@Module({ providers: [OptionsFactory], exports: [OptionsFactory] })
class OptionsModule {}

function fail(): never {
  throw new Error(SECRET);
}

let booted: BootedApp | undefined;
afterEach(async () => {
  vi.unstubAllEnvs();
  await booted?.close();
  booted = undefined;
});

async function boot(options: BootOptions): Promise<BootedApp> {
  booted = await bootApp({ controllers: [LoginController], ...options });
  return booted;
}

/** How long the access token of a login lives, in seconds: what the options have come to. */
async function lifetimeOf(app: BootedApp): Promise<number> {
  expect((await app.client().post('/login')).status).toBe(201);
  const session = await app.app
    .get(SessionService)
    .createNewSessionWithoutRequestResponse('public', 'ada');
  const { iat, exp } = session.getAccessTokenPayload();
  return exp - iat;
}

describe('SessionModule.forRoot', () => {
  it.each(platforms)('needs nothing on %s: every option has a default', async (platform) => {
    const app = await boot({ platform, sessionModule: SessionModule.forRoot() });
    expect(await lifetimeOf(app)).toBe(3600);
  });

  it('takes the options', async () => {
    const app = await boot({ sessionModule: SessionModule.forRoot({ accessTokenLifetime: '5m' }) });
    expect(await lifetimeOf(app)).toBe(300);
  });

  it('stops the start where an option is wrong, with its name and without its value', async () => {
    const sessions = { encryptionKey: SECRET, accessTokenLifetme: '5m' } as SessionModuleOptions;
    const start = boot({ sessions });
    await expect(start).rejects.toThrow(/`encryptionKey` must be .*; got a string/);
    await expect(start).rejects.toThrow(/Unknown option `accessTokenLifetme`/);
    await expect(start).rejects.not.toThrow(SECRET);
  });

  it.each(['__proto__', 'constructor'])('stops the start where an option is %s', async (name) => {
    const sessions = JSON.parse(`{"${name}":{"persistent":false}}`) as SessionModuleOptions;
    await expect(boot({ sessions })).rejects.toThrow(`Unknown option \`${name}\``);
  });
});

describe('SessionModule.forRootAsync', () => {
  it.each<[how: string, module: () => DynamicModule, seconds: number]>([
    [
      'a factory with what it injects',
      () =>
        SessionModule.forRootAsync({
          imports: [SettingsModule],
          inject: [Settings],
          useFactory: (settings: Settings) => ({
            accessTokenLifetime: settings.lifetime as NonNullable<
              SessionModuleOptions['accessTokenLifetime']
            >,
          }),
        }),
      600,
    ],
    [
      'a factory that takes its time',
      () => SessionModule.forRootAsync({ useFactory: async () => ({ accessTokenLifetime: 60 }) }),
      60,
    ],
    ['a class', () => SessionModule.forRootAsync({ useClass: OptionsFactory }), 1200],
    [
      'a provider that is there',
      () => SessionModule.forRootAsync({ imports: [OptionsModule], useExisting: OptionsFactory }),
      1200,
    ],
  ])('takes the options from %s', async (_, sessionModule, seconds) => {
    expect(await lifetimeOf(await boot({ sessionModule: sessionModule() }))).toBe(seconds);
  });

  it.each([
    ['nothing', undefined, /its options must be an object; got undefined/],
    ['null', null, /its options must be an object; got null/],
    ['a text', SECRET, /its options must be an object; got a string/],
    ['a list', [SECRET], /its options must be an object; got an array/],
    ['a map', new Map([['persistent', false]]), /its options must be a plain object/],
    [
      'a property that throws',
      Object.defineProperty({}, 'cookie', { enumerable: true, get: fail }),
      /`cookie` cannot be read: something in it throws/,
    ],
    ['a bad option', { persistent: 'yes' }, /`persistent` must be true or false; got a string/],
    [
      'what comes too late',
      { dataSource: 'x' },
      /`dataSource` comes too late: .* beside the factory/,
    ],
  ])('stops the start where a factory gives %s', async (_, given, problem) => {
    const useFactory = () => given as SessionModuleOptions;
    const start = boot({ sessionModule: SessionModule.forRootAsync({ useFactory }) });
    await expect(start).rejects.toThrow(problem);
  });

  it('stops the start with the error of a factory that fails', async () => {
    const useFactory = () => Promise.reject(new Error('no vault'));
    const start = boot({ sessionModule: SessionModule.forRootAsync({ useFactory }) });
    await expect(start).rejects.toThrow('no vault');
  });

  it.each([
    ['throws nothing', undefined, 'undefined'],
    ['throws a text', SECRET, 'a string'],
    ['throws what throws itself', new Proxy({}, { get: fail, getPrototypeOf: fail }), 'an object'],
  ] as unknown as [string, Error, string][])(
    'stops the start by an error where a factory %s',
    async (_, thrown, kind) => {
      const useFactory = () => Promise.reject(thrown);
      const start = boot({ sessionModule: SessionModule.forRootAsync({ useFactory }) });
      await expect(start).rejects.toThrow(
        `SessionModule cannot start: the factory of its options threw ${kind} instead of an error`,
      );
    },
  );
});

@Module({ imports: [SessionModule.forRoot({ isGlobal: false })], controllers: [LoginController] })
class AccountsModule {}

@Injectable()
class Stranger {
  constructor(readonly sessions: SessionService) {}
}

describe('isGlobal: false', () => {
  it('serves the modules that import it', async () => {
    const app = await boot({ controllers: [], sessionModule: AccountsModule });
    expect((await app.client().post('/login')).status).toBe(201);
  });

  it('serves no other module', async () => {
    const start = boot({ controllers: [], sessionModule: AccountsModule, providers: [Stranger] });
    await expect(start).rejects.toThrow(/can't resolve dependencies of the Stranger/);
  });

  it('stands beside the factory of forRootAsync', async () => {
    const sessionModule = SessionModule.forRootAsync({ isGlobal: false, useFactory: () => ({}) });
    const start = boot({
      controllers: [],
      sessionModule,
      imports: [{ module: OptionsModule, providers: [Stranger] }],
    });
    await expect(start).rejects.toThrow(/can't resolve dependencies of the Stranger/);
  });
});

describe('a second data source', () => {
  it.each([
    ['forRoot', () => SessionModule.forRoot({ dataSource: 'accounts' })],
    [
      'forRootAsync',
      () => SessionModule.forRootAsync({ dataSource: 'accounts', useFactory: () => ({}) }),
    ],
  ])('keeps the sessions, by its name beside the options: %s', async (_, sessionModule) => {
    const app = await boot({
      sessionModule: sessionModule(),
      imports: [
        TypeOrmModule.forRoot({
          ...IN_MEMORY,
          name: 'accounts',
          autoLoadEntities: true,
          synchronize: true,
        }),
      ],
    });
    expect((await app.client().post('/login')).status).toBe(201);
    const accounts: DataSource = app.app.get(getDataSourceToken('accounts'));
    expect(await accounts.getRepository(Session).count()).toBe(1);
    expect(await app.dataSource.query('SELECT * FROM auth_session')).toEqual([]);
  });

  it('that there is not stops the start', async () => {
    const start = boot({ sessionModule: SessionModule.forRoot({ dataSource: 'acounts' }) });
    await expect(start).rejects.toThrow(/acountsDataSource/);
  });
});

@Module({})
class EmptyModule {}

/** Starts an application whose data source is set up as given, and stops it again. */
async function startWith(typeOrm: DynamicModule): Promise<void> {
  const app = await NestFactory.create(
    { module: EmptyModule, imports: [typeOrm, SessionModule.forRoot()] },
    { logger: false, abortOnError: false },
  );
  try {
    await app.init();
  } finally {
    await app.close();
  }
}

describe('a data source that does not know the entities', () => {
  it('stops the start with the line to add', async () => {
    const start = startWith(TypeOrmModule.forRoot({ ...IN_MEMORY, entities: [] }));
    await expect(start).rejects.toThrow(
      'The data source does not know Session, SessionSigningKey, SessionRevocation. ' +
        'Add `autoLoadEntities: true` to TypeOrmModule.forRoot, or `...sessionEntities` to its `entities`.',
    );
  });

  it('knows them by `autoLoadEntities`, and by their list', async () => {
    const loaded = TypeOrmModule.forRoot({
      ...IN_MEMORY,
      autoLoadEntities: true,
      synchronize: true,
    });
    await expect(startWith(loaded)).resolves.toBeUndefined();
    const listed = TypeOrmModule.forRoot({
      ...IN_MEMORY,
      entities: [...sessionEntities],
      synchronize: true,
    });
    await expect(startWith(listed)).resolves.toBeUndefined();
  });
});

describe('a database without the tables', () => {
  it('stops the start, and says what makes them', async () => {
    const start = startWith(TypeOrmModule.forRoot({ ...IN_MEMORY, autoLoadEntities: true }));
    await expect(start).rejects.toThrow(
      /^The database has no table "auth_session".* run the migrations .* `synchronize: true`/,
    );
  });
});

describe('without an encryption key', () => {
  const warning =
    'No `encryptionKey`: anyone who can read the database can log in as anybody. Set one (openssl rand -base64 32).';

  it.each([
    ['warns once in production', 'production', {}, [warning]],
    ['says nothing elsewhere', 'development', {}, []],
    [
      'says nothing where there is one',
      'production',
      { encryptionKey: 'ab12'.repeat(8) + '0123456789abcdef'.repeat(2) },
      [],
    ],
  ])('the start %s', async (_, environment, sessions, warnings) => {
    vi.stubEnv('NODE_ENV', environment);
    const logs = new LogRecorder();
    await boot({ sessions, prepare: logs.record });
    expect(logs.texts('warn')).toEqual(warnings);
  });
});

describe('the cookies in production', () => {
  it('are Secure, or the start says why not', async () => {
    vi.stubEnv('NODE_ENV', 'production');
    const start = boot({ sessions: { cookie: { secure: false } } });
    await expect(start).rejects.toThrow(/`cookie\.secure` is false in production/);
  });
});

describe('the clock', () => {
  it('is one for all, and tests put another in its place', async () => {
    const app = await boot({});
    expect(app.app.get(Clock)).toBe(app.clock);
    app.clock.advanceMs(10 ** 9);
    const session = await app.app
      .get(SessionService)
      .createNewSessionWithoutRequestResponse('public', 'ada');
    expect(session.getAccessTokenPayload()).toHaveProperty(
      'iat',
      Math.floor(app.clock.now() / 1000),
    );
  });
});

describe('a database that goes away', () => {
  it.each(platforms)(
    'answers a login on %s with 503, and says when to ask again',
    async (platform) => {
      const app = await boot({ platform });
      await app.client().post('/login');
      const client = app.client();
      await withClosedConnection(app.dataSource, async () => {
        const answer = await client.post('/login');
        expect(answer.status).toBe(503);
        expect(answer.json).toEqual({
          statusCode: 503,
          code: 'SESSION_STORE_UNAVAILABLE',
          message: 'session store unavailable',
        });
        expect(answer.headers['retry-after']).toBe('5');
        expect(answer.setCookies).toEqual([]);
      });
      expect((await client.post('/login')).status).toBe(201);
    },
  );
});

describe('two applications on one database', () => {
  it('K2: sign with the same key, which only one of them has made', async () => {
    const database = await createTestDatabase('sqlite');
    const apps = [
      await bootApp({ database: database.options }),
      await bootApp({ database: database.options }),
    ];
    const sessions = await Promise.all(
      apps.map((each) =>
        each.app.get(SessionService).createNewSessionWithoutRequestResponse('public', 'ada'),
      ),
    );
    const kids = sessions.map((session) => session.getAccessToken().split('.')[0]);
    expect(new Set(kids).size).toBe(1);
    await Promise.all(apps.map((each) => each.close()));
    await database.drop();
  });
});
