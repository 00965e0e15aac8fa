import { createHash } from 'node:crypto';
import { Body, Controller, Post, Query } from '@nestjs/common';
import { decodeProtectedHeader } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  CreateSession,
  Session,
  SessionService,
  SessionSigningKey,
  type SessionModuleOptions,
} from '../../lib/index.js';
import { FakeClock } from '../../lib/testing/index.js';
import { bootApp, platforms, type BootedApp } from '../support/boot-app.js';
import type { HttpClient } from '../support/http-client.js';
import { dump, readFrontToken, verifyByKeyRow, type FrontToken } from '../support/issued-tokens.js';

const NOW_MS = 1_700_000_000_000;
const NOW = 1_700_000_000;
const HOUR = 3_600;
const HANDLE = /^018bcfe5-6800-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const SHA256 = /^[0-9a-f]{64}$/;

@Controller()
class LoginController {
  @Post('login')
  @CreateSession<{ payload: object }>({
    userId: () => 'ada',
    tenantId: () => 'acme',
    accessTokenPayload: ({ payload }) => payload,
    sessionDataInDatabase: () => ({ address: 'only the server knows' }),
  })
  login(@Body() payload: object): { payload: object } {
    return { payload };
  }

  @Post('plain')
  @CreateSession()
  plain(@Query('user') user = 'ada'): string {
    return user;
  }
}

/** The tokens that a browser holds after a login. */
interface Login {
  accessToken: string;
  refreshToken: string;
  front: FrontToken;
}

async function logIn(client: HttpClient, path: string, payload?: object): Promise<Login> {
  const answer = await client.post(path, payload);
  expect(answer.status).toBe(201);
  return {
    accessToken: (await client.cookie('sAccessToken')) ?? '',
    refreshToken: (await client.cookie('sRefreshToken')) ?? '',
    front: readFrontToken(answer.headers['front-token']),
  };
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

describe.each(platforms)('the tokens of a login on %s', (platform) => {
  describe.each(['ES256', 'RS256'] as const)('signed by %s', (algorithm) => {
    let booted: BootedApp;
    beforeAll(async () => {
      booted = await bootApp({
        platform,
        controllers: [LoginController],
        clock: new FakeClock(NOW_MS),
        sessions: { signing: { algorithm } },
      });
    });
    afterAll(() => booted.close());

    it('verify by another library under the key in the database, and say exactly this', async () => {
      const { accessToken, refreshToken } = await logIn(booted.client(), '/plain');
      const claims = await verifyByKeyRow(booted.dataSource, accessToken, NOW_MS);
      expect(claims).toStrictEqual({
        sub: 'ada',
        tId: 'public',
        sessionHandle: expect.stringMatching(HANDLE),
        refreshTokenHash1: sha256(refreshToken),
        parentRefreshTokenHash1: null,
        antiCsrfToken: null,
        iat: NOW,
        exp: NOW + HOUR,
        auth_time: NOW,
      });
    });

    it('have a header of four names, by which no other token can pass for one', async () => {
      const { accessToken } = await logIn(booted.client(), '/plain');
      expect(decodeProtectedHeader(accessToken)).toStrictEqual({
        alg: algorithm,
        kid: expect.stringMatching(/^d-[A-Za-z0-9_-]{16}$/),
        typ: 'at+jwt',
        version: '5',
      });
    });

    it("hold the tenant and the user's own claims at the top level, in any script", async () => {
      const payload = { plan: 'pro', name: 'łukasz 馬 / 马 👩‍🚀', roles: [{ of: null }] };
      const { accessToken, front } = await logIn(booted.client(), '/login', payload);
      const claims = await verifyByKeyRow(booted.dataSource, accessToken, NOW_MS);
      expect(claims).toMatchObject({ tId: 'acme', ...payload });
      expect(Object.keys(claims)).toHaveLength(12);
      const { auth_time: _, ...shown } = claims;
      expect(front).toStrictEqual({ uid: 'ada', ate: (NOW + HOUR) * 1000, up: shown });
    });
  });

  describe('where an issuer, an audience and a list of public claims are set', () => {
    let booted: BootedApp;
    beforeAll(async () => {
      booted = await bootApp({
        platform,
        controllers: [LoginController],
        clock: new FakeClock(NOW_MS),
        sessions: {
          issuer: 'https://api.example.com/auth',
          audience: 'shop',
          accessTokenLifetime: '5m',
          frontTokenClaims: ['plan'],
        },
      });
    });
    afterAll(() => booted.close());

    it('say both, and the front token says the issuer alone', async () => {
      const { accessToken, front } = await logIn(booted.client(), '/plain');
      const claims = await verifyByKeyRow(booted.dataSource, accessToken, NOW_MS);
      expect(claims).toMatchObject({
        iss: 'https://api.example.com/auth',
        aud: 'shop',
        exp: NOW + 300,
      });
      expect(Object.keys(front.up).toSorted()).toEqual([
        'antiCsrfToken',
        'exp',
        'iat',
        'iss',
        'parentRefreshTokenHash1',
        'refreshTokenHash1',
        'sessionHandle',
        'sub',
        'tId',
      ]);
    });

    it('show the browser no other claim, not even one named like a method', async () => {
      const payload = { plan: 'pro', email: 'ada@example.com', toString: 'x', valueOf: 'y' };
      const { accessToken, front } = await logIn(booted.client(), '/login', payload);
      const claims = await verifyByKeyRow(booted.dataSource, accessToken, NOW_MS);
      expect(claims).toMatchObject(payload);
      expect(front.up).toHaveProperty('plan', 'pro');
      expect(Object.keys(front.up)).toHaveLength(10);
    });
  });

  describe('in the database', () => {
    let booted: BootedApp;
    beforeAll(async () => {
      const controllers = [LoginController];
      booted = await bootApp({ platform, controllers, clock: new FakeClock(NOW_MS) });
    });
    afterAll(() => booted.close());

    it('are one row, with the payload and the data of the session', async () => {
      const { accessToken } = await logIn(booted.client(), '/login', { name: '馬' });
      const { sessionHandle } = await verifyByKeyRow(booted.dataSource, accessToken, NOW_MS);
      const [row] = await booted.dataSource.query<unknown[]>('SELECT * FROM auth_session');
      expect(row).toStrictEqual({
        realm: '',
        handle: sessionHandle,
        userId: 'ada',
        tenantId: 'acme',
        generation: 0,
        parentRefreshTokenHash: '0'.repeat(64),
        rotatedAt: NOW_MS,
        confirmedAt: null,
        // In ASCII, whatever the encoding of the database.
        accessTokenPayload: String.raw`{"name":"\u99ac"}`,
        sessionData: '{"address":"only the server knows"}',
        dataVersion: 0,
        persistent: 1,
        createdAt: NOW_MS,
        authenticatedAt: NOW_MS,
        lastActiveAt: NOW_MS,
        expiresAt: NOW_MS + 100 * 24 * HOUR * 1000,
        deviceKey: null,
        challengeAcceptedAt: null,
        actor: null,
        impersonating: null,
        ip: null,
        userAgent: null,
      });
    });

    // The one thing that a copy of the database must never hold (ASVS 14.2.4).
    it('are in no column: no token, no part of one, no hash of the live one', async () => {
      const { accessToken, refreshToken } = await logIn(booted.client(), '/plain');
      const [, , signature = ''] = accessToken.split('.');
      const bytes = Buffer.from(refreshToken.slice('nasr_'.length), 'base64url');
      const mac = bytes.subarray(-32);
      const nonce = bytes.subarray(33, 49);
      const stored = await dump(booted.dataSource);
      expect(stored).toContain('"ada"');
      const secrets = [accessToken, signature, refreshToken, sha256(refreshToken)];
      for (const part of [mac, nonce]) {
        secrets.push(part.toString('hex'), part.toString('base64'), part.toString('base64url'));
      }
      expect(secrets.filter((secret) => stored.includes(secret))).toEqual([]);
    });

    it('never share a handle, a token or a hash with another login', async () => {
      const logins = await Promise.all(
        Array.from({ length: 20 }, (_, index) =>
          logIn(booted.client(), `/plain?user=u${index % 2}`),
        ),
      );
      const claims = await Promise.all(
        logins.map(({ accessToken }) => verifyByKeyRow(booted.dataSource, accessToken, NOW_MS)),
      );
      expect(new Set(logins.map(({ refreshToken }) => refreshToken)).size).toBe(20);
      expect(new Set(claims.map(({ sessionHandle }) => sessionHandle)).size).toBe(20);
      expect(new Set(claims.map(({ refreshTokenHash1 }) => refreshTokenHash1)).size).toBe(20);
      expect(await booted.dataSource.getRepository(SessionSigningKey).count()).toBe(2);
    });

    it('are on the answer in their own places alone, and the browser is given no other secret', async () => {
      const client = booted.client();
      const answer = await client.post('/plain');
      const refreshToken = (await client.cookie('sRefreshToken')) ?? 'none';
      const accessToken = (await client.cookie('sAccessToken')) ?? 'none';
      const { 'set-cookie': _, ...others } = answer.headers;
      expect(JSON.stringify([others, answer.text])).not.toContain(refreshToken);
      expect(JSON.stringify([others, answer.text])).not.toContain(accessToken);
    });
  });
});

describe('a session in the hands of the application', () => {
  let booted: BootedApp;
  let sessions: SessionService;
  const options: SessionModuleOptions = { antiCsrf: 'VIA_TOKEN', frontTokenClaims: [] };
  beforeAll(async () => {
    booted = await bootApp({ clock: new FakeClock(NOW_MS), sessions: options });
    sessions = booted.app.get(SessionService);
  });
  afterAll(() => booted.close());

  it('tells who it is of, and gives every token to whoever asks for them by that name', async () => {
    const session = await sessions.createNewSessionWithoutRequestResponse(
      'acme',
      'ada',
      { plan: 'pro' },
      { address: 'x' },
    );
    expect(session.getUserId()).toBe('ada');
    expect(session.getTenantId()).toBe('acme');
    expect(session.getHandle()).toMatch(HANDLE);
    const tokens = session.getAllSessionTokensDangerously();
    expect(tokens).toStrictEqual({
      accessAndFrontTokenUpdated: true,
      accessToken: session.getAccessToken(),
      frontToken: expect.any(String),
      refreshToken: expect.stringMatching(/^nasr_[A-Za-z0-9_-]{151}$/),
      antiCsrfToken: expect.stringMatching(/^[A-Za-z0-9_-]{43}$/),
    });
    const claims = await verifyByKeyRow(booted.dataSource, tokens.accessToken, NOW_MS);
    expect(session.getAccessTokenPayload()).toEqual(claims);
    expect(claims).toMatchObject({
      plan: 'pro',
      antiCsrfToken: tokens.antiCsrfToken,
      refreshTokenHash1: expect.stringMatching(SHA256),
    });
    expect(
      await booted.dataSource
        .getRepository(Session)
        .findOneByOrFail({ handle: session.getHandle() }),
    ).toMatchObject({ tenantId: 'acme', sessionData: '{"address":"x"}' });
  });

  it('has no anti-CSRF token where none is wanted', async () => {
    const session = await sessions.createNewSessionWithoutRequestResponse(
      'public',
      'ada',
      {},
      {},
      true,
    );
    expect(session.getAllSessionTokensDangerously()).not.toHaveProperty('antiCsrfToken');
    expect(session.getAccessTokenPayload()).toHaveProperty('antiCsrfToken', null);
  });

  it('says what was signed, and nobody can change that, however deep', async () => {
    const given = { roles: ['user'] };
    const session = await sessions.createNewSessionWithoutRequestResponse('public', 'ada', given);
    given.roles.push('admin');
    const payload = session.getAccessTokenPayload();
    expect(payload).toHaveProperty('roles', ['user']);
    expect(Object.isFrozen(payload)).toBe(true);
    expect(Object.isFrozen(payload['roles'])).toBe(true);
  });
});
