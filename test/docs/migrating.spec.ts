import type { Type } from '@nestjs/common';
import type { TestingModule } from '@nestjs/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { UserRoleClaim } from '../../lib/index.js';
import { bootApp, platforms, type BootedApp } from '../support/boot-app.js';
import { DocFiles } from '../support/doc-files.js';
import type { HttpClient } from '../support/http-client.js';

const USERS = `
import { Injectable } from '@nestjs/common';

export interface User {
  id: number;
  email: string;
}

@Injectable()
export class UsersService {
  private readonly users = new Map<number, User>([
    [1, { id: 1, email: 'ada@example.com' }],
    [2, { id: 2, email: 'bob@example.com' }],
  ]);

  check(email: string, password: string): User | null {
    const found = [...this.users.values()].find((user) => user.email === email);
    return password === 'secret' && found !== undefined ? found : null;
  }

  find(id: number): User | undefined {
    return this.users.get(id);
  }

  remove(id: number): void {
    this.users.delete(id);
  }
}
`;

interface Tokens {
  token: string;
  refreshToken: string;
  tokenExpires: number;
}

const files = new DocFiles('migrating.md', { 'users.service.ts': USERS });
beforeAll(() => files.write());
afterAll(() => files.remove());

async function classOf(file: string, name: string): Promise<Type> {
  const found = (await files.load<Record<string, Type>>(file))[name];
  if (found === undefined) throw new Error(`${file} exports no ${name}`);
  return found;
}

describe('what docs/migrating.md shows', () => {
  it('compiles', () => {
    expect(files.names).toEqual([
      'auth.controller.ts',
      'user.pipe.ts',
      'user.guard.ts',
      'reports.controller.ts',
      'tokens.controller.ts',
      'auth.controller.fixture.ts',
      'users.service.ts',
    ]);
    expect(files.problems()).toBe('');
  });

  it('tests a controller without the module', async () => {
    const { authControllerAlone } = await files.load<{
      authControllerAlone: () => Promise<TestingModule>;
    }>('auth.controller.fixture.ts');
    const testing = await authControllerAlone();
    const controller = testing.get<{ login(form: object): object | null }>(
      await classOf('auth.controller.ts', 'AuthController'),
    );
    expect(controller.login({ email: 'ada@example.com', password: 'secret' })).toEqual({
      id: 1,
      email: 'ada@example.com',
    });
  });
});

describe.each(platforms)('what docs/migrating.md shows, on %s', (platform) => {
  let booted: BootedApp;
  beforeAll(async () => {
    const { roles } = await files.load<{ roles: UserRoleClaim }>('reports.controller.ts');
    booted = await bootApp({
      platform,
      sessions: { claims: [roles] },
      controllers: [
        await classOf('auth.controller.ts', 'AuthController'),
        await classOf('reports.controller.ts', 'ReportsController'),
        await classOf('tokens.controller.ts', 'TokensController'),
      ],
      providers: [await classOf('users.service.ts', 'UsersService')],
    });
  });
  afterAll(() => booted.close());

  const form = (name: string) => ({ email: `${name}@example.com`, password: 'secret' });

  async function login(name: string): Promise<HttpClient> {
    const client = booted.client();
    expect((await client.post('/auth/login', form(name))).status).toBe(200);
    return client;
  }

  it('gives a handler the user of its session', async () => {
    const ada = await login('ada');
    expect((await ada.get('/auth/me')).json).toEqual({ id: 1, email: 'ada@example.com' });
    expect((await booted.client().get('/auth/me')).status).toBe(401);
  });

  it('sets the user of the request in a guard of its own', async () => {
    const ada = await login('ada');
    expect((await ada.get('/reports/mine')).text).toBe('Reports of ada@example.com');
    expect((await booted.client().get('/reports/mine')).status).toBe(401);
  });

  it('asks for one role of several', async () => {
    expect((await (await login('ada')).get('/reports')).json).toEqual(['January']);
    expect((await (await login('bob')).get('/reports')).status).toBe(403);
  });

  it('keeps tokens in the body, with a refresh token in every answer', async () => {
    const client = booted.client();
    expect((await client.post('/tokens/login', { ...form('ada'), password: 'x' })).status).toBe(
      401,
    );
    const first = (await client.post('/tokens/login', form('ada'))).json as Tokens;
    expect(first.tokenExpires).toBe(booted.clock.now() + 3_600_000);
    const me = (token: string) =>
      client.get('/auth/me', { headers: { authorization: `Bearer ${token}` } });
    expect((await me(first.token)).status).toBe(200);
    const second = (await client.post('/tokens/refresh', first)).json as Tokens;
    const third = (await client.post('/tokens/refresh', second)).json as Tokens;
    expect([typeof second.refreshToken, typeof third.refreshToken]).toEqual(['string', 'string']);
    expect((await me(third.token)).status).toBe(200);
  });

  it('ends the sessions of a user who is removed', async () => {
    const [bob, elsewhere] = [await login('bob'), await login('bob')];
    expect((await bob.send('DELETE', '/auth/me')).status).toBe(204);
    expect((await elsewhere.get('/auth/me')).status).toBe(401);
    expect((await booted.client().post('/auth/login', form('bob'))).status).toBe(401);
  });

  it('refuses a token of before, and lets a client that holds one log in', async () => {
    const headers = {
      authorization: 'Bearer eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJpZCI6MX0.c2ln',
    };
    expect((await booted.client().get('/auth/me', { headers })).status).toBe(401);
    const refresh = await booted.client().post('/auth/session/refresh', undefined, { headers });
    expect(refresh.status).toBe(401);
    expect((await booted.client().post('/auth/login', form('ada'), { headers })).status).toBe(200);
  });
});

describe('strict rotation', () => {
  it('refuses a refresh token at its second use with `refreshGracePeriod: 0`', async () => {
    const booted = await bootApp({
      sessions: { refreshGracePeriod: 0 },
      controllers: [await classOf('auth.controller.ts', 'AuthController')],
      providers: [await classOf('users.service.ts', 'UsersService')],
    });
    const client = booted.client();
    const headers = { 'st-auth-mode': 'header' };
    const login = await client.post(
      '/auth/login',
      { email: 'ada@example.com', password: 'secret' },
      { headers },
    );
    const spent = { authorization: `Bearer ${String(login.headers['st-refresh-token'])}` };
    const refresh = () => client.post('/auth/session/refresh', undefined, { headers: spent });
    expect((await refresh()).status).toBe(200);
    expect((await refresh()).status).toBe(401);
    await booted.close();
  });
});

describe('routes of the module with URI versioning', () => {
  it('have the version that `apiBasePath` says', async () => {
    const booted = await bootApp({
      sessions: { apiBasePath: '/v1/auth' },
      prepare: (app) => void app.setGlobalPrefix('api').enableVersioning(),
    });
    expect((await booted.client().post('/api/v1/auth/signout')).json).toEqual({ status: 'OK' });
    await booted.close();
  });
});
