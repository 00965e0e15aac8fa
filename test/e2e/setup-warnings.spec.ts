import { afterEach, describe, expect, it } from 'vitest';
import type { SessionModuleOptions } from '../../lib/index.js';
import { bootApp, platforms, type BootedApp } from '../support/boot-app.js';
import { send } from '../support/http-client.js';
import { LogRecorder } from '../support/log-recorder.js';
import { SceneController, type Headers } from '../support/scene.js';

describe.each(platforms)(
  'a set-up in which a browser drops the cookies of a login, on %s',
  (platform) => {
    const logs = new LogRecorder();
    let booted: BootedApp;
    afterEach(async () => {
      await booted.close();
      logs.clear();
    });

    async function warningsOf(
      headers: Headers,
      sessions: SessionModuleOptions = {},
      status = 201,
    ): Promise<string[]> {
      booted = await bootApp({
        platform,
        controllers: [SceneController],
        sessions,
        prepare: logs.record,
      });
      for (let logins = 0; logins < 3; logins += 1) {
        const body = { userId: 'u1' };
        const answer = await send(`${booted.url}/login`, 'POST', { headers, body });
        expect(answer.status).toBe(status);
      }
      return logs.texts('warn');
    }

    it.each([
      ['umbrel.local', 'http://umbrel.local'],
      ['192.168.1.5:3000', 'http://192.168.1.5:3000'],
    ])('is told of once: plain http at %s', async (host, origin) => {
      const lines = await warningsOf({ host, origin }, {}, 403);
      const cure = /plain http.*over https.*`cookie\.secure` to false/;
      expect(lines.filter((line) => cure.test(line))).toHaveLength(1);
      await booted.close();
      logs.clear();
      expect(await warningsOf({ host, origin }, { cookie: { secure: false } })).toEqual([]);
    });

    it.each([
      ['a page on 127.0.0.1 and an API on localhost', 'localhost:3000', 'http://127.0.0.1:5173'],
      ['a trusted origin of another site', 'api.example.com', 'https://www.example.org'],
    ])('is told of once: %s', async (_, host, origin) => {
      const headers = { host, origin, 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'cors' };
      const [line, ...more] = await warningsOf(headers, { trustedOrigins: [origin] });
      expect(more).toEqual([]);
      expect(line).toMatch(/another site.*SameSite=lax.*127\.0\.0\.1 and localhost are two sites/);
    });

    it.each([
      [
        'localhost',
        { host: 'localhost:3000', origin: 'http://localhost:5173', 'sec-fetch-site': 'same-site' },
      ],
      [
        'https',
        { host: 'example.com', origin: 'https://example.com', 'sec-fetch-site': 'same-origin' },
      ],
      ['no browser', { host: 'example.com' }],
      [
        'a page of a sibling',
        {
          host: 'api.example.com',
          origin: 'https://www.example.com',
          'sec-fetch-site': 'same-site',
        },
      ],
    ])('is not where all is well: %s', async (_, headers) => {
      expect(await warningsOf({ ...headers })).toEqual([]);
    });

    it('is told of a refused login once in a minute, with the option and the proxy’s line', async () => {
      booted = await bootApp({ platform, controllers: [SceneController], prepare: logs.record });
      const headers = { host: 'internal:3000', origin: 'https://app.example.com' };
      for (let logins = 0; logins < 3; logins += 1) {
        const body = { userId: 'u1' };
        expect((await send(`${booted.url}/login`, 'POST', { headers, body })).status).toBe(403);
      }
      const [line, ...more] = logs.texts('warn');
      expect(more).toEqual([]);
      expect(line).toMatch(/`trustedOrigins`.*proxy_set_header Host \$http_host/);
    });
  },
);
