import type { Type } from '@nestjs/common';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Session, SessionService, UserRoleClaim } from '../../lib/index.js';
import { RESOLVED_SESSION_OPTIONS } from '../../lib/options/resolved-options.js';
import { bootApp, type BootedApp } from '../support/boot-app.js';
import { DocFiles } from '../support/doc-files.js';
import type { HttpClient } from '../support/http-client.js';
import { payloadOf } from '../support/scene.js';

const USERS = `
export class UsersService {
  isPassword(userId: string, password: string): Promise<boolean> {
    return Promise.resolve(password === userId + '!');
  }
}
`;

describe('what docs/sessions-of-a-user.md shows', () => {
  const files = new DocFiles('sessions-of-a-user.md', { 'users.service.ts': USERS });
  let booted: BootedApp;

  beforeAll(async () => {
    files.write();
    const { AccountController } = await files.load<Record<string, Type>>('account.controller.ts');
    const { SupportController } = await files.load<Record<string, Type>>('support.controller.ts');
    const { ActingController, MessagesController } =
      await files.load<Record<string, Type>>('acting.controller.ts');
    const { LoginController } = await files.load<Record<string, Type>>('login.controller.ts');
    const { UsersService } = await files.load<Record<string, Type>>('users.service.ts');
    const found = [
      AccountController,
      SupportController,
      ActingController,
      MessagesController,
      LoginController,
    ];
    const roles = new UserRoleClaim({ fetchValue: ({ userId }) => [userId] });
    booted = await bootApp({
      controllers: found.filter((each) => each !== undefined),
      providers: UsersService === undefined ? [] : [UsersService],
      sessions: { claims: [roles] },
    });
  });
  afterAll(async () => {
    await booted.close();
    files.remove();
  });

  async function login(id: string): Promise<HttpClient> {
    const client = booted.client();
    expect((await client.post('/login', { id, company: 'acme' })).status).toBe(201);
    return client;
  }
  const handleOf = async (client: HttpClient) =>
    String(payloadOf(String(await client.cookie('sAccessToken')))['sessionHandle']);

  it('compiles', () => {
    expect(files.names).toEqual([
      'account.controller.ts',
      'support.controller.ts',
      'acting.controller.ts',
      'login.controller.ts',
      'staff.controller.ts',
      'users.service.ts',
    ]);
    expect(files.problems()).toBe('');
  });

  it('asks for the password before an account is closed, and then forgets the user', async () => {
    const client = await login('ada');
    booted.clock.advanceMs(11 * 60_000);
    const refused = await client.send('DELETE', '/account');
    expect(refused.json).toMatchObject({
      claimValidationErrors: [{ id: 'auth_time', reason: { message: 'expired' } }],
    });
    const wrong = await client.post('/account/confirm', { password: 'x' });
    expect(wrong.json).toEqual({ confirmed: false });
    const right = await client.post('/account/confirm', { password: 'ada!' });
    expect(right.json).toEqual({ confirmed: true });
    expect((await client.send('DELETE', '/account')).status).toBe(200);
    expect(await client.cookie('sAccessToken')).toBeUndefined();
    const rows = booted.dataSource.getRepository(Session);
    expect(await rows.countBy({ userId: 'ada' })).toBe(0);
  });

  it('lets support see how a session ended', async () => {
    const support = await login('support');
    const client = await login('bob');
    const handle = await handleOf(client);
    const explain = async () => (await support.get(`/support/sessions/${handle}`)).json;
    expect(await explain()).toEqual({ status: 'live' });
    await booted.app.get(SessionService).revokeSession(handle, { by: 'admin-7' });
    expect(await explain()).toMatchObject({ reason: 'revoked', detail: 'admin-7' });
    const other = await login('eve');
    expect((await other.get(`/support/sessions/${handle}`)).status).toBe(403);
  });

  it('lets support act as a user, and come back', async () => {
    const support = await login('support');
    await login('ada');
    expect((await support.post('/acting/as/ada', { reason: 'ticket 7' })).status).toBe(201);
    expect((await support.post('/messages/draft')).json).toEqual({ of: 'ada', by: 'support' });
    expect((await support.post('/messages')).status).toBe(403);
    expect((await support.post('/acting/end')).status).toBe(201);
    expect((await support.post('/messages')).json).toEqual({ from: 'support' });
    const other = await login('eve');
    expect((await other.post('/acting/as/ada', { reason: 'none' })).status).toBe(403);
  });

  it('puts a session into its tenant', async () => {
    const [session] = await booted.app.get(SessionService).listSessions('support');
    expect(session?.tenantId).toBe('acme');
  });

  it.each([
    { device: { ip: true, userAgent: true, retention: '30d' } },
    { maxSessionsPerUser: 5 },
    { maxSessionsPerUser: { max: 1, onLimit: 'refuse' } },
    { profile: 'aal2' },
  ] as const)('sets %o', async (sessions) => {
    const other = await bootApp({ sessions });
    expect(other.app.get(RESOLVED_SESSION_OPTIONS)).toBeDefined();
    await other.close();
  });
});
