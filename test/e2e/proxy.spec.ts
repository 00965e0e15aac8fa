import { Controller, Get, Post, Query } from '@nestjs/common';
import { WsAdapter } from '@nestjs/platform-ws';
import { WebSocketGateway } from '@nestjs/websockets';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { CreateSession, VerifySession, verifyWsClient } from '../../lib/index.js';
import { bootApp, platforms, type BootedApp } from '../support/boot-app.js';
import { describeWithNginx } from '../support/components.js';
import { nginxInDocs } from '../support/doc-code.js';
import { Answers } from '../support/gateway-handlers.js';
import { send, type Answer } from '../support/http-client.js';
import { LogRecorder } from '../support/log-recorder.js';
import { Nginx } from '../support/nginx.js';
import { readSetCookie } from '../support/set-cookie.js';
import { SceneController, type Headers } from '../support/scene.js';
import { WsTestClient } from '../support/socket-clients.js';

@Controller()
class CallbackController {
  @Get('callback')
  @CreateSession()
  callback(): string {
    return 'u1';
  }

  @Post('large-login')
  @CreateSession({
    userId: () => 'u1',
    accessTokenPayload: ({ length }: { length: number }) => ({ text: 'x'.repeat(length) }),
    answer: () => ({}),
  })
  largeLogin(@Query('length') length: string): { length: number } {
    return { length: Number(length) };
  }
}

@WebSocketGateway({ path: '/live', verifyClient: verifyWsClient() })
@VerifySession()
class LiveGateway extends Answers {}

const HOST = 'app.example.com';
const PAGE = { origin: `https://${HOST}`, 'sec-fetch-site': 'same-origin' };
const CONFIGURATIONS: Readonly<Record<string, readonly string[]>> = {
  'no header set': [],
  'the host passed on': ['proxy_set_header Host $http_host;'],
  'X-Forwarded headers alone': [
    'proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;',
    'proxy_set_header X-Forwarded-Proto $scheme;',
  ],
  'the host passed on without its port': ['proxy_set_header Host $host;'],
  'everything its manual has': [
    'proxy_set_header Host $host;',
    'proxy_set_header X-Real-IP $remote_addr;',
    'proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;',
    'proxy_set_header X-Forwarded-Proto $scheme;',
  ],
};

function expectSecure(answer: Answer): void {
  const cookies = answer.setCookies.map(readSetCookie).filter(({ value }) => value !== '');
  expect(cookies.map(({ name }) => name)).toEqual(['__Host-sAccessToken', '__Host-sRefreshToken']);
  for (const { attributes } of cookies) expect(attributes['secure']).toBe(true);
}

describeWithNginx('a public site behind nginx', () => {
  describe.each(platforms)('on %s', (platform) => {
    describe.each(['production', 'development'])('with NODE_ENV=%s', (environment) => {
      const logs = new LogRecorder();
      let booted: BootedApp;
      beforeAll(async () => {
        vi.stubEnv('NODE_ENV', environment);
        booted = await bootApp({
          platform,
          controllers: [SceneController, CallbackController],
          providers: [LiveGateway],
          prepare: (app) => {
            logs.record(app);
            app.useWebSocketAdapter(new WsAdapter(app));
          },
        });
        vi.unstubAllEnvs();
      });
      afterAll(() => booted.close());

      describe('and the lines of docs/operations.md', () => {
        let nginx: Nginx;
        beforeAll(async () => {
          const { ofHttp, ofServer, ofLocation } = nginxInDocs('operations.md');
          nginx = await Nginx.inFrontOf(booted.url, ofLocation, ofServer, ofHttp);
        });
        afterAll(() => nginx.stop());

        it('logs users in whatever the public port is', async () => {
          for (const host of [HOST, `${HOST}:8443`, `${HOST}:8080`]) {
            const headers = { host, origin: `https://${host}` };
            const login = await send(`${nginx.url}/login`, 'POST', {
              headers,
              body: { userId: 'u1' },
            });
            expect([host, login.status]).toEqual([host, 201]);
            expectSecure(login);
          }
        });

        it('lets a WebSocket through, which is judged by its session', async () => {
          const headers = { host: HOST, ...PAGE };
          const login = await send(`${nginx.url}/login`, 'POST', {
            headers,
            body: { userId: 'u1' },
          });
          const cookie = login.setCookies.map((line) => line.split(';')[0]).join('; ');
          const open = (more: Headers) =>
            WsTestClient.open(nginx.url, 'live', { ...headers, ...more });
          await expect(open({})).rejects.toMatchObject({ status: 401 });
          const client = await open({ cookie });
          expect(await client.ask('who')).toEqual(['you', 'u1']);
          client.close();
        });

        it('passes on the largest payload of an access token, at a login and a refresh', async () => {
          const headers = { host: HOST, ...PAGE };
          const logIn = (url: string, length: number) =>
            send(`${url}/large-login?length=${length}`, 'POST', { headers });
          let fits = 0;
          for (let step = 2_048; step >= 1; step /= 2) {
            if ((await logIn(booted.url, fits + step)).status === 201) fits += step;
          }
          expect(fits).toBeGreaterThan(2_000);
          const login = await logIn(nginx.url, fits);
          expect(login.status).toBe(201);
          const cookie = login.setCookies.map((line) => line.split(';')[0]).join('; ');
          const me = await send(`${nginx.url}/me`, 'GET', { headers: { ...headers, cookie } });
          expect(me.status).toBe(200);
          const refreshed = await send(`${nginx.url}/auth/session/refresh`, 'POST', {
            headers: { ...headers, cookie },
          });
          expect(refreshed.status).toBe(200);
        });
      });

      describe.each(Object.entries(CONFIGURATIONS))('and %s', (_, lines) => {
        let nginx: Nginx;
        beforeAll(async () => {
          const target = booted.url.replace('127.0.0.1', 'localhost');
          nginx = await Nginx.inFrontOf(target, lines);
        });
        afterAll(() => nginx.stop());

        it('gets Secure cookies at a login by a page, and by a link', async () => {
          const body = { userId: 'u1' };
          const headers = { host: HOST, ...PAGE };
          expectSecure(await send(`${nginx.url}/login`, 'POST', { headers, body }));
          for (const link of [
            {},
            { referer: `https://${HOST}/` },
            { referer: 'https://a.example/' },
          ]) {
            const linked = { host: HOST, ...link };
            expectSecure(await send(`${nginx.url}/callback`, 'GET', { headers: linked }));
          }
        });

        it('C12: keeps them at a refresh, also by a page server that shows no page', async () => {
          const headers = { host: HOST };
          const login = await send(`${nginx.url}/callback`, 'GET', { headers });
          const cookie = login.setCookies.map((line) => line.split(';')[0]).join('; ');
          for (const url of [nginx.url, booted.url]) {
            const refreshed = await send(`${url}/auth/session/refresh`, 'POST', {
              headers: { host: new URL(url).host, cookie },
            });
            expect(refreshed.status).toBe(200);
            expect(refreshed.setCookies.every((line) => line.startsWith('__Host-'))).toBe(true);
            expect(refreshed.setCookies.every((line) => line.includes('; Secure'))).toBe(true);
          }
        });
      });

      it('is warned of once where the host is hidden, and not where it is passed on', async () => {
        const login = async (nginx: Nginx): Promise<void> => {
          const headers = { host: HOST, ...PAGE };
          await send(`${nginx.url}/login`, 'POST', { headers, body: { userId: 'u1' } });
          await nginx.stop();
        };
        const isOfHost = (line: string) => line.includes('proxy_set_header Host $http_host;');
        booted.clock.advanceMs(24 * 60 * 60 * 1000);
        logs.clear();
        await login(await Nginx.inFrontOf(booted.url, ['proxy_set_header Host $http_host;']));
        expect(logs.texts('warn').filter(isOfHost)).toEqual([]);
        for (let logins = 0; logins < 3; logins += 1)
          await login(await Nginx.inFrontOf(booted.url));
        expect(logs.texts('warn').filter(isOfHost)).toHaveLength(1);
      });
    });
  });
});
