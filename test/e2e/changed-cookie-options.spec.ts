import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { SessionCookieOptions } from '../../lib/index.js';
import { bootApp, platforms, type BootedApp } from '../support/boot-app.js';
import { HttpClient } from '../support/http-client.js';
import { SceneController } from '../support/scene.js';

const API = 'https://api.example.com';
const OWN_PAGE = { headers: { 'sec-fetch-site': 'same-origin' } };
const SETTINGS: readonly SessionCookieOptions[] = [
  {},
  { prefix: '' },
  { prefix: '__Secure-' },
  { refreshPath: '/auth/session/refresh' },
  { refreshPath: '/auth', prefix: '' },
  { domain: 'example.com' },
  { domain: 'example.com', refreshPath: '/auth' },
  { domain: 'example.com', prefix: '' },
];
const CHANGES = SETTINGS.flatMap((before) =>
  // A change of the domain needs `olderDomain`, as docs/situations.md says.
  SETTINGS.filter((after) => after !== before && after.domain === before.domain).map(
    (after) => [before, after] as const,
  ),
);

describe.each(platforms)(
  'a user whose application starts with other cookie options, on %s',
  (platform) => {
    let folder: string;
    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), 'changed-cookies-'));
    });
    afterAll(() => rm(folder, { recursive: true, force: true }));

    async function start(database: string, cookie: SessionCookieOptions): Promise<BootedApp> {
      return bootApp({
        platform,
        database: { type: 'better-sqlite3', database },
        controllers: [SceneController],
        sessions: { cookie },
      });
    }

    it.each(CHANGES)(
      'logs in again at most once, and then goes on: from %o to %o',
      async (...change) => {
        const database = join(folder, `${randomUUID()}.sqlite`);
        const [before, after] = change;
        const old = await start(database, before);
        const browser = old.client(API);
        await browser.post('/login', { userId: 'ada' });
        expect((await browser.get('/me')).json).toEqual({ userId: 'ada' });
        await old.close();

        const booted = await start(database, after);
        const again = new HttpClient(booted.url, API, browser.jar);
        if ((await again.get('/me')).status === 401) await again.post('/login', { userId: 'ada' });
        // A refresh token of before may be there under another path, until the next login at the latest.
        if ((await again.post('/auth/session/refresh', undefined, OWN_PAGE)).status === 401) {
          await again.post('/login', { userId: 'ada' });
        }
        for (let day = 0; day < 3; day += 1) {
          expect((await again.get('/me')).json).toEqual({ userId: 'ada' });
          booted.clock.advanceMs(24 * 60 * 60 * 1_000);
          expect((await again.post('/auth/session/refresh', undefined, OWN_PAGE)).status).toBe(200);
        }
        expect((await again.post('/auth/signout')).json).toEqual({ status: 'OK' });
        expect((await again.get('/me')).status).toBe(401);
        await booted.close();
      },
    );
  },
);
