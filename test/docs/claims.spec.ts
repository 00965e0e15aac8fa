import type { INestApplication, Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SessionService, type BooleanClaim, type SessionContainer } from '../../lib/index.js';
import { DocFiles } from '../support/doc-files.js';
import { HttpClient } from '../support/http-client.js';
import { payloadOf } from '../support/scene.js';

const USERS = `
import { Injectable } from '@nestjs/common';

@Injectable()
export class UsersService {
  readonly roles = new Map<string, string[]>();

  rolesOf(userId: string, tenantId: string): Promise<string[]> {
    return Promise.resolve(tenantId === 'public' ? (this.roles.get(userId) ?? []) : []);
  }

  setRoles(userId: string, roles: string[]): Promise<void> {
    this.roles.set(userId, roles);
    return Promise.resolve();
  }
}
`;

interface RoleChanges {
  change(userId: string, roles: string[]): Promise<void>;
}

describe('what docs/claims.md shows', () => {
  const files = new DocFiles('claims.md', { 'users.service.ts': USERS });
  let app: INestApplication;
  let changes: RoleChanges;

  beforeAll(async () => {
    files.write();
    const { AppModule } = await files.load<{ AppModule: Type }>('app.module.ts');
    const { RoleChanges } = await files.load<{ RoleChanges: Type<RoleChanges> }>('role-changes.ts');
    app = await NestFactory.create(AppModule, { logger: false });
    await app.listen(0, '127.0.0.1');
    changes = app.get(RoleChanges);
  });
  afterAll(async () => {
    await app.close();
    files.remove();
  });

  async function login(userId: string): Promise<HttpClient> {
    const client = new HttpClient(await app.getUrl());
    expect((await client.post('/articles/login', { userId })).status).toBe(201);
    return client;
  }

  it('compiles', () => {
    expect(files.names).toEqual([
      'payload.ts',
      'roles.claim.ts',
      'app.module.ts',
      'articles.controller.ts',
      'role-changes.ts',
      'users.service.ts',
    ]);
    expect(files.problems()).toBe('');
  });

  it('asks for roles and permissions, and has a change of roles hold at the next request', async () => {
    await changes.change('ada', ['reader']);
    const client = await login('ada');
    expect((await client.get('/articles')).json).toEqual(['On claims']);
    expect((await client.post('/articles')).json).toEqual({
      statusCode: 403,
      code: 'INVALID_CLAIMS',
      message: 'invalid claim',
      claimValidationErrors: [
        {
          id: 'st-role',
          reason: {
            message: 'wrong value',
            expectedToInclude: ['editor'],
            actualValue: ['reader'],
          },
        },
        {
          id: 'st-perm',
          reason: { message: 'wrong value', expectedToInclude: ['write'], actualValue: ['read'] },
        },
      ],
    });
    await changes.change('ada', ['editor']);
    expect((await client.post('/articles')).text).toBe('written');
  });

  it('asks for a second factor and for office hours', async () => {
    const client = await login('ada');
    const failing = async () => {
      const { json } = await client.send('DELETE', '/articles');
      const body = json as { claimValidationErrors?: { id: string }[] } | undefined;
      const ids = (body?.claimValidationErrors ?? []).map(({ id }) => id);
      return ids.filter((id) => id !== 'office-hours');
    };
    expect(await failing()).toEqual(['2fa']);
    await client.post('/articles/second-factor');
    expect(await failing()).toEqual([]);
    const { secondFactor } = await files.load<{ secondFactor: BooleanClaim }>('app.module.ts');
    await changes.change('ada', ['editor']);
    await client.get('/articles');
    const payload = payloadOf((await client.cookie('sAccessToken')) ?? '');
    expect(secondFactor.getLastFetchedTimeMs(payload)).toBeGreaterThan(0);
  });

  it('upgrades a plan', async () => {
    const { upgrade } = await files.load<{
      upgrade: (session: SessionContainer) => Promise<string | undefined>;
    }>('payload.ts');
    const sessions = app.get(SessionService);
    const payload = { plan: 'free' };
    const session = await sessions.createNewSessionWithoutRequestResponse('public', 'u', payload);
    expect(await upgrade(session)).toBe('free');
    expect(session.getAccessTokenPayload()['plan']).toBe('gold');
  });
});
