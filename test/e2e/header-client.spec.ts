import { Controller, Post } from '@nestjs/common';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CreateSession } from '../../lib/index.js';
import { bootApp, platforms, type BootedApp } from '../support/boot-app.js';
import { codeInDocs } from '../support/doc-code.js';
import { SdkApi } from '../support/sdk-api.js';

interface HeaderClient {
  tokens: { access?: string; refresh?: string };
  call(path: string, init?: RequestInit): Promise<Response>;
  refresh(): Promise<Response>;
}

const code = codeInDocs('frontend.md', 'header-client.js');
const { HeaderClient } = (await import(`data:text/javascript,${encodeURIComponent(code)}`)) as {
  HeaderClient: new (apiUrl: string) => HeaderClient;
};

@Controller()
class WrongPassword {
  attempts = 0;

  @Post('wrong-password')
  @CreateSession()
  login(): null {
    this.attempts += 1;
    return null;
  }
}

const LOGIN: RequestInit = {
  method: 'POST',
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify({ userId: 'u1' }),
};

describe.each(platforms)(
  'the client of docs/frontend.md with tokens in headers, on %s',
  (platform) => {
    let booted: BootedApp;
    let client: HeaderClient;
    beforeEach(async () => {
      booted = await bootApp({ platform, controllers: [SdkApi, WrongPassword] });
      client = new HeaderClient(booted.url);
    });
    afterEach(() => booted.close());

    it('gets its tokens at login, and no cookies', async () => {
      const answer = await client.call('/login', LOGIN);
      expect(answer.status).toBe(201);
      expect(answer.headers.getSetCookie()).toEqual([]);
      expect(client.tokens.refresh).toMatch(/^nasr_/);
      expect(await (await client.call('/me')).json()).toEqual({ userId: 'u1' });
      expect((await client.call('/me', { method: 'POST' })).status).toBe(201);
    });

    it('goes on when its access token has expired', async () => {
      await client.call('/login', LOGIN);
      const { access, refresh } = client.tokens;
      booted.clock.advanceMs(3_601_000);
      expect((await client.call('/me')).status).toBe(200);
      expect(client.tokens.access).not.toBe(access);
      expect(client.tokens.refresh).not.toBe(refresh);
    });

    it('refreshes for a POST too where the answer asks for it', async () => {
      await client.call('/login', LOGIN);
      booted.clock.advanceMs(3_601_000);
      expect((await client.call('/me', { method: 'POST' })).status).toBe(201);
    });

    it('sends a wrong password once, and keeps the tokens of the session before', async () => {
      await client.call('/login', LOGIN);
      const before = { ...client.tokens };
      const answer = await client.call('/wrong-password', { method: 'POST' });
      expect([answer.status, booted.app.get(WrongPassword).attempts]).toEqual([401, 1]);
      expect(await answer.json()).toMatchObject({ code: 'UNAUTHORISED' });
      expect(client.tokens).toEqual(before);
    });

    it('asks again with the old token where an answer got lost, however late', async () => {
      await client.call('/login', LOGIN);
      const before = { ...client.tokens };
      expect((await client.refresh()).status).toBe(200);
      client.tokens = before;
      booted.clock.advanceMs(30 * 86_400_000);
      expect((await client.call('/me')).status).toBe(200);
    });

    it('keeps the refresh token that it has where a refresh brings none', async () => {
      await client.call('/login', LOGIN);
      for (let refreshes = 0; refreshes < 4; refreshes += 1)
        expect((await client.refresh()).status).toBe(200);
      expect(client.tokens.refresh).toMatch(/^nasr_/);
      expect((await client.call('/me')).status).toBe(200);
    });

    it('tells of an outage, not of an end, and keeps its tokens', async () => {
      await client.call('/login', LOGIN);
      const before = { ...client.tokens };
      booted.clock.advanceMs(3_601_000);
      await booted.dataSource.destroy();
      const answer = await client.call('/me');
      expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '5']);
      expect(await answer.json()).toMatchObject({ code: 'SESSION_STORE_UNAVAILABLE' });
      expect(client.tokens).toEqual(before);
    });

    it('keeps the tokens of a login that its refresh has crossed with', async () => {
      await client.call('/login', LOGIN);
      const late = new HeaderClient(booted.url);
      late.tokens = { ...client.tokens };
      await client.call('/login', LOGIN);
      const before = { ...late.tokens };
      expect((await late.refresh()).status).toBe(503);
      expect(late.tokens).toEqual(before);
      late.tokens = { ...client.tokens };
      expect((await late.refresh()).status).toBe(200);
    });

    it('forgets its tokens at sign-out, and when its session is over', async () => {
      await client.call('/login', LOGIN);
      const { refresh } = client.tokens;
      const answer = await client.call('/auth/signout', { method: 'POST' });
      expect(await answer.json()).toEqual({ status: 'OK' });
      expect(client.tokens).toEqual({});
      client.tokens = { access: 'none', ...(refresh === undefined ? {} : { refresh }) };
      expect((await client.call('/me')).status).toBe(401);
      expect(client.tokens).toEqual({});
    });
  },
);
