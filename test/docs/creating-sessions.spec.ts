import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Type } from '@nestjs/common';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { Session } from '../../lib/index.js';
import { RESERVED_CLAIMS } from '../../lib/tokens/reserved-claims.js';
import { bootApp, platforms, type BootedApp } from '../support/boot-app.js';
import { DocFiles } from '../support/doc-files.js';
import { LoginController } from '../support/login.controller.js';

const files = new DocFiles('creating-sessions.md');
beforeAll(() => files.write());
afterAll(() => files.remove());

describe('what docs/creating-sessions.md shows', () => {
  it('compiles', { timeout: 120_000 }, () => {
    expect(files.names).toEqual([
      'sign-up.controller.ts',
      'login.controller.ts',
      'token.controller.ts',
      'checkout.controller.ts',
    ]);
    expect(files.problems()).toBe('');
  });

  it('names every reserved claim', () => {
    const page = readFileSync(join(import.meta.dirname, '../../docs/creating-sessions.md'), 'utf8');
    const [, names = ''] = /^- Reserved names are (.*)$/m.exec(page) ?? [];
    const named = [...names.matchAll(/`(\w+)`/g)].map(([, name]) => name);
    expect(named).toEqual([...RESERVED_CLAIMS]);
  });
});

describe.each(platforms)('what docs/creating-sessions.md shows, on %s', (platform) => {
  let booted: BootedApp | undefined;
  afterEach(() => booted?.close());

  async function boot(file: string, name: string, ...more: Type[]): Promise<BootedApp> {
    const controller = (await files.load<Record<string, Type>>(file))[name];
    if (controller === undefined) throw new Error(`docs/creating-sessions.md has no ${name}`);
    booted = await bootApp({ platform, controllers: [controller, ...more] });
    return booted;
  }
  const rows = (app: BootedApp) => app.dataSource.getRepository(Session).find();

  it('creates a session of all that a sign-up selects', async () => {
    const app = await boot('sign-up.controller.ts', 'SignUpController');
    const form = { name: 'Bob', company: 'acme', remember: false };
    const answer = await app.client().post('/signup', form);
    expect(answer.json).toMatchObject({ id: 'user-2', plan: 'free' });
    expect(await rows(app)).toMatchObject([
      {
        userId: 'user-2',
        tenantId: 'acme',
        accessTokenPayload: '{"name":"Bob","plan":"free"}',
        sessionData: '{"loggedInBy":"sign-up"}',
        persistent: false,
      },
    ]);
  });

  it('creates a session by hand, in cookies', async () => {
    const app = await boot('login.controller.ts', 'LoginController');
    const { json, setCookies } = await app.client().post('/login');
    expect([json, setCookies.length]).toEqual([{ message: 'User logged in!' }, 2]);
    expect(await rows(app)).toMatchObject([{ userId: 'userId', tenantId: 'public' }]);
  });

  it('creates a session whose tokens the handler sends in headers', async () => {
    const app = await boot('token.controller.ts', 'TokenController');
    const { json, headers, setCookies } = await app.client().post('/token');
    expect([json, setCookies]).toEqual([{ message: 'User logged in!' }, []]);
    expect(headers).toHaveProperty('st-access-token');
    expect(headers).toHaveProperty('st-refresh-token');
    expect(await rows(app)).toMatchObject([{ userId: 'userId', persistent: true }]);
  });

  it('reads and changes the data of a session', async () => {
    const app = await boot('checkout.controller.ts', 'CheckoutController', LoginController);
    const client = app.client();
    await client.post('/login', { userId: 'ada' });
    expect((await client.get('/checkout/step')).json).toEqual({ step: 'address' });
    expect((await client.post('/checkout/step', { step: 'payment' })).status).toBe(201);
    expect((await client.get('/checkout/step')).json).toEqual({ step: 'payment' });
    expect(await rows(app)).toMatchObject([{ sessionData: '{"step":"payment"}' }]);
  });
});
