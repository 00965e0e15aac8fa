import { Body, Controller, Get, Post } from '@nestjs/common';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  CreateSession,
  CurrentSession,
  SessionService,
  VerifySession,
  type SessionContainer,
} from '../../lib/index.js';
import { bootApp, platforms, type BootedApp } from '../support/boot-app.js';
import type { HttpClient } from '../support/http-client.js';

interface Login {
  userId: string;
  tenantId: string;
}

@Controller()
class TenantController {
  @Post('login')
  @CreateSession<Login>({ userId: ({ userId }) => userId, tenantId: ({ tenantId }) => tenantId })
  login(@Body() body: Login): Login {
    return body;
  }

  @Get('me')
  @VerifySession()
  me(@CurrentSession() session: SessionContainer): object {
    return { user: session.getUserId(), tenant: session.getTenantId() };
  }
}

interface List {
  sessions: { sessionHandle: string; tenantId: string; isCurrent: boolean }[];
}

describe.each(platforms)('one user id in two tenants, on %s', (platform) => {
  let booted: BootedApp;
  let sessions: SessionService;
  let inA: HttpClient;
  let inB: HttpClient;
  let otherOfA: HttpClient;

  beforeEach(async () => {
    booted = await bootApp({ platform, controllers: [TenantController] });
    sessions = booted.app.get(SessionService);
    [inA, inB, otherOfA] = [
      await login('bob', 'a'),
      await login('bob', 'b'),
      await login('eve', 'a'),
    ];
  });
  afterEach(() => booted.close());

  async function login(userId: string, tenantId: string): Promise<HttpClient> {
    const client = booted.client();
    expect((await client.post('/login', { userId, tenantId })).status).toBe(201);
    return client;
  }
  const statuses = async () =>
    Promise.all([inA, inB, otherOfA].map(async (client) => (await client.get('/me')).status));
  const listOf = async (client: HttpClient) =>
    ((await client.get('/auth/sessions')).json as List).sessions;

  it('are two users: each lists the sessions of its own tenant', async () => {
    await login('bob', 'a');
    expect((await listOf(inA)).map(({ tenantId }) => tenantId)).toEqual(['a', 'a']);
    expect((await listOf(inB)).map(({ tenantId }) => tenantId)).toEqual(['b']);
    expect(await sessions.getAllSessionHandlesForUser('bob', 'a')).toHaveLength(2);
    expect(await sessions.getAllSessionHandlesForUser('bob', 'b')).toHaveLength(1);
    expect(await sessions.listSessions('bob', 'c')).toEqual([]);
  });

  it('are one user to functions that are given no tenant', async () => {
    expect(await sessions.getAllSessionHandlesForUser('bob')).toHaveLength(2);
    expect(await sessions.listSessions('bob')).toHaveLength(2);
    booted.clock.advanceMs(1);
    expect(await sessions.revokeAllSessionsForUser('bob')).toHaveLength(2);
    expect(await statuses()).toEqual([401, 401, 200]);
  });

  it('end apart where a tenant is given', async () => {
    booted.clock.advanceMs(1);
    expect(await sessions.revokeAllSessionsForUser('bob', 'a')).toHaveLength(1);
    expect(await statuses()).toEqual([401, 200, 200]);
    expect((await inB.post('/auth/session/refresh')).status).toBe(200);
  });

  it('end no session of the other tenant by the route for all others', async () => {
    const second = await login('bob', 'a');
    expect((await inA.send('DELETE', '/auth/sessions')).json).toEqual({ status: 'OK', revoked: 1 });
    expect(await statuses()).toEqual([200, 200, 200]);
    expect((await second.get('/me')).status).toBe(401);
  });

  it('cannot end a session of the other tenant by its handle', async () => {
    const [target] = await sessions.getAllSessionHandlesForUser('bob', 'b');
    const answer = await inA.send('DELETE', `/auth/sessions/${target}`);
    expect(answer.status).toBe(404);
    expect(await statuses()).toEqual([200, 200, 200]);
  });

  it.each([
    ['a query', '?tenantId=b&tId=b', {}, undefined],
    ['a header', '', { tenantid: 'b', 'x-tenant-id': 'b', tid: 'b' }, undefined],
    ['a body', '', {}, { tenantId: 'b', tId: 'b' }],
    ['a host', '', { host: 'b.example.com' }, undefined],
  ])('keep their tenant at a refresh that names another by %s', async (_, query, headers, body) => {
    const cookie = await inA.jar.getCookieString(inA.baseUrl);
    const https = { cookie: cookie.replace('sRefreshToken', '__Host-sRefreshToken') };
    const sent = { ...('host' in headers ? https : { cookie }), ...headers };
    const answer = await booted
      .client()
      .post(`/auth/session/refresh${query}`, body, { headers: sent });
    expect(answer.status).toBe(200);
    const front = JSON.parse(
      Buffer.from(String(answer.headers['front-token']), 'base64').toString(),
    ) as { up: { tId: string } };
    expect(front.up.tId).toBe('a');
  });

  it('are limited apart', async () => {
    const limited = await bootApp({
      platform,
      controllers: [TenantController],
      sessions: { maxSessionsPerUser: { max: 1, onLimit: 'refuse' } },
    });
    const post = async (tenantId: string) =>
      (await limited.client().post('/login', { userId: 'bob', tenantId })).status;
    expect([await post('a'), await post('b'), await post('a')]).toEqual([201, 201, 403]);
    await limited.close();
  });
});
