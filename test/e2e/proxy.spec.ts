import { Controller, Get } from '@nestjs/common';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { CreateSession } from '../../lib/index.js';
import { bootApp, platforms, type BootedApp } from '../support/boot-app.js';
import { describeWithNginx } from '../support/components.js';
import { send, type Answer } from '../support/http-client.js';
import { LogRecorder } from '../support/log-recorder.js';
import { Nginx } from '../support/nginx.js';
import { readSetCookie } from '../support/set-cookie.js';
import { SceneController } from '../support/scene.js';

@Controller()
class CallbackController {
  @Get('callback')
  @CreateSession()
  callback(): string {
    return 'u1';
  }
}

const HOST = 'app.example.com';
const PAGE = { origin: `https://${HOST}`, 'sec-fetch-site': 'same-origin' };
const CONFIGURATIONS: Readonly<Record<string, readonly string[]>> = {
  'no header set': [],
  'the host passed on': ['proxy_set_header Host $host;'],
  'X-Forwarded headers alone': [
    'proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;',
    'proxy_set_header X-Forwarded-Proto $scheme;',
  ],
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
          prepare: logs.record,
        });
        vi.unstubAllEnvs();
      });
      afterAll(() => booted.close());

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
        const isOfHost = (line: string) => line.includes('proxy_set_header Host $host');
        booted.clock.advanceMs(24 * 60 * 60 * 1000);
        logs.clear();
        await login(await Nginx.inFrontOf(booted.url, ['proxy_set_header Host $host;']));
        expect(logs.texts('warn').filter(isOfHost)).toEqual([]);
        for (let logins = 0; logins < 3; logins += 1)
          await login(await Nginx.inFrontOf(booted.url));
        expect(logs.texts('warn').filter(isOfHost)).toHaveLength(1);
      });
    });
  });
});
