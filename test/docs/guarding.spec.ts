import type { Type } from '@nestjs/common';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bootApp, type BootedApp } from '../support/boot-app.js';
import { DocFiles } from '../support/doc-files.js';
import type { HttpClient } from '../support/http-client.js';
import { LoginController } from '../support/login.controller.js';

describe('what docs/guarding.md shows', () => {
  const files = new DocFiles('guarding.md');
  let booted: BootedApp;

  beforeAll(async () => {
    files.write();
    const { AccountController } = await files.load<Record<string, Type>>('account.controller.ts');
    if (AccountController === undefined) throw new Error('docs/guarding.md has no controller');
    booted = await bootApp({ controllers: [LoginController, AccountController] });
  });
  afterAll(async () => {
    await booted.close();
    files.remove();
  });

  async function loggedIn(): Promise<HttpClient> {
    const client = booted.client();
    await client.post('/login', { userId: 'ada' });
    return client;
  }

  it('compiles', { timeout: 120_000 }, () => {
    expect(files.names).toEqual(['account.controller.ts']);
    expect(files.problems()).toBe('');
  });

  it('guards, changes a claim, and greets with or without a session', async () => {
    const client = await loggedIn();
    const changed = await client.send('PATCH', '/account/plan', { body: { plan: 'gold' } });
    expect(changed.status).toBe(200);
    expect((await client.get('/account')).json).toMatchObject({
      userId: 'ada',
      claims: { plan: 'gold' },
    });
    expect((await client.get('/account/greeting')).text).toBe('Hello ada');
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
});
