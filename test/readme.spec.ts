import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { INestApplication, Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { getDataSourceToken } from '@nestjs/typeorm';
import ts from 'typescript';
import type { DataSource } from 'typeorm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Session, SessionService } from '../lib/index.js';
import { resolveSessionOptions } from '../lib/options/resolve-options.js';
import { bootApp, platforms, type BootedApp } from './support/boot-app.js';
import { HttpClient, send } from './support/http-client.js';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const README = readFileSync(join(ROOT, 'README.md'), 'utf8');
const FOLDER = join(ROOT, 'test/artifacts/readme');

/** The TypeScript in the README that names its file in the first line. */
const files = [...README.matchAll(/^```ts\n\/\/ (\S+\.ts)\n(.*?)^```$/gms)].map(
  ([, name = '', text = '']) => ({ name, text }),
);

beforeAll(() => {
  mkdirSync(FOLDER, { recursive: true });
  for (const { name, text } of files) {
    const here = text
      .replaceAll("'nestjs-auth-sessions'", "'../../../lib/index.js'")
      .replaceAll("'app.sqlite'", "':memory:'");
    writeFileSync(join(FOLDER, name), here);
  }
});
afterAll(() => rmSync(FOLDER, { recursive: true, force: true }));

/** What a file of the README exports. */
async function load<T>(name: string): Promise<T> {
  return (await import(join(FOLDER, name))) as T;
}

describe('the README', () => {
  it('shows these files', () => {
    expect(files.map(({ name }) => name)).toEqual([
      'app.module.ts',
      'auth.controller.ts',
      'users.service.ts',
      'main.ts',
      'sign-up.controller.ts',
      'login.controller.ts',
      'token.controller.ts',
      'account.controller.ts',
      'chat.gateway.ts',
      'password.service.ts',
      'theft-alarm.ts',
      'sessions.module.ts',
    ]);
  });

  it('shows TypeScript that compiles as strictly as our own', () => {
    const { config } = ts.readConfigFile(join(ROOT, 'tsconfig.json'), (path) =>
      ts.sys.readFile(path),
    ) as {
      config: object;
    };
    const { options } = ts.parseJsonConfigFileContent(config, ts.sys, ROOT);
    const program = ts.createProgram(
      files.map(({ name }) => join(FOLDER, name)),
      options,
    );
    const problems = ts.getPreEmitDiagnostics(program);
    expect(ts.formatDiagnostics(problems, ts.createCompilerHost(options))).toBe('');
  });

  it('names every option once, and none that there is not', () => {
    expect(optionsListedIn(README.split('Of `cookie`:')[0] ?? '')).toEqual(knownOptions({ x: 1 }));
    expect(optionsListedIn(README.split('Of `cookie`:')[1] ?? '')).toEqual(
      knownOptions({ cookie: { x: 1 } }),
    );
  });

  it('links to what is there', () => {
    const links = [...README.matchAll(/\]\(([^)#]+)\)/g)].map(([, path = '']) => path);
    expect(links.length).toBeGreaterThan(0);
    for (const link of links) expect(() => readFileSync(join(ROOT, link))).not.toThrow();
  });
});

/** The options in the first column of the README's tables. */
function optionsListedIn(text: string): string[] {
  const table = text.slice(text.lastIndexOf('| option'));
  return [...table.matchAll(/^\| `(\w+)` /gm)].map(([, name = '']) => name).toSorted();
}

/** The options that the refusal of an unknown one names. */
function knownOptions(written: object): string[] {
  try {
    resolveSessionOptions(written, { production: false });
  } catch (error) {
    const [, names = ''] = /known here: (.*)/.exec(String(error)) ?? [];
    return names.split(', ').toSorted();
  }
  return [];
}

describe("the README's smallest use", () => {
  let app: INestApplication;
  let client: HttpClient;
  beforeAll(async () => {
    const { AppModule } = await load<{ AppModule: Type }>('app.module.ts');
    app = await NestFactory.create(AppModule, { logger: false });
    await app.listen(0, '127.0.0.1');
    client = new HttpClient((await app.getUrl()).replace('[::1]', '127.0.0.1'));
  });
  afterAll(() => app.close());

  it('logs nobody in with a wrong password', async () => {
    const answer = await client.post('/login', { email: 'ada@example.com', password: 'x' });
    expect(answer.status).toBe(401);
    expect((await client.get('/me')).status).toBe(401);
  });

  it('logs a user in, who is known from then on', async () => {
    const credentials = { email: 'ada@example.com', password: 'correct horse' };
    const answer = await client.post('/login', credentials);
    expect(answer.status).toBe(201);
    expect(answer.setCookies).toHaveLength(2);
    expect(answer.headers).toHaveProperty('front-token');
    expect((await client.get('/me')).json).toEqual({ userId: 'user-1' });
    const source = app.get<DataSource>(getDataSourceToken());
    expect(await source.getRepository(Session).countBy({ userId: 'user-1' })).toBe(1);
  });
});

describe.each(platforms)("the README's other handlers on %s", (platform) => {
  it('create the sessions that they say', async () => {
    const { SignUpController } = await load<{ SignUpController: Type }>('sign-up.controller.ts');
    const { LoginController } = await load<{ LoginController: Type }>('login.controller.ts');
    const { TokenController } = await load<{ TokenController: Type }>('token.controller.ts');
    const controllers = [SignUpController, LoginController, TokenController];
    const booted = await bootApp({ platform, controllers });
    const form = { name: 'Bob', company: 'acme', remember: false };

    expect((await booted.client().post('/signup', form)).json).toMatchObject({
      id: 'user-2',
      plan: 'free',
    });
    const login = await booted.client().post('/login');
    expect([login.json, login.setCookies.length]).toEqual([{ message: 'User logged in!' }, 2]);
    const token = await booted.client().post('/token');
    expect(token.json).toEqual({ message: 'User logged in!' });
    expect(token.headers).toHaveProperty('st-refresh-token');

    expect(
      await booted.dataSource
        .getRepository(Session)
        .find({ order: { userId: 'ASC', handle: 'ASC' } }),
    ).toMatchObject([
      {
        userId: 'user-2',
        tenantId: 'acme',
        accessTokenPayload: '{"name":"Bob","plan":"free"}',
        sessionData: '{"loggedInBy":"sign-up"}',
        persistent: false,
      },
      { userId: 'userId', tenantId: 'public', persistent: true },
      { userId: 'userId', tenantId: 'public', persistent: true },
    ]);
    await booted.close();
  });
});

describe("the README's factory", () => {
  it('stops the start without its secret, and sets the module up with it', async () => {
    const { SessionsModule } = await load<{ SessionsModule: Type }>('sessions.module.ts');
    delete process.env['SESSION_ENCRYPTION_KEY'];
    await expect(bootApp({ sessionModule: SessionsModule })).rejects.toThrow(
      'SESSION_ENCRYPTION_KEY is not set',
    );
    process.env['SESSION_ENCRYPTION_KEY'] = 'q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA=';
    const booted = await bootApp({ sessionModule: SessionsModule });
    const session = await booted.app
      .get(SessionService)
      .createNewSessionWithoutRequestResponse('public', 'ada');
    const { iat, exp } = session.getAccessTokenPayload();
    expect(Number(exp) - Number(iat)).toBe(900);
    await booted.close();
    delete process.env['SESSION_ENCRYPTION_KEY'];
  });
});

describe("the README's life of a session", () => {
  let booted: BootedApp;
  beforeAll(async () => {
    const { AuthController } = await load<{ AuthController: Type }>('auth.controller.ts');
    const { UsersService } = await load<{ UsersService: Type }>('users.service.ts');
    const { AccountController } = await load<{ AccountController: Type }>('account.controller.ts');
    const { PasswordService } = await load<{ PasswordService: Type }>('password.service.ts');
    const { TheftAlarm } = await load<{ TheftAlarm: Type }>('theft-alarm.ts');
    booted = await bootApp({
      controllers: [AuthController, AccountController],
      providers: [UsersService, PasswordService, TheftAlarm],
    });
  });
  afterAll(() => booted.close());

  async function loggedIn(): Promise<HttpClient> {
    const client = booted.client();
    await client.post('/login', { email: 'ada@example.com', password: 'correct horse' });
    return client;
  }

  it('guards, changes a claim, and greets with or without a session', async () => {
    const client = await loggedIn();
    expect((await client.send('PATCH', '/account/plan', { body: { plan: 'gold' } })).status).toBe(
      200,
    );
    expect((await client.get('/account')).json).toMatchObject({
      userId: 'user-1',
      claims: { plan: 'gold' },
    });
    expect((await client.get('/account/greeting')).text).toBe('Hello user-1');
    expect((await booted.client().get('/account/greeting')).text).toBe('Hello');
    expect((await booted.client().get('/account')).status).toBe(401);
  });

  it('asks for a role, and says which', async () => {
    const client = await loggedIn();
    const answer = await client.send('DELETE', '/account');
    expect(answer.status).toBe(403);
    expect(answer.json).toMatchObject({ claimValidationErrors: [{ id: 'st-role' }] });
  });

  it('signs out everywhere', async () => {
    const [one, other] = [await loggedIn(), await loggedIn()];
    await one.post('/account/sign-out-everywhere');
    expect(await one.cookie('sAccessToken')).toBeUndefined();
    expect((await other.get('/account')).status).toBe(401);
  });

  it('changes a password and ends the sessions with it', async () => {
    const client = await loggedIn();
    const { PasswordService } = await load<{ PasswordService: Type }>('password.service.ts');
    const passwords: { change(userId: string, store: () => Promise<void>): Promise<void> } =
      booted.app.get(PasswordService);
    await passwords.change('user-1', async () => {});
    expect((await client.post('/auth/session/refresh')).status).toBe(401);
  });

  it('tells of a theft', async () => {
    const client = await loggedIn();
    const stolen = await client.cookie('sRefreshToken');
    await client.post('/auth/session/refresh');
    await client.post('/auth/session/refresh');
    booted.clock.advanceMs(60_000);
    const answer = await send(`${booted.url}/auth/session/refresh`, 'POST', {
      headers: { authorization: `Bearer ${stolen}` },
    });
    expect(answer.json).toEqual({
      statusCode: 401,
      code: 'TOKEN_THEFT_DETECTED',
      message: 'token theft detected',
    });
    const { TheftAlarm } = await load<{ TheftAlarm: Type }>('theft-alarm.ts');
    await expect
      .poll(() => booted.app.get<{ warned: string[] }>(TheftAlarm).warned)
      .toEqual(['user-1']);
  });
});
