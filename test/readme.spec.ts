import { mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { INestApplication, Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { getDataSourceToken } from '@nestjs/typeorm';
import type { DataSource } from 'typeorm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Session, UserRoleClaim } from '../lib/index.js';
import { bootApp, type BootedApp } from './support/boot-app.js';
import { HttpClient } from './support/http-client.js';
import { LoginController } from './support/login.controller.js';
import { typeErrorsIn } from './support/type-errors.js';

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
      'payments.controller.ts',
    ]);
  });

  it('shows TypeScript that compiles as strictly as our own', { timeout: 120_000 }, () => {
    expect(typeErrorsIn(files.map(({ name }) => join(FOLDER, name)))).toBe('');
  });

  it('shows pictures that are there, and small enough to load at once', () => {
    const pictures = [...README.matchAll(/!\[[^\]]+\]\(([^)]+)\)/g)].map(([, path = '']) => path);
    expect(pictures).toHaveLength(3);
    const large = pictures.filter((path) => statSync(join(ROOT, path)).size > 120_000);
    expect(large).toEqual([]);
  });

  it('is short', () => {
    expect(README.trimEnd().split('\n').length).toBeLessThanOrEqual(260);
  });
});

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
    expect(answer.status).toBe(422);
    expect((await client.get('/me')).status).toBe(401);
  });

  it('logs a user in, who is known from then on', async () => {
    const credentials = { email: 'ada@example.com', password: 'correct horse' };
    const answer = await client.post('/login', credentials);
    expect([answer.status, answer.json]).toEqual([201, { userId: 'user-1' }]);
    expect(answer.setCookies).toHaveLength(2);
    expect(answer.headers).toHaveProperty('front-token');
    expect((await client.get('/me')).json).toEqual({ userId: 'user-1' });
    const source = app.get<DataSource>(getDataSourceToken());
    expect(await source.getRepository(Session).countBy({ userId: 'user-1' })).toBe(1);
  });
});

describe("the README's guarded controller", () => {
  const roles = new UserRoleClaim({
    fetchValue: ({ userId }) => (userId === 'ada' ? ['customer'] : []),
  });
  let booted: BootedApp;
  beforeAll(async () => {
    const { PaymentsController } = await load<{ PaymentsController: Type }>(
      'payments.controller.ts',
    );
    booted = await bootApp({
      controllers: [LoginController, PaymentsController],
      sessions: { claims: [roles] },
    });
  });
  afterAll(() => booted.close());

  async function loggedIn(userId: string): Promise<HttpClient> {
    const client = booted.client();
    await client.post('/login', { userId });
    return client;
  }

  it('shows prices to everybody', async () => {
    expect((await booted.client().get('/payments/prices')).json).toEqual({ coffee: 3 });
  });

  it('takes payments of customers alone', async () => {
    expect((await (await loggedIn('ada')).post('/payments')).json).toEqual({ paid: true });
    expect((await (await loggedIn('bob')).post('/payments')).status).toBe(403);
    expect((await booted.client().post('/payments')).status).toBe(401);
  });

  it('takes no payment with a login of long ago', async () => {
    const ada = await loggedIn('ada');
    booted.clock.advanceMs(11 * 60_000);
    expect((await ada.post('/payments')).status).toBe(403);
  });
});
