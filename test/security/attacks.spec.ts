import { connect } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { SessionService } from '../../lib/index.js';
import { RevocationFeed } from '../../lib/revocation/revocation-feed.js';
import { platforms } from '../support/boot-app.js';
import { Deployment, tokensOf } from '../support/instances.js';
import { bothCookies, refreshCookie, Scene } from '../support/scene.js';

const HOUR = 3_600_000;

describe('a thief who wants to keep a revoked session', () => {
  let deployment: Deployment;
  beforeEach(async () => {
    deployment = await Deployment.on('sqlite');
  });
  afterEach(() => deployment.end());

  it('X6: does not wait until its revocation is forgotten, with a token of a time when tokens lived longer', async () => {
    const before = await deployment.start({ accessTokenLifetime: '1d' });
    const tokens = await before.login('u1');
    await deployment.stop();

    const after = await deployment.start({ accessTokenLifetime: '1h' });
    expect((await after.me(tokens)).status).toBe(200);
    const { app } = after.booted;
    await app.get(SessionService).revokeAllSessionsForUser('u1');
    const handles = await app.get(SessionService).getAllSessionHandlesForUser('u1');
    expect(handles).toEqual([]);
    expect((await after.me(tokens)).status).toBe(401);

    deployment.clock.advanceMs(2 * HOUR);
    await app.get(RevocationFeed).poll();
    expect((await after.me(tokens)).status).toBe(401);
  });

  it('R1: does not sit out the session with the answers that nobody confirms', async () => {
    const instance = await deployment.start();
    const stolen = await instance.login('u1');
    // The thief refreshes, and takes the access tokens elsewhere, where nobody tells of them.
    for (let turn = 0; turn < 5; turn += 1) {
      expect((await instance.refresh(stolen)).status).toBe(200);
      deployment.clock.advanceMs(HOUR);
    }
    // The owner comes back, goes on, and the thief is found out.
    const owner = tokensOf(await instance.refresh(stolen), stolen);
    await instance.me(owner);
    await instance.refresh(owner);
    deployment.clock.advanceMs(HOUR);
    const answer = await instance.refresh(stolen);
    expect(answer.text).toContain('token theft detected');
  });
});

describe.each(platforms)('whoever wants to see an error of the server on %s', (platform) => {
  let scene: Scene;
  beforeEach(async () => {
    scene = await Scene.open({ platform });
  });
  afterEach(() => scene.close());

  /** Sends what no client would send; says the status of each answer. */
  function raw(text: string): Promise<number> {
    return new Promise((resolve, reject) => {
      const socket = connect(Number(new URL(scene.booted.url).port), '127.0.0.1');
      let received = '';
      socket.on('data', (chunk) => {
        received += chunk.toString('latin1');
        if (received.includes('\r\n\r\n')) socket.destroy();
      });
      socket.on('error', reject);
      socket.on('close', () => resolve(Number(/^HTTP\/1\.\d (\d+)/.exec(received)?.[1] ?? 0)));
      socket.setTimeout(5_000, () => socket.destroy());
      socket.write(text);
    });
  }

  it('sees none for a host, an origin or a path that makes no sense', async () => {
    const holder = await scene.login('u1');
    const { cookie = '' } = bothCookies(holder);
    const lines = [
      'Host: [::1',
      'Host: \u00ff\u00fe',
      `Host: ${'a.'.repeat(2_000)}`,
      'Host: a\r\nOrigin: ://',
      'Host: a\r\nOrigin: http://[',
      `Host: a\r\nOrigin: ${'x'.repeat(8_000)}`,
      'Host: a\r\nSec-Fetch-Site: \u00ff',
      'Host: a\r\nForwarded: \u0080\r\nX-Forwarded-Host: [',
      'Host: a\r\nAuthorization: Bearer\r\nAuthorization: Bearer x',
    ];
    const targets = [
      'POST /auth/session/refresh',
      'POST /auth/signout',
      'POST /act',
      'GET /me',
      'DELETE /auth/sessions/%zz',
      'DELETE /auth/sessions/%00',
      `DELETE /auth/sessions/${'x'.repeat(5_000)}`,
      'GET /auth/sessions/..%2f..%2fme',
      'POST /auth/jwt/jwks.json',
    ];
    for (const line of lines) {
      for (const target of targets) {
        const end = `Connection: close\r\nContent-Length: 0\r\n\r\n`;
        const status = await raw(`${target} HTTP/1.1\r\n${line}\r\nCookie: ${cookie}\r\n${end}`);
        expect([target, line, status >= 200 && status < 500]).toEqual([target, line, true]);
      }
    }
    expect(await raw(`GET /me HTTP/1.0\r\nCookie: ${cookie}\r\n\r\n`)).toBeLessThan(500);
  });

  it('sees none for a login in a request without a host', async () => {
    const body = '{"userId":"u1"}';
    const head = 'Content-Type: application/json\r\n';
    const request = `POST /login HTTP/1.0\r\n${head}Content-Length: ${body.length}\r\n\r\n${body}`;
    expect(await raw(request)).toBeLessThan(500);
  });

  it('ends nothing by requests that are cut off', async () => {
    const holder = await scene.login('u2');
    const { cookie = '' } = bothCookies(holder);
    const port = Number(new URL(scene.booted.url).port);
    for (let length = 1; length <= 40; length += 1) {
      await new Promise<void>((resolve) => {
        const socket = connect(port, '127.0.0.1', () => {
          const text = `POST /auth/session/refresh HTTP/1.1\r\nHost: a\r\nCookie: ${cookie}\r\n\r\n`;
          socket.write(text.slice(0, Math.ceil((text.length * length) / 40)), () => {
            socket.destroy();
            resolve();
          });
        });
      });
    }
    expect((await scene.refresh(refreshCookie(holder.refresh))).status).toBe(200);
  });
});
