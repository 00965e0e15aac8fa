import * as assert from 'node:assert/strict';
import type { INestApplication } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { actingAs, useFakeClock, type FakeClock } from 'nestjs-auth-sessions/testing';
import { adapter } from '../src/adapter.js';
import { rolesOfUsers, ShopModule } from '../src/shop.module.js';

describe('the shop', () => {
  let app: INestApplication;
  let clock: FakeClock;

  beforeEach(async () => {
    const builder = Test.createTestingModule({ imports: [ShopModule] });
    clock = useFakeClock(builder);
    app = (await builder.compile()).createNestApplication(adapter());
    await app.listen(0, '127.0.0.1');
  });
  afterEach(() => app.close());

  async function call(path: string, init: RequestInit = {}): Promise<Response> {
    return fetch((await app.getUrl()) + path, init);
  }
  const refresh = (headers: Record<string, string>) =>
    call('/auth/session/refresh', { method: 'POST', headers });

  it('lets nobody in without a session', async () => {
    assert.equal((await call('/me')).status, 401);
  });

  it('knows a user', async () => {
    const ada = await actingAs(app, 'ada');
    const answer = await call('/me', { headers: ada.headers });
    // As text: Jest has globals of its own, so that an object of `fetch` is of another `Object`.
    assert.equal(await answer.text(), '{"userId":"ada"}');
  });

  it('shows reports to auditors, and to nobody else', async () => {
    const auditor = await actingAs(app, 'ada', { roles: ['auditor'] });
    const clerk = await actingAs(app, 'bob', { roles: ['clerk'] });
    assert.equal((await call('/reports', { headers: auditor.headers })).status, 200);
    assert.equal((await call('/reports', { headers: clerk.headers })).status, 403);
  });

  it('sets cookies at a login, and tells a wrong password from an expired session', async () => {
    const login = (password: string) =>
      call('/login', {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ password }),
      });
    assert.equal((await login('correct horse')).headers.getSetCookie().length, 2);
    assert.equal((await login('wrong')).status, 422);
  });

  it("closes no account for another site's page", async () => {
    const { cookie } = await actingAs(app, 'ada');
    const headers = { cookie, origin: 'https://evil.example' };
    assert.equal((await call('/account', { method: 'DELETE', headers })).status, 401);
  });

  it('asks for the password again before an account is closed', async () => {
    const { headers } = await actingAs(app, 'ada', { loggedInAgo: '11m' });
    assert.equal((await call('/account', { method: 'DELETE', headers })).status, 403);
    assert.equal((await call('/me', { headers })).status, 200);
  });

  it('goes on after an hour by a refresh', async () => {
    const ada = await actingAs(app, 'ada', { state: 'expired' });
    const answer = await call('/me', { headers: ada.headers });
    assert.equal(((await answer.json()) as { code: string }).code, 'TRY_REFRESH_TOKEN');
    await ada.refresh();
    assert.equal((await call('/me', { headers: ada.headers })).status, 200);
  });

  it('lets nobody go on with a session that was revoked', async () => {
    const ada = await actingAs(app, 'ada');
    await ada.revoke(); // or at once: actingAs(app, 'ada', { state: 'revoked' })
    assert.equal((await call('/me', { headers: ada.headers })).status, 401);
    assert.equal((await refresh(ada.refreshHeaders)).status, 401);
  });

  it('forgets who stays away for 31 days', async () => {
    const ada = await actingAs(app, 'ada');
    clock.advance('31d'); // or without a clock: actingAs(app, 'ada', { state: 'over' })
    assert.equal((await refresh(ada.refreshHeaders)).status, 401);
  });

  it('heeds a new role at the next request', async () => {
    const ada = await actingAs(app, 'ada');
    assert.equal((await call('/reports', { headers: ada.headers })).status, 403);
    rolesOfUsers.set('ada', ['admin']);
    await ada.markClaimsStale();
    assert.equal((await call('/reports', { headers: ada.headers })).status, 200);
  });

  it('ends a session whose refresh token was stolen, for the thief and for the owner', async () => {
    const ada = await actingAs(app, 'ada');
    const stolen = ada.refreshHeaders;
    await ada.refresh();
    assert.equal((await call('/me', { headers: ada.headers })).status, 200);
    clock.advance('31s'); // until then it may be ada herself, whose answer was lost
    const answer = await refresh(stolen);
    assert.equal(((await answer.json()) as { code: string }).code, 'TOKEN_THEFT_DETECTED');
    assert.equal((await call('/me', { headers: ada.headers })).status, 401);
  });
});
